"""One fixed problem for all detectors: features that belong together, and rows in which they do not."""

import numpy as np

from oddflow.features.feature import Feature, Scale

FEATURES = (
    Feature("service", "", Scale.CATEGORY, "service {value}"),
    *(Feature(f"bytes_{i}", "bytes", Scale.LOG, "{value} sent") for i in range(4)),
    *(Feature(f"balance_{i}", "", Scale.LINEAR, "balance {value}") for i in range(4)),
    Feature("never", "packets", Scale.LOG, "{value} with RST"),
)
PAIR = (Feature("sent", "", Scale.LINEAR, "sent {value}"), Feature("received", "", Scale.LINEAR, "received {value}"))
PLANTED = 9
"""Always zero in normal rows."""


def normal_rows(count, seed):
    """Four sizes follow one hidden size, four balances another; three services; (n, 10)."""
    rng = np.random.default_rng(seed)
    size, balance = rng.normal(6, 1, (count, 1)), rng.normal(0, 1, (count, 1))
    sizes = np.exp(size + rng.normal(0, 0.1, (count, 4)))
    balances = balance * [1, -1, 0.5, 2] + rng.normal(0, 0.1, (count, 4))
    service = rng.choice([22.0, 53.0, 443.0], (count, 1))
    return np.concatenate([service, sizes, balances, np.zeros((count, 1))], axis=1).astype(np.float32)


def odd_rows(count, seed):
    """Normal rows whose columns come each from another row: no column alone tells."""
    rng = np.random.default_rng(seed + 1)
    rows = normal_rows(count, seed)
    for column in range(1, 9):
        rows[:, column] = rng.permutation(rows[:, column])
    return rows


def pair_rows(count, seed, *, sign=1):
    """Two balances near 1 or -1, of the same sign or, with sign=-1, of opposite ones; (n, 2)."""
    rng = np.random.default_rng(seed)
    first = rng.choice([-1.0, 1.0], count)
    return (np.stack([first, sign * first], axis=1) + rng.normal(0, 0.15, (count, 2))).astype(np.float32)


def area_under_curve(odd, normal):
    """How often an odd row scores above a normal one (Mann & Whitney 1947); a tie counts half."""
    ordered = np.sort(normal)
    below = np.searchsorted(ordered, odd, side="left") + np.searchsorted(ordered, odd, side="right")
    return float(below.mean() / 2 / len(normal))
