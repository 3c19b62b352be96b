"""The process that judges a source's flows, stores them, and puts alerts on the road to the store."""

import time
from collections import deque
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oddflow.errors import OddflowError
from oddflow.models.sealed import SealedModel
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.flowstore.writing import FlowWriter
from oddflow.server.status import State
from oddflow.server.work import modelled
from oddflow.server.work.channel import Kind, Message, Receiver
from oddflow.server.work.counters import Count, Thrift
from oddflow.server.work.folder import Journal
from oddflow.server.work.growth import Growth
from oddflow.server.work.pressure import Pressure
from oddflow.server.work.problem import Problem
from oddflow.server.work.road import LOST_TOLD_S, Road
from oddflow.server.work.seat import Seat
from oddflow.server.work.stores import open_store
from oddflow.server.work.teller import Teller
from oddflow.server.work.verdict_counts import HANDED, VerdictCounts, told_of_model
from oddflow.server.work.watching import Watched, watched
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.alerting import Judged, Spared
from oddflow.verdicts.incidents.gathering import QUIET_S

WAIT_S = 0.1
TELL_S = 0.5
LOOK_S, RETRY_S = 1.0, 5.0
STORE_S = 10.0
"""How long the end waits for the store; what it does not take by then waits on the disk."""
RECENT = 500
COUNTS = ("judged", "alerts", "hidden_alerts", "stored_flows", "shed", "latency", "scores")
NO_TIME, NO_DISK = "no time", "no room on the disk"


def load(seat: Seat) -> None:
    """Loads all that its model needs of the libraries, for an account that may not read them.

    Some of it starts threads, so the supervisor must not load it.
    """
    import onnxruntime  # noqa: F401, PLC0415

    with suppress(OddflowError):
        found = modelled.Modelled.of(seat.shared.settings, seat.section)
        if found is not None:
            found.prepared.representation(SealedModel(found.archive))


def live(seat: Seat) -> int:
    """Judges until the capture has ended."""
    judge = Judge(seat)
    seat.on_end()
    return judge.run()


