"""Columns of names, which repeat: dictionary-encoded."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def name_array(numbers: NDArray[np.int16], names: Sequence[str]) -> pa.DictionaryArray:
    """Names by number, (n,); null where the number is negative."""
    indices = pa.array(numbers, pa.int16(), mask=numbers < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string()))
