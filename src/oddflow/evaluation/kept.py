"""Runs kept on disk, so that a suite that was ended goes on where it stopped."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from oddflow.evaluation.cost import Cost
from oddflow.evaluation.running import Run, Tested
from oddflow.files import whole_file

PLACE = Path("out/results/runs")
PACKAGE = Path(__file__).parents[1]
LEARNING = ("datasets", "features", "detectors", "networks", "training", "learning", "models", "evaluation")
"""Folders of the program that a figure may hang on."""


@cache
def code() -> str:
    """A fingerprint of the program, as far as figures hang on it: twelve hexadecimal digits."""
    known = sha256()
    for folder in LEARNING:
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            known.update(path.relative_to(PACKAGE).as_posix().encode() + path.read_bytes())
    return known.hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run, and the program that made it.

    Attributes:
        run: What it found.
        code: A fingerprint of the program.
        date: When, ISO 8601, UTC.
    """

    run: Run
    code: str
    date: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of runs by their keys."""

    folder: Path = PLACE

    def find(self, key: str) -> KeptRun | None:
        """The run of a key; None where there is none, or it was cut."""
        path = self.folder / f"{key}.npz"
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
                arrays = {name: held[name] for name in held.files}
            told = json.loads(str(arrays.pop("told")))
            return KeptRun(_run(told, arrays), told["code"], told["date"])
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None

    def keep(self, key: str, kept: KeptRun) -> None:
        """Writes a run, whole or not at all.

        Raises:
            OutputError: It cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        run = kept.run
        told = {
            "parts": list(run.tests),
            "threshold": run.threshold,
            "learnt_rows": run.learnt_rows,
            "cost": run.cost.model_dump(),
            "code": kept.code,
            "date": kept.date,
        }
        arrays: dict[str, NDArray[Any]] = {"told": np.array(json.dumps(told))}
        for place, tested in enumerate(run.tests.values()):
            for name in ("scores", "predicted", "attack", "confidence"):
                if (column := getattr(tested, name)) is not None:
                    arrays[f"{name}{place}"] = column
        with whole_file(str(self.folder / f"{key}.npz")) as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _run(told: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Run:
    names = ("scores", "predicted", "attack", "confidence")
    tests = {
        part: Tested(*(arrays.get(f"{name}{place}") for name in names))  # type: ignore[arg-type]
        for place, part in enumerate(told["parts"])
    }
    return Run(tests, told["threshold"], told["learnt_rows"], Cost.model_validate(told["cost"]))
