"""The batch job as tasks: what is fitted on one worker is what one worker takes, and where more of them end."""

import math

import pytest

from oddflow.bench.simulation.batch import DEAL, KINDS, METER, ORDER, Job, JobCosts, Traced, fitted
from oddflow.errors import UsageError

COSTS = JobCosts(deal_byte_s=4e-9, meter_byte_s=3e-9, order_byte_s=1e-9)
GB = 1e9


def traced(job: Job, costs: JobCosts, workers: int) -> list[Traced]:
    """What a run of the simulated job, on two cores, would have told."""
    ran, tasks = job.run(costs, workers, cores=2), job.tasks(costs)
    return [
        Traced(task.name, begin, end, "first") for task, begin, end in zip(tasks, ran.begun_s, ran.ended_s, strict=True)
    ]


@pytest.mark.parametrize("shards", [1, 2, 5])
@pytest.mark.parametrize("others", [0.0, 0.3, 1.5])
def test_one_worker_takes_again_what_it_was_fitted_on(shards, others):
    job, costs = Job(3 * GB, shards), JobCosts(4e-9, 3e-9, 1e-9, others=others, busy_speed=0.8)
    found = fitted(traced(job, costs, 1), job.bytes, cores=2, others=others, busy_speed=0.8)
    assert found.deal_byte_s == pytest.approx(costs.deal_byte_s)
    assert job.run(found, 1, cores=2).seconds == pytest.approx(job.run(costs, 1, cores=2).seconds)


def test_what_lies_between_tasks_is_told_apart():
    tasks = [Traced(DEAL, 0, 1, "a"), Traced(METER, 1.5, 2, "a"), Traced(ORDER, 2.1, 3, "a")]
    assert fitted(tasks, 1, cores=2, others=0.0, busy_speed=1.0).gap_s == pytest.approx(0.3)


def test_one_worker_takes_all_work_one_after_another():
    assert Job(2 * GB, 2).run(COSTS, 1).seconds == pytest.approx(16.0)


def test_more_workers_are_never_slower_and_end_at_the_ordered_stage():
    seconds = [Job(50 * GB, many).run(COSTS, many).seconds for many in (1, 2, 4, 8, 16, 64)]
    assert seconds == sorted(seconds, reverse=True)
    # flows are put in order by one task after another
    assert seconds[-1] >= 50 * GB * COSTS.order_byte_s
    assert Job(50 * GB, 64).run(COSTS, 64).seconds < 1.5 * 50 * GB * COSTS.order_byte_s + 2


def test_the_bottleneck_moves_to_what_the_store_can_give():
    slow = Job(20 * GB, 16).run(COSTS, 16, read_bytes_per_s=0.5e9)
    assert slow.seconds >= 40.0
    assert slow.seconds == pytest.approx(40.0, rel=0.2)


def test_a_shard_with_most_of_the_flows_holds_the_others_up():
    even = Job(10 * GB, 8).run(COSTS, 8).seconds
    assert Job(10 * GB, 8).run(COSTS, 8, largest_shard=0.6).seconds > 1.3 * even


def test_bytes_are_all_read_once():
    tasks = Job(2.7 * GB, 3).tasks(COSTS)
    assert sum(task.read_bytes for task in tasks) == pytest.approx(2.7 * GB)
    assert sum(task.work_s for task in tasks if task.name == METER) == pytest.approx(2.7 * GB * COSTS.meter_byte_s)
    assert {task.name for task in tasks} == set(KINDS)


def test_a_fit_takes_no_look_at_a_second_worker():
    told = [Traced(DEAL, 0, 1, "first"), Traced(METER, 0, 1, "second")]
    with pytest.raises(UsageError, match="one worker alone"):
        fitted(told, 1, cores=2, others=0.0, busy_speed=1.0)


@pytest.mark.parametrize("kinds", [(), (DEAL,), (METER, ORDER)])
def test_a_run_without_dealing_and_metering_fits_nothing(kinds):
    with pytest.raises(UsageError, match="more than one shard"):
        fitted([Traced(kind, 0, 1, "first") for kind in kinds], 1, cores=2, others=0.0, busy_speed=1.0)


def test_costs_below_nothing_are_refused():
    with pytest.raises(UsageError, match="less than no time"):
        JobCosts(-1e-9, 0, 0)


def test_a_reader_without_end_is_no_bottleneck():
    assert Job(GB, 2).run(COSTS, 2, read_bytes_per_s=math.inf).seconds == Job(GB, 2).run(COSTS, 2).seconds
