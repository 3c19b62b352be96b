"""What labels must be, checked once, at the border."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from oddflow.errors import UsageError
from oddflow.models.manifest import MOST_CLASSES


def check_labels(y: ArrayLike | None, count: int, name: str) -> NDArray[np.int64]:
    """The labels as int64: 0 for normal rows, 1 or more for attacks, each number a kind of its own, (n,).

    Args:
        y: What was given.
        count: Rows n.
        name: The detector's.

    Raises:
        UsageError: There are none, another number, others than 0 to 63, or no attacks or no normal rows.
    """
    if y is None:
        raise UsageError(
            f"{name} learns from labelled rows and none were given; "
            "give --labels TRUTH.csv or --dataset NAME, or use a detector that needs no labels"
        )
    labels = np.asarray(y)
    if labels.shape != (count,) or not np.isin(labels, range(MOST_CLASSES)).all():
        raise UsageError(
            f"labels of {name} must be {count} times 0 (normal) or 1 to {MOST_CLASSES - 1} (kinds of attack); "
            f"shape {labels.shape} given"
        )
    attacks = int((labels > 0).sum())
    if not 0 < attacks < count:
        raise UsageError(
            f"{name} learns what parts attacks from normal rows, and of {count} rows {attacks} are attacks; give both"
        )
    return labels.astype(np.int64)
