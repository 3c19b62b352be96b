"""How often each value of a column is met: exactly while there are few different ones, with a known error beyond."""

from collections.abc import Iterable
from typing import Self

import numpy as np
from numpy.typing import NDArray

from oddflow.models.rows import Floats
from oddflow.models.sketches.packed import pack, refused, unpack

MOST_VALUES = 65_536

_KIND = "counts of categories"


class Counts:
    """Counts of the values of one column.

    Exact, the same in any partition and order, while no more than `most` different values were met. Beyond, the count
    of the value that comes next behind those that are kept is taken off all, and what is left of nothing is forgotten:
    a value was then met at most `error` times more often than it says, forgotten ones at most `error` times; and
    `error` is at most the rows divided by `most` + 1, whatever was merged with what.

    Source: Misra & Gries 1982, "Finding repeated elements"; that they merge: Agarwal et al. 2012, "Mergeable
    Summaries", theorem 1.

    Memory: 12 bytes for each value that is kept.

    Args:
        most: Values that are kept.
    """

    def __init__(self, most: int = MOST_VALUES) -> None:
        self.most = most
        self.rows = 0
        self.error = 0
        self.values: Floats = np.zeros(0, np.float32)
        self.counts: NDArray[np.int64] = np.zeros(0, np.int64)

    @property
    def exact(self) -> bool:
        """Whether nothing was ever forgotten."""
        return self.error == 0

    def update(self, column: Floats) -> None:
        """Takes values, (n,)."""
        values, counts = np.unique(np.asarray(column, np.float32), return_counts=True)
        self.rows += len(column)
        self._add(values, counts)

    def merge(self, other: Self) -> None:
        """Takes in what another saw."""
        self.rows += other.rows
        self.error += other.error
        self._add(other.values, other.counts)

    def of(self, values: Iterable[float]) -> list[int]:
        """How often each of some values was met."""
        known = dict(zip(self.values.tolist(), self.counts.tolist(), strict=True))
        return [known.get(float(value), 0) for value in values]

    def most_frequent(self, most: int) -> Floats:
        """Ascending; the lesser of two as frequent comes first, as `models.categories.most_frequent`."""
        return np.sort(self.ranked(most))

    def ranked(self, most: int) -> Floats:
        """The most frequent values, most frequent first; the lesser of two as frequent comes first."""
        return self.values[np.lexsort((self.values, -self.counts))[:most]]

    def to_bytes(self) -> bytes:
        """For a wire or a file."""
        about = np.array([self.most, self.rows, self.error], np.int64)
        return pack(_KIND, about=about, values=self.values, counts=self.counts)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """From a wire or a file; raises UnknownFormat for what is none."""
        arrays = unpack(content, _KIND, {"about": (np.int64, 1), "values": (np.float32, 1), "counts": (np.int64, 1)})
        about, values, counts = arrays["about"], arrays["values"], arrays["counts"]
        is_sound = (
            about.shape == (3,)
            and (about >= 0).all()
            and len(values) == len(counts) <= about[0]
            and np.isfinite(values).all()
            and (np.diff(values) > 0).all()
            and (counts > 0).all()
            and sum(counts.tolist()) <= about[1]
        )
        if not is_sound:
            raise refused(_KIND, "values and counts do not go together")
        found = cls(int(about[0]))
        found.rows, found.error = int(about[1]), int(about[2])
        found.values, found.counts = values.copy(), counts.copy()
        return found

    def _add(self, values: Floats, counts: NDArray[np.int64]) -> None:
        together, places = np.unique(np.concatenate([self.values, values]), return_inverse=True)
        totals = np.zeros(len(together), np.int64)
        np.add.at(totals, places, np.concatenate([self.counts, counts]))
        if len(together) > self.most:
            less = int(np.partition(totals, len(totals) - self.most - 1)[len(totals) - self.most - 1])
            self.error += less
            together, totals = together[totals > less], totals[totals > less] - less
        self.values, self.counts = together, totals
