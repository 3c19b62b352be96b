"""Processes: started again when they die, with growing pauses; ended where they hang; their last words heard."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from oddflow.errors import OddflowError
from oddflow.server.settings.settings import Settings
from oddflow.server.work.job import Job
from oddflow.server.work.layout import Shared
from oddflow.server.work.seat import CHANGED, Life, Seat


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    """What processes have in common, for one source."""
    return Shared.of(
        Settings.model_validate(
            {"service": {"state": str(tmp_path)}, "sources": [{"name": "in", "folder": str(tmp_path)}]}
        )
    )


@pytest.fixture
def started(shared: Shared) -> Iterator[list[Job]]:
    """Jobs that are ended after the test."""
    jobs: list[Job] = []
    yield jobs
    for job in jobs:
        job.signal(signal.SIGKILL)
        while job.pid and job.reap() is None:
            time.sleep(0.005)


def job(life: Life, shared: Shared, started: list[Job]) -> Job:
    """One that is started."""
    made = Job("keeper", "keeper", 1, -1, life)
    started.append(made)
    made.start(shared, None, ())
    return made


def ended(one: Job) -> str:
    """How it ended."""
    while (how := one.reap()) is None:
        time.sleep(0.005)
    return how


def fails(_: Seat) -> int:
    raise OddflowError("the disk is full")


def dies(_: Seat) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def breaks(_: Seat) -> int:
    raise ZeroDivisionError("by nought")


@pytest.mark.parametrize(
    ("life", "how"),
    [
        (fails, "the disk is full"),
        (dies, "ended by signal SIGKILL"),
        (breaks, "internal error: ZeroDivisionError: by nought"),
        (lambda _: 0, ""),
        (lambda _: CHANGED, ""),
    ],
)
def test_it_is_told_how_a_process_ended(life: Life, how: str, shared: Shared, started: list[Job]) -> None:
    one = job(life, shared, started)
    assert ended(one) == how
    assert one.restarts == bool(how)


def test_pauses_grow_while_it_keeps_dying(shared: Shared, started: list[Job]) -> None:
    one = job(fails, shared, started)
    pauses = []
    for _ in range(8):
        ended(one)
        pauses.append(one.pause_s)
        one.start(shared, None, ())
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]  # the next ones


def test_a_process_ends_when_it_is_asked(shared: Shared, started: list[Job]) -> None:
    def waits(seat: Seat) -> int:
        seat.on_end()
        while not seat.stopping:
            seat.beat()
            time.sleep(0.005)
        return 0

    assert shared.counters.silent_s(1) is None
    one = job(waits, shared, started)
    while shared.counters.silent_s(1) is None:
        time.sleep(0.005)
    one.signal(signal.SIGTERM)
    assert ended(one) == ""
