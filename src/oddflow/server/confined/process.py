"""Has work done by a process of its own, and gives what it answers: to be checked before anybody believes it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic

from oddflow.errors import OddflowError
from oddflow.server.confined.job import ANSWER, Job

GRACE_S = 15.0
"""Beyond the processor time that is allowed: a process may wait, too."""
POLL_S = 0.05
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "ODDFLOW_CACHE", "PYTHONPATH")


class Unanswered(OddflowError):
    """The work was not done; the message says why."""


@dataclass(frozen=True, slots=True)
class Words:
    """How it is said that there is no answer.

    Attributes:
        work: What is done: "judging it".
        again: What to do where the service was stopped meanwhile.
        quicker: What to do where it took too long.
        smaller: What to do where it took too much memory.
    """

    work: str
    again: str
    quicker: str
    smaller: str


def answered(
    module: str, job: Job, words: Words, stop: Event, *, most_bytes: int, watch: Callable[[], None] | None = None
) -> bytes:
    """What a process of its own answers; it is ended in any case.

    Args:
        module: Of ours; reads the job on standard input (`job.asked`, `job.answer`).
        job: What to do, and what that may take.
        words: For who asked.
        stop: Ends it.
        most_bytes: A longer answer is none.
        watch: Called now and then.

    Raises:
        Unanswered: There is no answer, and why.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=job.folder,
        env=_environment(),
        start_new_session=True,
    )
    too_long = f"{words.work} took longer than {job.seconds:,} s; {words.quicker}"
    try:
        with suppress(BrokenPipeError):
            process.communicate(job.model_dump_json().encode(), timeout=POLL_S)
    except subprocess.TimeoutExpired:
        pass
    until = monotonic() + job.seconds + GRACE_S
    try:
        while process.poll() is None:
            if monotonic() > until:
                raise Unanswered(too_long)
            if stop.wait(POLL_S):
                raise Unanswered(f"the service was stopped meanwhile; {words.again}")
            if watch is not None:
                watch()
    finally:
        end(process)
    if process.returncode in {-signal.SIGXCPU, -signal.SIGKILL}:
        raise Unanswered(too_long)
    content = bounded(job.folder / ANSWER, most_bytes)
    (job.folder / ANSWER).unlink(missing_ok=True)
    if content is None:
        raise Unanswered(
            f"{words.work} ended without an answer ({_ended(process.returncode)}); it may take more than "
            f"{job.memory_bytes >> 20:,} MiB of memory: {words.smaller}"
        )
    return content


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def bounded(path: Path, most: int) -> bytes | None:
    """A plain file's content; None where there is none, or it is something else or too large."""
    try:
        place = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(place, "rb") as file:  # noqa: PTH123
        content = file.read(most + 1)
    return content if len(content) <= most else None


def _environment() -> dict[str, str]:
    """Nothing of the service's secrets; one thread."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ARROW_IO_THREADS": "1"}


def _ended(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
