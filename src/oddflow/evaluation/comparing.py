"""Detectors side by side: each learns the same rows once, is sealed as it would be to detect, and scores the others."""

from dataclasses import asdict, dataclass
from time import process_time
from typing import Any

import numpy as np

from oddflow.datasets.rows import LabelledRows, Split
from oddflow.detectors import registry
from oddflow.detectors.base import Detector, Exportable
from oddflow.errors import UsageError
from oddflow.evaluation.measures import Figure, average_precision, roc_area
from oddflow.features.gathering import Gathered
from oddflow.learning.labelled import baseline
from oddflow.learning.learn import archive_of
from oddflow.models.format import GRAPH, STATE
from oddflow.models.manifest import Training
from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel


@dataclass(frozen=True, slots=True)
class Result:
    """What a detector found.

    Attributes:
        detector: Its name, and the options that were given.
        supervised: Whether it learnt from attacks too.
        learnt: Rows that it learnt.
        area: Area under the ROC curve.
        precision: Average precision; by chance it is the share of attacks.
        learning_s: Processor time.
        rows_per_s: Scored, by processor time.
        graph_bytes: Size of its graph or its state; None where it cannot be sealed.
    """

    detector: str
    supervised: bool
    learnt: int
    area: Figure
    precision: Figure
    learning_s: float
    rows_per_s: float
    graph_bytes: int | None

    def cells(self) -> list[str]:
        """A row of a table: what it is, what it found, what it took."""
        size = "no" if self.graph_bytes is None else f"{self.graph_bytes / 1024:,.0f} KiB"
        learnt = "labels" if self.supervised else "normal rows"
        figures = [str(self.area), str(self.precision)]
        return [self.detector, learnt, *figures, f"{self.learning_s:.1f} s", f"{self.rows_per_s:,.0f} rows/s", size]

    def as_dict(self) -> dict[str, Any]:
        """All of it, for a machine."""
        return asdict(self)


def thinned(split: Split, rows: LabelledRows, most: int, *, seed: int = 0) -> Split:
    """A split with at most `most` normal rows and `most` attacks to learn from, each kind drawn by chance by itself."""
    chance = np.random.default_rng([seed, 5])
    is_attack = rows.is_attack[split.train]
    kept = [chance.permutation(split.train[kind])[:most] for kind in (~is_attack, is_attack)]
    return Split(split.name, np.sort(np.concatenate(kept)), split.test)


def compare(text: str, rows: LabelledRows, split: Split, *, seed: int = 0) -> Result:
    """Learns a detector on a split's rows and scores those that it does not know.

    Args:
        text: The detector, and options of it behind colons: "autoencoder:epochs=20", "pyod:ECOD".
        rows: In the form that it reads.
        split: Supervised detectors learn all rows to learn from, others the normal ones.
        seed: Of the detector, and of the samples that the intervals are from.

    Raises:
        UsageError: No such detector, or there are no attacks or no normal rows to test on.
    """
    name, options = registry.told(text)
    kind = registry.find(name)
    is_attack = rows.is_attack[split.test]
    if not 0 < is_attack.sum() < len(is_attack):
        raise UsageError(f"of {len(is_attack):,} rows to test on {is_attack.sum():,} are attacks; both are needed")
    gathered = baseline(rows, split, attacks=kind.supervised)
    x, y = gathered.x, gathered.y
    if rows.times_ns is None:
        # sets often stand in the order of their classes, and the last rows tell a detector when to stop
        order = np.random.default_rng([seed, 6]).permutation(len(x))
        x, y = x[order], None if y is None else y[order]
    began = process_time()
    fitted = registry.create(kind, gathered.features, seed=seed, **options).fit(x, y)
    learning_s = process_time() - began
    scores, seconds, size = _scored(fitted, gathered, rows.filled()[split.test])
    return Result(
        detector=text,
        supervised=kind.supervised,
        learnt=len(gathered.x),
        area=Figure.of(roc_area, scores, is_attack, seed=seed),
        precision=Figure.of(average_precision, scores, is_attack, seed=seed),
        learning_s=learning_s,
        rows_per_s=len(scores) / max(seconds, 1e-9),
        graph_bytes=size,
    )


def _scored(fitted: Detector, gathered: Gathered, x: Floats) -> tuple[Floats, float, int | None]:
    """Scores (n,), the processor time that they took, and the bytes of what is sealed, if it can be."""
    if fitted.exportable is Exportable.NONE:
        began = process_time()
        return fitted.decision_function(x), process_time() - began, None
    known = gathered.x if gathered.y is None else gathered.x[gathered.y == 0]
    options: dict[str, Any] = {}
    training = Training(fit_rows=len(gathered.x))
    held_back = fitted.decision_function(known[:1_000])
    archive = archive_of(gathered, fitted, options=options, known=known, scores=held_back, training=training)
    model = SealedModel(archive)
    began = process_time()
    scores = model.scores(x)
    size = len(archive.parts[GRAPH if fitted.exportable is Exportable.ONNX else STATE])
    return scores, process_time() - began, size
