"""The batch job as tasks: what is fitted on one worker is what one worker takes, and where more of them end."""

import pytest

from oddflow.bench.simulation.batch import (
    DEAL,
    METER,
    METER_RAW,
    ORDER,
    SAVE,
    WRITE,
    WRITE_RAW,
    Dealt,
    Job,
    JobCosts,
    Piped,
    Traced,
    fitted,
)
from oddflow.errors import UsageError

GB = 1e9
BYTE_S = {METER_RAW: 1e-9, WRITE_RAW: 0.9e-9, DEAL: 2e-9, METER: 2e-9, ORDER: 1e-9, WRITE: 0.4e-9}
COSTS = JobCosts(BYTE_S)
JOBS = [Piped(3 * GB), Piped(3 * GB, files=15), Dealt(3 * GB, shards=2), Dealt(3 * GB, files=5, shards=5)]


def traced(job: Job, costs: JobCosts) -> list[Traced]:
    """What a run of the simulated job, by one worker on two cores, would have told."""
    ran, tasks = job.run(costs, 1, cores=2), job.tasks(costs)
    return [
        Traced(task.name, begin, end, "first") for task, begin, end in zip(tasks, ran.begun_s, ran.ended_s, strict=True)
    ]


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("others", [0.0, 0.3, 1.5])
def test_one_worker_takes_again_what_it_was_fitted_on(job, others):
    costs = JobCosts(BYTE_S, save_s=0.05, others=others, busy_speed=0.8)
    found = fitted(traced(job, costs), job.bytes, cores=2, others=others, busy_speed=0.8)
    assert found.byte_s == pytest.approx({kind: BYTE_S[kind] for kind in found.byte_s})
    assert found.save_s == pytest.approx(0.05)
    assert job.run(found, 1, cores=2).seconds == pytest.approx(job.run(costs, 1, cores=2).seconds)


def test_what_lies_between_tasks_is_told_apart():
    tasks = [Traced(DEAL, 0, 1, "a"), Traced(METER, 1.5, 2, "a"), Traced(ORDER, 2.1, 3, "a")]
    assert fitted(tasks, 1, cores=2, others=0.0, busy_speed=1.0).gap_s == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("job", "kinds"), [(Piped(2 * GB), (METER_RAW, WRITE_RAW)), (Dealt(2 * GB), (DEAL, METER, ORDER, WRITE))]
)
def test_one_worker_takes_all_work_one_after_another(job, kinds):
    assert job.run(COSTS, 1).seconds == pytest.approx(2 * GB * sum(BYTE_S[kind] for kind in kinds))


def test_workers_in_a_pipe_share_the_work_until_one_that_meters_alone_is_the_slowest():
    def seconds(workers: int) -> float:
        return Piped(50 * GB).run(COSTS, workers).seconds

    assert seconds(2) == pytest.approx(50 * GB * (BYTE_S[METER_RAW] + BYTE_S[WRITE_RAW]) / 2, rel=0.06)
    assert seconds(3) == pytest.approx(50 * GB * BYTE_S[METER_RAW], rel=0.02)
    assert seconds(4) == pytest.approx(seconds(3), rel=0.01)


def test_busy_cores_slow_both_sides_of_the_pipe():
    slowed = JobCosts(BYTE_S, busy_speed=0.7)
    ratio = Piped(50 * GB).run(slowed, 2).seconds / Piped(50 * GB).run(COSTS, 2).seconds
    assert 1.3 < ratio < 1 / 0.7 + 0.01


def test_more_workers_are_never_slower_and_end_at_the_ordered_stage():
    seconds = [Dealt(50 * GB, shards=many).run(COSTS, many).seconds for many in (1, 2, 4, 8, 16, 64)]
    assert seconds == sorted(seconds, reverse=True)
    # flows are put in order by one task after another
    ordered = 50 * GB * BYTE_S[ORDER]
    assert ordered <= seconds[-1] < 1.2 * ordered


def test_the_bottleneck_moves_to_what_the_store_can_give():
    slow = Dealt(20 * GB, shards=16).run(COSTS, 16, read_bytes_per_s=0.5e9)
    assert slow.seconds >= 40.0
    assert slow.seconds == pytest.approx(40.0, rel=0.2)


def test_a_shard_with_most_of_the_flows_holds_the_others_up():
    even = Dealt(10 * GB, shards=8).run(COSTS, 8).seconds
    assert Dealt(10 * GB, shards=8, largest_shard=0.8).run(COSTS, 8).seconds > 1.3 * even


@pytest.mark.parametrize("job", JOBS)
def test_bytes_are_all_read_once(job):
    tasks = job.tasks(COSTS)
    assert sum(task.read_bytes for task in tasks) == pytest.approx(job.bytes)
    for kind in {task.name for task in tasks} & set(BYTE_S):
        assert sum(task.work_s for task in tasks if task.name == kind) == pytest.approx(job.bytes * BYTE_S[kind])


def test_each_figure_of_a_median_is_its_own():
    found = JobCosts.median(
        [JobCosts({DEAL: 1.0}, others=3.0), JobCosts({DEAL: 2.0}), JobCosts({DEAL: 4.0}, gap_s=1.0)]
    )
    assert found == JobCosts({DEAL: 2.0})


def test_a_fit_takes_no_look_at_a_second_worker():
    told = [Traced(DEAL, 0, 1, "first"), Traced(METER, 0, 1, "second")]
    with pytest.raises(UsageError, match="one worker alone"):
        fitted(told, 1, cores=2, others=0.0, busy_speed=1.0)


@pytest.mark.parametrize("kinds", [(), (DEAL,), (WRITE, SAVE), ("write_alone",)])
def test_a_run_that_was_not_planned_for_several_workers_fits_nothing(kinds):
    with pytest.raises(UsageError, match="more than one worker"):
        fitted([Traced(kind, 0, 1, "first") for kind in kinds], 1, cores=2, others=0.0, busy_speed=1.0)


def test_costs_below_nothing_are_refused():
    with pytest.raises(UsageError, match="less than no time"):
        JobCosts({DEAL: -1e-9})
