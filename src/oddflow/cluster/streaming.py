"""Flows of sources that a cluster meters, one batch after another, in the order in which one machine gives them."""

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from typing import Any

import pyarrow as pa
import ray

from oddflow.capture.capture_set import CaptureSet, glance, passes_once
from oddflow.capture.reader import is_capture
from oddflow.capture.stream import plain_bytes
from oddflow.cluster import tasks
from oddflow.cluster.answers import ask, remote
from oddflow.cluster.raw import columns_of
from oddflow.cluster.stamps import stamps
from oddflow.cluster.starting import Cluster
from oddflow.cluster.tasks import Metered, Way
from oddflow.cluster.units import UNIT_BYTES, File, NeedsOneShard, Unit, plan
from oddflow.cluster.waves import WAVE_BYTES, Wave, Waves
from oddflow.errors import OddflowError
from oddflow.flows.meter import BATCH_FLOWS, Companion
from oddflow.flows.settings import MeterSettings
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.logs.source import Fingerprint, Progress, Source, name_of, read_flows
from oddflow.losses import Ledger

WORTH_BYTES = 2 * UNIT_BYTES
"""A source with less is metered by one worker."""

GIVEN_BYTES = 16 << 20
"""What a worker gathers of flows before it gives them back, and how many such it is ahead of who takes them."""
AHEAD = 8


class Reader:
    """Reads sources as `read_flows` does, on a cluster.

    Args:
        cluster: That runs.
        unit_bytes, wave_bytes: How much one task reads, and one wave holds.
    """

    def __init__(self, cluster: Cluster, *, unit_bytes: int = UNIT_BYTES, wave_bytes: int = WAVE_BYTES) -> None:
        self._cluster = cluster
        self._unit_bytes = unit_bytes
        self._wave_bytes = wave_bytes

    def read(
        self,
        source: Source,
        ledger: Ledger,
        *,
        settings: MeterSettings | None = None,
        seen: Fingerprint | None = None,
        progress: Progress | None = None,
        companion: Companion | None = None,
        privacy: Privacy = OPEN,
    ) -> Iterator[pa.RecordBatch]:
        """As `read_flows`, which takes over where there is nothing to share out: what passes only once, logs, tables,
        and what somebody has to see the packets of."""
        seen = seen or Fingerprint(name_of(source), hashed=False)
        how = {"settings": settings, "seen": seen, "progress": progress, "privacy": privacy}
        if companion is not None or not is_shareable(source):
            yield from read_flows(source, ledger, companion=companion, **how)  # type: ignore[arg-type]
            return
        files, captures = files_of(source)
        way = Way(privacy.settings(settings or MeterSettings()), captures, privacy, self._cluster.workers)
        given = 0
        if way.shards > 1 and sum(file.stamp.bytes for file in files) >= 2 * self._unit_bytes:
            with suppress(NeedsOneShard):
                for batch in self._shared_out(files, way, ledger, seen, progress):
                    given += batch.num_rows
                    seen.flows += batch.num_rows
                    yield batch
                return
        for batch in self._by_one(files, way, ledger, seen, progress):
            skipped = min(given, batch.num_rows)  # they were given before it showed that they cannot be shared out
            given -= skipped
            rest = batch.slice(skipped)
            seen.flows += rest.num_rows
            if rest.num_rows:
                yield rest

    def _shared_out(
        self, files: Sequence[File], way: Way, ledger: Ledger, seen: Fingerprint, progress: Progress | None
    ) -> Iterator[pa.RecordBatch]:
        units = plan(files, is_set=bool(way.captures), shards=way.shards, unit_bytes=self._unit_bytes)
        told = Ledger()
        metered: list[Metered] = []
        waves = Waves(units, way, wave_bytes=self._wave_bytes).run()
        for wave, columns in one_ahead((wave, _columns(wave, way)) for wave in waves):
            told.add(wave.ledger)
            metered = wave.metered
            seen.bytes += wave.bytes
            if progress:
                progress(wave.bytes)
            for answer in columns:
                flows, unparsed = ask(answer)
                told.unread.update(unparsed)
                yield from _batches(pa.Table.from_batches([flows]))
        for one in metered:
            one.tell(told)
        ledger.add(told)

    def _by_one(
        self, files: Sequence[File], way: Way, ledger: Ledger, seen: Fingerprint, progress: Progress | None
    ) -> Iterator[pa.RecordBatch]:
        unit = Unit(tuple(file.member for file in files), 0, bool(way.captures), 0)
        task = remote(give_whole, answers="streaming", _generator_backpressure_num_objects=AHEAD)
        answers = task.remote(unit, Way(way.settings, way.captures, way.privacy))
        with closing(_Answers(answers)) as given:
            for answer in given:
                if isinstance(answer, OddflowError):
                    raise answer
                if isinstance(answer, Metered):
                    for read in answer.reads:
                        ledger.add(read.ledger)
                    answer.tell(ledger)
                    continue
                yield from _batches(answer)
        size = sum(file.stamp.bytes for file in files)
        seen.bytes += size
        if progress:
            progress(size)


