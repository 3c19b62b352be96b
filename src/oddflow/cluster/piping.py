"""Flows of one source to parts on disk by two to nine workers: one meters, others make columns and write.

Units come one after another, each a task of its own that ends before long, so that no worker waits for another.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import ray

from oddflow.capture.pcap import FILE_HEADER_BYTES, broken_at, torn_at
from oddflow.cluster.answers import ask, remote
from oddflow.cluster.cuts import bytes_at, is_plain_pcap
from oddflow.cluster.hours import Written, number_of
from oddflow.cluster.manifest import Kept, Losses, Source
from oddflow.cluster.raw import Ended, meter_raw, write_raw
from oddflow.cluster.storing import (
    Sizes,
    captures_of,
    carried_of,
    checked,
    gathered,
    overlap,
    rank_of,
    save_state,
    told_of,
)
from oddflow.cluster.tasks import Metered, Way
from oddflow.cluster.units import File, NeedsOneShard, Unit, plan
from oddflow.errors import OddflowError

CHUNK_BATCHES = 2
"""So many batches of flows are written at a time."""

ENOUGH_CHUNKS = 4
"""Where so many wait to be written, whoever has metered a unit writes, too, before the next one is begun."""

MOST_CHUNKS = 16
"""Where so many wait to be written, metering waits."""

WRITE_S = 60.0
"""What is being written when something goes wrong is waited for so long."""

ENDING = 3
"""How much a task gives after its flows."""


@dataclass(slots=True)
class _Running:
    """A unit on its way.

    Attributes:
        unit: What is read.
        part: The number of its first part.
        answers: What metering gives, as it comes.
        last: Of that, what came last: flows that are to make up a chunk, or, at the end, what is told, what goes on,
            and the fragments.
        written: What became of its flows, chunk by chunk; None of those that wait.
        told: What was told at the end.
        is_metered: Whether it is at its end.
    """

    unit: Unit
    part: int
    answers: Any
    last: list[Any] = field(default_factory=list)
    written: list[Any] = field(default_factory=list)
    told: Metered = field(default_factory=Metered)
    is_metered: bool = False


class Pipe:
    """Meters one source.

    Args:
        record: What was done before: nothing, or it goes on.
        place: Of the source among all.
        files: Those not read to their end yet.
        way: How, with one shard.
        how: How parts are written.
        workers: How many tasks run at a time.
        sizes: Of units.
    """

    def __init__(
        self,
        record: Source,
        place: int,
        files: Sequence[File],
        way: Way,
        how: Written,
        *,
        workers: int,
        sizes: Sizes,
    ) -> None:
        self._workers = workers
        # with one processor, nobody writes while somebody meters, and waiting would never end
        self._waits = int(ray.cluster_resources().get("CPU", 1)) > 1  # type: ignore[no-untyped-call]
        self._record = record
        self._place = place
        self._way = way
        self._how = how
        self._known = captures_of(record, files)
        size = sizes.piped
        units = plan(files, is_set=record.is_set, shards=1, first_rank=rank_of(record), unit_bytes=size)
        self._to_come = deque(_cut(unit, size) for unit in units)
        self._size = size
        if record.at and self._to_come:
            first = self._to_come.popleft()
            self._to_come.appendleft(replace(first, is_piece=True, start=record.at, end=record.at + size))
        carried = carried_of(record, how, 1)
        self._state = carried.states[0]
        self._fragments: Any = carried.fragments
        self._number = record.packets
        self._waves = record.waves
        self._ended = Ended()
        self._units: deque[_Running] = deque()
        self._metering: _Running | None = None
        self._waiting: deque[tuple[_Running, int, list[Any]]] = deque()
        self._writing: set[Any] = set()
        self._save_bytes, self._unsaved = sizes.wave, 0

    def run(self) -> Iterator[Source]:
        """The record of the source, each time that what goes on is on disk.

        Raises:
            NeedsOneShard: Files overlap in time that were not read as one; nothing that was given counts.
            OddflowError: A file cannot be read, or a part not be written.
        """
        try:
            while self._to_come or self._units:
                self._hand_out()
                self._wait()
                while self._units and self._is_done(self._units[0]):
                    running = self._units.popleft()
                    if self._settle(running, is_last=not (self._units or self._to_come)):
                        yield self._record
        finally:
            if self._writing:  # else parts would appear after what was left behind is cleared away
                ray.wait(list(self._writing), num_returns=len(self._writing), timeout=WRITE_S, fetch_local=False)

    def _hand_out(self) -> None:
        """Gives all workers something to do: first of all what others wait for."""
        while len(self._writing) + (self._metering is not None) < self._workers:
            if self._metering is None and self._to_come and len(self._waiting) < ENOUGH_CHUNKS:
                self._begin()
            elif self._waiting:
                running, place, raws = self._waiting.popleft()
                number = running.part + place * CHUNK_BATCHES
                answer = remote(write_raw).remote(self._way, self._how, number, *raws)
                running.written[place] = answer
                self._writing.add(answer)
            else:
                break

    def _begin(self) -> None:
        unit = self._to_come.popleft()
        if unit.is_piece and unit.end is not None and unit.end >= unit.bytes:
            unit = replace(unit, end=None)
        is_last = not self._to_come and unit.end is None
        task = remote(meter_raw, answers="streaming", _generator_backpressure_num_objects=MOST_CHUNKS * CHUNK_BATCHES)
        answers = task.remote(unit, self._way, self._state, self._fragments, is_last, self._number)
        self._metering = _Running(unit, number_of(self._place, self._record.generation, self._waves), answers)
        self._units.append(self._metering)
        self._waves += 1

    def _wait(self) -> None:
        """Until something is done."""
        waited = list(self._writing)
        metering = self._metering
        if metering is not None and not (self._waits and self._writing and len(self._waiting) >= MOST_CHUNKS):
            waited.append(metering.answers)
        done: list[Any] = ray.wait(waited, fetch_local=False)[0]
        for one in done:
            if metering is None or one is not metering.answers:
                self._writing.discard(one)
            elif (answer := next(one, None)) is not None:
                self._take(metering, answer)
            else:
                self._end(metering)

    def _take(self, running: _Running, answer: Any) -> None:
        running.last.append(answer)
        if len(running.last) == CHUNK_BATCHES + ENDING:
            self._let_wait(running, CHUNK_BATCHES)

    def _let_wait(self, running: _Running, many: int) -> None:
        """Has a chunk's flows wait to be written."""
        self._waiting.append((running, len(running.written), running.last[:many]))
        running.written.append(None)
        del running.last[:many]

    def _end(self, running: _Running) -> None:
        """A unit was metered: the next one goes on from there."""
        if len(running.last) > ENDING:
            self._let_wait(running, len(running.last) - ENDING)
        running.is_metered, self._metering = True, None
        self._go_on(running)

    def _is_done(self, running: _Running) -> bool:
        return running.is_metered and all(one is not None and one not in self._writing for one in running.written)

    def _go_on(self, running: _Running) -> None:
        """Sees where the next unit begins."""
        running.told = checked(ask(running.last[0]))
        _, self._state, self._fragments = running.last
        (read,), unit = running.told.reads, running.unit
        number = self._number + read.packets + 1
        self._number = 0
        if read.is_broken or (read.torn_at is not None and unit.end is None):
            read.ledger.damaged((broken_at if read.is_broken else torn_at)(unit.names[0], number))
        elif unit.end is not None:
            start = unit.end if read.torn_at is None else read.torn_at
            self._to_come.appendleft(replace(unit, start=start, end=start + self._size))
            self._number = number - 1
            return
        if self._to_come and overlap(read, self._to_come[0]):
            raise NeedsOneShard(f"{unit.names[-1]} overlaps {self._to_come[0].names[0]} in time")

    def _settle(self, running: _Running, *, is_last: bool) -> bool:
        """Takes down what was done, once all of a unit is on disk; whether what goes on is there, too."""
        ended, tail = gathered(running.written)
        self._ended.add(ended)
        record, (read,) = self._record, running.told.reads
        ledger = record.read.ledger()
        ledger.add(read.ledger)
        is_within = running.unit.end is not None and not read.is_broken
        start = (running.unit.end if read.torn_at is None else read.torn_at) if is_within else 0
        times = [time for time in (record.latest_ns, read.last_ns) if time is not None]
        self._record = record.model_copy(
            update={
                "captures": self._known[: running.unit.first_rank + len(running.unit.members)],
                "at": start,
                "packets": record.packets + read.packets if is_within else 0,
                "waves": record.waves + 1,
                "latest_ns": max(times, default=None),
                "read": Losses.of(ledger),
            }
        )
        self._unsaved += self._size if running.unit.is_piece else running.unit.bytes
        if not is_last and self._unsaved < self._save_bytes:
            return False
        self._unsaved = 0
        _, on, fragments = running.last
        saved: Kept = checked(ask(remote(save_state).remote(self._how, running.part, 0, fragments, {}, on)))
        unread = Counter(self._record.unread) + self._ended.unparsed
        self._record = self._record.model_copy(
            update={
                "parts": [*self._record.parts, *self._ended.parts],
                "tail": tail.parts,
                "told": told_of(ledger, [running.told], unread + tail.unparsed),
                "unread": dict(unread),
                "state": saved,
            }
        )
        self._ended = Ended()
        return True


def _cut(unit: Unit, size: int) -> Unit:
    """A unit, or where it is one large pcap, its first piece; of a piece, `bytes` are those of its file."""
    if len(unit.members) > 1 or unit.bytes <= size + size // 2:
        return unit
    try:
        first = bytes_at(unit.members[0].place, 0, FILE_HEADER_BYTES)
    except OddflowError:
        return unit
    if not is_plain_pcap(first):
        return unit
    return replace(unit, is_piece=True, start=FILE_HEADER_BYTES, end=FILE_HEADER_BYTES + size)
