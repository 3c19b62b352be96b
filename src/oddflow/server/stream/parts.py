"""Flows on their way to the flow store: written under names that nobody reads, and shown once a checkpoint is written.

So a flow that is judged again after a death is not there twice: what was prepared and is after the last checkpoint of
who prepared it is thrown away, and what belongs to it is shown, whoever finds it. All is in FLOWS/SOURCE/.prepared,
HOUR-PARTITION-OWNER-CHECKPOINT-NUMBER.parquet, where CHECKPOINT is the number of that which the flows belong to.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.errors import OutputError
from oddflow.files import reason_of
from oddflow.logs.parts import HOUR_NS, part_name, parts_in
from oddflow.server.flowstore.columns import STORED_SCHEMA, stored
from oddflow.server.flowstore.layout import hour_folder
from oddflow.server.flowstore.writing import MOST_HOURS, PART_ROWS, locked, write_part
from oddflow.server.stream.checkpoint import Checkpoint, sync_folder

PREPARED = re.compile(r"^(\d{1,9})-(\d{1,4})-([0-9a-f]{32})-(\d{1,19})-(\d{1,9})\.parquet$", re.ASCII)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file that is prepared."""

    path: Path
    hour: int
    partition: int
    owner: str
    checkpoint: int
    rows: int = 0


@dataclass(slots=True)
class _Held:
    flows: list[pa.RecordBatch] = field(default_factory=list)
    rows: int = 0
    prepared: list[Prepared] = field(default_factory=list)


class FlowParts:
    """Stores the flows of a source that reads a stream; one process at a time may.

    Attributes:
        stored: Flows that were shown.
        shed: Flows that the disk did not take.
        problem: What is wrong now, in words; empty where all is well.

    Args:
        folder: Of the flow store.
        source: Whose flows they are.
        owner: Who prepares: 32 hexadecimal digits that no other process ever had.
        payload: Whether first bytes are kept.
        pseudonyms: Fingerprint of the key under whose pseudonyms hosts appear.

    Raises:
        UsageError: Another process writes flows of this source.
        OutputError: The folder cannot be written.
    """

    def __init__(self, folder: Path, source: str, owner: str, *, payload: bool = True, pseudonyms: str = "") -> None:
        self.stored = 0
        self.shed = 0
        self.problem = ""
        self._folder = folder
        self._source = source
        self._owner = owner
        self._payload = payload
        self._pseudonyms = pseudonyms
        self._place = folder / source / ".prepared"
        self._held: dict[int, _Held] = {}
        self._numbers = 0
        self._lock = locked(folder / source)
        try:
            self._place.mkdir(exist_ok=True, mode=0o750)
        except OSError as error:
            os.close(self._lock)
            raise OutputError(f"{self._place} cannot be made: {reason_of(error)}; check its permissions") from None

    def settle(self, read: Callable[[int], Checkpoint | None]) -> None:
        """Shows or throws away what earlier processes of this source prepared.

        Args:
            read: Reads the checkpoint of a partition.

        Raises:
            OddflowError: A checkpoint cannot be read, or the folder not be written.
        """
        known: dict[int, Checkpoint | None] = {}
        for one in _prepared_in(self._place):
            if one.partition not in known:
                known[one.partition] = read(one.partition)
            last = known[one.partition]
            if last is not None and one.checkpoint <= last.owners.get(one.owner, 0):
                self._show(one)
            else:
                one.path.unlink(missing_ok=True)
        for cut in self._place.glob(".*.part"):
            cut.unlink(missing_ok=True)

    def add(
        self,
        partition: int,
        flows: pa.RecordBatch,
        scores: NDArray[Any] | None,
        over: NDArray[Any] | None,
        *,
        checkpoint: int,
    ) -> None:
        """Takes flows with their scores, (n,), and whether each is an alert, (n,); they belong to a `checkpoint`."""
        held = self._held.setdefault(partition, _Held())
        held.flows.append(stored(flows, self._source, scores, over, payload=self._payload))
        held.rows += flows.num_rows
        if held.rows >= PART_ROWS:
            self.prepare(partition, checkpoint)

    def prepare(self, partition: int, checkpoint: int) -> None:
        """All flows of a partition are on the disk when this returns, or shed; none of them is seen yet."""
        held = self._held.get(partition)
        if held is None or not held.flows:
            return
        flows, held.flows, rows, held.rows = held.flows, [], held.rows, 0
        table = pa.Table.from_batches(flows, STORED_SCHEMA)
        hours, counts = np.unique(pc.cast(table["end"], pa.int64()).to_numpy() // HOUR_NS, return_counts=True)
        of_row = pc.cast(table["end"], pa.int64()).to_numpy() // HOUR_NS
        kept = sorted(hours[np.argsort(-counts, kind="stable")][:MOST_HOURS].tolist())
        self.shed += rows - int(np.isin(of_row, kept).sum())
        for hour in kept:
            part = table if len(hours) == 1 else table.filter(pa.array(of_row == hour))
            self._numbers += 1
            name = f"{max(0, hour)}-{partition}-{self._owner}-{checkpoint}-{self._numbers}.parquet"
            try:
                write_part(self._place / name, part.sort_by("end"), self._pseudonyms)
            except (OutputError, pa.ArrowException) as error:
                self.problem = f"flows of {self._source} are not stored: {error}"
                self.shed += part.num_rows
                continue
            self.problem = ""
            held.prepared.append(Prepared(self._place / name, hour, partition, self._owner, checkpoint, part.num_rows))
        with suppress(OutputError):
            sync_folder(self._place)

    def show(self, partition: int) -> None:
        """All that is prepared of a partition: the checkpoint that holds it is on the disk."""
        held = self._held.get(partition)
        if held is None:
            return
        prepared, held.prepared = held.prepared, []
        for one in prepared:
            try:
                self._show(one)
                self.stored += one.rows
            except OutputError as error:  # settled when another one begins
                self.problem = f"flows of {self._source} are not shown: {error}"

    def forget(self, partition: int) -> None:
        """Another process has the partition: what was prepared after the last checkpoint will be made there anew."""
        held = self._held.pop(partition, None)
        for one in held.prepared if held is not None else ():
            one.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Lets another process write."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _show(self, one: Prepared) -> None:
        place = hour_folder(self._folder, self._source, one.hour)
        try:
            place.mkdir(parents=True, exist_ok=True, mode=0o750)
            last = max((part.last for part in parts_in(place)), default=0)
            one.path.rename(place / part_name(max(last + 1, time.time_ns() // 1_000_000)))
        except OSError as error:
            raise OutputError(f"{place} cannot be written: {reason_of(error)}; make room") from None


def _prepared_in(place: Path) -> Iterator[Prepared]:
    for path in sorted(place.glob("*.parquet")):
        if match := PREPARED.match(path.name):
            yield Prepared(path, int(match[1]), int(match[2]), match[3], int(match[4]))
