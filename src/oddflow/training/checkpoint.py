"""Where a fit stands, in a file, so that it goes on after whatever ended it."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from oddflow.errors import OutputError, UsageError
from oddflow.training.machine import Machine
from oddflow.training.progress import Progress, State
from oddflow.training.run import Session

WRITING_SHARE = 0.1
"""Of the time that learning takes, writing takes no more."""


class Checkpoint:
    """A file of one fit.

    It is written whole beside its place and moved there at once, so a break at any time leaves one that is whole; it
    holds tensors and JSON (safetensors), no code.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        self.identity = identity
        self._next_s = 0.0

    @classmethod
    def of(cls, session: Session, name: str, told: Iterable[str], seen: Iterable[Tensor]) -> "Checkpoint | None":
        """One in the session's folder, if it has any; of a fit of that name, told from others by words and tensors."""
        if session.run.checkpoints is None:
            return None
        found = hashlib.sha256("\0".join([session.identity, *told]).encode())
        for tensor in seen:
            found.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
            found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return cls(session.run.checkpoints / f"{name}.safetensors", found.hexdigest())

    def restore(self, progress: Progress, machine: Machine) -> None:
        """Lets a fit go on where it stood, if it did.

        Raises:
            UsageError: The file is of another fit, or none of ours.
        """
        if not self.path.exists():
            return
        try:
            with safe_open(self.path, framework="pt") as file:
                words = json.loads((file.metadata() or {}).get("oddflow", "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no mapping)
        except (SafetensorError, OSError, ValueError) as error:
            raise UsageError(f"{self.path} is no checkpoint: {error}; give another folder") from None
        if words.get("identity") != self.identity:
            raise UsageError(
                f"{self.path} is of another network, other rows or other options; give another folder of checkpoints, "
                "or empty this one"
            )
        progress.restore(tensors, words)
        machine.restore(words["machine"])

    def save(self, progress: Progress, machine: Machine, *, at_once: bool) -> None:
        """Writes where a fit stands, unless it did so a moment ago and need not at once."""
        started_s = perf_counter()
        if started_s < self._next_s and not at_once:
            return
        words = progress.words() | {"identity": self.identity, "machine": machine.state()}
        self._write(self.path, progress.tensors(), {"oddflow": json.dumps(words)})
        ended_s = perf_counter()
        self._next_s = ended_s + (ended_s - started_s) / WRITING_SHARE

    def save_best(self, best: State) -> Path:
        """Writes a network's state beside where the fit stands; gives the file."""
        path = self.path.with_suffix(".best.safetensors")
        self._write(path, best, {})
        return path

    def _write(self, path: Path, tensors: State, words: dict[str, str]) -> None:
        # copies, for a network may hold a tensor under two names
        held = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                file.write(save(held, words))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            raise OutputError(f"{path}: {error.strerror}; give another folder of checkpoints") from None
