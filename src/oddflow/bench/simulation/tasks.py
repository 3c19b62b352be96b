"""Tasks on the cores of machines, from event to event: which runs when, and when all are done."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from oddflow.errors import UsageError

DONE = 1e-9
"""A task of which so small a part is left has ended."""


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work that one core does.

    Attributes:
        name: Its kind.
        work_s: Processor time on one core while the others are quiet.
        after: The places, in the list of all tasks, of those whose results it needs.
        read_bytes: What it reads from the store that all machines share, while it works.
    """

    name: str
    work_s: float
    after: tuple[int, ...] = ()
    read_bytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Cores:
    """Where tasks run.

    Attributes:
        count: Cores, of all machines together.
        workers: Tasks that run at once.
        busy_speed: The speed of a core while all others are busy, over its speed while they are quiet: they share
            caches, memory and, where they are two threads of one, the core itself.
        others: Cores' worth of work that other processes do beside the tasks, as long as these last.
        read_bytes_per_s: What all tasks together can read from the store.
    """

    count: int
    workers: int
    busy_speed: float = 1.0
    others: float = 0.0
    read_bytes_per_s: float = float("inf")

    def __post_init__(self) -> None:
        """Refuses what cannot be."""
        if self.count < 1 or self.workers < 1 or not 0 < self.busy_speed <= 1 or self.others < 0:
            raise UsageError(
                f"{self.count} cores, {self.workers} workers, a speed of {self.busy_speed} and {self.others} cores for "
                "others; expected at least one core and worker, a speed above 0 and at most 1, and none or more"
            )

    def speed(self, running: int) -> float:
        """Work a second that each of so many running tasks does.

        Busy cores slow one another; beyond their number, tasks and other processes share them evenly.
        """
        wanted = running + self.others
        busy = min(wanted, self.count)
        slowed = 1.0 if self.count == 1 else 1 - (1 - self.busy_speed) * max(busy - 1, 0) / (self.count - 1)
        return slowed * min(1.0, self.count / wanted)


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a job.

    Attributes:
        seconds: From its start to the end of the last task.
        begun_s: When each task began, (n,).
        ended_s: When each task ended, (n,).
        busy_s: Seconds in which so many tasks ran at once, by their number.
    """

    seconds: float
    begun_s: list[float]
    ended_s: list[float]
    busy_s: dict[int, float]

    def of(self, tasks: Sequence[Task], name: str) -> float:
        """Seconds, summed, that all tasks of a kind ran."""
        return sum(
            end - begin for task, begin, end in zip(tasks, self.begun_s, self.ended_s, strict=True) if task.name == name
        )


class _Job:
    """The state between two events."""

    def __init__(self, tasks: Sequence[Task], cores: Cores) -> None:
        self.tasks, self.cores = tasks, cores
        self.needs = [len(task.after) for task in tasks]
        self.next: list[list[int]] = [[] for _ in tasks]
        for place, task in enumerate(tasks):
            for before in task.after:
                if not 0 <= before < place:
                    raise UsageError(f"task {place} needs task {before}; expected one that stands before it")
                self.next[before].append(place)
        self.ready = [place for place, needed in enumerate(self.needs) if not needed]
        self.left: dict[int, float] = {}
        self.now = 0.0
        self.begun, self.ended = [0.0] * len(tasks), [0.0] * len(tasks)
        self.busy: dict[int, float] = {}

    def start(self) -> None:
        """Ready tasks begin, in their order, while workers are free."""
        while self.ready and len(self.left) < self.cores.workers:
            place = heappop(self.ready)
            self.left[place] = 1.0
            self.begun[place] = self.now

    def step(self) -> None:
        """On to when the next task ends."""
        speed = self.cores.speed(len(self.left))
        reading = sum(self.tasks[place].read_bytes > 0 for place in self.left)
        share = self.cores.read_bytes_per_s / max(reading, 1)
        needed = {
            place: max(self.tasks[place].work_s / speed, self.tasks[place].read_bytes / share) for place in self.left
        }
        passed = min(left * needed[place] for place, left in self.left.items())
        self.now += passed
        self.busy[len(self.left)] = self.busy.get(len(self.left), 0.0) + passed
        for place in list(self.left):
            self.left[place] -= passed / needed[place] if needed[place] else 1.0
            if self.left[place] <= DONE:
                self._end(place)

    def _end(self, place: int) -> None:
        del self.left[place]
        self.ended[place] = self.now
        for later in self.next[place]:
            self.needs[later] -= 1
            if not self.needs[later]:
                heappush(self.ready, later)


def run(tasks: Sequence[Task], cores: Cores) -> Ran:
    """Runs tasks as soon as what they need is there and a worker is free, in the order in which they stand.

    >>> half = [Task("half", 1.0), Task("half", 1.0), Task("sum", 0.5, after=(0, 1))]
    >>> run(half, Cores(2, 1)).seconds, run(half, Cores(2, 2)).seconds, run(half, Cores(2, 2, busy_speed=0.8)).seconds
    (2.5, 1.5, 1.75)

    Raises:
        UsageError: A task needs one that does not stand before it.
    """
    job = _Job(tasks, cores)
    job.start()
    while job.left:
        job.step()
        job.start()
    return Ran(job.now, job.begun, job.ended, job.busy)
