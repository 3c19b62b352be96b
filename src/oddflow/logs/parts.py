"""Flow tables in parts: files of an hour, as the service stores them, in FOLDER/date=YYYY-MM-DD/hour=HH/.

A part is named by a number that grows; one that was merged from others by the first and the last of theirs, and stands
for all in between (see server/flowstore/layout.py).
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from oddflow.errors import Unreadable
from oddflow.files import reason_of

PART = re.compile(r"^(\d{13,18})(?:-(\d{13,18}))?\.parquet$", re.ASCII)
DATE = re.compile(r"^date=(\d{4}-\d{2}-\d{2})$", re.ASCII)
HOUR = re.compile(r"^hour=(\d{2})$", re.ASCII)
HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A file of flows.

    Attributes:
        first, last: Numbers of the parts that it stands for: the times at which they were stored, ms since 1970.
        path: Where it is.
        bytes: Its size.
    """

    first: int
    last: int
    path: str
    bytes: int = 0

    def covers(self, other: "Part") -> bool:
        """Whether it was merged from the other one."""
        return self.first <= other.first and other.last <= self.last and self.path != other.path


def hour_name(hour: int) -> str:
    """The folders of an hour, in hours since 1970.

    >>> hour_name(480_000)
    'date=2024-10-04/hour=00'
    """
    at = datetime.fromtimestamp(hour * 3600, UTC)
    return f"date={at:%Y-%m-%d}/hour={at:%H}"


def part_name(first: int, last: int | None = None) -> str:
    """The name of a part.

    >>> part_name(1700000000000), part_name(1700000000000, 1700000005000)
    ('1700000000000.parquet', '1700000000000-1700000005000.parquet')
    """
    return f"{first}.parquet" if last is None or last == first else f"{first}-{last}.parquet"


def in_force(parts: Iterable[Part]) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Parts that count, and parts that were merged into one of those."""
    kept: list[Part] = []
    replaced: list[Part] = []
    for part in sorted(parts, key=lambda one: (one.first, -one.last)):
        (replaced if kept and kept[-1].covers(part) else kept).append(part)
    return tuple(kept), tuple(replaced)


def parts_in(place: Path) -> list[Part]:
    """All parts of an hour's folder; none where it is gone."""
    found = []
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                match = PART.match(entry.name)
                if match is None or not entry.is_file(follow_symlinks=False):
                    continue
                first = int(match[1])
                try:
                    size = entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:
                    continue
                found.append(Part(first, int(match[2] or first), entry.path, size))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Unreadable(f"{place} cannot be listed: {reason_of(error)}; check its permissions") from None
    return found


def tables_in(folder: Path) -> list[str]:
    """The parts in force of a source, a day or an hour, the oldest hour first; empty where the folder is none of them.

    Raises:
        Unreadable: It cannot be listed.
    """
    dates = [folder / name for name in sorted(folders_in(folder)) if DATE.match(name)]
    places = [place / name for place in (*dates, folder) for name in sorted(folders_in(place)) if HOUR.match(name)]
    return [part.path for place in (*places, folder) for part in in_force(parts_in(place))[0]]


def folders_in(place: Path) -> list[str]:
    """The names of the folders in one; none where it is gone."""
    try:
        with os.scandir(place) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Unreadable(f"{place} cannot be listed: {reason_of(error)}; check its permissions") from None
