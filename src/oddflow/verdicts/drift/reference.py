"""What traffic is compared with: the bins of a baseline that a model carries, or what can be told of older ones."""

import numpy as np

from oddflow.models.format import USUAL
from oddflow.models.sealed import SealedModel
from oddflow.models.usual import BINS, Usual, read_usual

MOST_FEATURES = 256
"""Of more, as of bytes, no one of them tells a person anything: scores and alerts alone are watched."""


def reference_of(model: SealedModel) -> Usual:
    """Bins of the d features and, last, of scores; of scores alone where there are too many features.

    Models of before have no bins: of theirs it is known what 1 in 1,000 flows stay under and what as many pass, so that
    only values that leave their range can be told. Of scores they carry all that is needed.

    Raises:
        NotAModel: What the model says of its baseline is no such thing.
    """
    width = len(model.features)
    part = model.parts.get(USUAL)
    rows, scores = read_usual(part, width) if part is not None else (_of_ranges(model), Usual.of(_shuffled(model)))
    return rows.beside(scores) if width <= MOST_FEATURES else scores


def _of_ranges(model: SealedModel) -> Usual:
    ranges = model.manifest.ranges
    knots = np.full((len(ranges), BINS - 1), np.inf, np.float32)
    knots[:, 0] = np.nextafter(np.array([r.q001 for r in ranges], np.float32), np.float32(-np.inf))
    knots[:, 1] = np.maximum(knots[:, 0], np.array([r.q999 for r in ranges], np.float32))
    shares = np.zeros((len(ranges), BINS), np.float32)
    shares[:, :3] = (0.001, 0.998, 0.001)
    return Usual(knots, shares, np.zeros(len(ranges), np.float32))


def _shuffled(model: SealedModel) -> np.ndarray:
    """Held-back scores, which are sorted, in an order that no stretch of them stands out by."""
    return np.random.default_rng(0).permutation(model.held_back)[:, None]
