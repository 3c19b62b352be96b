"""More rows of the rare kinds without a network: between neighbours (SMOTE), or the same ones again."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from oddflow.features.feature import Feature, Scale
from oddflow.models.numbers import Measured
from oddflow.models.rows import Floats


def between_neighbours(
    x: Floats,
    classes: NDArray[np.int64],
    wanted: Mapping[int, int],
    features: Sequence[Feature],
    *,
    neighbours: int = 5,
    seed: int = 0,
) -> dict[int, Floats]:
    """Rows between a row and one of its nearest of the same class, by the measures of its numbers.

    Numbers are compared by their logarithm where they are heavy-tailed, in units of their deviation; a category is that
    of most of the neighbours (SMOTE-NC; SMOTE-N where all columns are categories).

    Source: Chawla et al. 2002, "SMOTE: Synthetic Minority Over-sampling Technique", sections 4.2 and 6.1.

    Args:
        x: Raw rows of all classes, (n, d).
        classes: The class of each, (n,); of classes that are wanted two rows or more.
        wanted: How many rows are made of which classes.
        features: The columns of a row.
        neighbours: Of how many nearest rows one is chosen.
        seed: Of all chance in it.
    """
    from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC  # noqa: PLC0415  (it takes a second, and may be absent)

    measured = Measured.of(features)
    numbers = measured.transform(x).astype(np.float64)  # (n, k)
    spread = np.maximum(numbers.std(axis=0), 1e-6)
    places = np.array([place for place, feature in enumerate(features) if feature.scale is Scale.CATEGORY], np.int64)
    columns = np.concatenate([numbers / spread, x[:, places]], axis=1)
    are_categories = np.arange(columns.shape[1]) >= numbers.shape[1]
    made = {}
    for kind, count in wanted.items():
        # each kind by itself, beside one class of all others: imbalanced-learn makes rows of the smaller classes alone
        is_kind = classes == kind
        known = int(is_kind.sum())
        options = {
            "sampling_strategy": {1: known + count},
            "k_neighbors": min(neighbours, known - 1),
            "random_state": seed,
        }
        if are_categories.all():
            maker = SMOTEN(**options)
        elif are_categories.any():
            maker = SMOTENC(categorical_features=np.flatnonzero(are_categories).tolist(), **options)
        else:
            maker = SMOTE(**options)
        rows, _ = maker.fit_resample(columns, is_kind.astype(np.int64))
        new, raw = rows[len(columns) :], np.zeros((count, len(features)), np.float32)
        raw[:, measured.places] = measured.inverse((new[:, : len(spread)] * spread).astype(np.float32))
        raw[:, places] = new[:, len(spread) :]
        made[kind] = raw
    return made


def repeated(x: Floats, classes: NDArray[np.int64], wanted: Mapping[int, int], *, seed: int = 0) -> dict[int, Floats]:
    """Rows of a class again, drawn by chance: what any other way of making rows must beat."""
    chance = np.random.default_rng([seed, 8])
    return {kind: chance.choice(x[classes == kind], count) for kind, count in wanted.items()}
