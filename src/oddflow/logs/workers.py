"""Several workers over files. They are threads: kernels, hashing and compression let go of Python's lock, and threads
share what was loaded."""

import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from oddflow.capture.capture_set import CaptureSet, passes_once
from oddflow.capture.remote import local_path
from oddflow.errors import UsageError
from oddflow.flows.metering import WHOLE, Shard
from oddflow.flows.settings import LEAST_MAX_FLOWS, MeterSettings
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.logs.source import Fingerprint, Progress, Source, name_of, read_flows
from oddflow.losses import Ledger

GIVE_UP_S = 5.0
"""How long a worker may take to notice that the others have ended."""

Take = Callable[[pa.RecordBatch], None]
"""Takes one worker's next flows."""


@dataclass(slots=True)
class Job:
    """What one worker reads.

    Attributes:
        sources: Each with its fingerprint.
        shard: Which of the flows it meters.
        ledger: Of this worker alone.
    """

    sources: list[tuple[Source, Fingerprint]]
    shard: Shard = WHOLE
    ledger: Ledger = field(default_factory=Ledger)


def deal(sources: Sequence[Source], seen: Sequence[Fingerprint], workers: int) -> list[Job]:
    """Shares sources out: whole ones, the largest first to who has least; a single one by flow key.

    Raises:
        UsageError: A single source can be read only once.
    """
    if workers > 1 and len(sources) == 1:
        return _by_key(sources[0], seen[0], workers)
    shares: list[list[int]] = [[] for _ in range(min(workers, len(sources)))]
    sizes = [_bytes_of(source) for source in sources]
    for place in sorted(range(len(sources)), key=lambda place: -sizes[place]):
        least = min(shares, key=lambda share: sum(sizes[other] for other in share))
        least.append(place)
    return [Job([(sources[place], seen[place]) for place in sorted(share)]) for share in shares]


def _by_key(source: Source, seen: Fingerprint, workers: int) -> list[Job]:
    places = [member.place for member in source.members] if isinstance(source, CaptureSet) else [source]
    if any(passes_once(place) for place in places):
        raise UsageError(
            f"{name_of(source)} can be read only once, and each worker reads all of it; leave --workers out"
        )
    unheard = [Fingerprint(seen.name, hashed=False) for _ in range(1, workers)]
    return [Job([(source, told)], (worker, workers)) for worker, told in enumerate([seen, *unheard])]


def _bytes_of(source: Source) -> int:
    if isinstance(source, CaptureSet):
        return sum(_bytes_of(member.place) for member in source.members)
    try:
        return Path(local_path(source)).stat().st_size
    except (OSError, ValueError):
        return 0


def work(
    jobs: Sequence[Job],
    takes: Sequence[Take],
    ledger: Ledger,
    *,
    settings: MeterSettings,
    progress: Progress | None = None,
    privacy: Privacy = OPEN,
) -> None:
    """Does all jobs at the same time; the first error ends them all.

    Args:
        jobs: One for each worker.
        takes: Each worker's, called in its thread.
        ledger: Told the sum of what the workers' ledgers hold; packets that all of them saw are counted once.
        settings: How flows are cut; the workers share its memory out.
        progress: Told of the bytes read, each once.
        privacy: What the flows may tell.
    """
    settings = replace(
        settings,
        max_flows=max(LEAST_MAX_FLOWS, settings.max_flows // len(jobs)),
        first_bytes_mib=-(-settings.first_bytes_mib // len(jobs)),
    )
    if len(jobs) == 1:
        _do(jobs[0], takes[0], settings, progress, privacy)
    else:
        _do_together(jobs, takes, settings, progress, privacy)
    ledger.unit = jobs[0].ledger.unit
    for job in jobs:
        ledger.add(job.ledger, packets=job.shard[0] == 0)
    for job in jobs:
        if job.shard[0] > 0:
            jobs[0].sources[0][1].flows += job.sources[0][1].flows


class _Over(Exception):
    """Another worker failed, or the person at the terminal has had enough."""


def _do_together(
    jobs: Sequence[Job], takes: Sequence[Take], settings: MeterSettings, progress: Progress | None, privacy: Privacy
) -> None:
    over = threading.Event()
    ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def run(job: Job, take: Take) -> None:
        def told(count: int) -> None:
            if over.is_set():
                raise _Over
            if progress and job.shard[0] == 0:
                progress(count)

        try:
            _do(job, take, settings, told, privacy)
            ended.put(None)
        except BaseException as error:  # noqa: BLE001  (it is raised in the thread that waits)
            ended.put(error)

    # daemons: one that waits for a pipe must not keep an interrupted command alive
    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in zip(jobs, takes, strict=True)]
    for thread in threads:
        thread.start()
    failed: BaseException | None = None
    try:
        for _ in threads:
            failed = failed or ended.get()
            if failed:
                break
    finally:  # all is read, one failed, or the wait was interrupted
        over.set()
        for thread in threads:
            thread.join(GIVE_UP_S)
    if failed:
        raise failed


def _do(job: Job, take: Take, settings: MeterSettings, progress: Progress | None, privacy: Privacy) -> None:
    for source, seen in job.sources:
        flows = read_flows(
            source, job.ledger, settings=settings, seen=seen, progress=progress, shard=job.shard, privacy=privacy
        )
        with closing(flows) as batches:  # type: ignore[type-var]
            for batch in batches:
                take(batch)
