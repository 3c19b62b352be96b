"""Which of many spans of time, by key, holds a moment: disjoint segments, found by binary search, many at a time."""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
NONE = -1


@dataclass(slots=True)
class Spans:
    """Spans [start, stop) of n rows, each under a key; where several hold a moment, the first row does.

    Attributes:
        keys: Different keys, ascending, (k,) uint64.
        offsets: Where each key's segments begin, (k + 1,).
        starts, stops: Segments, by key and time, without common moments, (s,).
        row: The first row that holds a segment, (s,).
        disputed: Whether rows of different labels hold it, (s,).
        hit: Whether a moment was found in it, (s,).
    """

    keys: NDArray[np.uint64]
    offsets: Integers
    starts: Integers
    stops: Integers
    row: Integers
    disputed: NDArray[np.bool_]
    hit: NDArray[np.bool_]
    _rows: Integers
    _covers: tuple[Integers, Integers]
    _given: tuple[NDArray[np.uint64], Integers, Integers]

    @classmethod
    def of(
        cls, rows: Integers, keys: NDArray[np.uint64], starts: Integers, stops: Integers, labels: Integers
    ) -> "Spans":
        """Makes the segments of m rows: their numbers, keys, spans and labels, each (m,)."""
        order = np.lexsort((rows, starts, keys))
        rows, keys, starts, stops, labels = rows[order], keys[order], starts[order], stops[order], labels[order]
        known, first, count = np.unique(keys, return_index=True, return_counts=True)
        overlaps = np.zeros(len(known), bool)
        meet = (keys[1:] == keys[:-1]) & (starts[1:] < stops[:-1])
        # a span may reach beyond its neighbour's end, but then it overlaps the neighbour too
        overlaps[np.searchsorted(known, keys[1:][meet])] = True
        parts: list[tuple[Integers, Integers, Integers, NDArray[np.bool_]]] = []
        sizes = count.copy()
        done = 0
        for place in np.flatnonzero(overlaps):
            begin, end = int(first[place]), int(first[place] + count[place])
            parts.append((starts[done:begin], stops[done:begin], rows[done:begin], np.zeros(begin - done, bool)))
            inside = slice(begin, end)
            swept = list(_swept(rows[inside], starts[inside], stops[inside], labels[inside]))
            parts.append(_columns(swept))
            sizes[place] = len(swept)
            done = end
        parts.append((starts[done:], stops[done:], rows[done:], np.zeros(len(rows) - done, bool)))
        begins, ends, holders, disputed = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        found = cls(
            keys=known,
            offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            starts=begins,
            stops=ends,
            row=holders,
            disputed=disputed,
            hit=np.zeros(len(begins), bool),
            _rows=rows,
            _covers=(rows, rows),
            _given=(keys, starts, stops),
        )
        groups = np.searchsorted(known, keys)
        found._covers = (found._first_from(groups, starts), found._first_from(groups, stops))
        return found

    def _first_from(self, groups: Integers, moments: Integers) -> Integers:
        """The first segment of each group that begins at a moment or later, (m,): all groups searched at once."""
        low, high = self.offsets[groups], self.offsets[groups + 1]
        while (low < high).any():
            middle = (low + high) >> 1
            is_before = (low < high) & (self.starts[np.minimum(middle, len(self.starts) - 1)] < moments)
            low, high = np.where(is_before, middle + 1, low), np.where(is_before | (low >= high), high, middle)
        return low

    def find(self, keys: NDArray[np.uint64], moments: Integers) -> Integers:
        """The segment that holds each moment under its key, (m,); NONE where there is none. It is hit."""
        groups = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1).astype(np.int64)
        places = self._first_from(groups, moments + 1) - 1
        is_held = (self.keys[groups] == keys) & (places >= self.offsets[groups])
        is_held &= moments < self.stops[places]
        self.hit[places[is_held]] = True
        return np.where(is_held, places, NONE)

    def holding(self, key: int, moment: int) -> list[int]:
        """All rows that hold a moment under a key."""
        of_key, starts, stops = self._given
        return [int(row) for row in self._rows[(of_key == key) & (starts <= moment) & (moment < stops)]]

    def matched(self) -> Integers:
        """Rows, any of whose segments was hit."""
        before = np.concatenate([[0], np.cumsum(self.hit)])
        first, last = self._covers
        return self._rows[before[last] > before[first]]


def _swept(rows: Integers, starts: Integers, stops: Integers, labels: Integers) -> Iterator[tuple[int, int, int, bool]]:
    """Segments of one key: start, stop, first row, whether labels differ. Spans come in order of their starts."""
    moments = np.unique(np.concatenate([starts, stops])).tolist()
    by_row: list[tuple[int, int, int]] = []  # row, stop, label
    by_stop: list[tuple[int, int]] = []
    active: Counter[int] = Counter()
    waiting = iter(zip(starts.tolist(), rows.tolist(), stops.tolist(), labels.tolist(), strict=True))
    following = next(waiting, None)
    for moment, until in zip(moments, [*moments[1:], moments[-1]], strict=True):
        while by_stop and by_stop[0][0] <= moment:
            label = heapq.heappop(by_stop)[1]
            active[label] -= 1
            if not active[label]:
                del active[label]
        while following is not None and following[0] == moment:
            _, row, stop, label = following
            heapq.heappush(by_row, (row, stop, label))
            heapq.heappush(by_stop, (stop, label))
            active[label] += 1
            following = next(waiting, None)
        while by_row and by_row[0][1] <= moment:
            heapq.heappop(by_row)
        if by_row:
            yield moment, until, by_row[0][0], len(active) > 1


def _columns(swept: list[tuple[int, int, int, bool]]) -> tuple[Integers, Integers, Integers, NDArray[np.bool_]]:
    starts, stops, rows, disputed = zip(*swept, strict=True)
    return (
        np.array(starts, np.int64),
        np.array(stops, np.int64),
        np.array(rows, np.int64),
        np.array(disputed, bool),
    )
