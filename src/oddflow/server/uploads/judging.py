"""The process that judges what a stranger sent; it says nothing but one answer, in a file.

It is started as `python -m oddflow.server.uploads.judging`, with an `UploadJob` on standard input.
"""

from dataclasses import replace
from pathlib import Path

from oddflow.server.confined.job import Job, answer, asked
from oddflow.server.uploads.result import UploadResult

REPORT = "report.html"


class UploadJob(Job):
    """What to judge.

    Attributes:
        capture: The file that was sent.
        called: What whoever sent it calls it; told, never opened.
        model: A sealed model's file; the capture is judged by itself where it is empty.
        model_name: What that is called.
        budget: False alarms that are put up with.
    """

    capture: Path
    called: str
    model: str = ""
    model_name: str = ""
    budget: str


def main() -> None:
    """Judges, and answers."""
    job = asked(UploadJob)
    answer(job, lambda: judged(job), lambda words: words.replace(str(job.capture), job.called), "send a part of it")


def judged(job: UploadJob) -> UploadResult:
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
