"""Windows that shrink when what is in them has changed."""

import math

import numpy as np
from numpy.typing import NDArray

MOST_ALIKE = 5
"""Buckets of one size, before the two oldest become one of twice the size (M of the paper)."""
MOST_BUCKETS = 64
"""The oldest is forgotten beyond: 5 buckets each of 1, 2, 4 … hold some 20,000 values."""
LEAST_VALUES = 5
"""On each side of a cut."""
DELTA = 0.002
CLOCK = 4
"""Cuts are looked for after so many values."""

Floats = NDArray[np.float64]


class Adwin:
    """One window for each of k streams of numbers from 0 to 1 that come together, all in the same buckets.

    A window is cut where the means of its older and newer part differ by more than chance allows; the older part is
    forgotten. Memory is that of some 60 buckets, however long it runs. Beside the numbers, buckets carry sums of
    whatever else is given.

    Source: Bifet & Gavaldà 2007, "Learning from Time-Changing Data with Adaptive Windowing", section 3.2 (ADWIN2) and
    eq. 3.1 with the variance (normal approximation). Chance of a false cut is δ for all streams together.

    Good at: jumps and slow slides alike, without a window size to choose. Bad at: streams whose values hang together:
    give it means of blocks.

    Args:
        streams: How many, k.
        extra: The shape of what buckets carry beside.
        delta: The chance of a false cut.
    """

    def __init__(self, streams: int, extra: tuple[int, ...] = (), *, delta: float = DELTA) -> None:
        self._delta = delta / max(1, streams)
        self._came = 0
        self._sizes = np.zeros(0, np.int64)
        self._since_ns = np.zeros(0, np.int64)
        self._sums = np.zeros((0, streams))
        self._squares = np.zeros((0, streams))
        self._extra = np.zeros((0, *extra))
        self._first = np.zeros(streams, np.int64)
        self._changed_ns = np.zeros(streams, np.int64)

    def add(self, values: Floats, since_ns: int, extra: Floats | float = 0.0) -> NDArray[np.bool_]:
        """One value of each stream, (k,), of the time from `since_ns` on; which windows were cut, (k,)."""
        self._sizes = np.append(self._sizes, 1)
        self._since_ns = np.append(self._since_ns, since_ns)
        self._sums = np.concatenate([self._sums, values[None]])
        self._squares = np.concatenate([self._squares, values[None] ** 2])
        self._extra = np.concatenate([self._extra, np.broadcast_to(extra, (1, *self._extra.shape[1:]))])
        self._compress()
        self._came += 1
        return self._cut() if self._came % CLOCK == 0 else np.zeros(len(values), bool)

    @property
    def values(self) -> NDArray[np.int64]:
        """How many values each window holds, (k,)."""
        total = np.concatenate([[0], np.cumsum(self._sizes)])
        return np.asarray(total[-1] - total[self._first])

    @property
    def means(self) -> Floats:
        """Of each window, (k,)."""
        inside = np.arange(len(self._sizes))[:, None] >= self._first
        return np.asarray((self._sums * inside).sum(axis=0) / np.maximum(1, self.values))

    @property
    def since_ns(self) -> NDArray[np.int64]:
        """When each window begins, (k,)."""
        return self._since_ns[np.minimum(self._first, len(self._sizes) - 1)]

    @property
    def changed_ns(self) -> NDArray[np.int64]:
        """When what each window holds began: where the cut stood that shortened it, or where the window begins, (k,).

        A window keeps some of what was before the change, since it gives way by whole buckets.
        """
        return np.asarray(np.maximum(self._changed_ns, self.since_ns))

    def carried(self) -> Floats:
        """What the windows' buckets carry, summed: of extra of shape (k, …) each stream's own window, (k, …)."""
        inside = np.arange(len(self._sizes))[:, None] >= self._first
        shaped = inside.reshape(*inside.shape, *[1] * (self._extra.ndim - 2))
        return np.asarray((self._extra * shaped).sum(axis=0))

    def _compress(self) -> None:
        """Merges the two oldest of more than five buckets of one size, the smallest sizes first."""
        size = 1
        while True:
            alike = np.flatnonzero(self._sizes == size)
            if len(alike) <= MOST_ALIKE:
                break
            self._merge(int(alike[0]))
            size *= 2
        if len(self._sizes) > MOST_BUCKETS:
            self._forget(1)

    def _merge(self, place: int) -> None:
        after = place + 1
        self._since_ns = np.delete(self._since_ns, after)
        for name in ("_sizes", "_sums", "_squares", "_extra"):
            values = getattr(self, name)
            values[place] += values[after]
            setattr(self, name, np.delete(values, after, axis=0))
        # a window that began at the newer of the two leaves both: what was cut stays out
        self._first = np.where(self._first > after, self._first - 1, self._first)

    def _forget(self, buckets: int) -> None:
        for name in ("_sizes", "_since_ns", "_sums", "_squares", "_extra"):
            setattr(self, name, getattr(self, name)[buckets:])
        self._first = np.maximum(0, self._first - buckets)

    def _cut(self) -> NDArray[np.bool_]:
        was_cut = np.zeros(len(self._first), bool)
        while True:
            changed, at = self._has_changed()
            # a change that the window still holds was told more finely when it was young
            is_new = changed & (self._changed_ns <= self.since_ns)
            self._changed_ns = np.where(is_new, at, self._changed_ns)
            if not changed.any():
                break
            was_cut |= changed
            self._first = self._first + changed
        unused = int(self._first.min())
        if unused:
            self._forget(unused)
        return was_cut

    def _has_changed(self) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which windows have an older and a newer part whose means differ by more than chance allows, (k,); and since.

        Of all cuts the one whose difference is greatest beside what chance allows tells the time, (k,).
        """
        if len(self._sizes) < 2:
            return np.zeros(len(self._first), bool), self.since_ns
        streams = np.arange(len(self._first))
        sizes = np.concatenate([[0], np.cumsum(self._sizes)])
        sums = np.concatenate([np.zeros((1, len(streams))), np.cumsum(self._sums, axis=0)])
        squares = np.concatenate([np.zeros((1, len(streams))), np.cumsum(self._squares, axis=0)])
        older = sizes[1:-1, None] - sizes[self._first]
        newer = sizes[-1] - sizes[1:-1, None]
        n = np.maximum(1, sizes[-1] - sizes[self._first])
        older_sums = sums[1:-1] - sums[self._first, streams]
        total = sums[-1] - sums[self._first, streams]
        variance = np.maximum(0, (squares[-1] - squares[self._first, streams]) / n - (total / n) ** 2)
        enough = (older >= LEAST_VALUES) & (newer >= LEAST_VALUES)
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.abs(older_sums / older - (total - older_sums) / newer)
            inverse = 1.0 / older + 1.0 / newer
            chance = np.log(2 * np.log(np.maximum(n, math.e)) / self._delta)
            allowed = np.sqrt(2 * inverse * variance * chance) + 2 / 3 * inverse * chance
            beyond = np.where(enough, gap / np.maximum(allowed, 1e-12), 0.0)
        return beyond.max(axis=0) > 1, self._since_ns[1:][beyond.argmax(axis=0)]
