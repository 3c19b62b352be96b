"""How many flows a question finds over time, and how many of them are alerts."""

from dataclasses import dataclass
from pathlib import Path

from oddflow.logs.parts import HOUR_NS
from oddflow.server.flowstore.database import Database
from oddflow.server.flowstore.places import places_asked
from oddflow.server.flowstore.query import Query
from oddflow.server.flowstore.searching import conditions

SECOND_NS = 1_000_000_000
STEPS_S = (1, 5, 15, 60, 300, 900, 3_600, 3 * 3_600, 6 * 3_600, 86_400, 7 * 86_400)
MOST_STEPS = 120


@dataclass(frozen=True, slots=True)
class OverTime:
    """Flows found, by when they ended.

    Attributes:
        start_s: Where the first step begins, seconds since 1970.
        step_s: How long each is.
        flows, alerts: In each step, (n,).
    """

    start_s: int
    step_s: int
    flows: tuple[int, ...]
    alerts: tuple[int, ...]

    @property
    def total(self) -> int:
        """All flows that were found."""
        return sum(self.flows)


def over_time(database: Database, folder: Path, query: Query, *, most_looked: int | None = None) -> OverTime | None:
    """As FlowStore.over_time."""
    places = places_asked(folder, query)
    looked = sum(place.flows for place in places)
    if not looked or (most_looked is not None and looked > most_looked):
        return None
    oldest_ns = min(place.first for place in places) * HOUR_NS
    newest_ns = (max(place.last for place in places) + 1) * HOUR_NS
    first_ns = query.since_ns if query.since_ns is not None else oldest_ns
    last_ns = query.until_ns if query.until_ns is not None else newest_ns
    first_ns = max(first_ns, oldest_ns)
    last_ns = min(max(last_ns, first_ns + SECOND_NS), newest_ns)
    span_s = (last_ns - first_ns) // SECOND_NS + 1
    step_s = next((step for step in STEPS_S if span_s <= step * MOST_STEPS), -(-span_s // MOST_STEPS))
    start_s = first_ns // SECOND_NS // step_s * step_s
    steps = min(MOST_STEPS + 1, (last_ns // SECOND_NS - start_s) // step_s + 1)
    where, values = conditions(query, [place.path for place in places])
    sql = (
        f'SELECT (epoch_ns("end") // {SECOND_NS} - {int(start_s)}) // {int(step_s)} AS step, '  # noqa: S608
        "count(*) AS flows, count(*) FILTER (is_alert) AS alerts FROM read_parquet(?, hive_partitioning = false)"
    )
    sql += f" WHERE {' AND '.join(where)}" if where else ""
    flows, alerts = [0] * steps, [0] * steps
    with database.cursor() as cursor:
        rows = cursor.execute(f"{sql} GROUP BY step", values).fetchall()
    for step, found, odd in rows:
        if 0 <= step < steps:
            flows[step], alerts[step] = found, odd
    return OverTime(start_s, step_s, tuple(flows), tuple(alerts))
