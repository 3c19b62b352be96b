"""The process that judges partitions of a stream; all replicas that read a topic share its partitions among them."""

import os
import secrets
import time
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa

from oddflow.errors import OddflowError, OutputError, SchemaMismatch
from oddflow.features.representation import Reads
from oddflow.features.versions import reads_of
from oddflow.losses import Ledger
from oddflow.models.sealed import SealedModel
from oddflow.server.status import State
from oddflow.server.stream import brokers
from oddflow.server.stream.checkpoint import Checkpoints
from oddflow.server.stream.lane import Lane, Record
from oddflow.server.stream.parts import FlowParts
from oddflow.server.work import judge, modelled
from oddflow.server.work.counters import Count, Thrift
from oddflow.server.work.problem import Problem
from oddflow.server.work.road import Road
from oddflow.server.work.seat import CHANGED, Seat
from oddflow.server.work.stores import open_store
from oddflow.server.work.teller import Teller
from oddflow.server.work.verdict_counts import VerdictCounts, told_of_model
from oddflow.server.work.watching import Watched, watched
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.alerting import Judged

POLL_S = 0.2
AT_ONCE = 16
TELL_S = 0.5
LOOK_S = 1.0
SETTLE_S = 5.0
"""A checkpoint waits so long for the store to have all alerts that are before it; else it is tried again later."""
STORE_S = 10.0
ASK_S = 5.0
COUNTS = (
    "packets", "metered", "lost", "flows", "judged", "alerts", "hidden_alerts", "stored_flows", "shed", "latency",
    "scores",
)  # fmt: skip


def load(seat: Seat) -> None:
    """As of a judge, and what it reads streams with."""
    judge.load(seat)
    with suppress(OddflowError):
        brokers.library()


def live(seat: Seat) -> int:
    """Judges until it is asked to end, or another model is meant."""
    replica = Replica(seat)
    seat.on_end()
    return replica.run()


