"""The isolation forest, as scikit-learn grows it."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest as Grown

from oddflow.detectors.registry import registered
from oddflow.detectors.whole import WholeScoreDetector
from oddflow.features.feature import Feature, Scale
from oddflow.models.forest import Forest, Tree
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.scaling import STEPS

_FARTHEST = 1e30


@registered
@final
class IsolationForest(WholeScoreDetector):
    """Cuts the space at random; the fewer cuts until a row is alone, the odder it is.

    Its trees see the logarithm of LOG columns and all others as they are. Inside the range of what was learnt the score
    is scikit-learn's `-score_samples`, 2 to the power of minus the mean path over that of a random tree. Beyond it, a
    tree that had seen the row would have cut it off at its root with the probability of such a cut, the share of each
    column's range that lies between the rows and this one, averaged over columns: the path is shorter by that share.

    Source: Liu, Ting & Zhou 2008, "Isolation Forest", eq. 1 and 2.

    Args:
        features: The columns of a row.
        trees: How many.
        samples: Rows that a tree is grown on; few keep dense attacks apart (the paper's 256), more see finer shapes.
        columns: Share of the columns that a tree sees, 0 to 1.
        seed: Of the samples and cuts.
    """

    name: ClassVar[str] = "isolation-forest"
    summary: ClassVar[str] = "trees of random cuts: what is alone after few of them is odd"
    good_at: ClassVar[str] = "a first figure to compare with; many rows; no tuning"
    bad_at: ClassVar[str] = "features that part which went together; oddness in one of many columns"
    paper: ClassVar[str] = "Liu, Ting & Zhou 2008"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "trees": (1, 4_096), "samples": (2, 65_536), "columns": (0, 1), "seed": (0, 2**32 - 1),
    }  # fmt: skip
    stops_early: ClassVar[bool] = False
    encodes: ClassVar[bool] = False

    forest_: Forest
    low_: Floats
    high_: Floats
    usual_: float

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        trees: int = 100,
        samples: int = 256,
        columns: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.features = features
        self.trees = trees
        self.samples = samples
        self.columns = columns
        self.seed = seed

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        seen = min(self.samples, len(x))
        kept = max(1, round(self.columns * x.shape[1]))
        grown = Grown(n_estimators=self.trees, max_samples=seen, max_features=kept, random_state=self.seed)
        grown.fit(self._spread(x))
        trees = []
        for estimator, columns in zip(grown.estimators_, grown.estimators_features_, strict=True):
            tree = estimator.tree_
            left, right = tree.children_left, tree.children_right
            # a tree numbers the columns that it sees
            asked = columns[np.maximum(tree.feature, 0)]
            path = _depths(left, right) + usual_path(tree.n_node_samples)
            trees.append(Tree(asked, self._raw(asked, tree.threshold), left, right, path))
        self.forest_ = Forest.of(trees)
        self.low_, self.high_ = x.min(axis=0), x.max(axis=0)
        self.usual_ = float(self.trees * usual_path(np.array([seen]))[0])

    def _steps(self) -> tuple[NDArray[np.bool_], Floats]:
        """Which columns are LOG, and the steps of all, (d,)."""
        is_log = np.array([feature.scale is Scale.LOG for feature in self.features])
        return is_log, np.array([STEPS.get(feature.unit, 1.0) for feature in self.features], np.float32)

    def _spread(self, x: Floats) -> Floats:
        is_log, steps = self._steps()
        x = np.clip(x, -_FARTHEST, _FARTHEST)
        return np.where(is_log, np.sign(x) * np.log1p(np.abs(x) / steps), x).astype(np.float32)

    def _raw(self, columns: NDArray[np.int64], thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
        is_log, steps = self._steps()
        back = np.sign(thresholds) * np.expm1(np.minimum(np.abs(thresholds), 100.0)) * steps[columns]
        return np.where(is_log[columns], back, thresholds)

    def _whole(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:  # noqa: ARG002
        paths = self.forest_.sums(x) * (1 - self._beyond(x))
        return np.asarray(np.exp2(-paths / np.float32(self.usual_)))

    def _beyond(self, x: Floats) -> Floats:
        """The probability that a cut at the root parts a row from all that was learnt: (n, d) -> (n,)."""
        x = np.clip(x, -np.float32(_FARTHEST), np.float32(_FARTHEST))
        low, high = (np.clip(edge, -np.float32(_FARTHEST), np.float32(_FARTHEST)) for edge in (self.low_, self.high_))
        outside = np.maximum(np.maximum(low - x, x - high), 0)
        return np.asarray((outside / (outside + (high - low) + np.float32(1e-6))).mean(axis=1))

    def weights(self) -> dict[str, Floats]:
        """The trees, and the least and the greatest of each column, (d,)."""
        return self.forest_.arrays() | {"low": self.low_, "high": self.high_}

    def _write_whole(self, builder: GraphBuilder, scaled: str) -> str:  # noqa: ARG002
        axis = builder.constant(np.array([1], np.int64))
        far = np.float32(_FARTHEST)
        x = builder.add("Clip", builder.x, builder.constant(float(-far)), builder.constant(float(far)))
        low, high = (np.clip(edge, -far, far) for edge in (self.low_, self.high_))
        below, above = builder.add("Sub", builder.constant(low), x), builder.add("Sub", x, builder.constant(high))
        outside = builder.add("Relu", builder.add("Max", below, above))
        whole = builder.add("Add", builder.add("Add", outside, builder.constant(high - low)), builder.constant(1e-6))
        beyond = builder.add("ReduceMean", builder.add("Div", outside, whole), axis, keepdims=1)
        inside = builder.add("Sub", builder.constant(1.0), beyond)
        paths = builder.add("Mul", self.forest_.write(builder), inside)
        power = builder.add("Mul", paths, builder.constant(float(-np.log(2) / self.usual_)))
        return builder.add("Squeeze", builder.add("Exp", power), axis)


def usual_path(rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean path to a row in a random tree of so many rows, c(n) of eq. 1.

    >>> usual_path(np.array([1, 2, 256])).round(2).tolist()
    [0.0, 1.0, 10.24]
    """
    n = np.asarray(rows, np.float64)
    harmonic = np.log(np.maximum(n - 1, 1)) + np.euler_gamma
    return np.where(n > 2, 2 * harmonic - 2 * (n - 1) / np.maximum(n, 1), np.where(n == 2, 1.0, 0.0))


def _depths(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
    """Steps from the root to each node; parents stand before their children."""
    depth = np.zeros(len(left))
    for node in np.flatnonzero(left >= 0):
        depth[left[node]] = depth[right[node]] = depth[node] + 1
    return depth
