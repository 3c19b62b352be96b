"""A sensor: opens an interface, starts its workers, gives its privileges up, and says how it goes until the end."""

import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oddflow.capture.filter import compile_filter
from oddflow.capture.interface import DropCounters, Interface
from oddflow.capture.ring import Ring, open_rings
from oddflow.errors import OddflowError
from oddflow.flows.settings import MeterSettings
from oddflow.losses import Ledger
from oddflow.sensor import privileges
from oddflow.sensor.crew import Crew
from oddflow.sensor.metrics import MetricsServer, exposition
from oddflow.sensor.outage import InterfaceWatch, Say
from oddflow.sensor.settings import SensorSettings
from oddflow.sensor.signals import waking
from oddflow.sensor.sink import Sink
from oddflow.sensor.tally import Tally, Totals
from oddflow.sensor.worker import Place, Worker

LOOK_S = 0.25
STOP_S = 60.0
"""How long the workers may take to hand on their last flows."""

MakeSink = Callable[[Place, privileges.Account | None], Sink]
"""Makes a worker's sink, in its process: without privileges, or, where an account is given that may make no file in
the folder of the results, before they are given up."""


@dataclass(slots=True)
class Outcome:
    """What a sensor did; `died` says how workers ended who should not have."""

    ledger: Ledger
    flows: int
    alerts: int
    died: list[str] = field(default_factory=list)


