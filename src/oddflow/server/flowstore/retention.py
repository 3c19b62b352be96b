"""Deletes flows that are too old, or too many."""

from dataclasses import dataclass
from pathlib import Path

from oddflow.server.flowstore.compacting import keeping
from oddflow.server.flowstore.days import Day, days_of, forget_stale, made_bytes
from oddflow.server.flowstore.layout import Hour, hours_in, sources_in

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Swept:
    """What was deleted.

    Attributes:
        hours: Of so many hours the flows.
        bytes: So much became free.
    """

    hours: int
    bytes: int


def sweep(folder: Path, now_s: float, *, keep_days: float, keep_bytes: int) -> Swept:
    """Deletes hours that were stored too long ago, and the oldest while all take too much; never the current hour.

    What was made of a day's flows goes with the first of its hours. An hour counts from when its last flow was
    stored, so that captures of last year, read today, stay as long as what was seen today.
    """
    gone = freed = 0
    mine: list[Day] = []
    total = 0
    for source in sources_in(folder):
        days = days_of(list(hours_in(folder, source)))
        total += sum(hour.bytes for day in days for hour in day.hours) + sum(made_bytes(day) for day in days)
        mine += days
    hours = [(hour, day) for day in mine for hour in day.hours]
    current = int(now_s // 3600)
    for hour, day in sorted(hours, key=lambda pair: (pair[0].stored_s, pair[0].number)):
        too_old = hour.stored_s + keep_days * DAY_S < now_s
        if hour.number == current or not (too_old or total - freed > keep_bytes):
            continue
        with keeping(folder / hour.source) as allowed:
            if allowed:
                freed += _delete(hour, day)
                gone += 1
    return Swept(gone, freed)


def _delete(hour: Hour, day: Day) -> int:
    """First what counts twice: a process that dies in between leaves no flow that was deleted already."""
    place = Path(hour.parts[0].path).parent
    freed = forget_stale(place, None) + forget_stale(day.place, None)
    for part in (*hour.replaced, *hour.parts):
        freed += part.bytes
        Path(part.path).unlink(missing_ok=True)
    for empty in (place, day.place):
        try:
            empty.rmdir()
        except OSError:
            break  # something new came, or something of someone else is in it
    return freed
