"""A batch job over captures as tasks: dealing packets out, metering shards, putting flows in order, writing."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise

from oddflow.bench.simulation.tasks import Cores, Ran, Task, run
from oddflow.errors import UsageError

DEAL, METER, ORDER, WRITE, SAVE = "deal", "meter", "in_order", "write_wave", "save_state"
KINDS = (DEAL, METER, ORDER, WRITE, SAVE)
"""Kinds of tasks, as the job names them: `cluster.tasks`, `cluster.storing`."""


@dataclass(frozen=True, slots=True)
class JobCosts:
    """What a job's tasks take on a quiet machine with one worker, from one run of it.

    Attributes:
        deal_byte_s: To read a byte of captures, decode its packets and deal them out.
        meter_byte_s: To meter what was dealt, all shards together, by bytes of captures.
        order_byte_s: To put the flows in order and name them, by bytes of captures.
        write_byte_s: To write them, by bytes of captures.
        save_s: To save what goes on, once a wave.
        gap_s: Between the end of a task and the beginning of the next on the same worker.
        others: Cores' worth of work that Ray's own processes and the driver do meanwhile.
        busy_speed: As `Cores` has it.
    """

    deal_byte_s: float
    meter_byte_s: float
    order_byte_s: float
    write_byte_s: float = 0.0
    save_s: float = 0.0
    gap_s: float = 0.0
    others: float = 0.0
    busy_speed: float = 1.0

    def __post_init__(self) -> None:
        """Refuses what no run can have told."""
        if min(astuple(self)) < 0:
            raise UsageError(f"{self}: no task takes less than no time")


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
        UsageError: More than one worker ran, or none of the kinds did.
    """
    if len({task.worker for task in traced}) > 1:
        raise UsageError("tasks of more than one worker were given; the fit is of one worker alone")
    spent = dict.fromkeys(KINDS, 0.0)
    known = sorted((task for task in traced if task.name in spent), key=lambda task: task.begun_s)
    for task in known:
        spent[task.name] += task.ended_s - task.begun_s
    if not spent[DEAL] or not spent[METER]:
        raise UsageError("no task of dealing or of metering was seen; was the job run with more than one shard?")
    gaps = [max(0.0, later.begun_s - task.ended_s) for task, later in pairwise(known)]
    speed = Cores(cores, 1, busy_speed, others).speed(1)
    saved = sum(task.name == SAVE for task in known)
    return JobCosts(
        *(spent[kind] * speed / bytes_ for kind in (DEAL, METER, ORDER, WRITE)),
        save_s=spent[SAVE] * speed / max(saved, 1),
        gap_s=statistics.fmean(gaps) if gaps else 0.0,
        others=others,
        busy_speed=busy_speed,
    )


@dataclass(frozen=True, slots=True)
class Job:
    """A job: how much is read, in what portions.

    Attributes:
        bytes: Of captures.
        shards: How many meters share the flows.
        files: So many captures, all of one size.
        unit_bytes: What one task reads of a large capture; its last piece is up to half as large again.
        wave_bytes: What is metered between two states, at least.
    """

    bytes: float
    shards: int
    files: int = 1
    unit_bytes: float = 64 * 2**20
    wave_bytes: float = 512 * 2**20

    def waves(self) -> list[list[float]]:
        """The sizes of all units, wave by wave."""
        size = self.bytes / self.files
        pieces = max(1, round(size / self.unit_bytes))
        of_file = [self.unit_bytes] * (pieces - 1) + [size - (pieces - 1) * self.unit_bytes]
        found: list[list[float]] = [[]]
        for unit in of_file * self.files:
            if sum(found[-1]) >= self.wave_bytes:
                found.append([])
            found[-1].append(unit)
        return found

    def tasks(self, costs: JobCosts, *, largest_shard: float | None = None) -> list[Task]:
        """All tasks in the order in which they are handed out.

        The units of the next wave are handed out before a wave is metered, so that no worker waits.

        Args:
            costs: What each takes.
            largest_shard: The share of the work of the shard that has most; an even share unless given.
        """
        share = 1 / self.shards if largest_shard is None else max(largest_shard, 1 / self.shards)
        rest = (1 - share) / max(self.shards - 1, 1)
        found: list[Task] = []

        def add(kind: str, work_s: float, after: Sequence[int] = (), read_bytes: float = 0.0) -> int:
            found.append(Task(kind, work_s + costs.gap_s, tuple(after), read_bytes))
            return len(found) - 1

        def dealt(units: Sequence[float]) -> list[int]:
            return [add(DEAL, size * costs.deal_byte_s, read_bytes=size) for size in units]

        waves = self.waves()
        ahead = dealt(waves[0])
        before: list[int] = []
        ordered: list[int] = []
        for number, wave in enumerate(map(sum, waves)):
            units, ahead = ahead, dealt(waves[number + 1]) if number + 1 < len(waves) else []
            before = [
                add(METER, wave * (rest if shard else share) * costs.meter_byte_s, [*units, *before[shard : shard + 1]])
                for shard in range(self.shards)
            ]
            ordered = [add(ORDER, wave * costs.order_byte_s, [*before, *ordered])]
            add(WRITE, wave * costs.write_byte_s, ordered)
            add(SAVE, costs.save_s, ordered)
        return found

    def run(
        self, costs: JobCosts, workers: int, *, cores: int | None = None, read_bytes_per_s: float = math.inf,
        largest_shard: float | None = None,
    ) -> Ran:  # fmt: skip
        """The job on so many workers of so many cores, one for each worker unless given."""
        place = Cores(cores or workers, workers, costs.busy_speed, costs.others, read_bytes_per_s)
        return run(self.tasks(costs, largest_shard=largest_shard), place)
