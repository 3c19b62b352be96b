"""Rows that lie in several places: they are passed over where they lie, and what each pass tells is merged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from oddflow.models.rows import Floats

Places = NDArray[np.int64]


class Sketch(Protocol):
    """What a pass tells of rows."""

    def merge(self, other: Any) -> None:
        """Takes in what the same pass told of other rows."""


Pass = Callable[[Floats, Places], Sequence[Sketch]]
"""What a pass tells of rows (n, d) and their places in the order of time, (n,); the same sketches for any rows."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows from one place in the order of time up to another; of more than `most`, so many evenly."""

    start: int
    stop: int
    most: int | None = None

    @property
    def rows(self) -> int:
        """How many there are."""
        count = self.stop - self.start
        return count if self.most is None else min(count, self.most)

    def holds(self, places: Places) -> NDArray[np.bool_]:
        """Which of the places are among them, (n,)."""
        inside = (places >= self.start) & (places < self.stop)
        count = self.stop - self.start
        if self.most is None or count <= self.most:
            return inside
        wanted = np.zeros(count, bool)
        wanted[np.linspace(0, count - 1, self.most).astype(np.int64)] = True
        return inside & wanted[np.clip(places - self.start, 0, count - 1)]


class Shares(Protocol):
    """Rows in several places."""

    def told(self, look: Pass, stretch: Stretch) -> Sequence[Sketch]:
        """What a pass over the rows of a stretch tells."""


@dataclass(frozen=True, slots=True)
class Together:
    """Rows in one place, in the order of time, cut into pieces of at most so many rows: (n, d)."""

    x: Floats
    piece_rows: int = 65_536

    def told(self, look: Pass, stretch: Stretch) -> Sequence[Sketch]:
        """What a pass over the rows of a stretch tells."""
        found: list[Sequence[Sketch]] = []
        for start in range(0, max(1, len(self.x)), self.piece_rows):
            piece = self.x[start : start + self.piece_rows]
            found.append(passed_over(look, stretch, piece, np.arange(start, start + len(piece))))
        return merged(found)


def passed_over(look: Pass, stretch: Stretch, x: Floats, places: Places) -> Sequence[Sketch]:
    """What a pass tells of those of some rows that belong to a stretch."""
    held = stretch.holds(places)
    return look(x, places) if held.all() else look(x[held], places[held])


def merged(parts: Sequence[Sequence[Sketch]]) -> Sequence[Sketch]:
    """What the same pass told of several places, as one."""
    first, *others = parts
    for other in others:
        for sketch, more in zip(first, other, strict=True):
            sketch.merge(more)
    return first


class Rows:
    """Some columns of the rows themselves: of those few that are looked at one by one."""

    def __init__(self, x: Floats, places: Places) -> None:
        self._parts = [(places, x)]

    def merge(self, other: Self) -> None:
        """Takes in others."""
        self._parts += other._parts

    @property
    def places(self) -> Places:
        """Where they stand in the order of time, ascending, (n,)."""
        return np.sort(np.concatenate([places for places, _ in self._parts]))

    @property
    def x(self) -> Floats:
        """In that order, (n, k)."""
        order = np.argsort(np.concatenate([places for places, _ in self._parts]), kind="stable")
        return np.concatenate([x for _, x in self._parts])[order]