class Replica:
    """Reads the partitions that it is given, and judges each by itself.

    Args:
        seat: The process.
    """

    def __init__(self, seat: Seat) -> None:
        settings, source = seat.shared.settings, seat.section
        assert source.stream is not None  # noqa: S101  (it is made for such sources)
        self._seat = seat
        self._settings = settings
        self._source = source
        self._topic = source.stream
        self._count = seat.shared.counters.of(seat.source)
        self._owner = secrets.token_hex(16)
        self._teller = Teller(seat.shared.board, seat.slot, counts=COUNTS)
        self._teller.tell({"state": State.STARTING})
        self._ledger = Ledger("records")
        self._privacy = modelled.privacy_of(source)
        self._records = 0
        self._repeated = self._gone = self._other = 0
        self._counts = VerdictCounts()
        self._lanes: dict[int, Lane] = {}
        self._locks: dict[int, int] = {}
        self._wanted: set[int] = set()
        self._stream_problem = self._checkpoint_problem = self._topic_problem = ""
        self._next_tell_s = self._next_look_s = 0.0
        self._next_checkpoint_s = time.monotonic() + settings.stream.checkpoint_s
        self._stamp = modelled.stamp(settings, source)
        self._model = _model_of(seat)
        self._sealed = SealedModel(self._model.archive) if self._model is not None else None
        self._checkpoints = Checkpoints(settings.checkpoints_folder, self._topic)
        self._parts = FlowParts(
            settings.flows_folder, source.name, self._owner,
            payload=settings.flows.payload and self._privacy.shows_payload, pseudonyms=self._privacy.fingerprint,
        )  # fmt: skip
        self._parts.settle(self._checkpoints.read)
        self._road = Road(
            settings.spool_folder / f"store-{source.name}", lambda: open_store(settings),
            sensor=settings.service.name, source=source.name, say=self._say,
        )  # fmt: skip
        self._kafka = brokers.library()
        self._consumer: Any = self._kafka.Consumer(
            brokers.consumer_settings(settings.stream, f"oddflow.{self._topic}") | {"error_cb": self._failed}
        )
        self._join()

    def run(self) -> int:
        """Until it is asked to end; what was taken is judged, stored and written down then."""
        changed = False
        while not self._seat.stopping and not changed:
            for message in self._consumer.consume(AT_ONCE, POLL_S):
                self._take(message)
            self._seat.beat()
            now = time.monotonic()
            if now >= self._next_look_s:
                self._next_look_s = now + LOOK_S
                self._open_wanted()
                for lane in self._lanes.values():
                    self._emit(lane, lane.settle())
                self._road.again()
                changed = self._has_changed()
            if now >= self._next_checkpoint_s:
                for lane in list(self._lanes.values()):
                    self._checkpoint(lane)
                self._next_checkpoint_s = time.monotonic() + self._settings.stream.checkpoint_s
            if now >= self._next_tell_s:
                self._tell()
        self._finish()
        return CHANGED if changed else 0

    # -- partitions that come and go

    def _join(self) -> None:
        """Begins to share the topic's partitions with all others that read it."""
        self._consumer.subscribe(
            [self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )

    def _assigned(self, consumer: Any, partitions: list[Any]) -> None:
        self._stream_problem = ""
        self._wanted |= {one.partition for one in partitions}
        opened = {one.partition for one in partitions if self._opens(one.partition)}
        waiting = [self._place(one.partition) for one in partitions if one.partition not in opened]
        consumer.incremental_assign([self._place(number) for number in sorted(opened)] + waiting)
        if waiting:
            consumer.pause(waiting)  # until the process that has their locks ends

    def _revoked(self, consumer: Any, partitions: list[Any]) -> None:
        for one in partitions:
            self._wanted.discard(one.partition)
            self._let_go(one.partition)
        with suppress(self._kafka.KafkaException):  # those that were lost are assigned no more
            consumer.incremental_unassign(partitions)

    def _open_wanted(self) -> None:
        """Begins those whose lock no other process has any more."""
        for number in sorted(self._wanted - set(self._lanes)):
            self._seat.beat()
            if self._opens(number):
                at = self._place(number)
                try:
                    self._consumer.incremental_unassign([at])
                    self._consumer.incremental_assign([at])
                except self._kafka.KafkaException as error:  # it was taken away meanwhile
                    self._say(f"partition {number} cannot be begun: {error}")
                    self._let_go(number, keeps=False)

    def _opens(self, number: int) -> bool:
        """Whether a partition could be begun: no other process has it, and what was known of it is known again."""
        lock = self._checkpoints.lock(number)
        if lock is None:
            return False
        try:
            lane = Lane(
                number, self._checkpoints.read(number), self._watched(number),
                keep=lambda flows: self._keep(number, flows), ledger=self._ledger,
                partitions=self._settings.stream.partitions, silent_s=self._settings.stream.silent_s,
            )  # fmt: skip
        except BaseException:
            os.close(lock)
            raise
        self._lanes[number], self._locks[number] = lane, lock
        if lane.is_new:
            self._say(f"partition {number}: its checkpoint is of another model; what hosts did before is forgotten")
        self._seat.log.info(
            "%s judges partition %d from %d on", self._source.name, number, max(0, lane.offset),
            extra={"source": self._source.name, "event": "partition"},
        )  # fmt: skip
        return True

    def _place(self, number: int) -> Any:
        """Where a partition goes on."""
        lane = self._lanes.get(number)
        offset = lane.offset if lane is not None and lane.offset >= 0 else self._kafka.OFFSET_BEGINNING
        return self._kafka.TopicPartition(self._topic, number, offset)

    def _let_go(self, number: int, *, keeps: bool = True) -> None:
        lane, lock = self._lanes.get(number), self._locks.pop(number, -1)
        try:
            if lane is not None and keeps:
                self._checkpoint(lane)
            if lane is not None:
                self._repeated += lane.repeated
                self._gone += lane.gone
                self._other += lane.other
            self._parts.forget(number)
        finally:
            self._lanes.pop(number, None)
            if lock >= 0:
                os.close(lock)

    def _watched(self, number: int) -> Watched | None:
        if self._model is None:
            return None
        return watched(
            self._settings, self._source, self._model, lambda judged: self._scored(number, judged),
            sealed=self._sealed, called=self._topic,
        )  # fmt: skip

    # -- flows

    def _take(self, message: Any) -> None:
        if (error := message.error()) is not None:
            self._failed(error)
            return
        lane = self._lanes.get(message.partition())
        if lane is None:
            return  # it was paused, or taken away
        self._stream_problem = ""
        self._records += 1
        self._emit(lane, lane.take(Record.of(message)))

    def _scored(self, number: int, judged: Judged) -> None:
        """Told of flows that were scored, before their alerts are given."""
        model = self._lanes[number].watched
        assert model is not None  # noqa: S101  (it is told by it)
        flows = self._counts.add(judged, model.threshold.score)
        self._store(number, flows, judged.scores, judged.over, self._privacy.fingerprint)

    def _keep(self, number: int, flows: pa.RecordBatch) -> None:
        self._store(number, flows, None, None, "")

    def _store(
        self, number: int, flows: pa.RecordBatch, scores: np.ndarray | None, over: np.ndarray | None, already: str
    ) -> None:
        if self._count[Count.THRIFT] >= Thrift.FLOWS:
            self._counts.leave_out("flow records: no room on the disk", flows.num_rows)
            return
        shown = self._privacy.shown_only().apply(flows, already)
        self._parts.add(number, shown, scores, over, checkpoint=self._lanes[number].checkpoints + 1)

    def _emit(self, lane: Lane, alerts: list[Alert], *, last: bool = False) -> None:
        if lane.watched is None or not (alerts or lane.growth.waits or last):
            return
        now, here = time.time_ns(), time.monotonic_ns()
        stamped = [(alert, here - max(0, now - handed)) for alert, handed in self._counts.given(alerts, now)]
        self._road.put(stamped, lane.growth.of(lane.watched.watcher.open_incidents(), last=last))

    def _checkpoint(self, lane: Lane) -> None:
        """Writes down how far a partition came, once all that is before it is where it belongs."""
        if not lane.changed:
            return
        self._emit(lane, [], last=True)
        until = time.monotonic() + SETTLE_S
        while not self._road.settled(0.25):
            self._seat.beat()
            if time.monotonic() >= until:
                self._checkpoint_problem = (
                    "no checkpoint is written while alerts wait for the store: after a death, more is judged again"
                )
                return
        self._parts.prepare(lane.number, lane.checkpoints + 1)
        try:
            self._checkpoints.write(lane.number, lane.checkpoint(self._owner))
        except OutputError as error:
            self._checkpoint_problem = f"{error}; after a death, more is judged again"
            return
        lane.changed = False
        lane.checkpoints += 1
        self._checkpoint_problem = ""
        self._parts.show(lane.number)
        with suppress(self._kafka.KafkaException):  # only for people who look at the group: checkpoints say more
            at = self._kafka.TopicPartition(self._topic, lane.number, lane.offset)
            self._consumer.commit(offsets=[at], asynchronous=True)

    def _has_changed(self) -> bool:
        """Whether another model is meant now: it is begun anew with that."""
        stamp, anew = modelled.stamp(self._settings, self._source), self._seat.rereading
        self._seat.rereading = False
        if stamp == self._stamp and not anew:
            return False
        self._stamp = stamp
        if not self._source.model or self._model is None:
            return False
        try:
            path, called = modelled.find(self._settings, self._source)
        except OddflowError as error:
            self._say(str(error))
            return False
        return anew or (path, called) != (self._model.path, self._model.called) or path == self._source.model

    # -- what is told

    def _failed(self, error: Any) -> None:
        """Told by the library of what is wrong with brokers, in its own thread or in ours."""
        if error.code() == self._kafka.KafkaError._PARTITION_EOF:  # noqa: SLF001  (so it is called)
            return
        said = error.str()
        if said != self._stream_problem:
            self._say(f"the stream {self._settings.stream.brokers}/{self._topic}: {said}")
        self._stream_problem = said

    def _say(self, text: str) -> None:
        self._seat.log.warning("%s", text, extra={"source": self._source.name, "event": "stream"})

    def _lag(self) -> dict[str, int]:
        """Records of each partition that wait."""
        lags: dict[str, int] = {}
        for number, lane in sorted(self._lanes.items()):
            with suppress(self._kafka.KafkaException):
                found = self._consumer.get_watermark_offsets(
                    self._kafka.TopicPartition(self._topic, number), cached=True
                )
                if found is not None and found[1] >= 0:
                    lags[str(number)] = max(0, found[1] - max(found[0], lane.offset))
        return lags

    def _tell(self, state: State | None = None) -> None:
        self._next_tell_s = time.monotonic() + TELL_S
        lanes = self._lanes.values()
        self._counts.arrived(self._road.taken_latencies())
        lost = {reason: number for reason, number in self._ledger.reasons.items() if number}
        if gone := self._gone + sum(lane.gone for lane in lanes):
            lost["no longer on the stream: it keeps records for too short a time"] = gone
        shed = dict(self._counts.shed)
        if self._parts.shed:
            shed["flow records: the disk does not take them"] = self._parts.shed
        problems = self._problems()
        told = self._counts.as_dict() | {
            "state": state or (State.DEGRADED if problems else State.RUNNING), "unit": "records",
            "packets": self._records, "metered": self._records - self._ledger.lost_total, "lost": lost,
            "flows": self._ledger.metered, "stored_flows": self._parts.stored, "shed": shed,
            "waiting_alerts": self._road.waiting, "lag": self._lag(),
            "queued_flows": sum(lane.waiting for lane in lanes),
        }  # fmt: skip
        one = next((lane.watched for lane in lanes if lane.watched is not None), None)
        if one is not None:
            drifting = [line for lane in lanes if lane.watched is not None for line in lane.watched.watcher.drifting]
            drift = list(dict.fromkeys(line.removeprefix("drift: ") for line in drifting))
            told |= told_of_model(one) | {"drift": drift}
        self._teller.tell(told, problems)

    def _problems(self) -> list[Problem]:
        found: list[Problem] = []
        if self._stream_problem:
            found.append(Problem("stream", f"the stream cannot be read: {self._stream_problem}", "error"))
        if self._checkpoint_problem:
            found.append(Problem("checkpoint", self._checkpoint_problem))
        if self._road.problem:
            found.append(
                Problem("store", f"{self._road.problem}; {self._road.waiting:,} alerts and incidents wait for it")
            )
        if self._parts.problem:
            found.append(Problem("flows", self._parts.problem))
        if self._other or any(lane.other for lane in self._lanes.values()):
            found.append(
                Problem(
                    "partitions",
                    f"a sensor knows another number of partitions than {self._settings.stream.partitions}: what a host "
                    "does is seen in two places; let [stream] partitions be the same everywhere",
                )
            )
        if missing := sorted(self._wanted - set(self._lanes)):
            listed = ", ".join(map(str, missing))
            found.append(Problem("lock", f"waiting for the process that judged partition {listed} before to end"))
        return found

    def _finish(self) -> None:
        self._tell(State.STOPPING)
        for number in list(self._lanes):
            self._seat.beat()
            self._wanted.discard(number)
            self._let_go(number)
        self._seat.beat()
        self._consumer.close()
        self._parts.close()
        self._road.close(STORE_S)
        self._tell(State.STOPPING)


def _model_of(seat: Seat) -> modelled.Modelled | None:
    """The model of a source that reads a stream; None where none is asked for.

    Raises:
        OddflowError: It cannot be used: flows wait on the stream until it can.
    """
    found = modelled.Modelled.of(seat.shared.settings, seat.section)
    if found is not None and reads_of(found.prepared.version) is Reads.PACKETS:
        raise SchemaMismatch(
            f"{found.called} looks at each packet, and sensors ship flows alone; judge such a source where it is"
        )
    return found
