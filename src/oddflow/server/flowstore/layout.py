"""Where flows lie: FOLDER/SOURCE/date=YYYY-MM-DD/hour=HH/FIRST[-LAST].parquet.

An hour is that in which flows ended, UTC. A part is named by a number that grows: the time at which it was stored, in
ms. A part that was merged from others is named by the first and the last of their numbers, and stands for all parts
in between from the instant at which it has its name: what of them is still there, because a process died before it
could delete them, is passed over. So no instant exists at which a flow is there twice, or not at all.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from oddflow.logs.parts import DATE, HOUR, Part, folders_in, hour_name, in_force, parts_in

SOURCE = re.compile(r"^[a-z0-9][a-z0-9._-]{0,62}$", re.ASCII)
DAY_HOURS = 24


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of a source.

    Attributes:
        source: The source's name.
        number: Hours since 1970.
        parts: What there is of it, the oldest first.
        replaced: What was merged into one of the parts, and not deleted yet.
    """

    source: str
    number: int
    parts: tuple[Part, ...]
    replaced: tuple[Part, ...] = ()

    @property
    def bytes(self) -> int:
        """What it takes on disk."""
        return sum(part.bytes for part in (*self.parts, *self.replaced))

    @property
    def stored_s(self) -> float:
        """When the last of it was stored, s since 1970."""
        return max((part.last for part in self.parts), default=0) / 1000


def hour_folder(folder: Path, source: str, hour: int) -> Path:
    """Where an hour's parts lie.

    >>> hour_folder(Path("flows"), "lan", 480_000).as_posix()
    'flows/lan/date=2024-10-04/hour=00'
    """
    return folder / source / hour_name(hour)


def sources_in(folder: Path) -> list[str]:
    """The sources whose flows a folder holds."""
    return sorted(name for name in folders_in(folder) if SOURCE.match(name))


def hours_in(folder: Path, source: str, since: int | None = None, until: int | None = None) -> Iterator[Hour]:
    """The hours of a source from `since` to `until`, both included, in hours since 1970; the newest first."""
    for date, day in sorted(_days(folder / source), reverse=True):
        if (since is not None and day + DAY_HOURS <= since) or (until is not None and day > until):
            continue
        place = folder / source / date
        for name in sorted(folders_in(place), reverse=True):
            match = HOUR.match(name)
            number = day + int(match[1]) if match and int(match[1]) < DAY_HOURS else None
            if number is None or (since is not None and number < since) or (until is not None and number > until):
                continue
            kept, replaced = in_force(parts_in(place / name))
            if kept:
                yield Hour(source, number, kept, replaced)


def _days(place: Path) -> list[tuple[str, int]]:
    """Folders of days, with the number of each one's first hour."""
    days = []
    for name in folders_in(place):
        match = DATE.match(name)
        if match is None:
            continue
        try:
            at = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
        except ValueError:
            continue
        days.append((name, round(at.timestamp()) // 3600))
    return days
