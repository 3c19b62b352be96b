"""The process that judges what a stranger sent; it says nothing but one answer, in a file.

It is started as `python -m oddflow.server.uploads.judging`, with a `Job` on standard input.
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from oddflow.errors import OddflowError
from oddflow.server.uploads.confining import Bounds
from oddflow.server.uploads.result import Answer, UploadResult

ANSWER, REPORT = "answer.json", "report.html"


class Job(BaseModel):
    """What to judge.

    Attributes:
        capture: The file that was sent.
        called: What whoever sent it calls it; told, never opened.
        folder: Where the answer and the report go.
        model: A sealed model's file; the capture is judged by itself where it is empty.
        model_name: What that is called.
        budget: False alarms that are put up with.
        memory_bytes, seconds: See `Bounds`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    capture: Path
    called: str
    folder: Path
    model: str = ""
    model_name: str = ""
    budget: str
    memory_bytes: Annotated[int, Field(ge=64 << 20)]
    seconds: Annotated[int, Field(ge=1)]


def main() -> None:
    """Gives up what it can, judges, and answers."""
    job = Job.model_validate_json(sys.stdin.buffer.read(64 << 10))
    Bounds(job.memory_bytes, job.seconds).confine()
    tempfile.tempdir = str(job.folder)
    try:
        answer = Answer(result=judged(job))
    except OddflowError as error:
        answer = Answer(problem=str(error).replace(str(job.capture), job.called)[:2_000])
    except MemoryError:
        answer = Answer(problem=f"it takes more than {job.memory_bytes >> 20:,} MiB of memory; send a part of it")
    (job.folder / ANSWER).write_text(answer.model_dump_json(), "utf-8")


def judged(job: Job) -> UploadResult:
    """The verdict on a job's capture; its report is written beside.

    Raises:
        OddflowError: It cannot be judged.
    """
    # what is imported after the process was confined is bounded, too
    from oddflow import api  # noqa: PLC0415
    from oddflow.reports.page import render  # noqa: PLC0415

    named = {"model": job.model, "budget": job.budget} if job.model else {}
    found = api.detect(job.capture, **named)  # type: ignore[arg-type]
    found.sources = [job.called]
    for row in found.rows:
        row.alerts[:] = [replace(alert, source=job.called) for alert in row.alerts]
    result = UploadResult.of(found, job.model_name)
    (job.folder / REPORT).write_text(render(found), "utf-8")
    return result


if __name__ == "__main__":
    main()
