"""All points of a space, for a search that leaves nothing to a model."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from oddflow.tuning.space import Dimension

MOST_POINTS = 100_000


def points(space: Sequence[Dimension], usual: Mapping[str, Any], seed: int) -> list[dict[str, Any]]:
    """Points of the grid in an order of chance, at most a hundred thousand; that of what is usual is left out."""
    sizes = [one.grid() for one in space]
    count = math.prod(map(len, sizes))
    names = [one.option for one in space]
    chance = np.random.default_rng([seed, 10])
    if count <= MOST_POINTS:
        every = [dict(zip(names, point, strict=True)) for point in product(*sizes)]
        found = [every[place] for place in chance.permutation(count)]
    else:
        found = [
            {name: values[int(chance.integers(len(values)))] for name, values in zip(names, sizes, strict=True)}
            for _ in range(MOST_POINTS)
        ]
    return [point for point in found if point != usual]
