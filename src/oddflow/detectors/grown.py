"""What decision trees, random forests and boosted trees share: leaves that are summed to odds."""

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors.supervised import SupervisedDetector, log_odds_of, write_log_odds_of
from oddflow.models.forest import Forest, Tree
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

LEAST = 1e-3
"""No forest is surer than that of either kind: what 1 lacks to float32's sum of many leaves is far less."""


class TreesDetector(SupervisedDetector):
    """Trees on raw columns whose leaves add up to the probability of an attack.

    Subclasses are final: they implement `_grow`.
    """

    encodes: ClassVar[bool] = False

    forest_: Forest

    @abstractmethod
    def _grow(self, x: Floats, y: NDArray[np.int64]) -> Forest:
        """Trees whose sum is the probability of an attack."""

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        assert y is not None  # noqa: S101  (fit has checked it)
        self.forest_ = self._grow(x, y)

    def _log_odds(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:  # noqa: ARG002
        return log_odds_of(self.forest_.sums(x), LEAST)

    def _write_log_odds(self, builder: GraphBuilder, scaled: str) -> str:  # noqa: ARG002
        axis = builder.constant(np.array([1], np.int64))
        return write_log_odds_of(builder, builder.add("Squeeze", self.forest_.write(builder), axis), LEAST)

    def weights(self) -> dict[str, Floats]:
        """The trees (see `models/forest.py`)."""
        return self.forest_.arrays()


def tree_of(grown: Any, share: float = 1.0) -> Tree:
    """A fitted tree of scikit-learn, whose leaves hold `share` times the part of their rows that are attacks."""
    classes = grown.value[:, 0, :]
    attacks = classes[:, 1] / classes.sum(axis=1)
    return Tree(grown.feature, grown.threshold, grown.children_left, grown.children_right, share * attacks)
