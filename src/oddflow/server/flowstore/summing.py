"""What was made of days and hours where it is there, and summed up from flows where it is not yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oddflow.server.flowstore.days import made_of_hour
from oddflow.server.flowstore.layout import sources_in
from oddflow.server.flowstore.places import whole_days
from oddflow.server.flowstore.talking import grouped, table_of_ends


@dataclass(frozen=True, slots=True)
class Made:
    """Files to sum up.

    Attributes:
        made: Those with rows of hosts, or of talks.
        parts: Flows of which there are none yet.
    """

    made: tuple[str, ...]
    parts: tuple[str, ...]

    @property
    def any(self) -> bool:
        """Whether there is anything."""
        return bool(self.made or self.parts)

    def gather(self, cursor: Any) -> None:
        """Sums up once, for several statements of a cursor, the flows of which nothing was made."""
        if self.parts:
            cursor.execute(table_of_ends(), [list(self.parts)])

    def sql(self, of_flows: str, *, hosts: Sequence[str] = (), gathered: bool = False) -> tuple[str, list[Any]]:
        """All rows, in SQL, and the values of it.

        Args:
            of_flows: HOSTS_SQL or TALKS_SQL.
            hosts: Only flows of these are wanted.
            gathered: Whether flows were summed up for this cursor by `gather`; then those of all hosts are there.
        """
        texts: list[str] = []
        values: list[Any] = []
        if self.made:
            texts.append("SELECT * FROM read_parquet(?, hive_partitioning = false)")
            values.append(list(self.made))
        if self.parts and gathered:
            texts.append(f"({of_flows})")
        elif self.parts:
            places = ", ".join("?" * len(hosts))
            where = f"src_ip IN ({places}) OR dst_ip IN ({places})" if hosts else ""
            texts.append(f"({grouped(of_flows, where)})")
            values += [list(self.parts), *hosts, *hosts]
        return " UNION ALL BY NAME ".join(texts), values


def made_between(
    folder: Path, what: str, since_s: float, until_s: float, sources: frozenset[str] | None = None
) -> Made:
    """What there is of a stretch of time, by whole days and hours: HOSTS or TALKS."""
    return all_made_between(folder, [what], since_s, until_s, sources)[0]


def all_made_between(
    folder: Path, kinds: Sequence[str], since_s: float, until_s: float, sources: frozenset[str] | None = None
) -> list[Made]:
    """What there is of a stretch of time, by whole days and hours, of each kind; they have the same `parts`."""
    first, last = int(since_s // 3600), int(until_s // 3600)
    days = [
        day
        for source in sources_in(folder)
        if sources is None or source in sources
        for day in whole_days(folder, source, first, last)
    ]
    made: list[list[Path]] = []
    parts: list[str] = []
    for day in days:
        whole = [day.made(what) for what in kinds]
        if all(path.exists() for path in whole):
            made.append(whole)
            continue
        for hour in day.hours:
            if first <= hour.number <= last:
                of_hour = [made_of_hour(hour, what) for what in kinds]
                if all(path.exists() for path in of_hour):
                    made.append(of_hour)
                else:
                    parts += [part.path for part in hour.parts]
    return [Made(tuple(str(paths[kind]) for paths in made), tuple(parts)) for kind in range(len(kinds))]
