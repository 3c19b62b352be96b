"""Tasks on cores: what is known of them by hand."""

import numpy as np
import pytest

from oddflow.bench.simulation.tasks import Cores, Task, run
from oddflow.errors import UsageError


def drawn(seed: int, count: int = 60) -> list[Task]:
    """Tasks of random lengths, each after some of those before it."""
    rng = np.random.default_rng(seed)
    return [
        Task("any", float(rng.exponential(1.0)), tuple(np.unique(rng.integers(0, place, 2)).tolist()) if place else ())
        for place in range(count)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_one_worker_takes_the_sum_of_all_work(seed):
    tasks = drawn(seed)
    assert run(tasks, Cores(4, 1)).seconds == pytest.approx(sum(task.work_s for task in tasks))


@pytest.mark.parametrize("seed", range(5))
def test_more_workers_are_never_slower_than_the_longest_chain_and_never_faster_than_their_share(seed):
    tasks = drawn(seed)
    whole, chain = sum(task.work_s for task in tasks), []
    for task in tasks:
        chain.append(task.work_s + max((chain[place] for place in task.after), default=0.0))
    for workers in (2, 4, 8, 64):
        seconds = run(tasks, Cores(workers, workers)).seconds
        # Graham (1969): a list schedule is at most that much longer than it must be
        assert max(whole / workers, *chain) <= seconds + 1e-9
        assert seconds <= whole / workers + max(chain) * (1 - 1 / workers) + 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_tasks_wait_for_what_they_need(seed):
    tasks = drawn(seed)
    ran = run(tasks, Cores(4, 4, busy_speed=0.7, others=0.3))
    for place, task in enumerate(tasks):
        assert all(ran.ended_s[before] <= ran.begun_s[place] + 1e-9 for before in task.after)
    assert sum(ran.busy_s.values()) == pytest.approx(ran.seconds)


@pytest.mark.parametrize(
    ("cores", "seconds"),
    [
        (Cores(2, 2), 4.0),
        (Cores(2, 2, busy_speed=0.8), 5.0),
        (Cores(2, 1, busy_speed=0.8), 8.0),
        (Cores(1, 2), 8.0),
        (Cores(2, 2, others=2.0), 8.0),
        (Cores(2, 1, others=1.0, busy_speed=0.5), 16.0),
    ],
)
def test_cores_are_shared_and_slow_one_another(cores, seconds):
    assert run([Task("half", 4.0), Task("half", 4.0)], cores).seconds == pytest.approx(seconds)


def test_the_store_becomes_the_bottleneck_when_more_read_than_it_can_serve():
    tasks = [Task("read", 1.0, read_bytes=100.0) for _ in range(32)]
    seconds = [run(tasks, Cores(64, many, read_bytes_per_s=400.0)).seconds for many in (1, 2, 4, 8, 16, 32)]
    assert seconds == pytest.approx([32, 16, 8, 8, 8, 8])


def test_a_task_without_work_takes_no_time():
    assert run([Task("nothing", 0.0), Task("something", 1.0, after=(0,))], Cores(1, 1)).seconds == 1.0


@pytest.mark.parametrize("after", [(1,), (0,), (-1,)])
def test_what_needs_itself_or_a_later_one_is_refused(after):
    with pytest.raises(UsageError, match="stands before it"):
        run([Task("one", 1.0, after=after), Task("two", 1.0)], Cores(1, 1))


@pytest.mark.parametrize(
    "given", [{"count": 0}, {"workers": 0}, {"busy_speed": 0.0}, {"busy_speed": 1.1}, {"others": -1.0}]
)
def test_cores_that_cannot_be_are_refused(given):
    with pytest.raises(UsageError, match="expected"):
        Cores(**{"count": 2, "workers": 2} | given)
