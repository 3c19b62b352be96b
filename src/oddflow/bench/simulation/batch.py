"""A batch job over captures as tasks, in the two ways that `cluster` has.

With two to nine workers, one meters, and the others make columns of its flows and write them (`Piped`). With more,
packets are dealt out to as many shards, which are metered side by side, and their flows put in order (`Dealt`).
"""

import statistics
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

from oddflow.bench.simulation.tasks import Cores, Ran, Task, run
from oddflow.errors import UsageError

METER_RAW, WRITE_RAW = "meter_raw", "write_raw"
DEAL, METER, ORDER, WRITE = "deal", "meter", "in_order", "write_chosen"
SAVE = "save_state"
PIPED, DEALT = "piped", "dealt"
KINDS: Final = (METER_RAW, WRITE_RAW, DEAL, METER, ORDER, WRITE, SAVE)
"""Kinds of tasks, as the job names them: the functions of `cluster` that they run."""


@dataclass(frozen=True, slots=True)
class JobCosts:
    """What a job's tasks take on a quiet machine with one worker, from one run of it.

    Attributes:
        byte_s: What all tasks of a kind take, by the bytes of captures that the job reads.
        save_s: To save what goes on, each time.
        gap_s: Between the end of a task and the beginning of the next on the same worker.
        others: Cores' worth of work that Ray's own processes and the driver do meanwhile.
        busy_speed: As `Cores` has it.
    """

    byte_s: Mapping[str, float]
    save_s: float = 0.0
    gap_s: float = 0.0
    others: float = 0.0
    busy_speed: float = 1.0

    def __post_init__(self) -> None:
        """Refuses what no run can have told."""
        if min(*self.byte_s.values(), self.save_s, self.gap_s, self.others) < 0:
            raise UsageError(f"{self}: no task takes less than no time")

    def of(self, kind: str, size: float) -> float:
        """What tasks of a kind take for so many bytes of captures."""
        return size * self.byte_s.get(kind, 0.0)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"byte_s": dict(self.byte_s)}

    @classmethod
    def median(cls, found: "Sequence[JobCosts]") -> "JobCosts":
        """Each figure's median over several runs."""
        kinds = sorted({kind for one in found for kind in one.byte_s})
        return cls(
            {kind: statistics.median(one.byte_s.get(kind, 0.0) for one in found) for kind in kinds},
            save_s=statistics.median(one.save_s for one in found),
            gap_s=statistics.median(one.gap_s for one in found),
            others=statistics.median(one.others for one in found),
            busy_speed=statistics.median(one.busy_speed for one in found),
        )


@dataclass(frozen=True, slots=True)
class Traced:
    """One task of a run that was watched.

    Attributes:
        name: Its kind.
        begun_s: When it began, from some instant on.
        ended_s: When it ended.
        worker: On which worker.
    """

    name: str
    begun_s: float
    ended_s: float
    worker: str


def fitted(traced: Sequence[Traced], bytes_: float, *, cores: int, others: float, busy_speed: float) -> JobCosts:
    """The costs of a job, from the tasks of one run with one worker over so many bytes.

    Args:
        traced: Its tasks.
        bytes_: Of the captures.
        cores: Of the machine, that the worker had to share with Ray's own processes alone.
        others: Cores' worth of what those did meanwhile.
        busy_speed: As `Cores` has it; what Ray slowed the worker down by is taken off.

    Raises:
        UsageError: More than one worker ran, or none of the kinds that meter did.
    """
    if len({task.worker for task in traced}) > 1:
        raise UsageError("tasks of more than one worker were given; the fit is of one worker alone")
    spent: dict[str, float] = {}
    known = sorted((task for task in traced if task.name in KINDS), key=lambda task: task.begun_s)
    for task in known:
        spent[task.name] = spent.get(task.name, 0.0) + task.ended_s - task.begun_s
    if METER not in spent and METER_RAW not in spent:
        raise UsageError("no task that meters was seen; was the job planned for more than one worker?")
    gaps = [max(0.0, later.begun_s - task.ended_s) for task, later in pairwise(known)]
    speed = Cores(cores, 1, busy_speed, others).speed(1)
    saved = sum(task.name == SAVE for task in known)
    return JobCosts(
        {kind: seconds * speed / bytes_ for kind, seconds in spent.items() if kind != SAVE},
        save_s=spent.get(SAVE, 0.0) * speed / max(saved, 1),
        gap_s=statistics.fmean(gaps) if gaps else 0.0,
        others=others,
        busy_speed=busy_speed,
    )


