"""The alerts of an incident, folded into rows of alike ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from oddflow.reports.rows import RowView, row_view
from oddflow.reports.words import places
from oddflow.server.store.alert_filter import AlertFilter
from oddflow.server.store.alerts import StoredAlert
from oddflow.server.store.store import Store
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.rows import fold

MOST_ALERTS = 250
"""So many are looked at, the oddest; an incident may have many thousands."""
MOST_ROWS = 40


@dataclass(frozen=True, slots=True)
class Row:
    """Alike alerts, told by the oddest of them: its id leads to all about it; what people said of any of them."""

    view: RowView
    alert_id: str
    p_value: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Rows, the oddest first.

    Attributes:
        rows: At most `MOST_ROWS`.
        rows_left: How many there are besides.
        alerts: What was looked at.
        alerts_left: How many alerts of the incident were not.
    """

    rows: Sequence[Row]
    rows_left: int
    alerts: Sequence[StoredAlert]
    alerts_left: int

    @classmethod
    def of(cls, store: Store, incident_id: str, alerts: int) -> "Evidence":
        """Of an incident with so many alerts."""
        found = store.alerts.page(AlertFilter(incident=incident_id, order="score"), None, MOST_ALERTS).items
        said = {one.alert.id: one.verdict for one in found}
        folded = fold(one.alert for one in found)
        decimals = places(row.top.score for row in folded)
        rows = [
            Row(
                row_view(row, {}, places=decimals, detailed=False),
                row.top.id,
                chance_of(row.top),
                next((said[alert.id] for alert in row.alerts if said[alert.id]), ""),
            )
            for row in folded[:MOST_ROWS]
        ]
        return cls(rows, max(0, len(folded) - MOST_ROWS), found, max(0, alerts - len(found)))


def chance_of(alert: Alert) -> str:
    """Its p-value, short; empty where nothing is known to be normal."""
    return "" if alert.p_value is None else f"p = {alert.p_value:.2g}"
