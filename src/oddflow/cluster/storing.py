"""Flows of one source to parts on disk, wave after wave; after each, what was done is told, so that it is not lost."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray

from oddflow.cluster import tasks
from oddflow.cluster.answers import ask, remote
from oddflow.cluster.hours import TAIL, HourWriter, Written, number_of
from oddflow.cluster.manifest import Capture, Kept, Losses, Part, Source, keep, kept
from oddflow.cluster.raw import Ended, write_chosen
from oddflow.cluster.reading import Read
from oddflow.cluster.tasks import Metered, Way
from oddflow.cluster.units import File, NeedsOneShard, Unit, plan
from oddflow.cluster.waves import Carried, Wave, Waves
from oddflow.errors import OddflowError
from oddflow.flows.carrying import State
from oddflow.flows.parting import LONG_AGO_NS
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger

DIRECT_BYTES = 1 << 30
"""What one worker meters alone before it is told as done."""

PIPED_BYTES = 256 << 20
"""What one worker meters at a time while others make columns and write."""

FRAGMENTS, PLACES, BEHAVIOUR = "fragments", "places", "behaviour"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much a task reads, a wave holds, and a worker that is alone does at a time."""

    unit: int
    wave: int
    direct: int = DIRECT_BYTES
    piped: int = PIPED_BYTES


def store_shared(
    record: Source, place: int, files: Sequence[File], way: Way, how: Written, sizes: Sizes
) -> Iterator[Source]:
    """Meters captures with several shards; gives the record of the source after each wave.

    Args:
        record: What was done before: nothing, or it goes on.
        place: Of the source among all.
        files: Those not read to their end yet.
        way: How; its captures are all files of the source.
        how: How parts are written.
        sizes: Of units and waves.

    Raises:
        NeedsOneShard: It cannot be shared out; nothing that was given counts.
        OddflowError: A file cannot be read, or a part not be written.
    """
    carried = carried_of(record, how, way.shards)
    units = plan(files, is_set=record.is_set, shards=way.shards, first_rank=rank_of(record), unit_bytes=sizes.unit)
    units = _from(units, record.at)
    known = captures_of(record, files)
    write, save = remote(write_chosen), remote(save_state)
    number = record.waves
    waiting: tuple[Wave, list[Any], Any] | None = None
    for wave in Waves(units, way, carried, wave_bytes=sizes.wave).run():
        part = number_of(place, record.generation, number)
        number += 1
        on = wave.carried
        written = [
            write.remote(way, how, part + chunk, is_tail, chosen, *chunks.held)
            for is_tail, chunks in ((False, wave.flows), (True, wave.tail))
            for chunk, chosen in enumerate(chunks.chosen)
        ]
        saved = save.remote(how, part, on.places, on.fragments, on.behaviour, *on.states)
        if waiting:
            record = _after(record, known, *waiting)
            yield record
        waiting = (wave, written, saved)
    if waiting:
        yield _after(record, known, *waiting)


def rank_of(record: Source) -> int:
    """The rank of the first file that is not read to its end."""
    return len(record.captures) - (record.at > 0)


def _from(units: list[Unit], at: int) -> list[Unit]:
    """The units that are left of those whose first file was read up to a byte."""
    if not at:
        return units
    left = [unit for unit in units if not (unit.is_next_piece(units[0]) and unit.end is not None and unit.end <= at)]
    return [left[0].begun_at(at), *left[1:]]


def carried_of(record: Source, how: Written, shards: int) -> Carried:
    """What goes on from an earlier run; raises NeedsOneShard where it is gone, so that all is to be done anew."""
    if record.state is None:
        return Carried([None] * shards)
    arrays = kept(how.place, record.state)
    if arrays is None:
        raise NeedsOneShard("what was kept is gone")
    states = [_under(arrays, f"{shard}/") for shard in range(shards)]
    return Carried(
        [ray.put(state) for state in states],
        ray.put(behaviour) if (behaviour := _under(arrays, f"{BEHAVIOUR}/")) and shards > 1 else None,
        arrays.get(FRAGMENTS),
        int(arrays[PLACES][0]),
        LONG_AGO_NS if record.latest_ns is None else record.latest_ns,
        record.packets,
    )


def _under(arrays: dict[str, NDArray[Any]], prefix: str) -> State:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def save_state(
    how: Written, number: int, places: int, fragments: NDArray[np.void] | None, behaviour: State, *states: State
) -> Kept | OddflowError:
    """Puts what goes on where results are."""
    arrays = {f"{shard}/{name}": array for shard, state in enumerate(states) for name, array in state.items()}
    arrays |= {f"{BEHAVIOUR}/{name}": array for name, array in (behaviour or {}).items()}
    arrays[PLACES] = np.array([places], np.int64)
    if fragments is not None:
        arrays[FRAGMENTS] = fragments
    try:
        return keep(how.place, number, arrays)
    except OddflowError as error:
        return error


def _after(record: Source, known: list[Capture], wave: Wave, written: list[Any], saved: Any) -> Source:
    """The record of a source with one more wave on disk; `known` are its files by rank."""
    ended, tail = gathered(written)
    read = record.read.ledger()
    read.add(wave.ledger)
    unread = Counter(record.unread) + ended.unparsed
    return record.model_copy(
        update={
            "captures": known[: wave.last.first_rank + len(wave.last.members)],
            "at": wave.at,
            "packets": wave.carried.number if wave.at else 0,
            "waves": record.waves + 1,
            "latest_ns": None if wave.carried.latest_ns == LONG_AGO_NS else wave.carried.latest_ns,
            "parts": [*record.parts, *ended.parts],
            "tail": tail.parts,
            "read": Losses.of(read),
            "told": told_of(read, wave.metered, unread + tail.unparsed),
            "unread": dict(unread),
            "state": checked(ask(saved)),
        }
    )


