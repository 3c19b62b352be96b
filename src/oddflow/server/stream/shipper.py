"""The process that ships a source's flows to the stream, in place of judging them here."""

import json
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from oddflow.errors import InputError, OddflowError
from oddflow.features.homes import PRIVATE
from oddflow.features.scored import scored
from oddflow.files import write_whole
from oddflow.outputs.delivery import Delivery
from oddflow.outputs.message import Message as Waiting
from oddflow.outputs.spool import Spool
from oddflow.server.status import State
from oddflow.server.stream import brokers
from oddflow.server.stream.brokers import RECORD_BYTES
from oddflow.server.stream.partitioning import Partitioning
from oddflow.server.stream.record import Head, body_of
from oddflow.server.stream.sending import StreamTransport
from oddflow.server.work import modelled
from oddflow.server.work.channel import Kind, Message, Receiver
from oddflow.server.work.counters import Count
from oddflow.server.work.folder import Journal
from oddflow.server.work.problem import Problem
from oddflow.server.work.seat import Seat
from oddflow.server.work.teller import Teller

WAIT_S = 0.1
TELL_S = 0.5
SHIP_S = 0.25
"""Flows wait so long for others, to be shipped together."""
MARK_S = 1.0
"""So often each partition is told how far the source has come, though no flow of it goes there."""
BUFFER_BYTES = 512 << 10
LAST_S = 10.0
RETRY_S = 0.25
LONGEST_PAUSE_S = 5.0
COUNTS = ("shipped_flows", "shed")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who ships, and how often it was begun.

    Attributes:
        id: 32 hexadecimal digits, made once.
        run: Greater each time.
    """

    id: str
    run: int

    @classmethod
    def begun(cls, path: Path) -> "Sender":
        """The next run of who keeps itself in a file.

        Raises:
            InputError: The file holds something else.
            OutputError: It cannot be written.
        """
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            before = cls(str(told["id"]), int(told["run"]))
        except FileNotFoundError:
            before = cls(secrets.token_hex(16), 0)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} cannot be read: {error}; take it away, and the source counts as a new one"
            ) from None
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        now = cls(before.id, before.run + 1)
        write_whole(path, json.dumps({"id": now.id, "run": now.run}))
        return now


def load(_: Seat) -> None:
    """Loads what it ships with, for an account that may not read it."""
    with suppress(OddflowError):
        brokers.library()


def live(seat: Seat) -> int:
    """Ships until the capture has ended."""
    shipper = Shipper(seat)
    seat.on_end()
    return shipper.run()


class Shipper:
    """Takes flows out of the channel, and puts them on the disk and then on the stream.

    Args:
        seat: The process; what is given to it is its end of the channel.
    """

    def __init__(self, seat: Seat) -> None:
        settings, source = seat.shared.settings, seat.section
        assert source.ship is not None  # noqa: S101  (it is made for such sources)
        self._seat = seat
        self._source = source
        self._count = seat.shared.counters.of(seat.source)
        self._count[Count.JUDGES] += 1
        self._count[Count.DONE_FILES] = 0
        self._receiver = Receiver(seat.given, seat.shared.counters, seat.source)
        self._teller = Teller(seat.shared.board, seat.slot, counts=COUNTS)
        self._teller.tell({"state": State.STARTING})
        self._journal = Journal(settings.service.state, source.name)
        self._partitioning = Partitioning(_homes(seat), settings.stream.partitions)
        self._sender = Sender.begun(settings.service.state / "shipped" / f"{source.name}.json")
        self._number = 0
        self._held: dict[int, list[pa.RecordBatch]] = {}
        self._held_rows = self._held_bytes = 0
        self._since_s = 0.0
        self._seen_ns = 0
        self._marked: dict[int, tuple[int, float]] = {}
        self._shipped = 0
        self._shed: dict[str, int] = {}
        self._spool = Spool(
            settings.spool_folder / f"stream-{source.name}", round(settings.stream.limit_mib * (1 << 20))
        )
        transport = StreamTransport(settings.stream, source.ship)
        name = f"the stream {settings.stream.brokers}/{source.ship}"
        self._delivery = Delivery(name, self._spool, transport, self._say, longest_pause_s=LONGEST_PAUSE_S)
        self._delivery.start()
        self._next_tell_s = 0.0
        self._ended = False

    def run(self) -> int:
        """Until the capture has ended, and all that it gave is on the disk."""
        silent_since_s = time.monotonic()
        while True:
            try:
                message = self._receiver.take(WAIT_S)
            except EOFError:
                break
            now = time.monotonic()
            if message is not None:
                silent_since_s = now
                self._take(message)
            if self._held and (now - self._since_s >= SHIP_S or self._held_bytes >= BUFFER_BYTES):
                self._ship()
            self._mark(now)
            if self._seat.stopping and (self._ended or (message is None and now - silent_since_s > 2 * WAIT_S)):
                break
            self._seat.beat()
            if now >= self._next_tell_s:
                self._tell()
        self._finish()
        return 0

    def _take(self, message: Message) -> None:
        match message.kind:
            case Kind.FLOWS | Kind.WIDE_FLOWS:
                assert message.flows is not None  # noqa: S101  (it is of that kind)
                self._ended = False
                self._add(message.flows)
            case Kind.SEEN:
                # flows that are held came before, and go with it
                self._seen_ns = max(self._seen_ns, message.stamp)
            case Kind.FILE:
                self._ship()
                self._mark(float("inf"), ended=True)  # nobody knows when the next one comes
                self._end_file(dict(message.told or {}))
            case Kind.LAST:
                self._ship()
                self._mark(float("inf"), ended=True)
                self._ended = True
        self._account()

    def _add(self, flows: pa.RecordBatch) -> None:
        for batch in scored([flows], arp=True):
            if not self._held:
                self._since_s = time.monotonic()
            for partition, part in self._partitioning.parted(batch).items():
                self._held.setdefault(partition, []).append(part)
            self._held_rows += batch.num_rows
            self._held_bytes += batch.nbytes

    def _ship(self) -> None:
        """Puts what is held on the disk."""
        held, self._held = self._held, {}
        rows, self._held_rows, self._held_bytes = self._held_rows, 0, 0
        records = []
        for partition, batches in sorted(held.items()):
            *first, last = _cut(batches)
            before_ns = self._marked.get(partition, (0, 0.0))[0]
            records += [self._record(partition, part, before_ns) for part in first]
            records.append(self._record(partition, last, self._seen_ns))
        refused = self._put(records)
        lost = sum(int(record.facts["rows"]) for record in refused)
        self._shipped += rows - lost
        if lost:
            self._sheds("flows: the stream is away, and the disk has no room for more", lost)
        self._account()

    def _record(self, partition: int, flows: list[pa.RecordBatch], seen_ns: int, *, ended: bool = False) -> Waiting:
        self._number += 1
        rows = sum(batch.num_rows for batch in flows)
        head = Head(
            self._sender.id, self._sender.run, self._number, self._partitioning.partitions, seen_ns, time.time_ns(),
            rows, ended,
        )  # fmt: skip
        self._marked[partition] = seen_ns, time.monotonic()
        facts = {"partition": str(partition), "rows": str(rows), "head": head.as_bytes().decode()}
        return Waiting(f"{self._sender.run}-{self._number}", body_of(flows), facts)

    def _put(self, records: list[Waiting]) -> list[Waiting]:
        """Those that the disk has no room for; of files, which can wait, there are none while we may wait."""
        fit = [record for record in records if len(record.body) <= RECORD_BYTES]
        if too_long := sum(int(record.facts["rows"]) for record in records) - sum(
            int(one.facts["rows"]) for one in fit
        ):
            self._shipped -= too_long
            self._sheds("flows: longer than a record may be", too_long)
        refused = self._spool.put(fit)
        while refused and self._source.kind in {"folder", "follow"} and not self._seat.stopping:
            self._seat.beat()
            self._tell()
            time.sleep(RETRY_S)
            refused = self._spool.put(refused)
        return refused

    def _mark(self, now_s: float, *, ended: bool = False) -> None:
        """Tells partitions that had no flows for a while how far the source has come."""
        if self._held and not ended:  # they say it, in a moment
            return
        marks = []
        for partition in range(self._partitioning.partitions):
            told_ns, at_s = self._marked.get(partition, (0, 0.0))
            if ended or (self._seen_ns > told_ns and now_s - at_s >= MARK_S):
                marks.append(self._record(partition, [], self._seen_ns, ended=ended))
        if marks:
            self._spool.put(marks)

    def _end_file(self, told: dict[str, object]) -> None:
        """All of a file is on the disk before it is written down as read."""
        self._count[Count.DONE_FILES] += 1
        try:
            self._journal.add(told)
        except OSError as error:
            self._seat.log.warning("%s cannot be written: %s", self._journal.path, error, extra={"event": "journal"})

    def _account(self) -> None:
        self._count[Count.JUDGED] = self._count[Count.TAKEN] - self._count[Count.PERISHED] - self._held_rows

    def _sheds(self, what: str, count: int) -> None:
        self._shed[what] = self._shed.get(what, 0) + count

    def _say(self, text: str) -> None:
        self._seat.log.warning("%s", text, extra={"source": self._source.name, "event": "stream"})

    def _tell(self, state: State | None = None) -> None:
        self._next_tell_s = time.monotonic() + TELL_S
        problems: list[Problem] = []
        waiting = self._spool.waiting
        if self._delivery.problem:
            problems.append(
                Problem("stream", f"the stream cannot be reached: {self._delivery.problem}; {waiting:,} records wait")
            )
        if reason := next(iter(self._shed), ""):
            problems.append(Problem("shed", f"{self._shed[reason]:,} flows are lost; {reason}", "error"))
        told: dict[str, Any] = {
            "state": state or (State.DEGRADED if problems else State.RUNNING),
            "shipped_flows": self._shipped, "waiting_records": waiting, "shed": dict(self._shed),
        }  # fmt: skip
        self._teller.tell(told, problems)

    def _finish(self) -> None:
        self._ship()
        self._mark(float("inf"), ended=True)
        self._tell(State.STOPPING)
        self._seat.beat()
        self._delivery.finish(time.monotonic() + LAST_S)
        self._tell(State.STOPPING)


def _homes(seat: Seat) -> tuple[str, ...]:
    """Whose networks are ours: as the source says, else its model, else the private ranges."""
    if seat.section.home_networks:
        return tuple(seat.section.home_networks)
    found = modelled.Modelled.of(seat.shared.settings, seat.section)
    return found.prepared.homes if found is not None else PRIVATE


def _cut(batches: list[pa.RecordBatch]) -> list[list[pa.RecordBatch]]:
    """Flows in pieces that records have room for; a single flow is never cut."""
    flows = pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
    pieces = [flows]
    done: list[list[pa.RecordBatch]] = []
    while pieces:
        piece = pieces.pop(0)
        if piece.num_rows > 1 and piece.nbytes > RECORD_BYTES // 2:
            middle = piece.num_rows // 2
            pieces[:0] = [piece.slice(0, middle), piece.slice(middle)]
        else:
            done.append([piece])
    return done
