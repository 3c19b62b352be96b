"""What a confined process is asked, and what it answers; the answer is a file in its folder."""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from oddflow.errors import OddflowError
from oddflow.server.confined.bounds import Bounds

ANSWER, PROGRESS = "answer.json", "progress"
MOST_ASKED_BYTES = 64 << 10


Wanted = TypeVar("Wanted", bound="Job")


class Job(BaseModel):
    """What any of them is asked.

    Attributes:
        folder: Where the answer goes, and whatever else it writes.
        memory_bytes, seconds: See `Bounds`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    folder: Path
    memory_bytes: Annotated[int, Field(ge=64 << 20)]
    seconds: Annotated[int, Field(ge=1)]


def asked(kind: type[Wanted]) -> Wanted:
    """What stands on standard input."""
    return kind.model_validate_json(sys.stdin.buffer.read(MOST_ASKED_BYTES))


def answer(job: Job, work: Callable[[], BaseModel], told: Callable[[str], str], smaller: str) -> None:
    """Gives up what it can, works, and answers with what came out, or with why nothing did.

    Args:
        job: What was asked.
        work: Does it.
        told: A problem's words without paths of ours.
        smaller: What to do where memory is not enough.
    """
    Bounds(job.memory_bytes, job.seconds).confine()
    tempfile.tempdir = str(job.folder)
    try:
        answered = f'{{"result": {work().model_dump_json()}}}'
    except OddflowError as error:
        answered = json.dumps({"problem": told(str(error))[:2_000]})
    except MemoryError:
        answered = json.dumps({"problem": f"it takes more than {job.memory_bytes >> 20:,} MiB of memory; {smaller}"})
    (job.folder / ANSWER).write_text(answered, "utf-8")