class _Answers:
    """What a task gives one by one; it is ended where nobody wants the rest."""

    def __init__(self, answers: Any) -> None:
        self._answers = answers
        self._is_over = False

    def __iter__(self) -> Iterator[Any]:
        for reference in self._answers:
            yield ask(reference)
        self._is_over = True

    def close(self) -> None:
        """Ends the task."""
        if not self._is_over:
            ray.cancel(self._answers)


def give_whole(unit: Unit, way: Way) -> Iterator[Any]:
    """What a worker gives of a source that it meters alone: tables of flows, and last what is told; or an error."""
    held: list[pa.RecordBatch] = []
    size = 0
    done: list[Any] = []
    try:
        for flows, _ in tasks.meter_whole([unit], way, None, None, True, done=done):
            held.append(flows)
            size += flows.nbytes
            if size >= GIVEN_BYTES:
                yield pa.Table.from_batches(held)
                held, size = [], 0
    except OddflowError as error:
        yield error
        return
    if held:
        yield pa.Table.from_batches(held)
    yield done[0]


def one_ahead(waves: Iterator[Any]) -> Iterator[Any]:
    """The same, each taken when the next has been begun: so workers have something to do meanwhile."""
    last = None
    for wave in waves:
        if last is not None:
            yield last
        last = wave
    if last is not None:
        yield last


def is_shareable(source: Source) -> bool:
    """Whether a source is captures that can be read more than once; what cannot be opened is for others to say."""
    if isinstance(source, CaptureSet):
        return not any(passes_once(member.place) for member in source.members)
    if passes_once(source):
        return False
    try:
        with plain_bytes(source, Ledger()) as (first, _):
            return is_capture(first)
    except OddflowError:
        return False


def files_of(source: Source) -> tuple[list[File], tuple[str, ...]]:
    """A source's files, by rank, and the names that its flows tell of them: none of a single capture.

    Raises:
        InputError: One is gone, or cannot be read.
    """
    members = source.members if isinstance(source, CaptureSet) else [glance(source)]
    known = stamps([member.place for member in members])
    files = [File(member, known[member.place]) for member in members]
    return files, tuple(source.names) if isinstance(source, CaptureSet) else ()


def _columns(wave: Wave, way: Way) -> list[Any]:
    """Columns of a wave's flows, being made: chunk after chunk."""
    task = remote(columns_of)
    return [task.remote(way, one, *chunks.held) for chunks in (wave.flows, wave.tail) for one in chunks.chosen]


def _batches(table: pa.Table | None) -> Iterator[pa.RecordBatch]:
    if table is not None:
        yield from table.to_batches(max_chunksize=BATCH_FLOWS)
