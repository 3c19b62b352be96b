"""The greatest values of columns by group, exactly: what a quantile near the end of n rows needs."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from oddflow.models.rows import Floats
from oddflow.models.sketches.packed import pack, refused, unpack
from oddflow.models.sketches.ranks import before, between

_KIND = "tops"


class Tops:
    """The greatest values of k columns of float32, so many in each of some groups, and how many there were.

    Exact whatever the partition and the order: the greatest of all are among the greatest of each part.

    Memory: 4 bytes for each value that is kept; for a quantile of 0.999 a thousandth of the rows.

    Args:
        depths: How many are kept in each group, (groups,).
        width: Columns k.
    """

    def __init__(self, depths: Sequence[int], width: int) -> None:
        self.depths = [int(depth) for depth in depths]
        self.width = width
        self.counts = np.zeros(len(self.depths), np.int64)
        self._kept = [np.zeros((0, width), np.float32) for _ in self.depths]

    @classmethod
    def for_share(cls, counts: Sequence[int], share: float, width: int) -> Self:
        """Deep enough for a quantile of groups with so many rows."""
        return cls([count - before(count, share) if count else 0 for count in counts], width)

    def update(self, values: Floats, groups: NDArray[np.int64] | None = None) -> None:
        """Takes rows (n, k) and the group of each, (n,): group 0 unless given; those beyond the last are left out."""
        if groups is None:
            groups = np.zeros(len(values), np.int64)
        met = np.bincount(groups, minlength=len(self.depths))[: len(self.depths)]
        self.counts = self.counts + met
        for group in np.flatnonzero(met).tolist():
            members = groups == group
            self._add(group, values if members.all() else values[members])

    def merge(self, other: Self) -> None:
        """Takes in what another kept, of the same groups and columns."""
        self.counts = self.counts + other.counts
        for group, kept in enumerate(other._kept):
            self._add(group, kept)

    def greatest(self, group: int, place: int) -> Floats:
        """The value of each column that so many are greater than, or as great as: (k,); the greatest at 0."""
        return np.asarray(np.sort(self._kept[group], axis=0)[len(self._kept[group]) - 1 - place], np.float32)

    def quantile(self, group: int, share: float) -> Floats:
        """Of each column of a group with rows, (k,), as `numpy.quantile` gives it of all of them, bit for bit."""
        count = int(self.counts[group])
        place = before(count, share)
        kept = np.sort(self._kept[group], axis=0)
        # a value at place p of all stands behind the count - len(kept) that are not here
        low = kept[place - count + len(kept)]
        high = kept[min(place + 1, count - 1) - count + len(kept)]
        return np.asarray(between(low, high, count, share), np.float32)

    def to_bytes(self) -> bytes:
        """For a wire or a file."""
        sizes = np.array([len(kept) for kept in self._kept], np.int64)
        kept = np.concatenate([np.zeros((0, self.width), np.float32), *self._kept])
        return pack(_KIND, counts=self.counts, depths=np.array(self.depths, np.int64), sizes=sizes, kept=kept)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """From a wire or a file; raises UnknownFormat for what is none."""
        numbers = (np.int64, 1)
        arrays = unpack(
            content, _KIND, {"counts": numbers, "depths": numbers, "sizes": numbers, "kept": (np.float32, 2)}
        )
        counts, depths, sizes, kept = (arrays[name] for name in ("counts", "depths", "sizes", "kept"))
        is_sound = (
            len(counts) == len(depths) == len(sizes)
            and (depths >= 0).all()
            and (counts >= 0).all()
            and (sizes == np.minimum(counts, depths)).all()
            and sum(sizes.tolist()) == len(kept)
            and bool(np.isfinite(kept).all())
        )
        if not is_sound:
            raise refused(_KIND, "counts, depths and values do not go together")
        found = cls(depths.tolist(), kept.shape[1])
        found.counts = counts.copy()
        found._kept = [part.copy() for part in np.split(kept, np.cumsum(sizes)[:-1])] if len(sizes) else []
        return found

    def _add(self, group: int, values: Floats) -> None:
        depth = self.depths[group]
        if depth and len(values):
            both = np.concatenate([self._kept[group], values])
            if len(both) > depth:
                both = np.partition(both, len(both) - depth, axis=0)[len(both) - depth :]
            self._kept[group] = np.ascontiguousarray(both, np.float32)
