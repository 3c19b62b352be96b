"""Which files a search has to look at, and in what order."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from oddflow.logs.parts import HOUR_NS
from oddflow.server.flowstore.columns import SEARCHED
from oddflow.server.flowstore.days import SEARCH, Day, days_of
from oddflow.server.flowstore.layout import DAY_HOURS, hours_in, sources_in
from oddflow.server.flowstore.query import Query
from oddflow.server.flowstore.usage import flows_in

FIRST_STEP_FLOWS = 200_000
"""Flows that the first step looks at; each further one at twice as many."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file, and when the flows in it ended.

    Attributes:
        first, last: Hours since 1970, both included.
        path: The file.
        flows: How many it holds.
    """

    first: int
    last: int
    path: str
    flows: int


def places_asked(folder: Path, query: Query, *, whole: bool = False) -> list[Place]:
    """Files that together hold each flow once that may be asked for, the newest first.

    Args:
        folder: Of the store.
        query: What is asked.
        whole: Whether all columns are needed, not only those that are asked about.
    """
    since = None if query.since_ns is None else query.since_ns // HOUR_NS
    until = None if query.until_ns is None else query.until_ns // HOUR_NS
    few = not whole and query.columns <= frozenset(SEARCHED)
    found: list[Place] = []
    for source in sources_in(folder):
        if query.sources is None or source in query.sources:
            for day in whole_days(folder, source, since, until):
                found += _of_day(day, since, until, few=few)
    return sorted(found, key=lambda place: (-place.last, -place.first, place.path))


def whole_days(folder: Path, source: str, since: int | None, until: int | None) -> list[Day]:
    """The days of a source that lie in a stretch of hours, each whole; the newest first."""
    first = None if since is None else since // DAY_HOURS * DAY_HOURS
    last = None if until is None else until // DAY_HOURS * DAY_HOURS + DAY_HOURS - 1
    return days_of(list(hours_in(folder, source, first, last)))


def _of_day(day: Day, since: int | None, until: int | None, *, few: bool) -> Iterator[Place]:
    made = day.made(SEARCH) if few else None
    if made is not None and made.exists():
        first = day.number * DAY_HOURS
        yield Place(first, first + DAY_HOURS - 1, str(made), flows_in(str(made), 0))
        return
    for hour in day.hours:
        if (since is None or hour.number >= since) and (until is None or hour.number <= until):
            for part in hour.parts:
                yield Place(hour.number, hour.number, part.path, flows_in(part.path, part.bytes))


def steps(places: list[Place], *, stepwise: bool, least_flows: int = FIRST_STEP_FLOWS) -> Iterator[list[Place]]:
    """What to look at in one go: all, or step by step, so that no flow of a later step is newer than an earlier one's.

    Args:
        places: The newest first.
        stepwise: Whether the newest flows are wanted.
        least_flows: The first step looks at so many at least; each further one at twice as many.
    """
    least, step, flows, oldest = least_flows, list[Place](), 0, 0
    for place in places:
        if stepwise and flows >= least and place.last < oldest:
            yield step
            least, step, flows = least * 2, [], 0
        oldest = min(oldest, place.first) if step else place.first
        step.append(place)
        flows += place.flows
    if step:
        yield step
