"""Measures scoring through sealed models, beside PyOD's `decision_function`: raw rows in, a score a row out.

The network is the same, 122-64-32-64-122; PyOD scales its rows too, by mean and spread.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from oddflow import __version__
from oddflow.bench.figures import Figure
from oddflow.bench.ingest import Step
from oddflow.bench.learners import PYOD_SCORES, Learner
from oddflow.bench.learning_rows import ROWS, LearningRows, learning_rows
from oddflow.bench.machine import machine
from oddflow.bench.rounds import Rounds, cores
from oddflow.detectors import registry
from oddflow.learning.seal import seal_detector
from oddflow.models.format import write_sealed
from oddflow.models.manifest import (
    FORMAT_VERSION,
    Calibration,
    Manifest,
    Range,
    Training,
    schema_sha256,
    sealed_features,
)
from oddflow.models.numbers import Scaling

LEARNT_ROWS = 10_000
PASSES = 5
PYOD_TARGET = 12.0
_SCRIPT = "import sys; from oddflow.bench.own_learning import score; score(*sys.argv[1:])"
AFFINE = Learner("affine scaling", _SCRIPT, threads=cores(), asked=(("model", f"{Scaling.Z_SCORE}.oddflow"),))
QUANTILE = Learner("16-knot quantiles", _SCRIPT, threads=cores(), asked=(("model", f"{Scaling.QUANTILE}.oddflow"),))
PYOD = Learner("PyOD", PYOD_SCORES, "pyod", "pyod", threads=(1,))
TARGETS = ((AFFINE, 3e6), (QUANTILE, 0.7e6))


class ScoreBench:
    """All measurements of scoring, as steps to be run in order; then the figures.

    Args:
        folder: An empty folder for rows and models.
        peers: The folder that other tools are installed in.
        data: The folder of all data sets, or None.
        rows: The most that are scored at once.
        rounds: How often each side runs.
        seed: Of the rows' order and of first weights.
    """

    def __init__(
        self, folder: Path, peers: Path, data: Path | None, *, rows: int = ROWS, rounds: int = 3, seed: int = 1
    ) -> None:
        self._folder = folder
        self._data = data
        self._count = rows
        self._seed = seed
        self._said = ""
        asked = {"seed": seed, "learning_rate": 1e-3, "batch_rows": 256, "hidden": [64, 32], "passes": PASSES}
        self._rounds = Rounds(peers, folder, asked, rounds)

    def steps(self) -> Iterator[Step]:
        """What is to be done, in order."""
        yield Step("learning and sealing", self._write)
        yield from self._rounds.steps([AFFINE, QUANTILE, PYOD])

    def _write(self) -> None:
        found = learning_rows(self._data, count=self._count, seed=self._seed)
        self._said = found.said
        np.save(self._folder / "raw.npy", found.raw)
        for scaling in (Scaling.Z_SCORE, Scaling.QUANTILE):
            _seal(found, scaling, self._folder / f"{scaling}.oddflow", self._seed)

    def figures(self) -> list[Figure]:
        """The rows of the result."""
        return list(self._figures())

    def _figures(self) -> Iterator[Figure]:
        for ours, target in TARGETS:
            yield from self._rounds.rate_figures(ours, f"sealed autoencoder, {ours.name}", target)
        what = "sealed, {} scaling, against PyOD's decision_function"
        yield self._rounds.ratio_figure(AFFINE, PYOD, what.format("affine"), PYOD_TARGET)
        yield self._rounds.ratio_figure(QUANTILE, PYOD, what.format("quantile"), None)

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON."""
        return {
            "bench": "score",
            "machine": machine() | self._rounds.versions(),
            "input": {"rows": self._said, "passes": PASSES, "rounds": self._rounds.count, "seed": self._seed},
            "figures": [asdict(figure) | {"met": figure.met} for figure in self.figures()],
        }


def _seal(rows: LearningRows, scaling: Scaling, path: Path, seed: int) -> None:
    """A model learnt for one epoch: how long a score takes does not depend on what was learnt."""
    x, features = rows.raw[:LEARNT_ROWS], sealed_features(rows.features)
    options = {"hidden": (64, 32), "epochs": 1, "batch_rows": 256, "seed": seed, "scaling": scaling}
    detector = registry.create("autoencoder", rows.features, **options).fit(x)
    nothing = Range(**dict.fromkeys(("minimum", "q001", "q01", "median", "q99", "q999", "maximum"), 0.0))
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        oddflow_version=__version__,
        detector=detector.name,
        features=features,
        feature_schema_version="bench",
        feature_schema_sha256=schema_sha256(features),
        ranges=[nothing] * len(features),
        training=Training(fit_rows=len(x)),
        calibration=Calibration(rows=len(x), flows_per_s=1.0),
    )
    write_sealed(path, seal_detector(detector, manifest, detector.decision_function(x), x))
