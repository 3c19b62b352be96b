"""One source through the cluster: units dealt out to shards, shards metered, flows put in order; wave after wave.

While one wave is metered and put in order, the units of the next are read. No more than two waves are on their way.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddflow.capture._fragment_kernels import MAX_AGE_NS
from oddflow.capture.pcap import broken_at, torn_at
from oddflow.cluster import tasks
from oddflow.cluster.answers import ask, remote
from oddflow.cluster.reading import Read
from oddflow.cluster.tasks import Dealt, Metered, Step, Way
from oddflow.cluster.units import NeedsOneShard, Unit
from oddflow.errors import OddflowError
from oddflow.flows.parting import LONG_AGO_NS
from oddflow.flows.settings import REORDER_SLACK_S
from oddflow.losses import Ledger

WAVE_BYTES = 512 << 20
WAVE_PACKETS = 2 << 20
"""A wave is metered when it holds so much: its packets and flows have to fit into memory."""

Reference = Any
"""Something in Ray's store."""


@dataclass(slots=True)
class Carried:
    """What goes on from one wave to the next.

    Attributes:
        states: Of each shard's meter; None at first.
        behaviour: What is known of hosts.
        fragments: First fragments that came last, if any.
        places: Packets so far, in the order of all.
        latest_ns: The latest time.
        number: Packets so far of the file that is read in pieces.
    """

    states: list[Reference | None]
    behaviour: Reference | None = None
    fragments: NDArray[np.void] | None = None
    places: int = 0
    latest_ns: int = LONG_AGO_NS
    number: int = 0


@dataclass(slots=True)
class Chunks:
    """Flows of a wave, in Ray's store; tasks that take a chunk of them take all that is held, too.

    Attributes:
        chosen: Chunk by chunk, in the order of one meter: `tasks.Chosen`.
        held: Of each shard: `tasks.Held`.
    """

    chosen: list[Reference] = field(default_factory=list)
    held: list[Reference] = field(default_factory=list)


@dataclass(slots=True)
class Wave:
    """What came of a wave, in Ray's store where it is large.

    Attributes:
        flows: In the order of one meter.
        tail: Those that the end of input ended; none where it has not ended.
        carried: What goes on, as if more came.
        ledger: What was lost in reading.
        metered: What each shard's meter says, up to now.
        last: The last unit that was read.
        at: Where its file goes on, where the next unit is another piece of it; else 0.
        bytes: What was read, roughly.
    """

    flows: Chunks
    tail: Chunks
    carried: Carried
    ledger: Ledger
    metered: list[Metered]
    last: Unit
    at: int
    bytes: int


@dataclass(slots=True)
class _Asked:
    """A unit that was given to a worker."""

    unit: Unit
    answer: list[Reference]
    fragments: NDArray[np.void] | None = None
    told: Dealt = field(default_factory=lambda: Dealt(Read()))


