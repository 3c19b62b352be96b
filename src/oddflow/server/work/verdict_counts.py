"""What a process that judges counts, and how it is told."""

from collections import deque
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from oddflow.server.status import LATENCY_BOUNDS_S, SCORE_SHARES
from oddflow.server.work.watching import Watched
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.alerting import Judged

HANDED = "handed_ns"
"""A column that goes with flows until they are judged: when they were handed on, by the clock of who hands them on."""

RECENT = 1_024
"""Of so many alerts the median delay is told."""


class VerdictCounts:
    """Counts of flows that were judged, of their alerts, and of what was left out.

    Attributes:
        shed: What was left out, by what and why.
    """

    def __init__(self) -> None:
        self.shed: dict[str, int] = {}
        self._judged = self._alerts = self._hidden = 0
        self._scores = np.zeros(len(SCORE_SHARES) + 1, np.int64)
        self._latency = np.zeros(len(LATENCY_BOUNDS_S) + 1, np.int64)
        self._recent_s: deque[float] = deque(maxlen=RECENT)
        self._handed: dict[str, int] = {}

    def add(self, judged: Judged, threshold: float) -> pa.RecordBatch:
        """Counts flows that were scored, before their alerts are given; the flows without HANDED."""
        self._judged += judged.flows.num_rows
        self._hidden += len(judged.hidden)
        with np.errstate(divide="ignore", invalid="ignore"):
            places = np.searchsorted(SCORE_SHARES, judged.scores / (threshold or 1.0))
        self._scores += np.bincount(places, minlength=len(self._scores))[: len(self._scores)]
        handed = judged.flows.column(HANDED).to_numpy()
        for alert, place in zip(judged.alerts, np.flatnonzero(judged.over), strict=False):
            self._handed[alert.id] = int(handed[place])
        return judged.flows.drop_columns([HANDED])

    def given(self, alerts: list[Alert], now: int) -> list[tuple[Alert, int]]:
        """Counts alerts that are given, and says when the flow of each was handed on; `now` where it is not known."""
        self._alerts += len(alerts)
        stamped = [(alert, self._handed.pop(alert.id, now)) for alert in alerts]
        self._handed.clear()
        return stamped

    def arrived(self, delays_s: Iterable[float]) -> None:
        """Counts alerts that have come to the store, by how long that took."""
        for delay_s in delays_s:
            self._latency[int(np.searchsorted(LATENCY_BOUNDS_S, delay_s))] += 1
            self._recent_s.append(delay_s)

    def leave_out(self, what: str, count: int) -> None:
        """Counts something that was left out."""
        self.shed[what] = self.shed.get(what, 0) + count

    def as_dict(self) -> dict[str, object]:
        """As a status tells it."""
        told: dict[str, object] = {
            "judged": self._judged, "alerts": self._alerts, "hidden_alerts": self._hidden, "shed": dict(self.shed),
            "latency": self._latency.tolist(), "scores": self._scores.tolist(),
        }  # fmt: skip
        if self._recent_s:
            p50, p99 = np.quantile(np.array(self._recent_s), (0.5, 0.99))
            told |= {"latency_p50_s": float(p50), "latency_p99_s": float(p99)}
        return told


def told_of_model(watched: Watched) -> dict[str, object]:
    """What a status tells of the model that is judged by, but for its drift."""
    return {
        "model": watched.model.called, "model_fingerprint": watched.fingerprint, "threshold": watched.threshold.score,
        "expected_false": watched.threshold.expected_false, "budget": watched.threshold.budget,
    }  # fmt: skip
