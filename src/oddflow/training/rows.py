"""Rows that learning makes of rows: in memory, or in a file where they would take more of it than the run allows."""

from collections.abc import Callable, Sequence
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

from oddflow.models.rows import Floats
from oddflow.training.run import session

BLOCK_ROWS = 8_192


def room(count: int, width: int) -> Floats:
    """An array to be filled, (count, width) float32; where it is larger than `Run.memory_bytes`, it lies in a file.

    The file is a temporary one without a name, in the folder that TMPDIR names, and goes with the array. Whoever reads
    the array cannot tell: the system fetches what is looked at, and lets it go when memory is short.
    """
    most = session().run.memory_bytes
    if not count or most is None or count * width * 4 <= most:
        return np.empty((count, width), np.float32)
    with TemporaryFile(prefix="oddflow-rows-") as file:
        return np.memmap(file, np.float32, "w+", shape=(count, width))


def in_blocks(make: Callable[[Floats], Floats], x: Floats, width: int) -> Floats:
    """What is made of rows, each by itself: (n, d) -> (n, width); a block of them at a time where memory is bounded."""
    if session().run.memory_bytes is None:
        return make(x)
    made = room(len(x), width)
    for start in range(0, len(x), BLOCK_ROWS):
        made[start : start + BLOCK_ROWS] = make(x[start : start + BLOCK_ROWS])
    return made


def beside(columns: Sequence[NDArray[np.generic]], chosen: NDArray[np.bool_]) -> Floats:
    """Columns (n, …) side by side, of the rows that are chosen, (n,): -> (chosen, width)."""
    places = np.flatnonzero(chosen)
    made = room(len(places), sum(column.shape[1] for column in columns))
    for start in range(0, len(places), BLOCK_ROWS):
        part = places[start : start + BLOCK_ROWS]
        made[start : start + BLOCK_ROWS] = np.concatenate([column[part] for column in columns], axis=1)
    return made
