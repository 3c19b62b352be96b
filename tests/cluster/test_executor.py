"""Calls on a cluster: their results, their errors, and processes that die in the middle."""

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from oddflow.errors import UsageError

pytest.importorskip("ray")

from oddflow.cluster.executor import RayExecutor


def divided(by, number):
    if not by:
        raise UsageError(f"{number} cannot be divided by 0")
    return number / by


def killed_once(mark, number):
    """Kills its own process the first time."""
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def folder():
    return str(Path.cwd())


def test_results_come_with_their_futures_and_errors_as_they_were_raised(ray_here, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with RayExecutor() as pool:
        futures = [pool.submit(partial(divided, by), 6) for by in (1, 2, 0)]
        assert [future.result() for future in futures[:2]] == [6, 3]
        with pytest.raises(UsageError, match=r"^6 cannot be divided by 0$"):
            futures[2].result()
        assert pool.submit(folder).result() == str(tmp_path)


def test_a_call_whose_process_dies_is_made_again(ray_here, tmp_path):
    with RayExecutor() as pool:
        assert pool.submit(killed_once, tmp_path / "mark", 7).result() == 7


def test_an_error_ends_calls_that_nobody_waits_for(ray_here, tmp_path):
    futures = []

    def given_up():
        with RayExecutor() as pool:
            futures.extend(pool.submit(_forever) for _ in range(4))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        given_up()
    assert all(future.cancelled() for future in futures)


def _forever():
    signal.pause()
