"""What each minute brought, of each source: counts as they grew, and how it was at its end."""

import time
from typing import Any

from oddflow.server.status import SourceStatus
from oddflow.server.store.store import Store
from oddflow.server.work import layout, telling
from oddflow.server.work.layout import Shared
from oddflow.server.work.teller import read

COUNTED = ("packets", "bytes", "flows", "judged", "alerts")


class Measuring:
    """Remembers what was counted when measures were written last."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._before = [_counts(self._status(place)) for place in range(len(shared.settings.sources))]

    def write(self, store: Store, sensor: str) -> None:
        """Writes a row for each source.

        Raises:
            StoreDown: The database cannot be used; the next row has what this one would have had.
        """
        at_s = time.time() // 60 * 60
        for place, source in enumerate(self._shared.settings.sources):
            status = self._status(place)
            counts = _counts(status)
            values = {name: max(0.0, count - self._before[place].get(name, 0.0)) for name, count in counts.items()}
            store.measures.add(sensor, source.name, at_s, values | self._gauges(place, status))
            self._before[place] = counts

    def _status(self, place: int) -> SourceStatus:
        return telling.source_status(self._shared, place)

    def _gauges(self, place: int, status: SourceStatus) -> dict[str, float]:
        told: dict[str, Any] = read(self._shared.board, layout.judge_slot(place))
        gauges = {
            "open_flows": float(status.open_flows), "queued_flows": float(status.queued_flows),
            "waiting_alerts": float(status.waiting_alerts), "drift": float(len(status.drift)),
        }  # fmt: skip
        for name in ("latency_p50_s", "latency_p99_s"):
            if name in told:
                gauges[name] = float(told[name])
        return gauges


def _counts(status: SourceStatus) -> dict[str, float]:
    counts = {name: float(getattr(status, name)) for name in COUNTED}
    counts["lost"] = float(sum(status.lost.values()))
    counts["shed"] = float(sum(status.shed.values()))
    return counts
