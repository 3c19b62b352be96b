"""Gradient-boosted trees."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from oddflow.detectors.registry import registered
from oddflow.detectors.supervised import SupervisedDetector
from oddflow.features.feature import Feature
from oddflow.models.forest import LEAF, Forest, Tree
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats


@registered
@final
class GradientBoosting(SupervisedDetector):
    """Small trees one after the other, each for what those before got wrong; their sum is the log-odds.

    Source: Friedman 2001, "Greedy Function Approximation: A Gradient Boosting Machine", algorithm 5; grown on
    histograms as Ke et al. 2017, "LightGBM".

    Args:
        features: The columns of a row.
        trees: How many.
        rate: How much of its answer each tree adds.
        leaves: Most leaves of a tree.
        leaf: Fewest rows of a leaf.
        penalty: Of squared leaves (L2).
        seed: Of the rows that histograms are made from, where there are very many.
    """

    name: ClassVar[str] = "gradient-boosting"
    summary: ClassVar[str] = "small trees, each for the errors of those before; learns from labels"
    good_at: ClassVar[str] = "known attacks; many labelled rows; small models"
    bad_at: ClassVar[str] = "attacks that were not learnt; wrong labels"
    paper: ClassVar[str] = "Friedman 2001; Ke et al. 2017"
    needs: ClassVar[str] = "train"
    encodes: ClassVar[bool] = False
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "trees": (1, 4_096), "rate": (1e-4, 1), "leaves": (2, 65_536), "leaf": (1, 2**31), "penalty": (0, 1e6),
        "seed": (0, 2**32 - 1),
    }  # fmt: skip

    forest_: Forest
    base_: float

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        trees: int = 100,
        rate: float = 0.1,
        leaves: int = 31,
        leaf: int = 20,
        penalty: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.features = features
        self.trees = trees
        self.rate = rate
        self.leaves = leaves
        self.leaf = leaf
        self.penalty = penalty
        self.seed = seed

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        fresh = HistGradientBoostingClassifier(
            max_iter=self.trees,
            learning_rate=self.rate,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.leaf,
            l2_regularization=self.penalty,
            early_stopping=False,
            class_weight="balanced",
            random_state=self.seed,
        )
        # small trees are done before threads have met: on busy cores waiting for each other takes many times as long
        with threadpool_limits(1):
            grown = fresh.fit(x, y)
        self.base_ = float(np.float32(grown._baseline_prediction.item()))  # noqa: SLF001  (no public name)
        self.forest_ = Forest.of([_tree(stage[0].nodes) for stage in grown._predictors])  # noqa: SLF001

    def _log_odds(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:  # noqa: ARG002
        return np.asarray(self.forest_.sums(x) + np.float32(self.base_))

    def _write_log_odds(self, builder: GraphBuilder, scaled: str) -> str:  # noqa: ARG002
        axis = builder.constant(np.array([1], np.int64))
        total = builder.add("Squeeze", self.forest_.write(builder), axis)
        return builder.add("Add", total, builder.constant(self.base_))

    def weights(self) -> dict[str, Floats]:
        """The trees (see `models/forest.py`) and what they start from."""
        return self.forest_.arrays() | {"base": np.array([self.base_], np.float32)}


def _tree(nodes: NDArray[np.void]) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    left, right = (np.where(leaf, LEAF, nodes[side].astype(np.int64)) for side in ("left", "right"))
    return Tree(nodes["feature_idx"], nodes["num_threshold"], left, right, nodes["value"])
