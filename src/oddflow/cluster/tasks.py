"""What workers do: pure functions of what they are given, so that a task may run again, anywhere.

A task never raises what a person should read: it gives it back, for Ray would wrap it in a traceback.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.capture.packets import PacketBatch
from oddflow.cluster.reading import Read, packets_of
from oddflow.cluster.units import Unit
from oddflow.errors import OddflowError
from oddflow.flows import _layout as layout
from oddflow.flows.carrying import State
from oddflow.flows.handing_out import TAGS, Clock, handed_out
from oddflow.flows.meter import Incomplete, Meter
from oddflow.flows.naming.behaviour import HostBehaviour
from oddflow.flows.parting import LONG_AGO_NS, Part, part
from oddflow.flows.settings import MeterSettings
from oddflow.flows.shard import ShardFlows, ShardMeter
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.losses import Ledger

CHUNK_FLOWS = 32_768
"""Flows whose columns are made at a time."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a source is metered.

    Attributes:
        settings: How flows are cut.
        captures: The names of its files, by rank, where it is a set.
        privacy: What flows may tell.
        shards: How many meters share its flows.
    """

    settings: MeterSettings
    captures: tuple[str, ...] = ()
    privacy: Privacy = OPEN
    shards: int = 1


@dataclass(slots=True)
class Dealt:
    """What the driver is told of a unit that was dealt out to shards.

    Attributes:
        read: What was met.
        places: How many places its packets take in the order of all.
        earliest_ns, latest_ns: Of its packets that were metered.
        is_set_back: Whether the clock was set back inside.
        needs_fragments: Whether later fragments were met without their first ones.
        fragments: First fragments, at its end; None where it has none.
    """

    read: Read
    places: int = 0
    earliest_ns: int = 0
    latest_ns: int = LONG_AGO_NS
    is_set_back: bool = False
    needs_fragments: bool = False
    fragments: NDArray[np.void] | None = None


@dataclass(slots=True)
class Metered:
    """What the driver is told of a shard that was metered through a wave.

    Attributes:
        evicted: Flows ended early, up to now.
        unread: First bytes that could not be read, up to now; without those that only whoever makes columns finds.
        flows: How many have ended in the wave; tail: and how many the end of input ended.
        lacks: The place, in the wave, of a unit whose payload was left out and is needed.
        reads: Of the direct way: what was met in each unit.
        fragments: Of the direct way: first fragments, at the end.
    """

    evicted: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    flows: int = 0
    tail: int = 0
    lacks: int | None = None
    reads: list[Read] = field(default_factory=list)
    fragments: NDArray[np.void] | None = None

    def tell(self, ledger: Ledger) -> None:
        """Tells a ledger, once at the end."""
        ledger.evicted_flows += self.evicted
        ledger.unread.update(self.unread)


@dataclass(frozen=True, slots=True)
class Step:
    """Where a unit of a wave stands: what comes before it.

    Attributes:
        places: Packets before it.
        before_ns, after_ns: The latest time before it, and after it.
        number: Packets of its file before it, where it is a piece.
    """

    places: int
    before_ns: int
    after_ns: int
    number: int


def deal(
    unit: Unit, way: Way, fragments: NDArray[np.void] | None, whole: bool
) -> tuple[Dealt | OddflowError, Clock | None, *tuple[Part | None, ...]]:
    """Reads a unit and deals its packets out to the shards; one part for each."""
    read = Read()
    try:
        batches = packets_of(unit, read, tunnels=way.settings.tunnels, fragments=fragments)
        parted = part(batches, way.shards, way.settings, whole=whole)
    except OddflowError as error:
        return error, None, *(None for _ in range(way.shards))
    told = Dealt(
        read,
        parted.packets,
        parted.clock.earliest_ns,
        parted.clock.latest_ns if len(parted.clock.times_ns) else LONG_AGO_NS,
        parted.clock.is_set_back,
        parted.alone > 0,
        parted.fragments if parted.has_first else None,
    )
    return told, parted.clock, *parted.parts


Held = list[layout.Finished]
"""Flows of one shard, batch after batch."""


def meter(
    shard: int, way: Way, state: State | None, steps: Sequence[Step], is_last: bool, *parts: Part
) -> tuple[Metered, State | None, pa.Table | None, Held, pa.Table | None, Held]:
    """Meters one shard through a wave: what is told, what goes on; of the flows that ended, and of those that the end
    of input ends, what is told, if there are any, and themselves."""
    here = ShardMeter(way.settings, (shard, way.shards), captures=way.captures, whole_hosts=False, state=state)
    flows: list[ShardFlows] = []
    for place, (step, dealt) in enumerate(zip(steps, parts, strict=True)):
        batch = dealt.batch(step.places, step.before_ns)
        batch.numbers += step.number
        try:
            flows += here.add(batch)
        except Incomplete:
            return Metered(lacks=place), None, None, [], None, []
        if step.after_ns > LONG_AGO_NS:
            flows += here.advance(step.after_ns)
    flows += here.finished()
    on, tail = here.state(), list(here.close()) if is_last else []
    (told, held), (tail_told, tail_held) = _apart(flows), _apart(tail)
    counted, tail_counted = (0 if table is None else table.num_rows for table in (told, tail_told))
    metered = Metered(here.evicted, here.unread, flows=counted, tail=tail_counted)
    return metered, on, told, held, tail_told, tail_held


def _apart(flows: Sequence[ShardFlows]) -> tuple[pa.Table | None, Held]:
    told = pa.Table.from_batches([one.told for one in flows]).combine_chunks() if flows else None
    return told, [one.finished for one in flows]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some flows of a wave in the order of one meter.

    Attributes:
        rows: (n,) their places among those of all shards, shard after shard.
        names: (n,) what they are called by how their hosts behave.
    """

    rows: NDArray[np.int64]
    names: pa.DictionaryArray


