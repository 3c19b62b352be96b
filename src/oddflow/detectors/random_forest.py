"""A random forest."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from oddflow.detectors.grown import TreesDetector, tree_of
from oddflow.detectors.registry import registered
from oddflow.features.feature import Feature
from oddflow.models.forest import Forest
from oddflow.models.rows import Floats


@registered
@final
class RandomForest(TreesDetector):
    """The mean of many trees, each grown on rows drawn with replacement and on few columns a question.

    Source: Breiman 2001, "Random Forests".

    Args:
        features: The columns of a row.
        trees: How many.
        leaf: Fewest rows of a leaf.
        leaves: Most leaves of a tree: they bound the size of the sealed model.
        seed: Of the rows and columns that are drawn.
    """

    name: ClassVar[str] = "random-forest"
    summary: ClassVar[str] = "many trees on drawn rows and columns; learns from labels"
    good_at: ClassVar[str] = "known attacks; columns of any scale; hardly any tuning"
    bad_at: ClassVar[str] = "attacks that were not learnt; large models"
    paper: ClassVar[str] = "Breiman 2001"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "trees": (1, 4_096), "leaf": (1, 2**31), "leaves": (2, 65_536), "seed": (0, 2**32 - 1),
    }  # fmt: skip

    def __init__(
        self, features: Sequence[Feature], *, trees: int = 100, leaf: int = 2, leaves: int = 2_048, seed: int = 0
    ) -> None:
        self.features = features
        self.trees = trees
        self.leaf = leaf
        self.leaves = leaves
        self.seed = seed

    def _grow(self, x: Floats, y: NDArray[np.int64]) -> Forest:
        grown = RandomForestClassifier(
            n_estimators=self.trees,
            min_samples_leaf=self.leaf,
            max_leaf_nodes=self.leaves,
            class_weight="balanced",
            random_state=self.seed,
        ).fit(x, y)
        return Forest.of([tree_of(one.tree_, 1 / self.trees) for one in grown.estimators_])
