"""Puts the flows of one source on disk, in whole parts, without ever keeping anyone waiting."""

import fcntl
import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import parquet

from oddflow.errors import OutputError, UsageError
from oddflow.files import reason_of, whole_file
from oddflow.logs.parts import HOUR_NS, part_name, parts_in
from oddflow.logs.table import PSEUDONYMS
from oddflow.server.flowstore.columns import FEW_VALUES, PRUNED_BY, SIEVED, STORED_SCHEMA, stored
from oddflow.server.flowstore.layout import hour_folder

PART_ROWS = 16_384
"""A part is written as soon as so many flows wait."""
EVERY_S = 5.0
"""Or after so long."""
MOST_WAITING_BYTES = 160 << 20
MOST_HOURS = 64
"""Hours that the flows of one part may have ended in: each becomes a file. Of more, the fullest are stored."""
GROUP_ROWS = 16_384
"""Rows of a group: what a search reads or passes over as one."""


class FlowWriter:
    """Writes flows of a source; one at a time may, in one process.

    Attributes:
        stored: Flows that are on disk.
        shed: Flows that are not: the disk was too slow, or full.
        problem: What is wrong now, in words; empty where all is well.

    Args:
        folder: Of the store.
        source: Whose flows they are.
        payload: Whether first bytes are kept.
        pseudonyms: Fingerprint of the key under whose pseudonyms hosts appear.
        every_s: Flows are on disk after so long.

    Raises:
        UsageError: Another writer writes flows of this source.
        OutputError: The folder cannot be written.
    """

    def __init__(
        self, folder: Path, source: str, *, payload: bool = True, pseudonyms: str = "", every_s: float = EVERY_S
    ) -> None:
        self.stored = 0
        self.shed = 0
        self.problem = ""
        self._folder = folder
        self._source = source
        self._payload = payload
        self._pseudonyms = pseudonyms
        self._every_s = every_s
        self._waiting: list[tuple[pa.RecordBatch, NDArray[Any] | None, NDArray[Any] | None]] = []
        self._rows = 0
        self._bytes = 0
        self._oldest_s = 0.0
        self._writing = False
        self._wanted = False
        self._closed = False
        self._numbers: dict[int, int] = {}
        self._changed = threading.Condition()
        self._lock = locked(folder / source)
        self._thread = threading.Thread(target=self._run, name=f"flows of {source}", daemon=True)
        self._thread.start()

    def add(self, flows: pa.RecordBatch, scores: NDArray[Any] | None, over: NDArray[Any] | None) -> None:
        """Takes flows with their scores, (n,), and whether each is an alert, (n,); sheds them where too many wait."""
        if not flows.num_rows:
            return
        with self._changed:
            size = flows.nbytes
            if self._bytes and self._bytes + size > MOST_WAITING_BYTES:
                self.shed += flows.num_rows
                return
            if not self._waiting:
                self._oldest_s = time.monotonic()
            self._waiting.append((flows, scores, over))
            self._rows += flows.num_rows
            self._bytes += size
            self._changed.notify_all()

    def flush(self) -> None:
        """Waits until all that was added is on disk, or shed."""
        with self._changed:
            self._wanted = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not (self._waiting or self._writing) or not self._thread.is_alive())

    def close(self) -> None:
        """Stores what waits, and ends."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._due, self._patience_s())
                if not self._due():
                    continue
                if not self._waiting and self._closed:
                    return
                taken, self._waiting = self._waiting, []
                rows, self._rows = self._rows, 0
                self._writing, self._wanted = True, False
            try:
                written = self._write(taken)
            except (OutputError, pa.ArrowException) as error:
                written, self.problem = None, f"flows of {self._source} are not stored: {error}"
            with self._changed:
                self._writing = False
                self._bytes = sum(flows.nbytes for flows, _, _ in self._waiting)
                if written is None:
                    self.shed += rows
                self._changed.notify_all()

    def _due(self) -> bool:
        if self._closed or self._wanted:
            return bool(self._waiting) or self._closed
        return bool(self._waiting) and (self._rows >= PART_ROWS or self._patience_s() <= 0)

    def _patience_s(self) -> float:
        return self._oldest_s + self._every_s - time.monotonic() if self._waiting else self._every_s

    def _write(self, taken: list[tuple[pa.RecordBatch, NDArray[Any] | None, NDArray[Any] | None]]) -> int:
        table = pa.Table.from_batches(
            [stored(flows, self._source, scores, over, payload=self._payload) for flows, scores, over in taken],
            STORED_SCHEMA,
        )
        hours = pc.cast(table["end"], pa.int64()).to_numpy() // HOUR_NS
        fullest = [hour for hour, _ in Counter(hours.tolist()).most_common(MOST_HOURS)]
        for hour in sorted(fullest):
            rows = table if len(fullest) == 1 else table.filter(pa.array(hours == hour))
            self._write_part(int(hour), rows)
            with self._changed:
                self.stored += rows.num_rows
        left_out = int(np.isin(hours, fullest, invert=True).sum())
        with self._changed:
            self.shed += left_out
            self.problem = ""
        return int(table.num_rows)

    def _write_part(self, hour: int, rows: pa.Table) -> None:
        place = hour_folder(self._folder, self._source, hour)
        try:
            place.mkdir(parents=True, exist_ok=True, mode=0o750)
            number = self._number(hour, place)
            write_part(place / part_name(number), rows.sort_by("end"), self._pseudonyms)
        except OSError as error:
            raise OutputError(f"{place} cannot be written: {reason_of(error)}; make room") from None

    def _number(self, hour: int, place: Path) -> int:
        """A number greater than all that parts of this hour ever had, though the clock be turned back."""
        last = self._numbers.pop(hour, 0) or max((part.last for part in parts_in(place)), default=0)
        while len(self._numbers) >= MOST_HOURS:
            del self._numbers[next(iter(self._numbers))]
        number: int = max(last + 1, time.time_ns() // 1_000_000)
        self._numbers[hour] = number
        return number


def write_part(path: Path, rows: pa.Table, pseudonyms: str = "") -> None:
    """Writes a part that is seen whole or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    with whole_file(str(path)) as file, part_writer(file, pseudonyms) as writer:
        writer.write_table(rows, row_group_size=GROUP_ROWS)


def part_writer(file: Any, pseudonyms: str = "") -> parquet.ParquetWriter:
    """Parquet as parts have it."""
    schema = STORED_SCHEMA.with_metadata({PSEUDONYMS: pseudonyms}) if pseudonyms else STORED_SCHEMA
    return parquet.ParquetWriter(
        file,
        schema,
        compression="zstd",
        use_dictionary=FEW_VALUES,
        write_statistics=PRUNED_BY,
        bloom_filter_options=SIEVED,
        store_schema=False,
    )


def locked(folder: Path) -> int:
    """A lock that the system gives back when its process dies."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        lock = os.open(folder / ".writer", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {reason_of(error)}; check its permissions") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise UsageError(f"{folder} is written by another process; end that one first") from None
    return lock
