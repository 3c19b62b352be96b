"""What detectors share that mark cells of a traffic matrix."""

import numpy as np

from oddflow.errors import UsageError
from oddflow.features.matrix_settings import CELLS, SLOTS
from oddflow.models.marks import Marks


def marks_of(width: int, name: str) -> Marks:
    """Each cell is a part, and those of the latest time slot decide.

    Raises:
        UsageError: A row is no matrix.
    """
    if width != CELLS:
        raise UsageError(f"{name} reads a traffic matrix of {CELLS} cells; {width} columns given")
    places = np.arange(CELLS)
    return Marks(places, places % SLOTS == SLOTS - 1, CELLS)
