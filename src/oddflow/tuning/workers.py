"""Who works on a trial, so that one whose worker was killed is done again."""

import os
import socket
from pathlib import Path

from optuna.study import Study
from optuna.trial import TrialState

WORKER, OPTIONS = "worker", "options"
"""Attributes of a trial: who works on it, and what it takes, known when all of it has been drawn."""


def myself() -> str:
    """This process, in words that no other has: machine, number, and when it began."""
    return f"{socket.gethostname()} {os.getpid()} {_began(os.getpid())}"


def take_over(study: Study) -> int:
    """Puts the trials back in line whose worker is gone; how many. Workers of other machines are left alone."""
    gone = [
        trial
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        if not _works(trial.user_attrs.get(WORKER, ""))
    ]
    for trial in gone:
        study.tell(trial.number, state=TrialState.FAIL)
        # of one that was half drawn, all is drawn again: chance would go on elsewhere if a part of it were kept
        wanted = trial.params if OPTIONS in trial.user_attrs else trial.system_attrs.get("fixed_params")
        if wanted:
            study.enqueue_trial(wanted)
    return len(gone)


def _works(worker: str) -> bool:
    machine, _, rest = worker.partition(" ")
    number, _, began = rest.partition(" ")
    if not number.isdigit():
        # it was killed between being asked for and being taken: whoever takes one says so at once
        return False
    return machine != socket.gethostname() or (_runs(int(number)) and _began(int(number)) == began)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _began(process: int) -> str:
    """When a process began, in ticks since the machine did; "" where the system does not say."""
    try:
        return Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
