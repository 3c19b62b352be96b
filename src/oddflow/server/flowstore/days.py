"""What is made of the flows of a day so that they are found at once; all of it can be made again.

Beside a day's hours lie hidden files: `.search-KEY.parquet` has the columns that are asked for most, `.hosts-KEY` a
row a host and hour, `.talks-KEY` a row a host, peer and service, in the order of hosts. KEY stands for exactly the
parts that they were made from: where parts were added, merged or deleted, it is another one, and they are not used.
An hour of a day that is not over has `.hosts-KEY` and `.talks-KEY` of its own.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from oddflow.server.flowstore.layout import DAY_HOURS, Hour

SEARCH, HOSTS, TALKS = "search", "hosts", "talks"
MADE = re.compile(r"^\.(search|hosts|talks)-([0-9a-f]{16})\.parquet$", re.ASCII)


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a source, or as much of it as there is.

    Attributes:
        source: The source's name.
        number: Days since 1970.
        hours: What there is of it, the newest first.
    """

    source: str
    number: int
    hours: tuple[Hour, ...]

    @property
    def place(self) -> Path:
        """Its folder."""
        return Path(self.hours[0].parts[0].path).parent.parent

    @property
    def key(self) -> str:
        """Of its parts."""
        return key_of(self.hours)

    @property
    def stored_s(self) -> float:
        """When the last of it was stored."""
        return max(hour.stored_s for hour in self.hours)

    def made(self, what: str) -> Path:
        """Where one of the files is that are made of it."""
        return self.place / f".{what}-{self.key}.parquet"


def made_of_hour(hour: Hour, what: str) -> Path:
    """Where one of the files is that are made of an hour."""
    return Path(hour.parts[0].path).parent / f".{what}-{key_of([hour])}.parquet"


def key_of(hours: Sequence[Hour]) -> str:
    """Stands for the parts of some hours."""
    names = [f"{hour.number}/{part.first}-{part.last}" for hour in hours for part in hour.parts]
    return hashlib.blake2b(" ".join(sorted(names)).encode(), digest_size=8).hexdigest()


def days_of(hours: Sequence[Hour]) -> list[Day]:
    """Hours of one source by days; they come the newest first, and whole days."""
    return [
        Day(source, number, tuple(some))
        for (source, number), some in groupby(hours, key=lambda hour: (hour.source, hour.number // DAY_HOURS))
    ]


def forget_stale(place: Path, key: str | None) -> int:
    """Deletes what was made of other parts than those of `key`; None for all. How many bytes became free."""
    freed = 0
    for unfinished in place.glob("..*.part"):  # who made it died: one at a time does
        unfinished.unlink(missing_ok=True)
    for path in place.glob(".*-*.parquet"):
        match = MADE.match(path.name)
        if match is None or match[2] == key:
            continue
        try:
            freed += path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue
    return freed


def made_bytes(day: Day) -> int:
    """What the files take that were made of a day's flows, and of its hours'."""
    places = [day.place, *(Path(hour.parts[0].path).parent for hour in day.hours)]
    found = (path for place in places for path in place.glob(".*-*.parquet") if MADE.match(path.name))
    return sum(_size(path) for path in found)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
