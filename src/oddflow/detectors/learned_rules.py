"""Rules that are learnt: if-then sentences with weights."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from oddflow.detectors.registry import registered
from oddflow.detectors.supervised import SupervisedDetector
from oddflow.features.feature import Feature
from oddflow.models.forest import LEAF, Forest, Tree
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

_FIT_ROWS = 20_000


@registered
@final
class LearnedRules(SupervisedDetector):
    """Takes each node of small trees for a rule, keeps few by a sparse regression, and adds the weights of those met.

    `rules_` tells them in words, the weightiest first. Since a row meets the rules on its way to a leaf, the kept rules
    are trees again, whose leaves hold the sums of their ways.

    Source: Friedman & Popescu 2008, "Predictive Learning via Rule Ensembles" (RuleFit), sections 3 and 6.

    Args:
        features: The columns of a row.
        trees: How many rules are taken from.
        leaves: Of a tree; twice as many rules, less two, come from it.
        strictness: How much a rule must help to be kept (the reciprocal of C).
        seed: Of the rows and columns that trees are grown on.
    """

    name: ClassVar[str] = "learned-rules"
    summary: ClassVar[str] = "a few weighted if-then rules (RuleFit); learns from labels"
    good_at: ClassVar[str] = "a list of rules that a person can read and check"
    bad_at: ClassVar[str] = "attacks that were not learnt; relations that no few conditions tell"
    paper: ClassVar[str] = "Friedman & Popescu 2008"
    needs: ClassVar[str] = "train"
    encodes: ClassVar[bool] = False
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "trees": (1, 4_096), "leaves": (2, 256), "strictness": (1e-3, 1e6), "seed": (0, 2**32 - 1),
    }  # fmt: skip

    forest_: Forest
    base_: float
    rules_: list[tuple[float, str]]

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        trees: int = 50,
        leaves: int = 8,
        strictness: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.features = features
        self.trees = trees
        self.leaves = leaves
        self.strictness = strictness
        self.seed = seed

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        assert y is not None  # noqa: S101  (fit has checked it)
        grown = RandomForestClassifier(
            n_estimators=self.trees, max_leaf_nodes=self.leaves, class_weight="balanced", random_state=self.seed
        ).fit(x, y)
        every = _some_of_both(y)
        met, begins = grown.decision_path(x[every])
        kept = LogisticRegression(
            solver="liblinear",
            l1_ratio=1.0,
            C=1 / self.strictness,
            class_weight="balanced",
            random_state=self.seed,
        ).fit(met, y[every])
        weights = kept.coef_[0]
        trees = [one.tree_ for one in grown.estimators_]
        ways = [_ways(tree, weights[begin:]) for tree, begin in zip(trees, begins[:-1], strict=True)]
        self.base_ = float(np.float32(kept.intercept_.item()))
        self.forest_ = Forest.of(
            [
                Tree(t.feature, t.threshold, t.children_left, t.children_right, w)
                for t, w in zip(trees, ways, strict=True)
            ]
        )
        told = [
            rule for tree, begin in zip(trees, begins[:-1], strict=True) for rule in self._told(tree, weights[begin:])
        ]
        self.rules_ = sorted(told, key=lambda rule: -abs(rule[0]))

    def _told(self, tree: Any, weights: NDArray[np.float64]) -> list[tuple[float, str]]:
        """The rules of a tree that were kept: weight and words."""
        words = [""] * tree.node_count
        for node in np.flatnonzero(tree.children_left != LEAF):
            name, threshold = self.features[tree.feature[node]].name, tree.threshold[node]
            for child, sign in ((tree.children_left[node], "<="), (tree.children_right[node], ">")):
                words[child] = " and ".join(filter(None, [words[node], f"{name} {sign} {threshold:.6g}"]))
        return [(float(weights[node]), words[node]) for node in range(1, tree.node_count) if weights[node]]

    def _log_odds(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:  # noqa: ARG002
        return np.asarray(self.forest_.sums(x) + np.float32(self.base_))

    def _write_log_odds(self, builder: GraphBuilder, scaled: str) -> str:  # noqa: ARG002
        axis = builder.constant(np.array([1], np.int64))
        total = builder.add("Squeeze", self.forest_.write(builder), axis)
        return builder.add("Add", total, builder.constant(self.base_))

    def weights(self) -> dict[str, Floats]:
        """The trees (see `models/forest.py`) and what they start from."""
        return self.forest_.arrays() | {"base": np.array([self.base_], np.float32)}


def _some_of_both(y: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of at most `_FIT_ROWS` rows, even in each kind."""
    found = []
    for kind in (0, 1):
        places = np.flatnonzero(y == kind)
        found.append(places[np.unique(np.linspace(0, len(places) - 1, _FIT_ROWS // 2).astype(np.int64))])
    return np.sort(np.concatenate(found))


def _ways(tree: Any, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of weights on the way to each node; parents stand before their children."""
    total = weights[: tree.node_count].copy()
    for node in np.flatnonzero(tree.children_left != LEAF):
        total[[tree.children_left[node], tree.children_right[node]]] += total[node]
    return total
