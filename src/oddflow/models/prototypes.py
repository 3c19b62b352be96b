"""A few normal rows that stand for all of them: what `explain` compares an odd row with.

They are the part `prototypes.safetensors`, which may be absent: at most 512 raw rows, half of them spread evenly over
the baseline's time, as it went, and half so that no row of the baseline is far from all of them. Rows whose columns are
bytes or characters are none: a model must not carry what people said.
"""

from collections.abc import Sequence

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from oddflow.errors import NotAModel
from oddflow.features.feature import Feature
from oddflow.models.rows import Floats

MOST_PROTOTYPES = 512
SPOKEN = frozenset({"byte", "character"})
"""Units of columns that hold what people said."""
_NAME = "rows"


def holds_words(features: Sequence[Feature]) -> bool:
    """Whether columns are bytes or characters of what was said."""
    return any(feature.unit in SPOKEN or feature.name.startswith("pixel_") for feature in features)


def prototypes_part(rows: Floats) -> bytes:
    """The part of a sealed model that holds them."""
    return save_tensors({_NAME: np.ascontiguousarray(rows, np.float32)})


def open_prototypes(part: bytes, width: int) -> Floats:
    """Rows of a part, (p, width).

    Raises:
        NotAModel: It holds something else.
    """
    try:
        tensors = load_tensors(part)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotAModel(f"its prototypes are no tensors ({error}); learn it again") from None
    rows = tensors.get(_NAME)
    if set(tensors) != {_NAME} or rows is None or rows.dtype != np.float32 or rows.ndim != 2:
        raise NotAModel("its prototypes must be float32 rows alone; learn it again")
    if rows.shape[1] != width or not 1 <= len(rows) <= MOST_PROTOTYPES or not np.isfinite(rows).all():
        raise NotAModel(f"its prototypes must be 1 to {MOST_PROTOTYPES} finite rows of {width} columns; learn it again")
    return rows