class Waves:
    """Takes units through the cluster.

    Args:
        units: What is read, in order.
        way: How; with more than one shard.
        carried: What goes on from an earlier run, if anything.
        wave_bytes: How much a wave holds.
    """

    def __init__(
        self, units: Sequence[Unit], way: Way, carried: Carried | None = None, *, wave_bytes: int = WAVE_BYTES
    ) -> None:
        self._to_come = deque(units)
        self._asked: deque[_Asked] = deque()
        self._way = way
        self._wave_bytes = wave_bytes
        self._carried = carried or Carried([None] * way.shards)
        longest_s = max(way.settings.idle_timeout_s, way.settings.datagram_timeout_s) + REORDER_SLACK_S
        self._allowed_back_ns = round(longest_s * 1e9)

    def run(self) -> Iterator[Wave]:
        """Wave after wave.

        Raises:
            NeedsOneShard: The clock was set back, or files overlap that cannot be read as one unit.
            OddflowError: A file cannot be read.
        """
        while self._asked or self._to_come:
            ledger = Ledger()
            wave, steps = self._gathered(ledger)
            yield self._metered(wave, steps, ledger)

    def _ask(self, unit: Unit, fragments: NDArray[np.void] | None = None, *, whole: bool = False) -> _Asked:
        task = remote(tasks.deal, answers=2 + self._way.shards)
        return _Asked(unit, task.remote(unit, self._way, fragments, whole), fragments)

    def _look_ahead(self) -> None:
        """Gives workers the units of the next wave."""
        ahead = sum(asked.unit.bytes for asked in self._asked)
        while self._to_come and (not self._asked or ahead < self._wave_bytes):
            unit = self._to_come.popleft()
            self._asked.append(self._ask(unit))
            ahead += unit.bytes

    def _gathered(self, ledger: Ledger) -> tuple[list[_Asked], list[Step]]:
        wave: list[_Asked] = []
        steps: list[Step] = []
        size = packets = 0
        while (self._asked or self._to_come) and size < self._wave_bytes and packets < WAVE_PACKETS:
            self._look_ahead()
            asked = self._settled(self._asked.popleft(), ledger)
            wave.append(asked)
            steps.append(self._stepped(asked))
            size, packets = size + asked.unit.bytes, packets + asked.told.places
        return wave, steps

    def _settled(self, asked: _Asked, ledger: Ledger) -> _Asked:
        """A unit that was read as it is to be read: not across another one, and with the fragments it needs."""
        carried = self._carried
        while True:
            told = _answer(asked)
            following = self._following()
            if following is not None and _overlaps(asked.unit, told, following):
                asked = self._ask(asked.unit.joined(self._take_following()))
                continue
            if told.needs_fragments and asked.fragments is None and self._has_fragments(told):
                asked = self._ask(asked.unit, carried.fragments)
                continue
            break
        asked.told = told
        if told.is_set_back or told.earliest_ns < carried.latest_ns - self._allowed_back_ns:
            raise NeedsOneShard(f"the clock was set back in {asked.unit.names[0]}")
        if not asked.unit.is_piece or asked.unit.is_first_piece:
            carried.number = 0
        self._mend(asked, ledger)
        following = self._following()
        if following is not None and _overlaps(asked.unit, told, following):
            raise NeedsOneShard(f"{asked.unit.names[0]} overlaps {following.names[0]} in time")
        ledger.add(told.read.ledger)
        return asked

    def _has_fragments(self, told: Dealt) -> bool:
        known = self._carried.fragments
        return known is not None and int(known["time_ns"].max()) >= told.earliest_ns - MAX_AGE_NS

    def _mend(self, asked: _Asked, ledger: Ledger) -> None:
        """Where a piece did not end where the next begins, that one is read again; after a damage, none is."""
        unit, read = asked.unit, asked.told.read
        number = self._carried.number + read.packets + 1
        if read.torn_at is not None and unit.end is None:
            ledger.damaged(torn_at(unit.names[0], number))
        elif read.torn_at is not None:
            while (following := self._following()) is not None and following.is_next_piece(unit):
                following = self._take_following()
                if following.end is None or following.end > read.torn_at:
                    self._asked.appendleft(self._ask(following.begun_at(read.torn_at)))
                    break
        elif read.is_broken:
            ledger.damaged(broken_at(unit.names[0], number))
            while (following := self._following()) is not None and following.is_next_piece(unit):
                self._take_following()

    def _stepped(self, asked: _Asked) -> Step:
        carried, told = self._carried, asked.told
        after_ns = max(carried.latest_ns, told.latest_ns)
        step = Step(carried.places, carried.latest_ns, after_ns, carried.number)
        carried.places += told.places
        carried.latest_ns = after_ns
        carried.number += told.read.packets if asked.unit.is_piece else 0
        if told.fragments is not None:
            own, before = told.fragments, carried.fragments
            if before is None or asked.fragments is not None:
                carried.fragments = own
            else:
                carried.fragments = np.where(own["version"] != 0, own, before)
        return step

    def _following(self) -> Unit | None:
        if self._asked:
            return self._asked[0].unit
        return self._to_come[0] if self._to_come else None

    def _take_following(self) -> Unit:
        return self._asked.popleft().unit if self._asked else self._to_come.popleft()

    def _metered(self, wave: list[_Asked], steps: list[Step], ledger: Ledger) -> Wave:
        carried, way = self._carried, self._way
        is_last = not (self._asked or self._to_come)
        task = remote(tasks.meter, answers=6)

        def metered(shard: int) -> list[Reference]:
            parts = [asked.answer[2 + shard] for asked in wave]
            answer: list[Reference] = task.remote(shard, way, carried.states[shard], steps, is_last, *parts)
            return answer

        answers = [metered(shard) for shard in range(way.shards)]
        self._look_ahead()
        told: list[Metered] = []
        for shard in range(way.shards):
            one: Metered = ask(answers[shard][0])
            while one.lacks is not None:
                lacking = wave[one.lacks]
                lacking.answer = self._ask(lacking.unit, lacking.fragments, whole=True).answer
                answers[shard] = metered(shard)
                one = ask(answers[shard][0])
            told.append(one)
        clocks = [asked.answer[1] for asked in wave]
        flows, behaviour = _ordered(sum(one.flows for one in told), carried.behaviour, steps, clocks, answers, 2)
        tail, _ = _ordered(sum(one.tail for one in told), behaviour, [], [], answers, 4)
        carried.states, carried.behaviour = [answer[1] for answer in answers], behaviour
        last, following = wave[-1].unit, self._following()
        at = following.start if following is not None and following.is_next_piece(last) else 0
        size = sum(asked.unit.bytes for asked in wave)
        return Wave(flows, tail, replace(carried), ledger, told, last, at, size)


def _ordered(
    count: int, behaviour: Reference | None, steps: list[Step], clocks: list[Reference], answers: Any, at: int
) -> tuple[Chunks, Reference | None]:
    """Flows of which meters tell at that place of their answers, in order; and what is known of hosts then."""
    if not count:
        return Chunks(), behaviour
    task = remote(tasks.in_order, answers=1 + -(-count // tasks.CHUNK_FLOWS))
    known, *chosen = task.remote(behaviour, steps, *clocks, *(answer[at] for answer in answers))
    return Chunks(chosen, [answer[at + 1] for answer in answers]), known


def _answer(asked: _Asked) -> Dealt:
    told: Dealt | OddflowError = ask(asked.answer[0])
    if isinstance(told, OddflowError):
        raise told
    return told


def _overlaps(unit: Unit, told: Dealt, following: Unit) -> bool:
    """Whether packets of the next file come between those of a unit."""
    if following.is_next_piece(unit) or following.first_ns is None or told.read.last_ns is None:
        return False
    return told.read.last_ns > following.first_ns
