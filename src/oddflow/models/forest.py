"""Many binary trees on raw columns, in NumPy and as one ONNX node: a row reaches a leaf in each, and they are summed.

A row goes left where `x[feature] <= threshold`. Both sides compare the same float32 numbers, so the twins agree on each
leaf, and only the order of the sum differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

LEAF = -1
_ROWS = 2_048
"""Rows that go down together: with 100 trees, 200,000 places."""


class Tree(NamedTuple):
    """One tree, its root first: columns, thresholds, children (below 0 for a leaf), what leaves add; each (nodes,)."""

    feature: NDArray[Any]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Trees whose nodes stand one tree after the other, parents before children.

    Attributes:
        roots: (t,) where each tree begins.
        feature: (nodes,) the raw column that a node asks.
        threshold: (nodes,) float32.
        left, right: (nodes,) places of the children; LEAF for a leaf.
        value: (nodes,) what a leaf adds; 0 for the others.
    """

    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: Floats
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: Floats

    @classmethod
    def of(cls, trees: Sequence[Tree]) -> Self:
        """Trees one after the other; thresholds that float32 does not have are rounded down, which parts rows alike."""
        roots = np.cumsum([0, *(len(tree.left) for tree in trees)])
        leaves = [tree.left < 0 for tree in trees]
        parts = list(zip(trees, leaves, roots[:-1], strict=True))
        return cls(
            roots=roots[:-1].astype(np.int64),
            feature=np.concatenate([np.where(leaf, 0, tree.feature) for tree, leaf, _ in parts]).astype(np.int64),
            threshold=np.concatenate([at_most_float32(np.where(leaf, 0.0, tree.threshold)) for tree, leaf, _ in parts]),
            left=np.concatenate([np.where(leaf, LEAF, tree.left + root) for tree, leaf, root in parts]),
            right=np.concatenate([np.where(leaf, LEAF, tree.right + root) for tree, leaf, root in parts]),
            value=np.concatenate([np.where(leaf, tree.value, 0.0) for tree, leaf, _ in parts]).astype(np.float32),
        )

    def sums(self, x: Floats) -> Floats:
        """What the leaves of each row add up to: (n, d) -> (n,)."""
        out = np.empty(len(x), np.float32)
        for start in range(0, len(x), _ROWS):
            rows = x[start : start + _ROWS]
            out[start : start + _ROWS] = self.value[self._leaves(rows)].sum(axis=1, dtype=np.float64)
        return out

    def _leaves(self, x: Floats) -> NDArray[np.int64]:
        """The leaf of each row in each tree: (n, d) -> (n, t)."""
        rows = np.arange(len(x))[:, None]
        place = np.tile(self.roots, (len(x), 1))
        while True:
            inner = self.left[place] >= 0
            if not inner.any():
                return place
            is_left = x[rows, self.feature[place]] <= self.threshold[place]
            place = np.where(inner, np.where(is_left, self.left[place], self.right[place]), place)

    def write(self, builder: GraphBuilder) -> str:
        """Adds the same as one node on the graph's x; its output is (n, 1)."""
        sizes = np.diff(np.append(self.roots, len(self.feature)))
        tree = np.repeat(np.arange(len(self.roots)), sizes)
        first = np.repeat(self.roots, sizes)
        leaf = self.left < 0
        leaves = np.flatnonzero(leaf)
        return builder.add(
            "TreeEnsembleRegressor",
            builder.x,
            domain="ai.onnx.ml",
            n_targets=1,
            aggregate_function="SUM",
            post_transform="NONE",
            nodes_treeids=tree.tolist(),
            nodes_nodeids=(np.arange(len(tree)) - first).tolist(),
            nodes_featureids=self.feature.tolist(),
            nodes_values=self.threshold.tolist(),
            nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
            nodes_truenodeids=np.where(leaf, 0, self.left - first).tolist(),
            nodes_falsenodeids=np.where(leaf, 0, self.right - first).tolist(),
            target_treeids=tree[leaves].tolist(),
            target_nodeids=(leaves - first[leaves]).tolist(),
            target_ids=[0] * len(leaves),
            target_weights=self.value[leaves].tolist(),
        )

    def arrays(self) -> dict[str, Floats]:
        """The trees as float32 arrays by name; places are whole numbers, exact below 2²⁴."""
        found = {name: getattr(self, name) for name in ("roots", "feature", "threshold", "left", "right", "value")}
        return {name: value.astype(np.float32) for name, value in found.items()}


def at_most_float32(threshold: NDArray[np.float64]) -> Floats:
    """The greatest float32 that is not above each number: float32 values fall on the same side of both."""
    most = np.float64(np.finfo(np.float32).max)
    bounded = np.clip(threshold, -most, most)
    near = bounded.astype(np.float32)
    return np.where(near > bounded, np.nextafter(near, np.float32(-most)), near)
