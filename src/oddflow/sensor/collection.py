"""A collector of NetFlow and IPFIX: listens on an address, hands flows on, and says how it goes until the end."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from oddflow.errors import OddflowError
from oddflow.logs.netflow.listening import Listening, ListeningSettings
from oddflow.logs.netflow.receiver import Receiver
from oddflow.losses import Ledger, Loss
from oddflow.sensor import privileges
from oddflow.sensor.metrics import Figure, MetricsServer, exposition_of
from oddflow.sensor.outage import Say
from oddflow.sensor.sensor import MakeSink, Outcome
from oddflow.sensor.sink import Sink
from oddflow.sensor.tally import Tally
from oddflow.sensor.worker import Place

TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class CollectionSettings:
    """What is asked.

    Attributes:
        address: HOST:PORT to listen on.
        listening: When it ends, and how long one-way records wait.
        user: Whom to run as once the address is taken; chosen unless given.
        interval_s: A line of statistics each so often; 0 for none.
        metrics: HOST:PORT for Prometheus, or nothing.
    """

    address: str
    listening: ListeningSettings
    user: str | None = None
    interval_s: float = 10.0
    metrics: str | None = None


class Collection:
    """Collects from its start to its end.

    Args:
        settings: What is asked.
        make_sink: Makes where flows go.
        folder: Where results are written, if anywhere.
        say: Told what happens, a line each time.

    Raises:
        UsageError: An address or the user is wrong.
    """

    def __init__(self, settings: CollectionSettings, make_sink: MakeSink, *, folder: Path | None, say: Say) -> None:
        self._settings = settings
        self._make_sink = make_sink
        self._folder = folder
        self._say = say
        self._ledger = Ledger("records")
        self._receiver = Receiver(settings.address)
        self._listening: Listening | None = None
        self._flows = 0
        self._alerts = 0
        try:
            self._metrics = MetricsServer(settings.metrics, self._exposition) if settings.metrics else None
        except OddflowError:
            self._receiver.close()
            raise

    def run(self, stop: threading.Event) -> Outcome:
        """Collects until it is told to stop, or the duration or the number of records ends it.

        Raises:
            OddflowError: The results cannot be written, or a model cannot judge these flows.
        """
        account = privileges.account_for(self._settings.user, self._folder)
        place = Place(0, 1)
        opens_first = account is not None and self._folder is not None and not account.may_write_in(self._folder)
        sink = self._make_sink(place, account) if opens_first else None
        privileges.drop(account)
        sink = sink or self._make_sink(place, None)
        if self._metrics:
            self._metrics.start()
        try:
            with self._receiver as receiver:
                who = f"as {account.name} ({account.uid})" if account else "as before"
                self._say(f"listening on {receiver.address} for NetFlow v5, v9 and IPFIX; running {who}")
                self._collect(receiver, sink, stop)
            sink.close()
        except BaseException:
            sink.abandon()
            raise
        finally:
            if self._metrics:
                self._metrics.close()
        return Outcome(self._ledger, self._flows, sink.alerts)

    def _collect(self, receiver: Receiver, sink: Sink, stop: threading.Event) -> None:
        listening = self._listening = Listening(receiver, self._ledger, stop=stop, settings=self._settings.listening)
        line = _Line(self._ledger, self._settings.interval_s)
        next_tick = time.monotonic() + TICK_S
        for batch in listening.batches():
            if batch.num_rows:
                self._flows += batch.num_rows
                sink.add(batch)
            now = time.monotonic()
            if now >= next_tick:
                next_tick = now + TICK_S
                sink.tick(max(listening.latest_ns, time.time_ns()))
                self._alerts = sink.alerts
                if line.is_due(now):
                    self._say(f"{receiver.address}: {line.text(now, listening, self._flows, sink.alerts)}")

    def _exposition(self) -> str:
        """The counters as Prometheus reads them."""
        tally = Tally(1)
        tally.tell(0, self._ledger)
        listening, lost = self._listening, tally.totals().lost
        figures = [
            Figure("records_total", "counter", "Records that came.", listening.records_read if listening else 0),
            Figure("flows_total", "counter", "Flows that were made of them.", self._flows),
            Figure("alerts_total", "counter", "Flows over the threshold.", self._alerts),
            Figure("exporters", "gauge", "Domains of exporters known.", listening.exporters if listening else 0),
            Figure(
                "dropped_datagrams_total", "counter", "Datagrams dropped before they were read.",
                listening.dropped if listening else 0,
            ),
            *(
                Figure("lost_records_total", "counter", "What could not be used, by reason.", lost[reason], reason)
                for reason in (Loss.RECORD, Loss.EXPORTED, Loss.MESSAGE, Loss.TEMPLATE)
            ),
        ]  # fmt: skip
        return exposition_of(figures, "listener", self._settings.address)


class _Line:
    """How it went since the line before."""

    def __init__(self, ledger: Ledger, interval_s: float) -> None:
        self._ledger = ledger
        self._interval_s = interval_s
        self._said_s = time.monotonic()
        self._records = self._lost = 0

    def is_due(self, now_s: float) -> bool:
        """Whether it is time for one."""
        return bool(self._interval_s) and now_s >= self._said_s + self._interval_s

    def text(self, now_s: float, listening: Listening, flows: int, alerts: int) -> str:
        """The line."""
        rate = (listening.records_read - self._records) / (now_s - self._said_s)
        lost = self._ledger.lost_total - self._lost
        self._said_s, self._records, self._lost = now_s, listening.records_read, self._ledger.lost_total
        told = f", {alerts:,} alerts" if alerts else ""
        return (
            f"{rate:,.0f} records/s from {listening.exporters:,} exporters, {flows:,} flows{told}, {lost:,} lost "
            f"({self._ledger.lost_total:,} in all), {listening.dropped:,} datagrams dropped"
        )
