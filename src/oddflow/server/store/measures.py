"""What was counted, a row a minute and source: what charts are drawn from."""

import json
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, insert, select, update

from oddflow.errors import UsageError
from oddflow.server.store.database import Database
from oddflow.server.store.tables import measures
from oddflow.server.store.texts import key

MINUTE_S = 60
HOUR_S = 3_600
MOST_STEPS = 20_000
GAUGES = frozenset(
    {"open_flows", "queued_flows", "waiting_alerts", "latency_p50_s", "latency_p99_s", "drift", "memory_bytes"}
)
"""Levels, of which the highest of a step is told; all else are increments, which are added up."""

Series = dict[str, dict[str, list[tuple[int, float]]]]


class Measures:
    """The measures of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, sensor: str, source: str, at_s: float, values: Mapping[str, float]) -> None:
        """Takes what was counted in the minute that holds a time; what is there of that minute is added to.

        Args:
            sensor, source: Whose it is.
            at_s: Seconds since 1970 UTC.
            values: By name; increments since the last time, but for `GAUGES`.
        """
        place = {"sensor": key(sensor), "source": key(source)}
        new = {key(name): float(value) for name, value in values.items()}
        with self._database.writing() as connection:
            self._database.claim(connection, 0)  # two sensors may not come between reading and writing
            for step_s in (MINUTE_S, HOUR_S):
                _add(connection, place | {"step_s": step_s, "at_s": int(at_s) // step_s * step_s}, new)

    def series(
        self,
        names: Iterable[str],
        *,
        source: str | None = None,
        sensor: str | None = None,
        since_s: float,
        until_s: float,
        step_s: int = MINUTE_S,
    ) -> Series:
        """Values over time, by source and name, oldest first; steps in which nothing was told are left out.

        Args:
            names: Which.
            source, sensor: Whose; None is all. Values of several sensors are put together by source.
            since_s, until_s: From the first on, before the second; seconds since 1970 UTC.
            step_s: So many seconds are put together; hours are kept ready, so steps of hours are quick.

        Raises:
            UsageError: The time is too long for such steps, or ends before it begins.
        """
        if step_s < MINUTE_S or step_s % MINUTE_S:
            raise UsageError(f"steps are {step_s} s long; expected whole minutes")
        if not 0 < until_s - since_s <= step_s * MOST_STEPS:
            raise UsageError(f"{since_s:.0f} to {until_s:.0f} is no time of 1 to {MOST_STEPS:,} steps of {step_s} s")
        table = measures.c
        kept_s = HOUR_S if step_s % HOUR_S == 0 else MINUTE_S
        where = [table.step_s == kept_s, table.at_s >= int(since_s) // kept_s * kept_s, table.at_s < until_s]
        if source is not None:
            where.append(table.source == key(source))
        if sensor is not None:
            where.append(table.sensor == key(sensor))
        statement = select(table.source, table.at_s, table.value).where(*where).order_by(table.at_s)
        wanted = list(dict.fromkeys(names))
        steps: dict[str, dict[str, dict[int, float]]] = {}
        with self._database.reading() as connection:
            for name_of, at_s, text in connection.execute(statement):
                told = json.loads(text)
                of_source = steps.setdefault(name_of, {name: {} for name in wanted})
                place = at_s // step_s * step_s
                for name in wanted:
                    if name in told:
                        met = of_source[name]
                        met[place] = _joined(name, met[place], told[name]) if place in met else told[name]
        return {one: {name: list(met.items()) for name, met in named.items()} for one, named in steps.items()}


def _joined(name: str, one: float, other: float) -> float:
    return max(one, other) if name in GAUGES else one + other


def _add(connection: Connection, key: dict[str, str | int], new: Mapping[str, float]) -> None:
    where = [measures.c[name] == value for name, value in key.items()]
    text = connection.execute(select(measures.c.value).where(*where)).scalar()
    known = {} if text is None else json.loads(text)
    told = known | {name: _joined(name, known[name], value) if name in known else value for name, value in new.items()}
    value = json.dumps(told, allow_nan=False)
    if text is None:
        connection.execute(insert(measures), key | {"value": value})
    else:
        connection.execute(update(measures).where(*where).values(value=value))
