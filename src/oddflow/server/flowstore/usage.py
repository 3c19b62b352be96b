"""What the flow store takes, and how far back it goes."""

from dataclasses import dataclass
from pathlib import Path

from pyarrow import parquet

from oddflow.logs.parts import HOUR_NS
from oddflow.server.flowstore.days import SEARCH, Day, days_of, made_bytes
from oddflow.server.flowstore.layout import hours_in, sources_in


@dataclass(frozen=True, slots=True)
class SourceUsage:
    """What there is of one source.

    Attributes:
        source: Its name.
        bytes: On disk, with what was made of them.
        files: Parts.
        oldest_ns, newest_ns: Start of its first hour and end of its last, ns since 1970.
    """

    source: str
    bytes: int
    files: int
    oldest_ns: int
    newest_ns: int


@dataclass(frozen=True, slots=True)
class FlowUsage:
    """What there is in all.

    Attributes:
        bytes: On disk.
        flows: How many, from the parts' own counts.
        files: Parts.
        oldest, newest: Start of the first hour and end of the last, ns since 1970; None where there is nothing.
        sources: Each source for itself.
    """

    bytes: int
    flows: int
    files: int
    oldest: int | None
    newest: int | None
    sources: tuple[SourceUsage, ...] = ()


_counted: dict[tuple[str, int], int] = {}
"""Flows of parts that were counted: a part never changes."""
MOST_COUNTED = 100_000


def usage(folder: Path) -> FlowUsage:
    """What a flow store's folder holds."""
    told, flows = [], 0
    for source in sources_in(folder):
        hours = list(hours_in(folder, source))
        if not hours:
            continue
        days = days_of(hours)
        flows += sum(map(_flows_of, days))
        told.append(
            SourceUsage(
                source,
                sum(hour.bytes for hour in hours) + sum(map(made_bytes, days)),
                sum(len(hour.parts) for hour in hours),
                hours[-1].number * HOUR_NS,
                (hours[0].number + 1) * HOUR_NS,
            )
        )
    return FlowUsage(
        sum(one.bytes for one in told),
        flows,
        sum(one.files for one in told),
        min((one.oldest_ns for one in told), default=None),
        max((one.newest_ns for one in told), default=None),
        tuple(told),
    )


def _flows_of(day: Day) -> int:
    """From what was made of it where it is over: one file tells it then, and not one an hour."""
    made = day.made(SEARCH)
    if made.exists() and (known := flows_in(str(made), 0)):
        return known
    return sum(flows_in(part.path, part.bytes) for hour in day.hours for part in hour.parts)


def flows_in(path: str, size: int) -> int:
    """How many flows a part has; 0 where it is gone."""
    known = _counted.get((path, size))
    if known is None:
        try:
            with parquet.ParquetFile(path) as file:
                known = int(file.metadata.num_rows)
        except (OSError, ValueError):
            return 0
        if len(_counted) >= MOST_COUNTED:
            _counted.clear()
        _counted[path, size] = known
    return known
