"""What any detector must beat: a constant, the best single feature, a tree of three questions."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from oddflow.models.rows import Floats

BINS = 64
MOST_VALUES = 1_024
Codes = NDArray[np.int64]


class Classifier(Protocol):
    """Learns classes 0 … k - 1 of rows."""

    def fit(self, x: Floats, y: Codes) -> object:
        """Learns rows (n, d) with their classes (n,)."""

    def predict_proba(self, x: Floats) -> NDArray[np.floating]:
        """Probabilities of the classes that it met: (n, d) -> (n, k)."""


class Constant:
    """Gives each row the shares of the classes: the commonest one is what it says.

    >>> Constant().fit(np.zeros((4, 1), np.float32), np.array([0, 0, 0, 1])).predict_proba(np.zeros((1, 1), np.float32))
    array([[0.75, 0.25]])
    """

    def fit(self, x: Floats, y: Codes) -> "Constant":  # noqa: ARG002  (it looks at no row)
        """Counts the classes (n,)."""
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = counts / len(y)
        return self

    def predict_proba(self, x: Floats) -> NDArray[np.floating]:
        """The same for each row: (n, d) -> (n, k)."""
        return np.tile(self.shares_, (len(x), 1))


class SingleFeature:
    """Cuts one feature into at most 64 ranges and counts the classes in each: the feature that gets most rows right.

    A value that is common is a range of its own. Which feature, and the ranges, are chosen on the rows that it learns;
    of equally good features the first.

    Attributes:
        feature_: The column that was chosen.
    """

    def fit(self, x: Floats, y: Codes) -> "SingleFeature":
        """Learns rows (n, d) with their classes (n,)."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        best = -1
        for column in range(x.shape[1]):
            edges = _edges(x[:, column])
            table = _table(x[:, column], edges, codes, len(self.classes_))
            right = int(table.max(axis=1).sum())
            if right > best:
                best, self.feature_, self.edges_, self.table_ = right, column, edges, table
        # a range that held no row is like all rows together; one row more of that kind keeps odds finite
        shares = np.bincount(codes, minlength=len(self.classes_)) / len(codes)
        self.shares_ = (self.table_ + shares) / (self.table_.sum(axis=1, keepdims=True) + 1)
        return self

    def predict_proba(self, x: Floats) -> NDArray[np.floating]:
        """The shares of the classes in each row's range: (n, d) -> (n, k)."""
        return np.asarray(self.shares_[_ranges(x[:, self.feature_], self.edges_)])


def _edges(column: Floats) -> Floats:
    values = np.unique(column[:: max(1, len(column) // 20_000)])
    if len(values) > MOST_VALUES or len(values) > BINS:
        values = np.unique(np.quantile(column, np.linspace(0, 1, BINS), method="nearest"))
    return np.asarray(values, np.float32)


def _ranges(column: Floats, edges: Floats) -> NDArray[np.int64]:
    """Below, at and above each edge: (n,) in 0 … 2 · edges."""
    return np.searchsorted(edges, column, "left") + np.searchsorted(edges, column, "right")


def _table(column: Floats, edges: Floats, codes: Codes, classes: int) -> NDArray[np.int64]:
    """Rows by range and class, (ranges, k)."""
    ranges = 2 * len(edges) + 1
    places = _ranges(column, edges) * classes + codes
    return np.bincount(places, minlength=ranges * classes).reshape(ranges, classes)
