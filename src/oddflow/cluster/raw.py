"""Flows that have ended as the meter holds them, made columns elsewhere: while one worker meters on, another does it.

Metering takes about a third of the time, making columns a third, and writing them a third. So two workers are busy with
one source without its packets being dealt out.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.cluster.reading import Read, packets_of
from oddflow.cluster.tasks import Metered, Way
from oddflow.cluster.units import Unit
from oddflow.errors import OddflowError
from oddflow.flows import _layout as layout
from oddflow.flows.carrying import State
from oddflow.flows.meter import Meter
from oddflow.flows.naming.behaviour import HostBehaviour
from oddflow.flows.table import flow_batch

CHUNK_ROWS = 32_768
CHUNK_BYTES = 48 << 20
"""What is handed on at a time."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Finished flows.

    Attributes:
        finished: Their records, n of them, and their bytes.
        count: n.
        is_tail: Whether the end of input ended them.
    """

    finished: layout.Finished
    count: int
    is_tail: bool = False

    @property
    def bytes(self) -> int:
        """What they take."""
        return sum(array.nbytes for array in self.finished)

    @classmethod
    def of(cls, finished: layout.Finished, count: int, *, is_tail: bool) -> "Raw":
        """A copy of the first n, no larger than it has to be."""
        rows = {name: getattr(finished, name)[:count].copy() for name in ("flows", "ways", "lengths", "gaps")}
        held: dict[str, NDArray[Any]] = {}
        for name in ("payload", "reverse", "client", "server"):
            ends = getattr(finished, f"{name}_ends")[: count + 1].copy()
            held |= {name: getattr(finished, name)[: ends[count]].copy(), f"{name}_ends": ends}
        return cls(layout.Finished(**rows, **held), count, is_tail)


class RawMeter(Meter):
    """A meter that hands its finished flows out as they are."""

    is_tail = False

    def finished(self) -> Iterator[Any]:
        """The flows that have ended since the last ones, if any, as `Raw`."""
        count = int(self._meter[layout.DONE_COUNT])
        if count:
            self._restart()
            yield Raw.of(self._finished, count, is_tail=self.is_tail)


def meter_raw(
    unit: Unit, way: Way, state: State | None, fragments: NDArray[np.void] | None, is_last: bool, number: int
) -> Iterator[Any]:
    """Meters files: flows in chunks (lists of `Raw`); and at the end what is told, or an error; what goes on; and the
    fragments. Packets are numbered from `number` + 1 on."""
    told = Metered(reads=[Read()])
    meter = RawMeter(way.settings, captures=way.captures, whole_hosts=False, state=state)
    try:
        held: list[Raw] = []
        for flows in _metered(unit, way, meter, told, fragments, number):
            held.append(flows)
            if sum(raw.count for raw in held) >= CHUNK_ROWS or sum(raw.bytes for raw in held) >= CHUNK_BYTES:
                yield held
                held = []
        if held:
            yield held
        on = meter.state()
        if is_last:
            meter.is_tail = True
            for flows in meter.close():
                yield [flows]
        told.evicted, told.unread = meter.evicted, meter.unread
        ending: tuple[Any, ...] = (told, on, told.fragments)
    except OddflowError as error:
        ending = (error, None, None)
    for one in ending:  # noqa: UP028  (Ray cannot send into what `yield from` makes of a tuple)
        yield one


def _metered(
    unit: Unit, way: Way, meter: Meter, told: Metered, fragments: NDArray[np.void] | None, number: int
) -> Iterator[Raw]:
    last = None
    for batch in packets_of(unit, told.reads[0], tunnels=way.settings.tunnels, fragments=fragments):
        batch.first_number += number
        yield from meter.add(batch)
        last = batch
    yield from meter.finished()
    told.fragments = fragments if last is None else last.fragments.copy()


def columns(way: Way, behaviour: State | None, chunk: list[Raw]) -> tuple[State, pa.Table, tuple[Counter[str], bool]]:
    """A chunk's flows as a table, named by how their hosts behave, as they may be told; and what could not be read of
    their first bytes, and whether the end of input ended them."""
    known = HostBehaviour()
    if behaviour is not None:
        known.put_in(behaviour)
    unparsed: Counter[str] = Counter()
    batches = [
        way.privacy.apply(
            flow_batch(
                layout.Finished(*(np.array(array) for array in raw.finished)),  # kernels take no read-only arrays
                raw.count,
                way.settings.payload,
                behaviour=known,
                unparsed=unparsed,
                captures=way.captures,
            )
        )
        for raw in chunk
    ]
    return known.taken_out(), pa.Table.from_batches(batches), (unparsed, chunk[0].is_tail)
