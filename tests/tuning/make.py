"""Material of a small network, with or without attacks."""

import numpy as np

from oddflow.tuning.material import Material
from tests.checks.problem import FEATURES, normal_rows, odd_rows


def material(normal=240, attacks=60, *, seed=0, times=False, captures=None):
    """Normal rows, and attacks of two families by turns: columns of other rows, and a column that is always 0."""
    odd = odd_rows(attacks, seed + 5)
    odd[1::2, 9] = 50
    x = np.concatenate([normal_rows(normal, seed), odd])
    families = np.concatenate([np.zeros(normal, np.int64), 1 + np.arange(attacks) % 2])
    order = np.random.default_rng(seed).permutation(len(x))
    return Material(
        FEATURES,
        x[order],
        families[order],
        families[order],
        ("normal", "mixed", "reset"),
        np.arange(len(x)) * 1_000_000_000 if times else None,
        captures,
    )
