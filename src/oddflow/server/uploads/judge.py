"""Has a capture judged by a process of its own, and believes only what stands the check."""

from pathlib import Path
from threading import Event

from pydantic import ValidationError

from oddflow.errors import OddflowError
from oddflow.server.confined.process import Unanswered, Words, answered, bounded
from oddflow.server.uploads.judging import REPORT, UploadJob
from oddflow.server.uploads.result import MOST_BYTES, Answer, UploadResult

MODULE = "oddflow.server.uploads.judging"
MOST_REPORT_BYTES = 48 << 20
WORDS = Words(
    work="judging it",
    again="send it again",
    quicker="send a shorter capture, or one that unfolds to less: a small compressed file may hold a great deal",
    smaller="send a part of it",
)


class NotJudged(OddflowError):
    """What was sent could not be judged; the message says why."""


def judge(job: UploadJob, stop: Event) -> UploadResult:
    """The verdict of a process of its own.

    Args:
        job: What to judge, and what that may take.
        stop: Ends it.

    Raises:
        NotJudged: There is none, and why.
    """
    try:
        content = answered(MODULE, job, WORDS, stop, most_bytes=MOST_BYTES)
        answer = Answer.model_validate_json(content)
    except Unanswered as error:
        raise NotJudged(str(error)) from None
    except ValidationError:
        raise NotJudged("what judging it answered is not what was asked; it was thrown away") from None
    if answer.result is None:
        raise NotJudged(answer.problem or "judging it said nothing")
    return answer.result


def report_of(folder: Path) -> str | None:
    """The page that the process wrote; None where there is none that can be shown."""
    content = bounded(folder / REPORT, MOST_REPORT_BYTES)
    return None if content is None else content.decode("utf-8", "replace")
