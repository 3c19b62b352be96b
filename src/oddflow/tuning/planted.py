"""Anomalies for those who know of none: rows whose values are each in range, but do not belong together."""

import numpy as np

from oddflow.models.rows import Floats

MIXED, BLENDED, FEW = "each column from another row", "half of the columns from another row", "a tenth from others"


def planted(normal: Floats, seed: int) -> dict[str, Floats]:
    """Rows made of normal ones that were not learnt, by how they were made: (n, d) -> (n, d) each.

    No column alone tells any of them: each holds exactly the values that it holds in the normal rows.

    Source: Shi & Horvath 2006, "Unsupervised Learning with Random Forest Predictors" (their Addcl1: each column drawn
    by itself), here beside weaker mixtures.
    """
    chance = np.random.default_rng([seed, 9])
    count, width = normal.shape
    mixed = np.stack([chance.permutation(column) for column in normal.T], axis=1)
    other = normal[chance.permutation(count)]
    blended = np.where(chance.random((count, width)) < 0.5, other, normal)
    few = np.where(chance.random((count, width)) < max(0.1, 1 / width), mixed, normal)
    return {MIXED: mixed, BLENDED: np.asarray(blended), FEW: np.asarray(few)}
