"""Which tasks ran, as Ray tells it."""

import time

import pytest


def slow_one():
    """A task that takes a while."""
    time.sleep(0.2)


@pytest.mark.usefixtures("ray_here")
def test_tasks_are_told_by_name_and_time_and_earlier_ones_are_not():
    import ray  # noqa: PLC0415  (an extra)

    from oddflow.cluster.answers import remote  # noqa: PLC0415
    from oddflow.cluster.tracing import tasks_done  # noqa: PLC0415

    task = remote(slow_one)
    ray.get(task.remote())
    since_s = time.time()
    ray.get([task.remote() for _ in range(3)])
    told = tasks_done(since_s)
    assert [name for name, *_ in told] == ["slow_one"] * 3
    assert all(since_s <= begun < ended <= time.time() for _, begun, ended, _ in told)
    assert all(ended - begun >= 0.2 for _, begun, ended, _ in told)
    assert 1 <= len({worker for *_, worker in told}) <= 2