class Sensor:
    """A live capture, from its start to its end.

    Args:
        settings: What is asked.
        meter: How flows are cut.
        make_sink: Makes each worker's sink.
        folder: Where results are written, if anywhere.
        say: Told what happens, a line each time.

    Raises:
        UsageError: The interface, the filter, the user or an address is wrong, or we may not capture.
    """

    def __init__(
        self, settings: SensorSettings, meter: MeterSettings, make_sink: MakeSink, *, folder: Path | None, say: Say
    ) -> None:
        self._settings = settings
        self._meter = meter
        self._make_sink = make_sink
        self._say = say
        self._account = privileges.account_for(settings.user, folder)
        self._opens_first = self._account is not None and folder is not None and not self._account.may_write_in(folder)
        interface = Interface.find(settings.interface)
        self._tally = Tally(settings.workers + 1)  # the last row is the supervisor's own
        self._crew = Crew(self._tally)
        self._metrics = MetricsServer(settings.metrics, self._exposition) if settings.metrics else None
        try:
            self._rings = self._open(interface)
        except OddflowError:
            if self._metrics:
                self._metrics.close()
            raise
        self._watch = InterfaceWatch(interface, DropCounters(), say)
        self._stopping = False

    def run(self) -> Outcome:
        """Captures until a signal, the duration or the count ends it.

        Raises:
            OddflowError: A worker could not begin or go on; what it said.
            KeyboardInterrupt: A second signal would not wait.
        """
        self._warn()
        self._crew.start(self._rings, self._work)
        if self._crew.errors:
            self._crew.stop(signal.SIGKILL)
            raise OddflowError(self._crew.errors[0])
        try:
            with waking(self._interrupt, signal.SIGINT, signal.SIGTERM) as wake:
                privileges.drop(self._account, keep=(privileges.NET_RAW,))
                if self._metrics:
                    self._metrics.start()
                self._say(self._beginning())
                self._supervise(wake)
        finally:
            self._crew.stop(signal.SIGKILL)
            if self._metrics:
                self._metrics.close()
        self._watch.close()
        self._crew.add(self._watch.ledger.as_dict())
        if self._crew.errors:
            raise OddflowError("; ".join(sorted(set(self._crew.errors))))
        if self._crew.is_unread:
            raise BrokenPipeError
        return Outcome(self._crew.ledger, self._crew.flows, self._crew.alerts, self._crew.died)

    def _open(self, interface: Interface) -> list[Ring]:
        asked = self._settings
        program = compile_filter(asked.filter, interface.link_type, asked.ring.snap_bytes, interface.name)
        return open_rings(interface, asked.ring, program, asked.workers)

    def _warn(self) -> None:
        interface = self._watch.interface
        if found := interface.offloads():
            off = " ".join(f"{name} off" for name in found)
            self._say(
                f"{interface.name} has offloads on ({', '.join(found)}): packets may be seen merged, longer than on "
                f"the wire; `ethtool -K {interface.name} {off}` switches them off"
            )

    def _beginning(self) -> str:
        who = f"as {self._account.name} ({self._account.uid})" if self._account else "as before"
        count = self._settings.workers
        return (
            f"listening on {self._settings.interface}, ring {self._settings.ring.ring_bytes >> 10:,} KiB"
            f"{f' for each of {count} workers' if count > 1 else ''}; running {who}: who reads packets has no "
            "capability left, who supervises has CAP_NET_RAW alone, to open the interface again should it vanish"
        )

    def _work(self, place: Place, ring: Ring, line: socket.socket) -> dict[str, Any]:
        """A worker's life, in its own process."""
        supervisor = os.getppid()
        if self._metrics:
            self._metrics.close()
        sink = self._make_sink(place, self._account) if self._opens_first else None
        privileges.drop(self._account)
        privileges.die_with_parent(signal.SIGTERM)
        if os.getppid() != supervisor:
            raise OddflowError("the supervisor has ended")
        worker = Worker(
            place,
            ring,
            meter=self._meter,
            sink=sink or self._make_sink(place, None),
            tally=self._tally,
            control=line,
            most_packets=self._settings.most_packets,
        )
        return worker.run()

    def _interrupt(self, number: int, _: object) -> None:
        if self._stopping and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._stop()

    def _stop(self) -> None:
        self._stopping = True
        self._crew.stop()

    def _supervise(self, wake: socket.socket) -> None:
        asked, begun = self._settings, time.monotonic()
        until = begun + asked.duration_s if asked.duration_s else float("inf")
        give_up = float("inf")
        next_look, next_line = begun, begun + asked.interval_s
        before, before_s = self._tally.totals(), begun
        while len(self._crew):
            self._crew.hear(wake, LOOK_S)
            now = time.monotonic()
            if now >= next_look and not self._stopping:
                next_look = now + LOOK_S
                self._look()
            if asked.interval_s and now >= next_line:
                totals = self._tally.totals()
                self._say(_line(asked.interface, totals, before, now - before_s))
                before, before_s, next_line = totals, now, now + asked.interval_s
            if (now >= until or self._crew.errors or self._crew.is_unread) and not self._stopping:
                self._stop()
            if self._stopping:
                give_up = min(give_up, now + STOP_S)
            if now >= give_up:
                raise OddflowError(f"{len(self._crew)} workers did not end within {STOP_S:.0f} s; they were ended")

    def _look(self) -> None:
        """Follows the interface, and opens it again where it came back as a new one."""
        found = self._watch.look()
        self._tally.tell(self._settings.workers, self._watch.ledger)
        if found is None:
            return
        try:
            rings = self._open(found)
        except (OddflowError, OSError) as error:
            self._watch.refuse(str(error))
            return
        self._crew.give(rings)
        self._watch.opened(found)

    def _exposition(self) -> str:
        return exposition(
            self._tally.totals(),
            self._settings.interface,
            is_up=not self._watch.is_down,
            workers=len(self._crew),
            softnet_dropped=self._watch.softnet_dropped,
        )


def _line(interface: str, now: Totals, before: Totals, seconds: float) -> str:
    """How it went since the line before."""
    packets = (now.packets - before.packets) / seconds
    bits = (now.bytes - before.bytes) * 8 / seconds
    lost = now.lost_total - before.lost_total
    alerts = f", {now.alerts:,} alerts" if now.alerts else ""
    return (
        f"{interface}: {packets:,.0f} packets/s, {bits / 1e6:,.1f} Mbit/s, {now.open_flows:,} flows open, "
        f"{now.flows:,} ended{alerts}, {lost:,} packets lost ({now.lost_total:,} in all)"
    )
