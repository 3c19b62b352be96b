"""Makes few large parts of many small ones. A process may die at any instant: see layout.py for why nothing is lost."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from oddflow.errors import OutputError
from oddflow.files import reason_of, whole_file
from oddflow.logs.parts import Part, part_name
from oddflow.logs.table import PSEUDONYMS
from oddflow.server.flowstore.columns import STORED_SCHEMA
from oddflow.server.flowstore.layout import Hour, hours_in, sources_in
from oddflow.server.flowstore.writing import GROUP_ROWS, part_writer

TIER_BYTES = 1 << 20
TIER_FACTOR = 8
TIER_PARTS = 8
"""So many parts in a row that are about as large as each other become one."""
MOST_BYTES = 1 << 30
"""A part that is larger stays as it is."""
SETTLED_S = 600.0
"""An hour to which nothing was added for so long, and which is over, becomes one part."""
LEFT_OVER_S = 3_600.0
READ_ROWS = 1_024
"""Read at once: few, as a keeper merges beside who judges."""
UNFINISHED = ".part"

Beat = Callable[[], None]
"""Called while long work goes on: whoever watches the process sees that it does."""


def silent() -> None:
    """Nobody watches."""


def compact(folder: Path, now_s: float, *, seconds: float = float("inf"), beat: Beat = silent) -> int:
    """Merges what is worth it, and begins no further hour after so many seconds; how many parts became fewer.

    Raises:
        OutputError: The disk is full, or may not be written.
    """
    until, merged = time.monotonic() + seconds, 0
    for source in sources_in(folder):
        with keeping(folder / source) as mine:
            if not mine:
                continue
            for hour in hours_in(folder, source):
                merged += _compact_hour(hour, now_s, beat)
                if time.monotonic() > until:
                    return merged
    return merged


def _compact_hour(hour: Hour, now_s: float, beat: Beat) -> int:
    place = Path(hour.parts[0].path).parent
    _remove([part.path for part in hour.replaced])
    _clean(place, now_s)
    over = (hour.number + 1) * 3600 < now_s and hour.stored_s + SETTLED_S < now_s
    merged = 0
    for run in runs(hour.parts, over=over):
        merged += merge(run, place, beat)
    return merged


def runs(parts: Sequence[Part], *, over: bool) -> list[tuple[Part, ...]]:
    """Parts in a row that are to become one.

    Args:
        parts: Of one hour, the oldest first.
        over: Whether no more of it is to be expected: then all become one.
    """
    found: list[tuple[Part, ...]] = []
    here: list[Part] = []
    for part in parts:
        fits = sum(one.bytes for one in here) + part.bytes <= MOST_BYTES
        if here and not (fits and (over or tier(part) == tier(here[-1]))):
            found.append(tuple(here))
            here = []
        here.append(part)
    found.append(tuple(here))
    return [run for run in found if len(run) >= (2 if over else TIER_PARTS)]


def tier(part: Part) -> int:
    """How large a part is, in steps of TIER_FACTOR."""
    number, most = 0, TIER_BYTES
    while part.bytes > most:
        number, most = number + 1, most * TIER_FACTOR
    return number


def merge(parts: Sequence[Part], place: Path, beat: Beat = silent) -> int:
    """Makes one part of several that follow each other; how many it replaced.

    Raises:
        OutputError: The disk is full, or may not be written.
    """
    keys = {_pseudonyms(part) for part in parts}
    if len(keys) > 1 or None in keys:
        return 0  # under different keys hosts are not the same; what cannot be read stays as it is
    target = place / part_name(parts[0].first, parts[-1].last)
    with whole_file(str(target)) as file, part_writer(file, keys.pop() or "") as writer:
        _copy(parts, writer, beat)
    _sync(place)
    _remove([part.path for part in parts])
    return len(parts)


def _copy(parts: Sequence[Part], writer: parquet.ParquetWriter, beat: Beat) -> None:
    """Writes their flows in groups of about GROUP_ROWS, as they come: each part is in the order of time."""
    held: list[pa.Table] = []
    count = 0
    for part in parts:
        with parquet.ParquetFile(part.path, pre_buffer=False) as file:
            for batch in file.iter_batches(READ_ROWS, use_threads=False):
                held.append(conformed(pa.Table.from_batches([batch])))
                count += batch.num_rows
                if count >= GROUP_ROWS:
                    beat()
                    writer.write_table(pa.concat_tables(held), row_group_size=count)
                    held, count = [], 0
    if count:
        writer.write_table(pa.concat_tables(held), row_group_size=count)


def conformed(rows: pa.Table) -> pa.Table:
    """Rows with the columns of STORED_SCHEMA, as an older version may not have written them all."""
    if rows.schema.equals(STORED_SCHEMA):
        return rows
    return pa.table(
        [
            rows[field.name].cast(field.type)
            if field.name in rows.schema.names
            else pa.nulls(rows.num_rows, field.type)
            for field in STORED_SCHEMA
        ],
        schema=STORED_SCHEMA,
    )


def _pseudonyms(part: Part) -> str | None:
    """The key under whose pseudonyms a part is; None where it cannot be read."""
    try:
        with parquet.ParquetFile(part.path) as file:
            key: bytes = (file.schema_arrow.metadata or {}).get(PSEUDONYMS, b"")
            return key.decode("ascii", "replace")
    except (OSError, pa.ArrowException):
        return None


@contextmanager
def keeping(folder: Path) -> Iterator[bool]:
    """Whether this process may merge and delete parts of a source; one at a time may.

    Raises:
        OutputError: The folder cannot be written.
    """
    try:
        lock = os.open(folder / ".keeper", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {reason_of(error)}; check its permissions") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(lock)


def _clean(place: Path, now_s: float) -> None:
    """Deletes what a process that died left unfinished: merged parts at once, others when they are old."""
    with os.scandir(place) as entries:
        left = [entry for entry in entries if entry.name.startswith(".") and entry.name.endswith(UNFINISHED)]
    for entry in left:
        try:
            if "-" in entry.name or entry.stat(follow_symlinks=False).st_mtime < now_s - LEFT_OVER_S:
                os.unlink(entry.path)  # noqa: PTH108
        except FileNotFoundError:
            continue


def _remove(paths: Sequence[str]) -> None:
    for path in paths:
        Path(path).unlink(missing_ok=True)


def _sync(place: Path) -> None:
    """A new name is on the disk before the old ones are taken away."""
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
