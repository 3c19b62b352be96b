"""How far apart rows are, and which few of them stand for all."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oddflow.features.feature import Feature, Scale
from oddflow.models.numbers import LOG_FLOOR, STEPS
from oddflow.models.prototypes import MOST_PROTOTYPES, holds_words
from oddflow.models.rows import Floats

ROOM = 8_192
"""Rows that the far-apart half is chosen among: each is compared with each that is chosen."""
_FARTHEST = np.float32(1e30)
_FAR = np.float32(3)
"""No column counts for more, so that what is odd in one does not drown how alike all others are."""


class Measure:
    """Distances between raw rows: a column counts by its usual spread, LOG ones by their logarithm.

    Args:
        features: The d columns.
        low, high: Between which most normal values of each column lie, (d,).
    """

    def __init__(self, features: Sequence[Feature], low: NDArray[np.floating], high: NDArray[np.floating]) -> None:
        self._is_log = np.array([feature.scale is Scale.LOG for feature in features])
        self.is_category = np.array([feature.scale is Scale.CATEGORY for feature in features])
        self._steps = np.array([STEPS.get(feature.unit, 1.0) for feature in features], np.float32)
        ends = self._flat(np.stack([low, high]).astype(np.float32))
        floors = np.where(self._is_log, LOG_FLOOR, np.maximum(0.05 * np.abs(ends).max(axis=0), 1e-6))
        self._units = np.where(self.is_category, 1, np.maximum(ends[1] - ends[0], floors)).astype(np.float32)

    def _flat(self, x: Floats) -> Floats:
        x = np.clip(x, -_FARTHEST, _FARTHEST)
        return np.asarray(np.where(self._is_log, np.sign(x) * np.log1p(np.abs(x) / self._steps), x), np.float32)

    def between(self, low: Floats, high: Floats, share: float) -> Floats:
        """Values so far on the way from one row to another, as the columns are measured: (d,), (d,) -> (d,)."""
        a, b = self._flat(low), self._flat(high)
        flat = a + (b - a) * np.float32(share)
        with np.errstate(over="ignore"):
            back = np.sign(flat) * np.expm1(np.minimum(np.abs(flat), 80)) * self._steps
        return np.asarray(np.where(self._is_log, back, flat), np.float32)

    def apart(self, rows: Floats, row: Floats) -> Floats:
        """How far each column of rows is from a row's, at most 3: (n, d), (d,) -> (n, d); categories 0 or 1."""
        far = np.abs(self._flat(rows) - self._flat(row)) / self._units
        return np.asarray(np.where(self.is_category, rows != row, np.minimum(far, _FAR)), np.float32)


def chosen(known: Floats, features: Sequence[Feature]) -> Floats | None:
    """Rows that stand for normal ones, in time order: (n, d) -> (p, d), p ≤ 512; None where they would hold words.

    Source: half by farthest-first traversal (Gonzalez 1985, "Clustering to minimize the maximum intercluster
    distance").
    """
    if holds_words(features) or not len(known):
        return None
    if len(known) <= MOST_PROTOTYPES:
        return known
    rows = known[np.linspace(0, len(known) - 1, min(len(known), ROOM)).astype(np.int64)]
    measure = Measure(features, *np.quantile(rows, [0.01, 0.99], axis=0))
    places = np.linspace(0, len(rows) - 1, MOST_PROTOTYPES // 2).astype(np.int64).tolist()
    nearest = np.full(len(rows), np.inf, np.float32)
    for place in places:
        np.minimum(nearest, measure.apart(rows, rows[place]).sum(axis=1), out=nearest)
    while len(places) < MOST_PROTOTYPES and nearest.max() > 0:
        places.append(int(nearest.argmax()))
        np.minimum(nearest, measure.apart(rows, rows[places[-1]]).sum(axis=1), out=nearest)
    return np.asarray(rows[np.unique(places)], np.float32)
