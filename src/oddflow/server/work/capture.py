"""The process that captures a source: an interface, exporters, a file that grows, or a folder."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from oddflow.capture.ring import Ring
from oddflow.errors import OddflowError
from oddflow.features.representation import Reads
from oddflow.features.versions import reads_of
from oddflow.flows.meter import Companion
from oddflow.flows.settings import MeterSettings
from oddflow.logs.netflow.listening import Listening, ListeningSettings
from oddflow.logs.netflow.receiver import Receiver
from oddflow.logs.source import follow_flows
from oddflow.losses import Ledger, Loss
from oddflow.models.sealed import SealedModel
from oddflow.sensor.pursuit import pursue
from oddflow.sensor.tally import Tally
from oddflow.sensor.worker import Place, Worker
from oddflow.server.work import modelled
from oddflow.server.work.channel import Sender
from oddflow.server.work.folder import Folder
from oddflow.server.work.handing import Handing
from oddflow.server.work.seat import CHANGED, Seat
from oddflow.server.work.teller import Teller

TICK_S = 0.2
LOOK_S = 1.0
COUNTS = ("packets", "metered", "bytes", "flows", "evicted_flows", "lost")


@dataclass(frozen=True, slots=True)
class Opened:
    """What the supervisor opened for a capture.

    Attributes:
        end: Of the channel.
        ring: Of an interface.
        tally: What its worker counts; the last row is the supervisor's, of what the interface lost.
        receiver: Of exporters.
    """

    end: Any
    ring: Ring | None = None
    tally: Tally | None = None
    receiver: Receiver | None = None


class Cut:
    """How the model of a source wants flows to be cut, and whether that is so still."""

    def __init__(self, seat: Seat) -> None:
        self._settings, self._source = seat.shared.settings, seat.section
        self._stamp = modelled.stamp(self._settings, self._source)
        self._next_s = time.monotonic() + LOOK_S
        self.settings, self.companion = self._asked()

    def _asked(self) -> tuple[MeterSettings, Companion | None]:
        try:
            found = modelled.Modelled.of(self._settings, self._source)
        except OddflowError:
            return modelled.meter_of(self._source, None), None  # the judge says why
        companion = None
        if found is not None and reads_of(found.prepared.version) is Reads.PACKETS:
            sealed = SealedModel(found.archive)
            companion = found.prepared.representation(sealed, self._source.max_flows).companion
        return modelled.meter_of(self._source, found), companion

    def has_changed(self) -> bool:
        """Whether another model is active that wants them otherwise; asked as often as one likes."""
        now = time.monotonic()
        if now < self._next_s:
            return False
        self._next_s = now + LOOK_S
        stamp = modelled.stamp(self._settings, self._source)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        settings, companion = self._asked()
        return settings != self.settings or companion is not None or self.companion is not None


def live(seat: Seat) -> int:
    """Captures until it is asked to end, or the model wants flows otherwise."""
    source, opened = seat.section, seat.given
    assert isinstance(opened, Opened)  # noqa: S101  (the supervisor's own)
    cut = Cut(seat)
    teller = Teller(seat.shared.board, seat.slot, counts=COUNTS)
    sender = Sender(
        opened.end, seat.shared.counters, seat.source,
        idle=seat.beat, patient=source.kind not in {"interface", "netflow"},
    )  # fmt: skip
    how = _How(seat, cut, teller, sender, opened)
    match source.kind:
        case "interface":
            changed = how.interface()
        case "netflow":
            changed = how.netflow()
        case "follow":
            changed = how.follow()
        case _:
            changed = how.folder()
    return CHANGED if changed else 0


class _How:
    """The four ways, with what they share."""

    def __init__(self, seat: Seat, cut: Cut, teller: Teller, sender: Sender, opened: Opened) -> None:
        self._seat = seat
        self._cut = cut
        self._teller = teller
        self._sender = sender
        self._opened = opened
        self._changed = False
        self._stop = threading.Event()

    def interface(self) -> bool:
        """Meters a ring."""
        ring, tally = self._opened.ring, self._opened.tally
        assert ring is not None and tally is not None  # noqa: S101, PT018  (it was opened)

        def facts() -> dict[str, Any]:
            totals = tally.totals()
            return {
                "unit": "packets", "packets": totals.packets, "metered": totals.metered, "bytes": totals.bytes,
                "open_flows": totals.open_flows, "evicted_flows": totals.evicted_flows,
                "lost": {str(reason): number for reason, number in totals.lost.items() if number},
            }  # fmt: skip

        sink = self._sink(facts)
        worker = Worker(
            Place(0, 1), ring, meter=self._cut.settings, sink=_Looking(sink, self), tally=tally,
            control=self._seat.line, tick_s=TICK_S,
        )  # fmt: skip
        self._seat.on_end(worker.stop)
        self._end = worker.stop
        worker.run()
        return self._changed

    def netflow(self) -> bool:
        """Collects from exporters."""
        receiver = self._opened.receiver
        assert receiver is not None  # noqa: S101  (it was opened)
        ledger = Ledger("records")
        self._seat.on_end(self._stop.set)
        self._end = self._stop.set
        with receiver:
            listening = Listening(receiver, ledger, stop=self._stop, settings=ListeningSettings())

            def facts() -> dict[str, Any]:
                return self._of_ledger(ledger) | {"packets": listening.records_read}

            sink = _Looking(self._sink(facts), self)
            next_tick = 0.0
            for batch in listening.batches():
                if batch.num_rows:
                    sink.add(batch)
                if time.monotonic() >= next_tick:
                    next_tick = time.monotonic() + TICK_S
                    sink.tick(max(listening.latest_ns, time.time_ns()))
            sink.close()
        return self._changed

    def follow(self) -> bool:
        """Follows a log or capture that grows."""
        ledger = Ledger()
        self._seat.on_end(self._stop.set)
        self._end = self._stop.set
        sink = _Looking(self._sink(lambda: self._of_ledger(ledger)), self)
        batches = follow_flows(
            self._seat.section.where, ledger,
            stop=self._stop, settings=self._cut.settings, companion=self._cut.companion,
        )  # fmt: skip
        with closing(self._watched(batches, sink)) as watched:  # type: ignore[type-var]
            pursue(watched, sink, tick_s=TICK_S)
        return self._changed

    def folder(self) -> bool:
        """Reads each capture that is put in a folder, once."""
        ledger = Ledger()
        self._seat.on_end(self._stop.set)
        self._end = self._stop.set
        sink = self._sink(lambda: self._of_ledger(ledger))
        folder = Folder(
            self._seat, self._sender, sink, ledger,
            settings=self._cut.settings, companion=self._cut.companion, is_over=self._is_over, stop=self._stop,
        )  # fmt: skip
        folder.run()
        sink.close()
        return self._changed

    def look(self) -> None:
        """Ends it where the model wants flows otherwise."""
        if self._is_over():
            self._end()

    def _is_over(self) -> bool:
        if not self._changed and not self._seat.stopping and self._cut.has_changed():
            self._changed = True
        return self._changed or self._seat.stopping

    def _watched(self, batches: Iterator[pa.RecordBatch], sink: "_Looking") -> Iterator[pa.RecordBatch]:
        for batch in batches:
            sink.look()
            yield batch

    def _sink(self, facts: Callable[[], dict[str, Any]]) -> Handing:
        sink = Handing(self._sender, self._teller, facts, self._seat.beat, self._cut.companion)
        sink.tell()
        return sink

    def _of_ledger(self, ledger: Ledger) -> dict[str, Any]:
        lost: dict[str, int] = {}
        for reason, number in ledger.reasons.items():
            short = next((str(one) for one in Loss if reason.startswith(one)), reason)
            lost[short] = lost.get(short, 0) + number
        return {
            "unit": ledger.unit, "packets": ledger.total, "metered": ledger.metered,
            "evicted_flows": ledger.evicted_flows, "lost": lost,
        }  # fmt: skip


class _Looking:
    """A sink that also looks whether the capture shall go on."""

    def __init__(self, sink: Handing, how: _How) -> None:
        self.alerts = 0
        self.companion = sink.companion
        self._sink = sink
        self._how = how

    def add(self, flows: pa.RecordBatch) -> None:
        """As Sink."""
        self._sink.add(flows)

    def tick(self, seen_until_ns: int) -> None:
        """As Sink."""
        self._sink.tick(seen_until_ns)
        self._how.look()

    def look(self) -> None:
        """Shows that the process goes on, though nothing comes."""
        self._sink.live()
        self._how.look()

    def close(self) -> None:
        """As Sink."""
        self._sink.close()

    def abandon(self) -> None:
        """As Sink."""
        self._sink.abandon()
