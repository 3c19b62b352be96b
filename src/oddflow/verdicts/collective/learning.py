"""Learns what groups of flows come to while a baseline passes, in bounded memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.features.columns import integers
from oddflow.verdicts.collective import _groups_kernels as kernels
from oddflow.verdicts.collective.groups import SEED, Groups, GroupSettings, Limits, group_rows
from oddflow.verdicts.collective.measures import COUNTED, FEWEST_KNOWN_GAPS, KNOWN_IRREGULAR, WIDTHS_S
from oddflow.verdicts.collective.normal import BINS, MOST_KNOWN, GroupNormal, bin_of

PENDING_ROWS = 500_000
SCALES = len(WIDTHS_S)


class GroupLearner:
    """Sees the flows of a baseline in the order in which they ended, source after source.

    Args:
        settings: How much is remembered.
        portable: Counts only what all sources know, so that what is normal serves each of them.
    """

    def __init__(self, settings: GroupSettings | None = None, *, portable: bool = False) -> None:
        self._portable = portable
        limits = Limits.none(most_irregular=KNOWN_IRREGULAR, fewest_gaps=FEWEST_KNOWN_GAPS)
        self._groups = Groups(limits, settings, notes=True)
        self._windows = np.zeros((len(COUNTED), SCALES, BINS), np.int64)
        self._known, self._wider = _Most(), _Most()
        self._acquainted = np.zeros(0, np.uint64)
        self._periods: dict[int, tuple[float, float]] = {}
        self._minutes: set[int] = set()
        self._has_begun = False

    def begin(self) -> None:
        """Another source begins."""
        if self._has_begun:
            self._end_source()
        self._has_begun = True

    def add(self, batch: pa.RecordBatch) -> None:
        """Flows, in end order."""
        rows = group_rows(batch, portable=self._portable)
        told, closed = self._groups.add(rows)
        self._close(closed)
        self._minutes.update(np.unique(integers(batch, "end") // 60_000_000_000).tolist())
        beats = told[told[:, kernels.TOLD_MEASURE] == kernels.BEACON]
        if len(beats):
            keys = np.zeros((len(beats), 2), np.uint64)
            kernels.periodic_keys(np.ascontiguousarray(rows[beats[:, kernels.TOLD_FLOW]]), np.uint64(SEED), keys)
            for pair, period in zip(keys, beats[:, kernels.TOLD_EXTRA], strict=True):
                for key in pair.tolist():
                    low, high = self._periods.get(key, (float(period), float(period)))
                    self._periods[key] = min(low, float(period)), max(high, float(period))

    def normal(self) -> GroupNormal:
        """What was seen."""
        self._end_source()
        periodic = sorted(self._periods)[:MOST_KNOWN]
        known, measures, most, _ = self._known.all()
        wider, wider_measures, wider_most, windows = self._wider.all()
        return GroupNormal(
            span_s=np.array([60.0 * max(1, len(self._minutes))]),
            windows=self._windows,
            known=known,
            known_measure=measures,
            known_most=most,
            wider=wider,
            wider_measure=wider_measures,
            wider_most=wider_most,
            wider_windows=windows,
            acquainted=self._acquainted,
            periodic=np.array(periodic, np.uint64),
            periods_ns=np.array([self._periods[key] for key in periodic], np.float64).reshape(-1, 2),
        )

    def seen(self) -> dict[str, NDArray[Any]]:
        """All that it saw, to be merged elsewhere; the source has ended."""
        self._end_source()
        arrays: dict[str, NDArray[Any]] = {
            "windows": self._windows,
            "acquainted": self._acquainted,
            "minutes": np.array(sorted(self._minutes), np.int64),
            "periodic": np.array(list(self._periods), np.uint64),
            "periods": np.array(list(self._periods.values()), np.float64).reshape(-1, 2),
        }
        for name, most in (("known", self._known), ("wider", self._wider)):
            arrays |= {f"{name}{place}": column for place, column in enumerate(most.all())}
        return arrays

    def merge(self, seen: Mapping[str, NDArray[Any]]) -> None:
        """Takes in what another saw of other sources: the same as if it had seen them itself.

        Of more than 65,536 groups other ones may be kept: those are let go that came to least so far.
        """
        self._windows += seen["windows"]
        self._acquainted = np.union1d(self._acquainted, seen["acquainted"])[:MOST_KNOWN]
        self._minutes.update(seen["minutes"].tolist())
        for key, (low, high) in zip(seen["periodic"].tolist(), seen["periods"].tolist(), strict=True):
            least, most = self._periods.get(key, (low, high))
            self._periods[key] = min(least, low), max(most, high)
        self._known.merge(*(seen[f"known{place}"] for place in range(4)))
        self._wider.merge(*(seen[f"wider{place}"] for place in range(4)))

    def _end_source(self) -> None:
        self._close(self._groups.close())
        self._acquainted = np.union1d(self._acquainted, self._groups.repeated)[:MOST_KNOWN]
        self._groups.reset()

    def _close(self, closed: NDArray[np.int64]) -> None:
        if not len(closed):
            return
        measure, scale, value = (
            closed[:, place] for place in (kernels.CLOSED_MEASURE, kernels.CLOSED_SCALE, kernels.CLOSED_VALUE)
        )
        np.add.at(self._windows, (measure, scale, bin_of(value.astype(np.float64))), 1)
        for most, place in ((self._known, kernels.CLOSED_KEY), (self._wider, kernels.CLOSED_WIDER)):
            most.add(np.ascontiguousarray(closed[:, place]).view(np.uint64), measure, scale, value)


class _Most:
    """The most of each key in windows of each width; the largest keys are kept where there are too many."""

    def __init__(self) -> None:
        self._pending: list[tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]] = []
        self._count = 0

    def add(
        self,
        keys: NDArray[np.uint64],
        measures: NDArray[np.int64],
        scales: NDArray[np.int64],
        values: NDArray[np.int64],
    ) -> None:
        """Windows of n keys: what was counted, in which width, and what it came to, (n,) each."""
        most = np.zeros((len(keys), SCALES))
        most[np.arange(len(keys)), scales] = values
        self.merge(keys, measures, most, (most > 0).astype(np.int64))

    def merge(
        self,
        keys: NDArray[np.uint64],
        measures: NDArray[np.int64],
        most: NDArray[np.float64],
        windows: NDArray[np.int64],
    ) -> None:
        """What another's `all` gave."""
        self._pending.append((keys, measures, most, windows))
        self._count += len(keys)
        if self._count > PENDING_ROWS:
            self._pending = [self.all()]
            self._count = len(self._pending[0][0])

    def all(self) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Keys, ascending (k,), measures (k,), the most of each (k, 3), and windows (k, 3)."""
        if not self._pending:
            return np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros((0, SCALES)), np.zeros((0, SCALES), np.int64)
        keys, measures, most, windows = (np.concatenate(column) for column in zip(*self._pending, strict=True))
        order = np.argsort(keys, kind="stable")
        keys, measures, most, windows = keys[order], measures[order], most[order], windows[order]
        starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        keys, measures = keys[starts], measures[starts]
        most, windows = np.maximum.reduceat(most, starts), np.add.reduceat(windows, starts)
        if len(keys) > MOST_KNOWN:
            kept = np.sort(np.argsort(-(most.max(axis=1)), kind="stable")[:MOST_KNOWN])
            keys, measures, most, windows = keys[kept], measures[kept], most[kept], windows[kept]
        return keys, measures, most, windows