class Judge:
    """Takes flows out of the channel.

    Args:
        seat: The process; what is given to it is its end of the channel.
    """

    def __init__(self, seat: Seat) -> None:
        shared = seat.shared
        self._seat = seat
        self._settings = shared.settings
        self._source = seat.section
        self._count = shared.counters.of(seat.source)
        self._count[Count.JUDGES] += 1
        self._count[Count.DONE_FILES] = 0
        self._receiver = Receiver(seat.given, shared.counters, seat.source)
        self._teller = Teller(shared.board, seat.slot, counts=COUNTS)
        self._journal = Journal(self._settings.service.state, self._source.name)
        self._pressure = Pressure()
        self._watched: Watched | None = None
        self._refused = ""
        self._stamp: tuple[int, ...] = ()
        self._growth = Growth()
        self._recent: deque[Alert] = deque(maxlen=RECENT)
        self._counts = VerdictCounts()
        self._unread = 0
        self._perished, self._perished_s = 0, 0.0
        self._next_tell = self._next_look = self._next_retry = 0.0
        self._ended = False
        self._ready_ns = 0
        self._privacy = modelled.privacy_of(self._source)
        self._tell(State.STARTING)
        self._writer = self._open_writer()
        self._road = Road(
            self._settings.spool_folder / f"store-{self._source.name}",
            lambda: open_store(self._settings),
            sensor=self._settings.service.name, source=self._source.name, say=self._say,
        )  # fmt: skip
        self._choose()

    def run(self) -> int:
        """Until the capture has ended, and all that it gave is judged."""
        silent_since = time.monotonic()
        self._ready_ns = time.monotonic_ns()  # what waited for this one to begin is no sign of pressure
        while True:
            try:
                message = self._receiver.take(WAIT_S)
            except EOFError:
                break
            now = time.monotonic()
            if message is not None:
                silent_since = now
                self._take(message)
            if self._seat.stopping and (self._ended or (message is None and now - silent_since > 2 * WAIT_S)):
                break
            self._seat.beat()
            if now >= self._next_look:
                self._next_look = now + LOOK_S
                self._choose()
                self._road.again()
                self._tell_incidents()
            if now >= self._next_tell:
                self._tell()
        self._finish()
        return 0

    def _take(self, message: Message) -> None:
        if message.flows is not None:
            self._ended = False
            if self._source.kind in {"interface", "netflow"}:  # files can wait
                self._feel((time.monotonic_ns() - max(message.stamp, self._ready_ns)) / 1e9)
            self._add(message.flows, message.stamp)
        elif message.kind is Kind.SEEN:
            if self._watched is not None:
                self._emit(self._watched.watcher.alerts(message.stamp))
        elif message.kind is Kind.FILE:
            self._end_file(dict(message.told or {}))
        else:
            self._flush()
            self._ended = True
        self._account()

    def _add(self, flows: pa.RecordBatch, stamp: int) -> None:
        if self._watched is None:
            is_early = pc.fill_null(flows.column("is_early"), False)
            self._store_flows(self._privacy.shown_only().apply(flows.filter(pc.invert(is_early))), None, None)
            return
        if not self._watched.has_arp:  # kept all the same
            is_arp = pc.fill_null(pc.equal(flows.column("ip_version"), 0), False)
            if pc.any(is_arp).as_py():
                self._store_flows(self._privacy.shown_only().apply(flows.filter(is_arp)), None, None)
        stamps = pa.array(np.full(flows.num_rows, stamp), pa.int64())
        self._watched.watcher.add(flows.append_column(HANDED, stamps))

    def _scored(self, judged: Judged) -> None:
        """Told of flows that were scored, before their alerts are given."""
        assert self._watched is not None  # noqa: S101  (it is told by it)
        flows = self._counts.add(judged, self._watched.threshold.score)
        self._store_flows(
            self._privacy.shown_only().apply(flows, self._privacy.fingerprint), judged.scores, judged.over
        )

    def _store_flows(
        self,
        flows: pa.RecordBatch,
        scores: np.ndarray | None,
        over: np.ndarray | None,
    ) -> None:
        if self._count[Count.THRIFT] >= Thrift.FLOWS or self._writer is None:
            self._counts.leave_out(f"flow records: {NO_DISK}", flows.num_rows)
            return
        if self._spared >= Spared.PICTURES:
            self._counts.leave_out(f"bytes of flows: {NO_TIME}", flows.num_rows)
            flows = _without_bytes(flows)
        self._writer.add(flows, scores, over)

    def _emit(self, alerts: list[Alert]) -> None:
        if not alerts:
            return
        if self._spared >= Spared.PICTURES:
            self._counts.leave_out(
                "pictures of alerts: " + (NO_TIME if self._pressure.spared else NO_DISK), len(alerts)
            )
        if self._pressure.spared >= Spared.EXPLANATIONS:
            self._counts.leave_out(f"explanations: {NO_TIME}", len(alerts))
        self._recent.extend(alerts)
        self._tell_incidents(self._counts.given(alerts, time.monotonic_ns()))

    def _tell_incidents(self, alerts: list[tuple[Alert, int]] | None = None, *, last: bool = False) -> None:
        """Puts alerts on the road, with the incidents that are new or grew and were not told of just now."""
        if self._watched is None or not (alerts or self._growth.waits or last):
            return
        grown = self._growth.of(self._watched.watcher.open_incidents(), last=last)
        self._road.put(alerts or (), grown)

    def _end_file(self, told: dict[str, object]) -> None:
        """All of a file is on the disk before it is written down as read."""
        self._flush()
        if self._watched is not None:
            self._watched.watcher.begin()
        if self._writer is not None:
            self._writer.flush()
        self._count[Count.DONE_FILES] += 1
        if self._road.held:  # a next start shall read it once more
            return
        try:
            self._journal.add(told)
        except OSError as error:
            self._seat.log.warning("%s cannot be written: %s", self._journal.path, error, extra={"event": "journal"})

    def _flush(self) -> None:
        if self._watched is not None:
            self._emit(self._watched.watcher.alerts(None))
            self._tell_incidents(last=True)
        self._account()

    def _account(self) -> None:
        """What was taken is done with, but for what waits."""
        waiting = self._watched.watcher.waiting if self._watched is not None else 0
        self._count[Count.JUDGED] = self._count[Count.TAKEN] - self._count[Count.PERISHED] - waiting

    def _feel(self, waited_s: float) -> None:
        spared = self._pressure.spared
        if self._pressure.feel(waited_s) != spared:
            self._seat.log.warning(
                "flows wait %.1f s: %s", waited_s, _told_of(self._pressure.spared),
                extra={"source": self._source.name, "event": "pressure"},
            )  # fmt: skip
        if self._watched is not None:
            self._watched.watcher.spare(self._spared)

    @property
    def _spared(self) -> Spared:
        """What is spared for lack of time, or of room on the disk."""
        thrift = Spared.PICTURES if self._count[Count.THRIFT] >= Thrift.PICTURES else Spared.NOTHING
        return max(self._pressure.spared, thrift)

    # -- the model

    def _choose(self) -> None:
        """Takes the model that is meant now, if it is another; what cannot be used leaves all as it was."""
        if not self._source.model:
            return
        stamp, now = modelled.stamp(self._settings, self._source), time.monotonic()
        anew, self._seat.rereading = self._seat.rereading, False
        if stamp == self._stamp and not anew and not (self._refused and now >= self._next_retry):
            return
        self._stamp = stamp
        self._next_retry = now + RETRY_S
        try:
            path, called = modelled.find(self._settings, self._source)
            before = self._watched
            is_same = before is not None and (path, called) == (before.model.path, before.model.called)
            if is_same and path != self._source.model and not anew and not self._refused:
                return
            model = modelled.Modelled.of(self._settings, self._source)
            assert model is not None  # noqa: S101  (one is asked for)
            found = watched(self._settings, self._source, model, self._scored)
        except OddflowError as error:
            if str(error) != self._refused:
                self._seat.log.warning("%s", error, extra={"source": self._source.name, "event": "model-refused"})
            self._refused = str(error)
            return
        self._refused = ""
        self._flush()
        found.watcher.remember(self._recent if before is not None else self._known())
        self._growth.know(found.watcher.open_incidents())
        self._watched = found
        self._seat.log.info(
            "%s judges by %s, threshold %.4g", self._source.name, called, found.threshold.score,
            extra={"source": self._source.name, "event": "model"},
        )  # fmt: skip
        for remark in found.remarks:
            self._seat.log.info("%s", remark, extra={"source": self._source.name, "event": "enrichment"})

    def _known(self) -> list[Alert]:
        """Alerts of the last hour that the store has: what comes may belong to their incidents."""
        from oddflow.server.store.alert_filter import AlertFilter  # noqa: PLC0415  (only at the start)

        found: list[Alert] = []
        with suppress(OddflowError):
            store = open_store(self._settings)
            try:
                since_ns = time.time_ns() - round(QUIET_S * 1e9)
                wanted = AlertFilter(source=self._source.name, sensor=self._settings.service.name, since_ns=since_ns)
                found = [one.alert for one in store.alerts.page(wanted, limit=RECENT).items]
            finally:
                store.close()
        found.sort(key=lambda alert: alert.end_ns)
        self._recent.extend(found)
        return found

    # -- what is told

    def _tell(self, state: State | None = None) -> None:
        self._next_tell = time.monotonic() + TELL_S
        told: dict[str, object] = {}
        problems: list[Problem] = []
        if state is None:
            self._counts.arrived(self._road.taken_latencies())
            told = {
                "stored_flows": self._writer.stored if self._writer else 0,
                "queued_flows": self._seat.shared.counters.queued(self._seat.source),
                "waiting_alerts": self._road.waiting,
            }
            if self._writer and self._writer.shed:
                told["shed"] = self._counts.shed | {"flow records: the disk is too slow": self._writer.shed}
            problems = self._problems()
        told = self._counts.as_dict() | told | self._of_model()
        state = state or (State.DEGRADED if problems else State.RUNNING)
        self._teller.tell(told | {"state": state}, problems)

    def _of_model(self) -> dict[str, object]:
        if self._watched is None:
            return {"model": "", "budget": "", "threshold": 0.0}
        drifting = [line.removeprefix("drift: ") for line in self._watched.watcher.drifting]
        return told_of_model(self._watched) | {"drift": drifting}

    def _problems(self) -> list[Problem]:
        found: list[Problem] = []
        if self._refused:
            what = "the model that was judged by before goes on" if self._watched else "flows are kept and not judged"
            found.append(Problem("model", f"{self._refused}; {what}", "error"))
        if self._road.problem:
            waiting = self._road.waiting
            found.append(Problem("store", f"{self._road.problem}; {waiting:,} alerts and incidents wait for it"))
        if self._road.held:
            found.append(
                Problem(
                    "held",
                    f"the disk takes nothing: {self._road.held:,} alerts and incidents are in memory alone, and are "
                    "lost if the service ends before there is room; make room on the disk",
                    "error",
                )
            )
        if self._road.loses:
            found.append(
                Problem(
                    "spool",
                    f"{self._road.lost:,} alerts or incidents are lost: neither the store nor the disk takes them; "
                    "make room on the disk, and see to the store",
                    "error",
                )
            )
        if self._writer is None:
            found.append(Problem("flows", self._flows_refused, "error"))
        elif self._writer.problem:
            found.append(Problem("flows", self._writer.problem))
        if self._pressure.spared:
            found.append(Problem("pressure", f"flows wait too long to be judged: {_told_of(self._pressure.spared)}"))
        if (perished := int(self._count[Count.PERISHED])) != self._perished:
            self._perished, self._perished_s = perished, time.monotonic()
        if perished and time.monotonic() - self._perished_s < LOST_TOLD_S:
            found.append(Problem("perished", f"{perished:,} flows were lost when a process ended early"))
        return found

    def _say(self, text: str) -> None:
        self._seat.log.warning("%s", text, extra={"source": self._source.name, "event": "store"})

    def _open_writer(self) -> FlowWriter | None:
        self._flows_refused = ""
        store = FlowStore(self._settings.flows_folder)
        try:
            return store.writer(
                self._source.name,
                payload=self._settings.flows.payload and self._privacy.shows_payload,
                pseudonyms=self._privacy.fingerprint,
            )
        except OddflowError as error:
            self._flows_refused = f"flow records are not kept: {error}"
            return None

    def _finish(self) -> None:
        self._flush()
        self._tell(State.STOPPING)
        if self._writer is not None:
            self._writer.close()
        self._seat.beat()
        self._road.close(STORE_S)
        if self._road.lost:
            self._say(f"{self._road.lost:,} alerts or incidents are lost: neither the store nor the disk took them")
        self._tell()


def _without_bytes(flows: pa.RecordBatch) -> pa.RecordBatch:
    for name in ("payload", "reverse_payload"):
        place = flows.schema.get_field_index(name)
        if place >= 0:
            flows = flows.set_column(place, flows.schema.field(place), pa.nulls(flows.num_rows, pa.binary()))
    return flows


def _told_of(spared: Spared) -> str:
    match spared:
        case Spared.NOTHING:
            return "all is done again"
        case Spared.PICTURES:
            return "the first bytes of flows are not kept for now"
        case _:
            return "alerts come with their first reason alone for now, and without bytes"
