"""Running pictures of a stream, in fixed memory: scores and flows over time."""

import numpy as np
from numpy.typing import NDArray

from oddflow.verdicts.detection import ScoreHistogram, Timeline

FINE_BINS = 4_000
LOWEST, HIGHEST = 1e-6, 1e9
DRAWN_BINS = 60
MAX_TIME_BINS = 240


class ScoreTally:
    """Counts scores in fine logarithmic bins; drawn with as many as a picture needs."""

    def __init__(self) -> None:
        self._counts = np.zeros(FINE_BINS, np.int64)

    def add(self, scores: NDArray[np.float32]) -> None:
        """Adds scores, (n,)."""
        place = (np.log10(np.clip(scores, LOWEST, HIGHEST)) - np.log10(LOWEST)) / np.log10(HIGHEST / LOWEST)
        self._counts += np.bincount((place * (FINE_BINS - 1)).astype(np.int64), minlength=FINE_BINS)

    def drawn_beside(self, normal: "ScoreTally") -> ScoreHistogram:
        """This source's scores and held-back normal ones in shared bins that cover both."""
        used = np.flatnonzero(self._counts + normal._counts)  # noqa: SLF001  (another of its own kind)
        first, last = (int(used[0]), int(used[-1])) if len(used) else (0, 1)
        width = max(1, -(-(last - first + 1) // DRAWN_BINS))
        count = -(-(last - first + 1) // width)
        edges = first + width * np.arange(count + 1)
        span = np.log10(HIGHEST / LOWEST) / (FINE_BINS - 1)
        padded = [np.pad(t._counts, (0, width)) for t in (normal, self)]  # noqa: SLF001
        binned = [np.add.reduceat(p[: first + width * count], edges[:-1]) for p in padded]
        return ScoreHistogram(
            tuple(float(edge) for edge in 10.0 ** (np.log10(LOWEST) + span * edges)),
            tuple(int(c) for c in binned[0]),
            tuple(int(c) for c in binned[1]),
        )


class TimeTally:
    """Counts flows and alerts in bins whose width doubles when there are too many."""

    def __init__(self) -> None:
        self._width_ns = 1_000_000_000
        self._counts: dict[int, list[int]] = {}

    @property
    def occupied_s(self) -> float:
        """How long there was traffic: the minutes in which a flow began, as `Gathered.span_s` counts them."""
        per_bin = max(1, self._width_ns // 1_000_000_000)
        if per_bin >= 60:
            return float(per_bin * len(self._counts))
        return 60.0 * len({place * per_bin // 60 for place in self._counts})

    def add(self, start_ns: NDArray[np.int64], is_alert: NDArray[np.bool_]) -> None:
        """Adds flows by their start, (n,)."""
        bins, inverse = np.unique(start_ns // self._width_ns, return_inverse=True)
        flows = np.bincount(inverse, minlength=len(bins))
        alerts = np.bincount(inverse, weights=is_alert, minlength=len(bins))
        for place, flow_count, alert_count in zip(bins, flows, alerts, strict=True):
            entry = self._counts.setdefault(int(place), [0, 0])
            entry[0] += int(flow_count)
            entry[1] += int(alert_count)
        while self._counts and max(self._counts) - min(self._counts) >= MAX_TIME_BINS:
            self._double()

    def _double(self) -> None:
        self._width_ns *= 2
        merged: dict[int, list[int]] = {}
        for place, (flows, alerts) in self._counts.items():
            entry = merged.setdefault(place // 2, [0, 0])
            entry[0] += flows
            entry[1] += alerts
        self._counts = merged

    def drawn(self) -> Timeline:
        """All bins from the first to the last."""
        if not self._counts:
            return Timeline(0, self._width_ns, (), ())
        first, last = min(self._counts), max(self._counts)
        entries = [self._counts.get(place, [0, 0]) for place in range(first, last + 1)]
        return Timeline(
            first * self._width_ns, self._width_ns, tuple(e[0] for e in entries), tuple(e[1] for e in entries)
        )
