"""How many flows a question finds over time, and how many of them are alerts."""

from dataclasses import dataclass
from pathlib import Path

from oddflow.server.flowstore.database import Database, PartGone, table_of
from oddflow.server.flowstore.layout import HOUR_NS
from oddflow.server.flowstore.query import Query
from oddflow.server.flowstore.searching import conditions, hours_asked
from oddflow.server.flowstore.usage import flows_in

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
    hours = hours_asked(folder, query)
    looked = sum(flows_in(part.path, part.bytes) for hour in hours for part in hour.parts)
    if not looked or (most_looked is not None and looked > most_looked):
        return None
    first_ns = query.since_ns if query.since_ns is not None else hours[-1].number * HOUR_NS
    last_ns = query.until_ns if query.until_ns is not None else (hours[0].number + 1) * HOUR_NS
    first_ns = max(first_ns, hours[-1].number * HOUR_NS)
    last_ns = min(max(last_ns, first_ns + SECOND_NS), (hours[0].number + 1) * HOUR_NS)
    span_s = (last_ns - first_ns) // SECOND_NS + 1
    step_s = next((step for step in STEPS_S if span_s <= step * MOST_STEPS), -(-span_s // MOST_STEPS))
    start_s = first_ns // SECOND_NS // step_s * step_s
    steps = min(MOST_STEPS + 1, (last_ns // SECOND_NS - start_s) // step_s + 1)
    where, values = conditions(query, [part.path for hour in hours for part in hour.parts])
    sql = (
        f'SELECT (epoch_ns("end") // {SECOND_NS} - {int(start_s)}) // {int(step_s)} AS step, '  # noqa: S608
        "count(*) AS flows, count(*) FILTER (is_alert) AS alerts FROM read_parquet(?)"
    )
    sql += f" WHERE {' AND '.join(where)}" if where else ""
    flows, alerts = [0] * steps, [0] * steps
    try:
        with database.cursor() as cursor:
            rows = table_of(cursor, f"{sql} GROUP BY step", values).to_pylist()
    except PartGone:
        return None
    for row in rows:
        if 0 <= row["step"] < steps:
            flows[row["step"]] = row["flows"]
            alerts[row["step"]] = row["alerts"]
    return OverTime(start_s, step_s, tuple(flows), tuple(alerts))
