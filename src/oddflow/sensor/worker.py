"""One process that reads one ring, meters it and hands on its flows; it has no privileges and asks nobody."""

import json
import signal
import socket
import time
from dataclasses import dataclass
from typing import Any

from oddflow.capture.interface import Interface
from oddflow.capture.live import LiveCapture
from oddflow.capture.ring import Ring
from oddflow.flows.meter import Meter
from oddflow.flows.settings import MeterSettings
from oddflow.losses import Ledger
from oddflow.sensor.sink import Sink
from oddflow.sensor.tally import Count, Tally

TICK_S = 1.0
TALLY_S = 0.2
MESSAGE_BYTES = 1_024
READY = b"\n"
"""What a worker says first; its last words are one JSON object."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which worker of how many it is."""

    number: int
    workers: int


class Worker:
    """Meters a ring until it is told to stop.

    Args:
        place: Which worker it is.
        ring: Its ring, bound.
        meter: How flows are cut.
        sink: Where flows go.
        tally: Where it counts.
        control: Its end of the line to the supervisor, over which a new ring may come.
        most_packets: Stops after so many; 0 for no end.
        tick_s: How often flows that have ended are handed on, and the sink is told the time.
    """

    def __init__(
        self,
        place: Place,
        ring: Ring,
        *,
        meter: MeterSettings,
        sink: Sink,
        tally: Tally,
        control: socket.socket,
        most_packets: int = 0,
        tick_s: float = TICK_S,
    ) -> None:
        self.ledger = Ledger()
        self._place = place
        self._settings = ring.settings
        self._capture = LiveCapture(ring, self.ledger, most_packets=most_packets, tunnels=meter.tunnels)
        self._meter = Meter(meter, whole_hosts=place.workers == 1, companion=sink.companion)
        self._sink = sink
        self._tally = tally
        self._control = control
        self._tick_s = tick_s
        self._flows = 0

    def stop(self) -> None:
        """Takes no more packets; `run` ends soon. May be called by a signal's handler, or by the sink."""
        self._capture.stop()

    def run(self) -> dict[str, Any]:
        """Meters to the end; the numbers of flows and alerts and the ledger, as JSON values."""
        signal.signal(signal.SIGTERM, lambda *_: self.stop())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
        self._control.sendall(READY)
        self._control.setblocking(False)
        next_tick = next_tally = time.monotonic()
        try:
            for batch in self._capture.batches():
                for flows in self._meter.add(batch):
                    self._give(flows)
                now = time.monotonic()
                if now >= next_tick:
                    self._tick()
                    next_tick = now + self._tick_s
                if now >= next_tally:
                    self._count()
                    next_tally = now + TALLY_S
                if not batch.count:
                    self._take_new_ring()
            self._capture.close()
            for flows in self._meter.close():
                self._give(flows)
            self._meter.tell(self.ledger)
            self._sink.close()
        except BaseException:
            self._sink.abandon()
            raise
        self._count()
        return {"ledger": self.ledger.as_dict(), "flows": self._flows, "alerts": self._sink.alerts}

    def _give(self, flows: Any) -> None:
        self._flows += flows.num_rows
        self._sink.add(flows)

    def _tick(self) -> None:
        self._capture.count_drops()
        seen_until_ns = self._capture.seen_until_ns
        if seen_until_ns:
            for flows in self._meter.advance(seen_until_ns):
                self._give(flows)
            self._sink.tick(seen_until_ns)

    def _count(self) -> None:
        self._tally.tell(self._place.number, self.ledger)
        row = self._tally.rows[self._place.number]
        row[Count.BYTES] = self._capture.wire_bytes
        row[Count.FLOWS] = self._flows
        row[Count.OPEN_FLOWS] = self._meter.open_flows
        row[Count.EVICTED_FLOWS] = self._meter.evicted
        row[Count.ALERTS] = self._sink.alerts

    def _take_new_ring(self) -> None:
        """Where the interface came back as a new one, the supervisor has opened it and sends its socket."""
        try:
            message, files, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, 1)
        except BlockingIOError:
            return
        if files:
            opened = socket.socket(fileno=files[0])
            self._capture.replace(Ring.adopt(opened, self._settings, Interface(**json.loads(message))))


def send_ring(control: socket.socket, ring: Ring) -> None:
    """Gives a worker a ring that was opened for it."""
    found = ring.interface
    assert found is not None  # noqa: S101  (it was bound)
    described = {
        "name": found.name, "index": found.index, "link_type": found.link_type, "is_loopback": found.is_loopback,
    }  # fmt: skip
    socket.send_fds(control, [json.dumps(described).encode()], [ring.socket.fileno()])