def gathered(written: Iterable[Any]) -> tuple[Ended, Ended]:
    """What became of flows that had ended, and of those that the end of input ended, of all that was written."""
    found = (Ended(), Ended())
    for answer in written:
        for whole, one in zip(found, checked(ask(answer)), strict=True):
            whole.add(one)
    return found


def told_of(read: Ledger, metered: Sequence[Metered], unread: Mapping[str, int]) -> Losses:
    """What was lost in reading, what meters say besides, and what those could not read who made columns."""
    told = Losses.of(read).ledger()
    for one in metered:
        one.tell(told)
    told.unread.update(unread)
    return Losses.of(told)


def captures_of(record: Source, files: Sequence[File]) -> list[Capture]:
    """All files of a source by rank: those that were read, and those that are to be."""
    return [*record.captures[: rank_of(record)], *map(_capture, files)]


def _capture(file: File) -> Capture:
    member = file.member
    return Capture(name=member.name, bytes=file.stamp.bytes, mark=file.stamp.mark, first_ns=member.first_ns)


def checked(answer: Any) -> Any:
    """An answer; raises the error that it may be."""
    if isinstance(answer, OddflowError):
        raise answer
    return answer


@dataclass(slots=True)
class Alone:
    """What a worker tells of files that it has metered and written alone."""

    metered: Metered
    parts: list[Part]
    tail: list[Part]
    state: Kept

    @property
    def read(self) -> Read:
        """What was met in the files."""
        return self.metered.reads[0]


def store_alone(
    record: Source, place: int, files: Sequence[File], way: Way, how: Written, sizes: Sizes
) -> Iterator[Source]:
    """As `store_shared`, with one worker that reads, meters and writes: no packet is handed on."""
    units = plan(files, is_set=record.is_set, shards=1, first_rank=rank_of(record), unit_bytes=sizes.direct)
    known = captures_of(record, files)
    carried = carried_of(record, how, 1)
    state, fragments = carried.states[0], carried.fragments
    task = remote(write_alone, answers=3)
    while units:
        unit = units.pop(0)
        part = number_of(place, record.generation, record.waves)
        answers = task.remote(unit, way, state, fragments, not units, how, part)
        told: Alone = checked(ask(answers[0]))
        if units and overlap(told.read, units[0]):
            unit = replace(unit, members=unit.members + units.pop(0).members)
            units.insert(0, unit)
            continue
        state, fragments = answers[1], answers[2]
        read = record.read.ledger()
        read.add(told.read.ledger)
        times = [time for time in (record.latest_ns, told.read.last_ns) if time is not None]
        record = record.model_copy(
            update={
                "captures": known[: unit.first_rank + len(unit.members)],
                "waves": record.waves + 1,
                "latest_ns": max(times, default=None),
                "parts": [*record.parts, *told.parts],
                "tail": told.tail,
                "read": Losses.of(read),
                "told": told_of(read, [told.metered], record.unread),
                "state": told.state,
            }
        )
        yield record


def overlap(read: Read, following: Unit) -> bool:
    """Whether packets of the next files come between those of a unit."""
    return read.last_ns is not None and following.first_ns is not None and read.last_ns > following.first_ns


def write_alone(  # noqa: PLR0917  (Ray hands arguments on by their places)
    unit: Unit,
    way: Way,
    state: State | None,
    fragments: NDArray[np.void] | None,
    is_last: bool,
    how: Written,
    number: int,
) -> tuple[Alone | OddflowError, State | None, NDArray[np.void] | None]:
    """Meters files and writes their flows; what is told, and what goes on."""
    writer, tail = HourWriter(how, number), HourWriter(how, number + TAIL)
    done: list[Any] = []
    try:
        for flows, is_tail in tasks.meter_whole([unit], way, state, fragments, is_last, done=done):
            (tail if is_tail else writer).add(flows)
        writer.flush()
        tail.flush()
        metered, on, left = done
        saved: Kept = checked(save_state(how, number, 0, left, {}, on))
    except OddflowError as error:
        return error, None, None
    return Alone(metered, writer.parts, tail.parts, saved), on, left


def store_log(record: Source, place: int, source: str, way: Way, how: Written) -> Source:
    """A log or a table, which one worker reads as it is; it cannot go on, and is read again where it has changed."""
    task = remote(write_log)
    parts, told = checked(ask(task.remote(source, way, how, number_of(place, record.generation, record.waves))))
    return record.model_copy(update={"waves": record.waves + 1, "parts": parts, "read": told, "told": told})


def write_log(source: str, way: Way, how: Written, number: int) -> tuple[list[Part], Losses] | OddflowError:
    """Reads a log or a table and writes its flows."""
    writer, ledger = HourWriter(how, number), Ledger()
    try:
        for flows in read_flows(source, ledger, settings=way.settings, privacy=way.privacy):
            writer.add(flows)
        writer.flush()
    except OddflowError as error:
        return error
    return writer.parts, Losses.of(ledger)
