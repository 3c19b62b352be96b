"""Flows that have ended as the meter holds them, made columns and written elsewhere: while one worker meters on.

Metering takes somewhat less time than making columns and writing them. So two workers are busy with one source without
its packets being dealt out.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.cluster.hours import TAIL, HourWriter, Written
from oddflow.cluster.manifest import Part
from oddflow.cluster.reading import Read, packets_of
from oddflow.cluster.tasks import Chosen, Held, Metered, Way
from oddflow.cluster.units import Unit
from oddflow.errors import OddflowError
from oddflow.flows import _layout as layout
from oddflow.flows.carrying import State
from oddflow.flows.meter import Meter
from oddflow.flows.picking import first_of, parsable, picked
from oddflow.flows.table import behaviour_columns, flow_batch


@dataclass(frozen=True, slots=True)
class Raw:
    """Finished flows.

    Attributes:
        finished: Their records, n of them, and their bytes; in memory that its meter uses again.
        names: (n,) what they are called by how their hosts behave.
        is_tail: Whether the end of input ended them.
    """

    finished: layout.Finished
    names: pa.DictionaryArray
    is_tail: bool = False

    def columns(self, way: Way, unparsed: Counter[str]) -> pa.RecordBatch:
        """As they may be told; `unparsed` is told what could not be read of their first bytes."""
        count, payload = len(self.finished.flows), way.settings.payload
        flows = flow_batch(
            parsable(self.finished), count, payload, behaviour=self.names, unparsed=unparsed, captures=way.captures
        )
        return way.privacy.apply(flows)


class RawMeter(Meter):
    """A meter that hands its finished flows out as they are."""

    is_tail = False

    def finished(self) -> Iterator[Any]:
        """The flows that have ended since the last ones, if any, as `Raw`."""
        count = int(self._meter[layout.DONE_COUNT])
        if count:
            self._restart()
            assert self._behaviour is not None  # noqa: S101  (no other meter sees flows of these hosts)
            names = self._behaviour.names(behaviour_columns(self._finished, count))
            yield Raw(first_of(self._finished, count), names, self.is_tail)  # Ray copies it when it is given to it


def meter_raw(
    unit: Unit, way: Way, state: State | None, fragments: NDArray[np.void] | None, is_last: bool, number: int
) -> Iterator[Any]:
    """Meters files: flows as `Raw`, one after another; and at the end what is told, or an error; what goes on; and the
    fragments. Packets are numbered from `number` + 1 on."""
    told = Metered(reads=[Read()])
    try:
        meter = RawMeter(way.settings, captures=way.captures, state=state)
        yield from _metered(unit, way, meter, told, fragments, number)
        on = meter.state()
        if is_last:
            meter.is_tail = True
            yield from meter.close()
        told.evicted, told.unread = meter.evicted, meter.unread
        ending: tuple[Any, ...] = (told, on, told.fragments)
    except OddflowError as error:
        ending = (error, None, None)
    for one in ending:  # noqa: UP028  (Ray cannot send into what `yield from` makes of a tuple)
        yield one


def _metered(
    unit: Unit, way: Way, meter: Meter, told: Metered, fragments: NDArray[np.void] | None, number: int
) -> Iterator[Any]:
    last = None
    for batch in packets_of(unit, told.reads[0], tunnels=way.settings.tunnels, fragments=fragments):
        batch.first_number += number
        yield from meter.add(batch)
        last = batch
    yield from meter.finished()
    told.fragments = fragments if last is None else last.fragments.copy()


@dataclass(slots=True)
class Ended:
    """What became of flows that had ended.

    Attributes:
        parts: What was written of them.
        unparsed: What could not be read of their first bytes.
    """

    parts: list[Part] = field(default_factory=list)
    unparsed: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Ended") -> None:
        """And what became of others."""
        self.parts += other.parts
        self.unparsed += other.unparsed


def raw_of(chosen: Chosen, held: Sequence[Held], *, is_tail: bool = False) -> Raw:
    """Flows of several shards, in the order in which they were chosen."""
    return Raw(picked([batch for batches in held for batch in batches], chosen.rows), chosen.names, is_tail)


def columns_of(way: Way, chosen: Chosen, *held: Held) -> tuple[pa.RecordBatch, Counter[str]]:
    """Columns of flows of a wave, and what could not be read of their first bytes."""
    unparsed: Counter[str] = Counter()
    return raw_of(chosen, held).columns(way, unparsed), unparsed


def write_chosen(
    way: Way, how: Written, number: int, is_tail: bool, chosen: Chosen, *held: Held
) -> tuple[Ended, Ended] | OddflowError:
    """Makes columns of flows of a wave, and writes them: one part at most."""
    return write_raw(way, how, number, raw_of(chosen, held, is_tail=is_tail))


def write_raw(way: Way, how: Written, number: int, *raws: Raw) -> tuple[Ended, Ended] | OddflowError:
    """Makes columns of flows, as they may be told, and writes them: those that ended, and those that the end of input
    ended. Each of `raws` is one part at most."""
    found = (Ended(), Ended())
    writers = (HourWriter(how, number), HourWriter(how, number + TAIL))
    try:
        for raw in raws:
            writers[raw.is_tail].add(raw.columns(way, found[raw.is_tail].unparsed))
        for writer, ended in zip(writers, found, strict=True):
            writer.flush()
            ended.parts = writer.parts
    except OddflowError as error:
        return error
    return found