class Tasks(list[Task]):
    """All tasks of a job in the order in which they are handed out."""

    def __init__(self, costs: JobCosts) -> None:
        super().__init__()
        self._costs = costs

    def add(self, kind: str, size: float, after: Sequence[int] = (), *, reads: bool = False) -> int:
        """One more task, for so many bytes of captures; its place."""
        work_s = self._costs.save_s if kind == SAVE else self._costs.of(kind, size)
        self.append(Task(kind, work_s + self._costs.gap_s, tuple(after), size if reads else 0.0))
        return len(self) - 1


@dataclass(frozen=True, slots=True)
class Job(ABC):
    """A job: how much is read, in what portions.

    Attributes:
        bytes: Of captures.
        files: So many captures, all of one size.
    """

    bytes: float
    files: int = 1

    @abstractmethod
    def tasks(self, costs: JobCosts) -> Tasks:
        """All tasks in the order in which they are handed out."""

    def run(
        self, costs: JobCosts, workers: int, *, cores: int | None = None, read_bytes_per_s: float = float("inf")
    ) -> Ran:
        """The job on so many workers of so many cores, one for each worker unless given."""
        place = Cores(cores or workers, workers, costs.busy_speed, costs.others, read_bytes_per_s)
        return run(self.tasks(costs), place)

    def portions(self, size: float) -> list[float]:
        """Pieces of each file of about that size: the last is up to half as large again, or all of a small file."""
        whole = self.bytes / self.files
        pieces = max(1, round(whole / size))
        return ([size] * (pieces - 1) + [whole - (pieces - 1) * size]) * self.files


@dataclass(frozen=True, slots=True)
class Piped(Job):
    """One worker meters; its flows become columns, and are written, chunk by chunk.

    Attributes:
        unit_bytes: What one task meters.
        chunk_bytes: Bytes of captures whose flows are handed on at a time.
        save_bytes: After how much what goes on is saved.
    """

    unit_bytes: float = 256 * 2**20
    chunk_bytes: float = 128 * 2**20
    save_bytes: float = 512 * 2**20

    def tasks(self, costs: JobCosts) -> Tasks:
        """Metering goes before all else, since all else waits for it."""
        found = Tasks(costs)
        metered: list[int] = []
        written: list[int] = []
        unsaved = 0.0
        portions = self.portions(self.unit_bytes)
        for number, size in enumerate(portions):
            chunks = max(1, round(size / self.chunk_bytes))
            for _ in range(chunks):
                metered = [found.add(METER_RAW, size / chunks, metered, reads=True)]
                written.append(found.add(WRITE_RAW, size / chunks, metered))
            unsaved += size
            if unsaved >= self.save_bytes or number == len(portions) - 1:
                found.add(SAVE, size, written)
                written, unsaved = [], 0.0
        return found


@dataclass(frozen=True, slots=True)
class Dealt(Job):
    """Packets are dealt out to shards.

    Attributes:
        shards: How many meters share the flows.
        unit_bytes: What one task reads of a large capture.
        wave_bytes: What is metered between two states, at least.
        chunk_bytes: Bytes of captures whose flows are written at a time.
        largest_shard: The share of the work of the shard that has most; an even share, where that is more.
    """

    shards: int = 4
    unit_bytes: float = 64 * 2**20
    wave_bytes: float = 512 * 2**20
    chunk_bytes: float = 256 * 2**20
    largest_shard: float = 0.0

    def waves(self) -> list[list[float]]:
        """The sizes of all units, wave by wave."""
        found: list[list[float]] = [[]]
        for unit in self.portions(self.unit_bytes):
            if sum(found[-1]) >= self.wave_bytes:
                found.append([])
            found[-1].append(unit)
        return found

    def tasks(self, costs: JobCosts) -> Tasks:
        """The units of the next wave are handed out before a wave is metered, so that no worker waits."""
        largest = max(self.largest_shard, 1 / self.shards)
        rest = (1 - largest) / max(self.shards - 1, 1)
        found, waves = Tasks(costs), self.waves()
        ahead = [found.add(DEAL, size, reads=True) for size in waves[0]]
        before: list[int] = []
        ordered: list[int] = []
        for number, size in enumerate(map(sum, waves)):
            units = ahead
            ahead = [found.add(DEAL, size, reads=True) for size in waves[number + 1]] if number + 1 < len(waves) else []
            before = [
                found.add(METER, size * (rest if shard else largest), [*units, *before[shard : shard + 1]])
                for shard in range(self.shards)
            ]
            ordered = [found.add(ORDER, size, [*before, *ordered])]
            chunks = max(1, round(size / self.chunk_bytes))
            for _ in range(chunks):
                found.add(WRITE, size / chunks, ordered)
            found.add(SAVE, size, ordered)
        return found
