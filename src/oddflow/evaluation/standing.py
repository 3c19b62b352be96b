"""Whether all was chosen before the test rows were looked at: what a label may say, and what git knows of it."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from oddflow.errors import UsageError
from oddflow.evaluation.protocol import Protocol, Status, parsed
from oddflow.evaluation.result import Opening

WAIT_S = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """What a result may be called.

    Attributes:
        label: "protocol" or "exploratory".
        why: In a few words.
        commit: Of the choices; "" where they were not committed.
    """

    label: Status
    why: str
    commit: str = ""


def standing(protocol: Protocol, path: Path | None, opened: Sequence[Opening] = (), *, made: str = "") -> Standing:
    """What results of a protocol may be called.

    It is a protocol if it says so, and the choices in the file are those of a commit before the first run. Titles,
    conclusions, published figures and the like are no choices. Where the test rows were looked at before with other
    choices, that is told: nobody can unsee them.

    Args:
        protocol: What is run.
        path: Its file; None where it was given in words.
        opened: Times before when test rows were looked at with other choices.
        made: When the first of its runs was, ISO 8601, UTC; now unless given.
    """
    if path is None:
        return Standing(Status.EXPLORATORY, "chosen on the command line")
    if protocol.status is Status.EXPLORATORY:
        return Standing(Status.EXPLORATORY, "the protocol says so itself")
    commits = _commits(path)
    if not commits:
        return Standing(Status.EXPLORATORY, "the protocol is not committed")
    if _choices(path, commits[0]) != protocol.sha256:
        return Standing(Status.EXPLORATORY, "the protocol was changed and is not committed")
    since = commits[0]
    for commit in commits[1:]:
        if _choices(path, commit) != protocol.sha256:
            break
        since = commit
    if made and datetime.fromisoformat(made) < _time(path, since):
        return Standing(
            Status.EXPLORATORY, "test rows were opened before the choices were committed; --again opens them anew"
        )
    why = f"chosen {protocol.chosen}, committed before the test rows were opened"
    if opened:
        times = "once" if len(opened) == 1 else f"{len(opened)} times"
        why += f"; they had been opened {times} before, with other choices"
    return Standing(Status.PROTOCOL, why, since[:12])


def _commits(path: Path) -> list[str]:
    """Commits that changed a file, the latest first."""
    return _git(path, "log", "--format=%H", "--", path.name).split()


def _time(path: Path, commit: str) -> datetime:
    return datetime.fromisoformat(_git(path, "show", "--no-patch", "--format=%cI", commit).strip())


def _choices(path: Path, commit: str) -> str:
    """The choices of a file in a commit; "" where it was no protocol then."""
    try:
        return parsed(_git(path, "show", f"{commit}:./{path.name}")).sha256
    except UsageError:
        return ""


def _git(path: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=path.resolve().parent, capture_output=True, text=True, check=True, timeout=WAIT_S
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
