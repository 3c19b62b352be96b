"""A capture judged by itself: each eighth of its time by a model of the rest.

What comes in a burst, as attacks do, is judged by traffic that does not hold it, and no flow is judged by a model that
learnt from it, unless fewer than 40 flows are left to learn from (cross-fitting: Stone 1974, "Cross-validatory choice
and assessment of statistical predictions"). What goes on through the whole capture counts as normal.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors import registry
from oddflow.errors import UsageError
from oddflow.features.gathering import Gathered
from oddflow.learning.learn import FEWEST_ROWS, archive_of
from oddflow.models.manifest import Training
from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel

DETECTOR = "robust-pca"
BLOCKS = 8


@dataclass(frozen=True, slots=True)
class Panel:
    """A model for each stretch of time, which learnt from all others; `starts_ns` (b,) are where stretches begin."""

    whole: SealedModel
    starts_ns: NDArray[np.int64]
    models: tuple[SealedModel, ...]

    def score(self, x: Floats, times_ns: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """As SealedModel.score, each row by the model of its time: (n, d), (n,) -> (n,), (n, d)."""
        scores, contributions = np.empty(len(x), np.float32), np.empty(x.shape, np.float32)
        blocks = _block_of(times_ns, self.starts_ns)
        for block in np.unique(blocks):
            rows = blocks == block
            scores[rows], contributions[rows] = self.models[block].score(x[rows])
        return scores, contributions

    def model_at(self, time_ns: int) -> SealedModel:
        """The model that judges flows which end then."""
        return self.models[int(_block_of(np.array([time_ns]), self.starts_ns)[0])]


def learn_alone(gathered: Gathered) -> Panel:
    """Learns from a capture that may itself hold attacks.

    Raises:
        UsageError: There are too few flows.
    """
    x, times_ns = gathered.x, gathered.times_ns
    if len(x) < FEWEST_ROWS:
        raise UsageError(f"{len(x)} flows are too few to tell which do not fit; give a longer capture, or a model (-m)")
    first, last = int(times_ns.min()), int(times_ns.max())
    width = max(1, -(-(last + 1 - first) // BLOCKS))
    starts_ns = first + width * np.arange(BLOCKS)
    blocks = _block_of(times_ns, starts_ns)
    models = []
    scores = np.empty(len(x), np.float32)
    for block in range(BLOCKS):
        inside = blocks == block
        # a stretch that holds nearly all flows leaves too little to judge it by
        others = x[~inside] if (~inside).sum() >= FEWEST_ROWS else x
        models.append(_model(gathered, others))
        if inside.any():
            scores[inside] = models[-1].scores(x[inside])
    return Panel(_model(gathered, x, scores), starts_ns, tuple(models))


def _block_of(times_ns: NDArray[np.int64], starts_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.clip(np.searchsorted(starts_ns, times_ns, side="right") - 1, 0, len(starts_ns) - 1)


def _model(gathered: Gathered, x: Floats, scores: Floats | None = None) -> SealedModel:
    fitted = registry.create(DETECTOR, gathered.features).fit(x)
    known = fitted.decision_function(x[:FEWEST_ROWS]) if scores is None else scores
    return SealedModel(
        archive_of(gathered, fitted, options={}, known=x, scores=known, training=Training(fit_rows=len(x)))
    )
