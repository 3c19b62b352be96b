"""Runs a command as a process of its own, and tells how long it took and how much memory it held."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

LAUNCHER = """
import json, os, sys, time
begun = time.perf_counter()
child = os.fork()
if child == 0:
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    finally:
        os._exit(127)
_, status, usage = os.wait4(child, 0)
told = {
    "seconds": time.perf_counter() - begun,
    "processor_s": usage.ru_utime + usage.ru_stime,
    "peak_kib": usage.ru_maxrss,
    "code": os.waitstatus_to_exitcode(status),
}
with open(sys.argv[1], "w") as file:
    json.dump(told, file)
"""
"""A process counts its parent's memory at its birth as its own, so a small one stands between."""


@dataclass(frozen=True, slots=True)
class Child:
    """A command that has run: wall and processor time, greatest resident memory, and what it said."""

    seconds: float
    processor_s: float
    peak_bytes: int
    code: int
    output: str
    complaint: str


def _environment() -> dict[str, str]:
    """Ours, but Python may keep what it compiles, as it does everywhere but in some containers."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(command: Sequence[str], *, timeout_s: float = 3600.0) -> Child:
    """Runs a command to its end.

    Raises:
        TimeoutError: It did not end in time; it was killed.
    """
    with tempfile.NamedTemporaryFile("r", suffix=".json") as told:
        with subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", LAUNCHER, told.name, *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env=_environment(),
        ) as launcher:  # fmt: skip
            try:
                output, complaint = launcher.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                raise TimeoutError(f"{command[0]} did not end within {timeout_s:.0f} s") from None
            finally:
                if launcher.poll() is None:
                    os.killpg(launcher.pid, signal.SIGKILL)
        ended = json.loads(told.read())
    return Child(ended["seconds"], ended["processor_s"], ended["peak_kib"] * 1024, ended["code"], output, complaint)


@contextmanager
def one_core() -> Iterator[int]:
    """Keeps this thread on one core of those it may use; gives the core's number."""
    allowed = os.sched_getaffinity(0)
    core = max(allowed)
    os.sched_setaffinity(0, {core})
    try:
        yield core
    finally:
        os.sched_setaffinity(0, allowed)
