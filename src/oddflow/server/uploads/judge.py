"""Has a capture judged by a process of its own, and believes only what stands the check."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event
from time import monotonic

from pydantic import ValidationError

from oddflow.errors import OddflowError
from oddflow.server.uploads.judging import ANSWER, REPORT, Job
from oddflow.server.uploads.result import MOST_BYTES, Answer, UploadResult

GRACE_S = 15.0
"""Beyond the processor time that is allowed: a process may wait, too."""
POLL_S = 0.05
MOST_REPORT_BYTES = 48 << 20
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "ODDFLOW_CACHE", "PYTHONPATH")


class NotJudged(OddflowError):
    """What was sent could not be judged; the message says why."""


def judge(job: Job, stop: Event) -> UploadResult:
    """The verdict of a process of its own.

    Args:
        job: What to judge, and what that may take.
        stop: Ends it.

    Raises:
        NotJudged: There is none, and why.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "oddflow.server.uploads.judging"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=job.folder,
        env=_environment(),
        start_new_session=True,
    )
    try:
        with suppress(BrokenPipeError):
            process.communicate(job.model_dump_json().encode(), timeout=POLL_S)
    except subprocess.TimeoutExpired:
        pass
    until = monotonic() + job.seconds + GRACE_S
    try:
        while process.poll() is None:
            if monotonic() > until:
                raise NotJudged(_too_long(job))
            if stop.wait(POLL_S):
                raise NotJudged("the service was stopped meanwhile; send it again")
    finally:
        end(process)
    if process.returncode in {-signal.SIGXCPU, -signal.SIGKILL}:
        raise NotJudged(_too_long(job))
    return _believed(job, process.returncode)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def report_of(folder: Path) -> str | None:
    """The page that the process wrote; None where there is none that can be shown."""
    content = _bounded(folder / REPORT, MOST_REPORT_BYTES)
    return None if content is None else content.decode("utf-8", "replace")


def _believed(job: Job, code: int) -> UploadResult:
    content = _bounded(job.folder / ANSWER, MOST_BYTES)
    (job.folder / ANSWER).unlink(missing_ok=True)
    if content is None:
        raise NotJudged(
            f"judging it ended without an answer ({_ended(code)}); it may take more than "
            f"{job.memory_bytes >> 20:,} MiB of memory: send a part of it"
        )
    try:
        answer = Answer.model_validate_json(content)
    except ValidationError:
        raise NotJudged("what judging it answered is not what was asked; it was thrown away") from None
    if answer.result is None:
        raise NotJudged(answer.problem or "judging it said nothing")
    return answer.result


def _bounded(path: Path, most: int) -> bytes | None:
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


def _too_long(job: Job) -> str:
    return (
        f"judging it took longer than {job.seconds:,} s; send a shorter capture, or one that unfolds to less: "
        "a small compressed file may hold a great deal"
    )