def in_order(
    behaviour: State | None, steps: Sequence[Step], *clocks_and_told: Any
) -> tuple[State, *tuple[Chosen, ...]]:
    """What is told of the flows of all shards: in which order one meter would have handed them out, CHUNK_FLOWS at a
    time, named by how their hosts behave; and before it what is known of hosts now."""
    known = HostBehaviour()
    if behaviour is not None:
        known.put_in(behaviour)
    clocks = [clock.after(step.places) for clock, step in zip(clocks_and_told[: len(steps)], steps, strict=True)]
    told = pa.concat_tables([table for table in clocks_and_told[len(steps) :] if table is not None]).combine_chunks()
    order = handed_out(told.select(TAGS.names), clocks)
    found = []
    for first in range(0, len(order), CHUNK_FLOWS):
        rows = order[first : first + CHUNK_FLOWS]
        (batch,) = told.drop_columns(TAGS.names).take(pa.array(rows)).combine_chunks().to_batches()
        found.append(Chosen(rows, known.names(batch)))
    return known.taken_out(), *found


def meter_whole(
    units: Sequence[Unit],
    way: Way,
    state: State | None,
    fragments: NDArray[np.void] | None,
    is_last: bool,
    *,
    done: list[Any],
) -> Iterator[tuple[pa.RecordBatch, bool]]:
    """The direct way, with one meter and no dealing: flows as one machine hands them out, and whether the end of input
    ended them.

    Args:
        units: What is read, in order.
        way: How.
        state: What goes on.
        fragments: First fragments that came before.
        is_last: Whether all flows end with the last unit.
        done: Gets, at the end: what is told, the state before the input ended, and the fragments.
    """
    here = Meter(way.settings, captures=way.captures, state=state)
    told = Metered()
    for unit in units:
        read = Read()
        told.reads.append(read)
        for batch in packets_of(unit, read, tunnels=way.settings.tunnels, fragments=fragments):
            for flows in here.add(batch):
                yield way.privacy.apply(flows), False
            fragments = _kept(batch)
    for flows in here.finished():
        yield way.privacy.apply(flows), False
    on = here.state()
    if is_last:
        for flows in here.close():
            yield way.privacy.apply(flows), True
    told.evicted, told.unread = here.evicted, here.unread
    done += [told, on, None if fragments is None else fragments.copy()]


def _kept(batch: PacketBatch) -> NDArray[np.void]:
    return batch.fragments
