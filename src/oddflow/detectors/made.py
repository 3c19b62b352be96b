"""Rows that were made and not seen: they are learnt from, and never tell when to stop."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from oddflow.errors import LearningFailed, UsageError

HELD = 7
"""Of each kind of rows that were seen, the last of so many tell when to stop."""


def check_made(made: ArrayLike | None, count: int, name: str) -> NDArray[np.bool_]:
    """Which of n rows were made, (n,): none unless told.

    Args:
        made: What was given.
        count: Rows n.
        name: The detector's.

    Raises:
        UsageError: They are not n times true or false, or all are true.
    """
    if made is None:
        return np.zeros(count, bool)
    marks = np.asarray(made)
    if marks.shape != (count,) or marks.dtype != bool or marks.all():
        raise UsageError(
            f"made of {name} must say of {count} rows which were made, not all of them; {marks.dtype} of shape "
            f"{marks.shape} given"
        )
    return marks


def last_seen(kinds: NDArray[np.int64], made: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The last seventh of each kind's rows that were seen, (n,): they are not learnt from; none of fewer than seven."""
    held = np.zeros(len(kinds), bool)
    for kind in np.unique(kinds):
        places = np.flatnonzero((kinds == kind) & ~made)
        held[places[len(places) - len(places) // HELD :]] = True
    return held


def check_watched(watched: NDArray[np.bool_], made: NDArray[np.bool_], name: str) -> None:
    """Raises LearningFailed where a row that was made is among those that tell when to stop: (n,), (n,)."""
    wrong = int((watched & made).sum())
    if wrong:
        raise LearningFailed(
            f"{wrong} of the {int(watched.sum())} rows that tell {name} when to stop were made and not seen; no such "
            "model is sealed: please report it"
        )
