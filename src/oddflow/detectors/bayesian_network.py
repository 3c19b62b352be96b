"""A Bayesian network whose graph is a tree."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors.binned import BinnedDetector, shares, shares_beside
from oddflow.detectors.registry import registered
from oddflow.features.feature import Feature


@registered
@final
class BayesianNetwork(BinnedDetector):
    """Learns which column tells most of which other, and how likely each value is beside its parent's.

    Of all trees it takes the one whose edges have the most mutual information; its joint probability is the product of
    those of each column given its parent, and the score is minus its logarithm. A feature's part is its own factor.

    Source: Chow & Liu 1968, "Approximating Discrete Probability Distributions with Dependence Trees", section 3; the
    prior of a bin that was rarely met after Friedman, Geiger & Goldszmidt 1997.

    Args:
        features: The columns of a row.
        bins: Inner bins of a column.
        prior: Rows that a column's own shares count as, beside each bin of its parent.
        seed: Unused: there is no chance in it; every detector has one.
    """

    name: ClassVar[str] = "bayesian-network"
    summary: ClassVar[str] = "each column given the one that tells most of it, a Chow–Liu tree"
    good_at: ClassVar[str] = "features that go together in any shape, two by two; parts that are plainly the score"
    bad_at: ClassVar[str] = "what only three columns together tell; small baselines: many bins stay empty"
    paper: ClassVar[str] = "Chow & Liu 1968"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"bins": (1, 256), "prior": (1e-3, 1e6)}

    def __init__(self, features: Sequence[Feature], *, bins: int = 14, prior: float = 5.0, seed: int = 0) -> None:
        self.features = features
        self.bins = bins
        self.prior = prior
        self.seed = seed

    def _tables(self, codes: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
        parents = dependence_tree(codes, count)
        likely = shares_beside(codes, parents, count, self.prior)
        is_root = parents == np.arange(len(parents))
        likely[is_root] = shares(codes[:, is_root], count)[:, None, :]
        return parents, -np.log(likely)


def dependence_tree(codes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The parent of each column in the tree of most mutual information, (d,); the root is its own (Prim 1957)."""
    width = codes.shape[1]
    parents, told = np.zeros(width, np.int64), np.full(width, -1.0)
    outside = np.ones(width, bool)
    last, outside[0] = 0, False
    while outside.any():
        for column in np.flatnonzero(outside):
            information = mutual_information(codes[:, last], codes[:, column], count)
            if information > told[column]:
                told[column], parents[column] = information, last
        last = int(np.argmax(np.where(outside, told, -np.inf)))
        outside[last] = False
    return parents


def mutual_information(first: NDArray[np.int64], second: NDArray[np.int64], count: int) -> float:
    """How much one column's bins tell of the other's, in nats: (n,), (n,) -> a number ≥ 0.

    >>> bins = np.array([0, 1, 0, 1])
    >>> round(mutual_information(bins, 1 - bins, 2), 3), round(mutual_information(bins, bins * 0, 2), 3)
    (0.693, 0.0)
    """
    joint = np.bincount(first * count + second, minlength=count**2).reshape(count, count) / len(first)
    alone = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    met = joint > 0
    return max(0.0, float((joint[met] * np.log(joint[met] / alone[met])).sum()))
