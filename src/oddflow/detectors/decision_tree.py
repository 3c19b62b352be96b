"""One decision tree."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from oddflow.detectors.grown import TreesDetector, tree_of
from oddflow.detectors.registry import registered
from oddflow.features.feature import Feature
from oddflow.models.forest import Forest
from oddflow.models.rows import Floats


@registered
@final
class DecisionTree(TreesDetector):
    """Asks one column after another; each answer parts attacks from normal rows as well as one question can (CART).

    Source: Breiman, Friedman, Olshen & Stone 1984, "Classification and Regression Trees".

    Args:
        features: The columns of a row.
        depth: The most questions.
        leaf: Fewest rows of a leaf.
        seed: Of the order in which equally good questions are tried.
    """

    name: ClassVar[str] = "decision-tree"
    summary: ClassVar[str] = "a tree of questions; learns from labels"
    good_at: ClassVar[str] = "rules that a person can read; fast to score"
    bad_at: ClassVar[str] = "attacks that were not learnt; few different scores; changes with its rows"
    paper: ClassVar[str] = "Breiman et al. 1984"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "depth": (1, 64), "leaf": (1, 2**31), "seed": (0, 2**32 - 1),
    }  # fmt: skip

    def __init__(self, features: Sequence[Feature], *, depth: int = 16, leaf: int = 5, seed: int = 0) -> None:
        self.features = features
        self.depth = depth
        self.leaf = leaf
        self.seed = seed

    def _grow(self, x: Floats, y: NDArray[np.int64]) -> Forest:
        grown = DecisionTreeClassifier(
            max_depth=self.depth, min_samples_leaf=self.leaf, class_weight="balanced", random_state=self.seed
        ).fit(x, y)
        return Forest.of([tree_of(grown.tree_)])
