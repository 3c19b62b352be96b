"""Flows of one source to parts on disk by two workers or three: one meters, others make columns and write.

Units come one after another, each a task of its own that ends before long, so that no worker waits for another.
"""

import json
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray

from oddflow.capture.pcap import FILE_HEADER_BYTES, broken_at, torn_at
from oddflow.cluster.answers import ask, remote
from oddflow.cluster.cuts import bytes_at, is_plain_pcap
from oddflow.cluster.hours import Written, number_of
from oddflow.cluster.manifest import Kept, Losses, Part, Source
from oddflow.cluster.raw import columns, meter_raw
from oddflow.cluster.storing import (
    Sizes,
    captures_of,
    carried_of,
    checked,
    overlap,
    rank_of,
    save_state,
    told_of,
    write_wave,
)
from oddflow.cluster.tasks import Metered, Way
from oddflow.cluster.units import File, NeedsOneShard, Unit, plan
from oddflow.errors import OddflowError
from oddflow.flows.carrying import State

CHUNKS_AHEAD = 32
"""A worker that meters waits when so many chunks are not taken."""

ENDING = 3
"""What a task gives after its chunks."""


@dataclass(slots=True)
class _Running:
    """A unit on its way.

    Attributes:
        unit: What is read.
        part: The number of its first part.
        chunks: Of each: what is told, what is known of hosts then, and what was written.
        ending: What is told, what goes on, and the fragments.
    """

    unit: Unit
    part: int
    answers: Any
    chunks: list[tuple[Any, Any, Any]] = field(default_factory=list)
    ending: tuple[Any, Any, Any] = (None, None, None)
    told: Metered = field(default_factory=Metered)


class Pipe:
    """Meters one source.

    Args:
        record: What was done before: nothing, or it goes on.
        place: Of the source among all.
        files: Those not read to their end yet.
        way: How, with one shard.
        how: How parts are written.
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
        sizes: Sizes,
    ) -> None:
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
        self._state = self._behaviour = self._behaviour_on_disk = carried.states[0]
        self._fragments: Any = carried.fragments
        self._number = record.packets
        self._waves = record.waves
        self._unparsed: Counter[str] = Counter()

    def run(self) -> Iterator[Source]:
        """The record of the source, after each unit.

        Raises:
            NeedsOneShard: Files overlap in time that were not read as one; nothing that was given counts.
            OddflowError: A file cannot be read, or a part not be written.
        """
        running = self._begin()
        while running is not None:
            self._consume(running)
            self._go_on(running)
            following = self._begin()
            yield self._settle(running)
            running = following

    def _begin(self) -> _Running | None:
        if not self._to_come:
            return None
        unit = self._to_come.popleft()
        if unit.is_piece and unit.end is not None and unit.end >= unit.bytes:
            unit = replace(unit, end=None)
        is_last = not self._to_come and unit.end is None
        task = remote(meter_raw, answers="streaming", _generator_backpressure_num_objects=CHUNKS_AHEAD)
        answers = task.remote(unit, self._way, self._state, self._fragments, is_last, self._number)
        part = number_of(self._place, self._record.generation, self._waves)
        self._waves += 1
        return _Running(unit, part, answers)

    def _consume(self, running: _Running) -> None:
        """Has the chunks of a unit made columns and written, as they come."""
        make, write = remote(columns, answers=3), remote(write_wave)
        waiting: deque[Any] = deque()
        for answer in running.answers:
            waiting.append(answer)
            if len(waiting) <= ENDING:
                continue
            self._behaviour, table, told = make.remote(self._way, self._behaviour, waiting.popleft())
            written = write.remote(table, self._how, running.part + len(running.chunks))
            running.chunks.append((told, self._behaviour, written))
            if self._waits and len(running.chunks) > CHUNKS_AHEAD:  # no more than so many tables wait to be written
                ask(running.chunks[-CHUNKS_AHEAD][2])
        running.ending = tuple(waiting)  # type: ignore[assignment]

    def _go_on(self, running: _Running) -> None:
        """Sees where the next unit begins."""
        running.told = checked(ask(running.ending[0]))
        _, self._state, self._fragments = running.ending
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

    def _settle(self, running: _Running) -> Source:
        """The record, once all of a unit is on disk."""
        parts: list[Part] = []
        tail: list[Part] = []
        behaviour: Any = None
        tail_unparsed: Counter[str] = Counter()
        for told, known, written in running.chunks:
            unparsed, is_tail = ask(told)
            (tail if is_tail else parts).extend(checked(ask(written)))
            if is_tail:
                tail_unparsed += unparsed
            else:
                behaviour = known
                self._unparsed += unparsed
        if behaviour is not None:
            self._behaviour_on_disk = behaviour
        save = remote(save_piped)
        _, on, fragments = running.ending
        answer = save.remote(self._how, running.part, self._unparsed, on, fragments, self._behaviour_on_disk)
        saved: Kept = checked(ask(answer))
        record, (read,) = self._record, running.told.reads
        ledger = record.read.ledger()
        ledger.add(read.ledger)
        metered = replace(running.told, unread=running.told.unread + self._unparsed + tail_unparsed)
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
                "parts": [*record.parts, *parts],
                "tail": tail,
                "read": Losses.of(ledger),
                "told": told_of(ledger, [metered]),
                "state": saved,
            }
        )
        return self._record


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


def save_piped(
    how: Written,
    number: int,
    unparsed: Counter[str],
    state: State,
    fragments: NDArray[np.void] | None,
    behaviour: State | None,
) -> Kept | OddflowError:
    """Puts what goes on where results are, as one meter that also made the columns would have it."""
    known = Counter(json.loads(np.asarray(state["unparsed"]).tobytes())) + unparsed
    hosts = {name: array for name, array in (behaviour or {}).items() if name.startswith("host_")}
    whole = state | hosts | {"unparsed": np.frombuffer(json.dumps(dict(known)).encode(), np.uint8)}
    return save_state(how, number, 0, fragments, {}, whole)
