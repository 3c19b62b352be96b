"""Normal rows whose values may stand in an odd row for its own."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from oddflow.features.feature import Scale
from oddflow.models.measure import Measure
from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.naming import Normal

NEAREST = 8
_OF_SERVICE = 4
"""With fewer normal rows of its own service, a row is compared with those of all."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighbour:
    """A normal row near an odd one: the row (d,), how far, the mean over columns, and its score."""

    row: Floats
    distance: float
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Substitutes:
    """Rows to take values from, (c, d), and which of them are real ones.

    Attributes:
        rows: The nearest normal rows first; then the row itself, brought inside what is normal for its service column
            by column, and the median of all.
        neighbours: What the first are.
        measure: How far apart rows are.
        normal: All normal rows that the model keeps, (p, d), those that would be alerts left out; if it keeps none,
            these rows.
    """

    rows: Floats
    neighbours: tuple[Neighbour, ...]
    measure: Measure
    normal: Floats

    @classmethod
    def of(cls, model: SealedModel, normal: Normal, row: Floats, threshold: float) -> Self:
        """For one row (d,); prototypes that would be alerts themselves are left out."""
        ranges = model.manifest.ranges
        median = np.array([one.median for one in ranges], np.float32)
        measure = Measure(model.features, np.array([one.q01 for one in ranges]), np.array([one.q99 for one in ranges]))
        is_category = np.array([feature.scale is Scale.CATEGORY for feature in model.features])
        lows, highs, _ = normal.around(row)
        inside = np.where(is_category, row, np.clip(row, lows, highs)).astype(np.float32)
        made = np.stack([inside, np.where(is_category, row, median)])
        usual, scores = _usual(model, threshold)
        neighbours = _nearest(model, measure, row, usual, scores)
        rows = np.concatenate([np.stack([one.row for one in neighbours]), made]) if neighbours else made
        rows = np.asarray(rows, np.float32)
        return cls(rows, neighbours, measure, usual if len(usual) else rows)


def _usual(model: SealedModel, threshold: float) -> tuple[Floats, Floats]:
    """Prototypes under the threshold, and their scores."""
    rows = model.prototypes
    if not len(rows):
        return rows, np.zeros(0, np.float32)
    scores = model.scores(rows)
    return rows[scores < threshold], scores[scores < threshold]


def _nearest(model: SealedModel, measure: Measure, row: Floats, rows: Floats, scores: Floats) -> tuple[Neighbour, ...]:
    """Of usual rows (p, d) with their scores."""
    if not len(rows):
        return ()
    places = _of_service(model, rows, row)
    rows, scores = rows[places], scores[places]
    if not len(rows):
        return ()
    far = measure.apart(rows, row).mean(axis=1)
    nearest = np.argsort(far, kind="stable")[:NEAREST]
    return tuple(Neighbour(rows[place], float(far[place]), float(scores[place])) for place in nearest)


def _of_service(model: SealedModel, rows: Floats, row: Floats) -> NDArray[np.int64]:
    """Places of the rows with the same service, where there are some; else of all."""
    column = next((place for place, feature in enumerate(model.features) if feature.scale is Scale.CATEGORY), None)
    if column is not None:
        same = np.flatnonzero(rows[:, column] == row[column])
        if len(same) >= _OF_SERVICE:
            return same
    return np.arange(len(rows))
