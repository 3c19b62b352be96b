"""Flows from exporters, as their messages come."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from oddflow.amounts import count as count_of
from oddflow.amounts import size
from oddflow.logs.netflow.collector import Collector
from oddflow.logs.netflow.receiver import Receiver
from oddflow.logs.netflow.receiving import Datagram
from oddflow.logs.record import flow_batches
from oddflow.logs.stitching import Stitcher
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA

NOTHING = pa.RecordBatch.from_pylist([], schema=FLOW_SCHEMA)

LOOK_S = 0.05
SETTLE_S = 1.0
MOST_FRESH = 1 << 14
"""Records are stitched when there are so many, or after a second."""
WAIT_S = 15.0


@dataclass(frozen=True, slots=True)
class ListeningSettings:
    """What is asked of a collector.

    Attributes:
        wait_s: How long a one-way record waits for the other direction, and how far apart in time both may lie.
        duration_s: Ends it after this; 0 for no end.
        most_records: Ends it after so many; 0 for no end.
    """

    wait_s: float = WAIT_S
    duration_s: float = 0.0
    most_records: int = 0


class Listening:
    """Takes messages from a receiver and makes flows of them.

    Args:
        receiver: Where messages come from.
        ledger: Told of records used and lost.
        stop: Ends it when it is set; what waits is then given out.
        settings: What is asked.

    Attributes:
        latest_ns: The latest end of the flows so far.
    """

    def __init__(
        self, receiver: Receiver, ledger: Ledger, *, stop: threading.Event, settings: ListeningSettings
    ) -> None:
        self._receiver = receiver
        self._ledger = ledger
        self._stop = stop
        self._settings = settings
        self._collector = Collector(ledger)
        self._stitcher = Stitcher(max_gap_s=settings.wait_s)
        self._fresh = 0
        self._given = 0
        self._flows = 0
        self._joined = 0
        self.latest_ns = 0

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Flow batches, about once a second; an empty one about every 50 ms in which nothing came.

        Raises:
            InputError: The socket is of no use any more.
        """
        begun = settled = time.monotonic()
        until = begun + self._settings.duration_s if self._settings.duration_s else float("inf")
        while not self._stop.is_set() and not self._is_enough and time.monotonic() < until:
            datagrams = self._receiver.take()
            yield from self._read(datagrams)
            now = time.monotonic()
            if now >= settled + SETTLE_S:
                settled = now
                self._collector.sweep(now)
                yield from self._stitch()
                yield from self._settle()
            if not datagrams:
                yield NOTHING
                self._stop.wait(LOOK_S)
        self._receiver.stop()
        while not self._is_enough and (datagrams := self._receiver.take()):
            yield from self._read(datagrams)
        self._collector.end()
        yield from self._stitch()
        self._fresh = 0
        yield from self._flows_of(self._stitcher.end())
        self._tell()

    @property
    def records_read(self) -> int:
        """Records that came so far."""
        return self._collector.records_read

    @property
    def exporters(self) -> int:
        """Domains of exporters that are known."""
        return self._collector.domains

    @property
    def dropped(self) -> int:
        """Datagrams that were dropped before they were read."""
        return self._receiver.dropped + self._receiver.overrun

    @property
    def _is_enough(self) -> bool:
        return bool(self._settings.most_records) and self._collector.records_read >= self._settings.most_records

    def _read(self, datagrams: list[Datagram]) -> Iterator[pa.RecordBatch]:
        now = time.monotonic()
        for data, sender in datagrams:
            self._collector.take(data, sender, now)
            if self._collector.waiting >= MOST_FRESH:
                yield from self._stitch()

    def _stitch(self) -> Iterator[pa.RecordBatch]:
        for records in self._collector.records():
            if self._fresh + records.num_rows > MOST_FRESH:
                yield from self._settle()
            self._fresh += records.num_rows
            self._given += records.num_rows
            yield from self._flows_of(self._stitcher.add(records))

    def _settle(self) -> Iterator[pa.RecordBatch]:
        self._fresh = 0
        yield from self._flows_of(self._stitcher.settle(now_ns=time.time_ns()))

    def _flows_of(self, stitched: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in stitched:
            self._flows += batch.num_rows
            self.latest_ns = max(self.latest_ns, pc.max(batch.column("end").cast(pa.int64())).as_py() or 0)
            columns = {name: batch.column(name) for name in batch.schema.names}
            yield from flow_batches(columns, self._receiver.address, self._ledger)
        # a flow of two records uses both of them
        joined = self._given - self._fresh - self._stitcher.waiting - self._flows
        self._ledger.used(joined - self._joined)
        self._joined = joined

    def _tell(self) -> None:
        for count, where, what in (
            (self._receiver.dropped, "by the kernel", f"the socket's buffer of {size(self._receiver.buffer_bytes)}"),
            (self._receiver.overrun, "before they were read", "the memory for waiting ones"),
        ):
            if count:
                self._ledger.damaged(
                    f"{count_of(count, 'datagram')} dropped {where}, since {what} was full; "
                    "their records are also among those lost on the way, where exporters number them"
                )
