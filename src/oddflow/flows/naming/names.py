"""Columns of names, which repeat: dictionary-encoded."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@lru_cache(maxsize=16)
def _dictionary(names: tuple[str, ...]) -> pa.Array:
    return pa.array(names, pa.string())


def name_array(numbers: NDArray[np.int16], names: Sequence[str]) -> pa.DictionaryArray:
    """Names by number, (n,); null where the number is negative."""
    indices = pa.array(numbers, pa.int16(), mask=numbers < 0)
    return pa.DictionaryArray.from_arrays(indices, _dictionary(tuple(names)))
