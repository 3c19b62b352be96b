"""Makes the files that days.py describes."""

import contextlib
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from oddflow.errors import OddflowError, OutputError
from oddflow.files import whole_file
from oddflow.server.flowstore.columns import FEW_VALUES, PRUNED_BY, SEARCHED, SIEVED, STORED_SCHEMA
from oddflow.server.flowstore.compacting import SETTLED_S, Beat, keeping, runs, silent
from oddflow.server.flowstore.database import Database
from oddflow.server.flowstore.days import HOSTS, SEARCH, TALKS, Day, days_of, forget_stale, made_of_hour
from oddflow.server.flowstore.layout import DAY_HOURS, Hour, hours_in, sources_in
from oddflow.server.flowstore.talking import CUTS_SQL, HOSTS_SQL, TALKS_SQL, grouped_piece

SEARCH_GROUP_ROWS = 16_384
SEARCH_SCHEMA = pa.schema([STORED_SCHEMA.field(name) for name in SEARCHED])
MAKING_SECONDS = 300.0
ENDS_AT_ONCE = 80_000
"""A piece of all hosts has so many ends of flows: the database's memory grows with them, not with an hour's flows."""
MOST_PIECES = 128
"""All flows are read for each."""


def rollup(
    database: Database, folder: Path, now_s: float, *, seconds: float = float("inf"), beat: Beat = silent
) -> int:
    """Makes what is missing for hours and days that are over and settled; how many files were made.

    Args:
        database: Sums up.
        folder: Of the store.
        now_s: The time.
        seconds: No further file is begun after so long.
        beat: Called now and then, at least every MAKING_SECONDS.

    Raises:
        OutputError: The disk is full, or may not be written.
    """
    until, made = time.monotonic() + seconds, 0
    for source in sources_in(folder):
        with keeping(folder / source) as mine:
            if not mine:
                continue
            for day in days_of(list(hours_in(folder, source))):
                made += _roll(database, day, now_s, until, beat)
                if time.monotonic() > until:
                    return made
    return made


def _roll(database: Database, day: Day, now_s: float, until: float, beat: Beat) -> int:
    over = (day.number + 1) * DAY_HOURS * 3600 < now_s and day.stored_s + SETTLED_S < now_s
    over = over and not any(runs(hour.parts, over=True) for hour in day.hours)  # what is merged next has another key
    made = 0
    forget_stale(day.place, day.key if over else None)
    if over:
        made += make_search(day, beat)
        paths = [str(day.made(SEARCH))]
        made += _make(database, HOSTS_SQL, paths, day.made(HOSTS), beat)
        made += _make(database, TALKS_SQL, paths, day.made(TALKS), beat)
        for hour in day.hours:
            forget_stale(Path(hour.parts[0].path).parent, None)
        return made
    for hour in day.hours:
        made += _roll_hour(database, hour, now_s, beat)
        if time.monotonic() > until:
            break
    return made


def _roll_hour(database: Database, hour: Hour, now_s: float, beat: Beat) -> int:
    if not ((hour.number + 1) * 3600 < now_s and hour.stored_s + SETTLED_S < now_s) or runs(hour.parts, over=True):
        return 0
    paths = [part.path for part in hour.parts]
    hosts = made_of_hour(hour, HOSTS)
    forget_stale(hosts.parent, hosts.name.split("-")[1].split(".")[0])
    made = _make(database, HOSTS_SQL, paths, hosts, beat)
    return made + _make(database, TALKS_SQL, paths, made_of_hour(hour, TALKS), beat)


def make_search(day: Day, beat: Beat = silent) -> int:
    """The columns of a day that are asked for most; 1, or 0 where they were there."""
    target = day.made(SEARCH)
    if target.exists():
        return 0
    with whole_file(str(target)) as file, _writer(file, SEARCH_SCHEMA) as writer:
        for hour in reversed(day.hours):
            for part in hour.parts:
                with parquet.ParquetFile(part.path) as opened:
                    present = [name for name in SEARCHED if name in opened.schema_arrow.names]
                    for group in range(opened.num_row_groups):
                        beat()
                        rows = opened.read_row_group(group, columns=present)
                        for name in SEARCHED:
                            if name not in present:
                                rows = rows.append_column(name, pa.nulls(len(rows), SEARCH_SCHEMA.field(name).type))
                        writer.write_table(rows.select(SEARCHED).cast(SEARCH_SCHEMA), SEARCH_GROUP_ROWS)
    return 1


def _make(database: Database, sql: str, paths: Sequence[str], target: Path, beat: Beat) -> int:
    if target.exists():
        return 0
    beat()
    try:
        with database.cursor(MAKING_SECONDS) as cursor, whole_file(str(target)) as file:
            write_pieces(cursor, sql, paths, file, beat)
    except OutputError:
        raise
    except OddflowError:
        return 0  # it is too much for the memory there is; pages sum up what they need, more slowly
    return 1


def write_pieces(cursor: Any, sql: str, paths: Sequence[str], file: Any, beat: Beat = silent) -> None:
    """What HOSTS_SQL or TALKS_SQL says of all flows of some files, in the order of hosts."""
    cuts = [last for (last,) in cursor.execute(CUTS_SQL, [list(paths), ENDS_AT_ONCE, MOST_PIECES]).fetchall()]
    with contextlib.ExitStack() as stack:
        writer: parquet.ParquetWriter | None = None
        for before, last in pairwise(["", *(cuts or [""])]):
            beat()
            piece = cursor.sql(grouped_piece(sql), params=[list(paths), before, last])
            answer = piece.to_arrow_reader(SEARCH_GROUP_ROWS)
            writer = writer or stack.enter_context(_writer(file, answer.schema))
            for batch in answer:
                writer.write_batch(batch)


def _writer(file: Any, schema: pa.Schema) -> parquet.ParquetWriter:
    names = set(schema.names)
    return parquet.ParquetWriter(
        file,
        schema,
        compression="zstd",
        use_dictionary=[name for name in [*FEW_VALUES, "host", "peer", "service", "host_key"] if name in names],
        write_statistics=[name for name in [*PRUNED_BY, "host", "host_key", "hour"] if name in names],
        bloom_filter_options={name: how for name, how in SIEVED.items() if name in names} or None,
        store_schema=False,
    )
