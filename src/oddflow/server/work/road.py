"""The road from the judge to the store: alerts are on the disk first, then in the store, as often as it takes."""

import threading
import time
from collections import ChainMap, OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from oddflow.errors import InputError, OddflowError, StoreDown
from oddflow.outputs.delivery import Delivery
from oddflow.outputs.message import Message
from oddflow.outputs.spool import Spool
from oddflow.outputs.transport import NotDelivered
from oddflow.server.store.store import Store
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.incidents.incident import Incident
from oddflow.verdicts.incidents.record import ToldIncident, incident_json
from oddflow.verdicts.record import alert_json, alert_of_json

LIMIT_BYTES = 256 << 20
HELD_BYTES = 32 << 20
"""Of what the disk does not take either, so much is held in memory until it does."""
LOST_TOLD_S = 600.0
"""A loss is told of for so long."""
PUT_AT_ONCE = 1_000
REMEMBERED = 4_096
MOST_ALERTS = 1_024
"""So many of the latest are at hand for the incidents that they lead; the store is asked for others."""
LONGEST_PAUSE_S = 5.0
ALERT, INCIDENT = "alert", "incident"


class StoreTransport:
    """Puts what waits in a spool in the store, in one transaction a batch.

    Args:
        opened: Opens the store; called again after it could not be.
        sensor: Who puts it in.
        source: Where it has it from.
        stored: Told of alerts that are in the store, by their ids.
    """

    most = 500
    interval_s = 0.0

    def __init__(
        self, opened: Callable[[], Store], sensor: str, source: str, stored: Callable[[Sequence[str]], None]
    ) -> None:
        self.unreadable = 0
        self._opened = opened
        self._sensor = sensor
        self._source = source
        self._stored = stored
        self._store: Store | None = None
        self._recent: OrderedDict[str, Alert] = OrderedDict()

    def send(self, messages: Sequence[Message]) -> None:
        """As Transport; what the store knows already it takes no second time."""
        alerts: list[Alert] = []
        told: list[ToldIncident] = []
        for message in messages:
            try:
                if message.facts.get("kind") == ALERT:
                    alerts.append(alert_of_json(message.body))
                else:
                    told.append(ToldIncident(message.body))
            except InputError:
                self.unreadable += 1  # whole by its checksum, so written by another version
        for alert in alerts:
            self._recent[alert.id] = alert
        try:
            if self._store is None:
                self._store = self._opened()
            incidents = self._whole(self._store, told)
            self._store.alerts.put(self._sensor, self._source, alerts, incidents)
        except StoreDown as error:
            raise NotDelivered(str(error)) from None
        except OddflowError as error:
            raise NotDelivered(f"the store refuses: {error}") from None
        while len(self._recent) > MOST_ALERTS:
            self._recent.popitem(last=False)
        self._stored([alert.id for alert in alerts])

    def close(self) -> None:
        """As Transport."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _whole(self, store: Store, told: Sequence[ToldIncident]) -> list[Incident]:
        """Incidents with the alerts at their top."""
        missing = {one for incident in told for one in incident.top if one not in self._recent}
        found = {one.alert.id: one.alert for one in store.alerts.of_ids(sorted(missing))} if missing else {}
        known = ChainMap(self._recent, found)
        return [incident.incident([known[one] for one in incident.top if one in known]) for incident in told]


class Road:
    """Takes alerts and incidents; they are on the disk when `put` returns, and in the store soon after.

    Args:
        folder: Of the spool.
        opened: Opens the store, in the road's own thread.
        sensor: Who puts them in.
        source: Where they come from.
        say: Told when the store cannot be reached, and when it can again.

    Raises:
        UsageError: Another process uses the spool.
        OutputError: It cannot be written.
    """

    def __init__(
        self, folder: Path, opened: Callable[[], Store], *, sensor: str, source: str, say: Callable[[str], None]
    ) -> None:
        self.latencies_s: list[float] = []
        """From a flow's record to its alert in the store, since they were taken last."""
        self._handed: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()
        self._held: deque[Message] = deque()
        self._held_bytes = 0
        self._lost_s = 0.0
        self.lost = 0
        """Those that not even the memory had room for."""
        self._spool = Spool(folder, LIMIT_BYTES)
        self._transport = StoreTransport(opened, sensor, source, self._are_stored)
        self._delivery = Delivery("the store", self._spool, self._transport, say, longest_pause_s=LONGEST_PAUSE_S)
        self._delivery.start()

    @property
    def waiting(self) -> int:
        """Alerts and changes of incidents that are not in the store yet."""
        return self._spool.waiting + len(self._held)

    @property
    def held(self) -> int:
        """Those of them that only the memory has, for the disk takes none: they do not survive the process."""
        return len(self._held)

    @property
    def loses(self) -> bool:
        """Whether any were lost, of late."""
        return self.lost > 0 and time.monotonic() - self._lost_s < LOST_TOLD_S

    @property
    def problem(self) -> str:
        """Why the store has not the rest; empty while all is well."""
        return self._delivery.problem

    def put(self, alerts: Iterable[tuple[Alert, int]], incidents: Iterable[Incident]) -> None:
        """Takes alerts, each with when its flow was handed on (CLOCK_MONOTONIC, ns), and incidents as they are now."""
        messages = []
        for alert, handed_ns in alerts:
            messages.append(Message(alert.id, alert_json(alert).encode(), {"kind": ALERT}))
            with self._lock:
                self._handed[alert.id] = handed_ns
                if len(self._handed) > REMEMBERED:
                    self._handed.popitem(last=False)
        messages += [Message(one.id, incident_json(one).encode(), {"kind": INCIDENT}) for one in incidents]
        if self._held:  # in their order
            self._hold(messages)
            return
        for start in range(0, len(messages), PUT_AT_ONCE):
            self._hold(self._spool.put(messages[start : start + PUT_AT_ONCE]))

    def again(self) -> None:
        """Puts on the disk what it did not take before, as far as it does now."""
        while self._held:
            some = [self._held.popleft() for _ in range(min(PUT_AT_ONCE, len(self._held)))]
            refused = self._spool.put(some)
            self._held.extendleft(reversed(refused))
            self._held_bytes = sum(len(message.body) for message in self._held)
            if refused:
                return

    def taken_latencies(self) -> list[float]:
        """Those since this was asked last, in seconds."""
        with self._lock:
            taken, self.latencies_s = self.latencies_s, []
        return taken

    def settled(self, patience_s: float) -> bool:
        """Waits for the store to have all, at most so long; whether it has."""
        self.again()
        return not self._held and not self.lost and self._spool.wait_empty(patience_s)

    def close(self, patience_s: float) -> None:
        """Waits for the store, at most so long; what it has not by then waits on the disk."""
        until_s = time.monotonic() + patience_s
        self.again()
        while self._held and time.monotonic() < until_s and not self.problem:  # as the store takes some, others fit
            self._spool.wait_empty(0.25)
            self.again()
        self._delivery.finish(until_s)
        self._lose(len(self._held))

    def _hold(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if self._held_bytes + len(message.body) > HELD_BYTES:
                self._lose(1)
            else:
                self._held.append(message)
                self._held_bytes += len(message.body)

    def _lose(self, count: int) -> None:
        if count:
            self.lost += count
            self._lost_s = time.monotonic()

    def _are_stored(self, ids: Sequence[str]) -> None:
        now = time.monotonic_ns()
        with self._lock:
            for one in ids:
                if (handed := self._handed.pop(one, None)) is not None:
                    self.latencies_s.append((now - handed) / 1e9)
            del self.latencies_s[:-REMEMBERED]
