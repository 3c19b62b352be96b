"""The end of a graph, from scaled columns and their reconstruction to the score, done in one pass a row.

As a graph, what `Tails.write` adds goes over all columns eight times, and choosing the six greatest of a row takes
ONNX Runtime as long as a small network does. Where scores alone are wanted, a kernel does the same. A graph that ends
in any other way, as most do, is run whole; and the graph in the file is whole always.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from oddflow.models.rows import Floats
from oddflow.models.tails import STRONGEST


class _OtherwiseMade(Exception):
    """The graph has another node here than `Tails.write` adds."""


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """What `Tails.write` added to a graph.

    Attributes:
        outputs: Names of what it starts from: scaled columns, what was drawn of them, and groups unless there is one.
        middles: (m,).
        far, missed: (g, m) one over the tails.
        most: The greatest squared surprise.
        owners: (m,) the feature of each column; (0,) where columns are features.
        width: Features d.
    """

    outputs: tuple[str, ...]
    middles: Floats
    far: Floats
    missed: Floats
    most: np.float32
    owners: NDArray[np.int64]
    width: int

    @classmethod
    def of(cls, model: onnx.ModelProto) -> Self | None:
        """The ending of a graph that was checked; None where it is another."""
        try:
            return cls._read(_Nodes(model.graph))
        except _OtherwiseMade:
            return None

    @classmethod
    def _read(cls, nodes: "_Nodes") -> Self:
        (mean,) = nodes.given("score", "Sqrt")
        greatest, axes = nodes.given(mean, "ReduceMean", keepdims=0)
        contributions, kept = nodes.given(greatest, "TopK", axis=1, sorted=0)
        nodes.expect(nodes.constant(axes).tolist() == [1] and nodes.constant(kept).tolist() == [STRONGEST])
        squared, owners, width = _owners(nodes, contributions)
        greater, most = nodes.given(squared, "Min")
        one, other = nodes.given(greater, "Max")
        off, far, groups = _surprise(nodes, one)
        missed_by, missed, same_groups = _surprise(nodes, other)
        scaled, drawn = nodes.given(missed_by, "Sub")
        middles = np.zeros(far.shape[1], np.float32)
        if off != scaled:
            base, middle = nodes.given(off, "Sub")
            nodes.expect(base == scaled)
            middles = nodes.floats(middle)
        nodes.expect(groups == same_groups and far.shape == missed.shape and middles.shape == far.shape[1:])
        nodes.expect(len(owners) in {0, len(middles)} and nodes.floats(most).shape == ())
        nodes.expect(scaled in nodes.makers and drawn in nodes.makers and scaled != drawn)
        outputs = (scaled, drawn, groups) if groups else (scaled, drawn)
        return cls(outputs, middles, far, missed, np.float32(nodes.constant(most)), owners, width or len(middles))

    def cut_off(self, model: onnx.ModelProto) -> bytes:
        """The graph until where this begins."""
        needed, kept = set(self.outputs), list[onnx.NodeProto]()
        for node in reversed(model.graph.node):
            if needed.intersection(node.output):
                kept.append(node)
                needed.update(node.input)
        kinds = (TensorProto.FLOAT, TensorProto.FLOAT, TensorProto.INT64)
        outputs = [
            helper.make_tensor_value_info(name, kind, None) for name, kind in zip(self.outputs, kinds, strict=False)
        ]
        constants = [one for one in model.graph.initializer if one.name in needed]
        graph = helper.make_graph(kept[::-1], "oddflow", model.graph.input, outputs, constants)
        cut = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
        content: bytes = cut.SerializeToString()
        return content

    def scores(self, scaled: Floats, drawn: Floats, groups: NDArray[np.int64] | None = None) -> Floats | None:
        """(n, m), (n, m), (n,) -> (n,); None where a surprise is no number, or shapes are others than these."""
        # a model that ends otherwise needs no kernels
        from oddflow.models._surprise_kernels import score_rows  # noqa: PLC0415

        if not scaled.shape == drawn.shape == (len(scaled), len(self.middles)):
            return None
        groups = np.zeros(len(scaled), np.int64) if groups is None else groups
        if groups.shape != scaled.shape[:1]:
            return None
        room, scores = np.empty(len(self.middles), np.float32), np.empty(len(scaled), np.float32)
        tables = self.middles, self.far, self.missed, self.most, self.owners
        features = np.empty(self.width, np.float32)
        return scores if score_rows(scaled, drawn, groups, *tables, room, features, scores) else None


class _Nodes:
    """A graph's nodes by what they give."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.makers = {name: node for node in graph.node for name in node.output}
        self._constants = {constant.name: constant for constant in graph.initializer}
        # what a body of its own takes from the graph around it is not told with its node
        self.expect(not any(a.type == onnx.AttributeProto.GRAPH for node in graph.node for a in node.attribute))

    @staticmethod
    def expect(holds: bool) -> None:
        """Ends the search where something is otherwise."""
        if not holds:
            raise _OtherwiseMade

    def is_made(self, name: str, operator: str) -> bool:
        """Whether such a node gives it."""
        return name in self.makers and self.makers[name].op_type == operator

    def given(self, name: str, operator: str, **attributes: Any) -> Sequence[str]:
        """What the node was given whose first output has the name."""
        self.expect(self.is_made(name, operator))
        node = self.makers[name]
        told = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        self.expect(node.output[0] == name and told == attributes)
        return list(node.input)

    def constant(self, name: str) -> NDArray[Any]:
        """A tensor that is part of the graph."""
        self.expect(name in self._constants)
        return numpy_helper.to_array(self._constants[name])

    def floats(self, name: str) -> Floats:
        """One of float32."""
        found = self.constant(name)
        self.expect(found.dtype == np.float32)
        return np.array(found)  # a kernel takes none that is read-only


def _surprise(nodes: _Nodes, squared: str) -> tuple[str, Floats, str]:
    """Distances, their units (g, m), and groups, which are "" where there is one."""
    surprise, again = nodes.given(squared, "Mul")
    nodes.expect(surprise == again)
    distances, units = nodes.given(surprise, "Mul")
    if not nodes.is_made(units, "Gather"):
        table, groups = nodes.floats(units)[None], ""
    else:
        name, groups = nodes.given(units, "Gather", axis=0)
        table = nodes.floats(name)
    nodes.expect(table.ndim == 2)
    return distances, table, groups


def _owners(nodes: _Nodes, contributions: str) -> tuple[str, NDArray[np.int64], int]:
    """Squared surprises of columns, the feature of each, and how many there are; none where columns are features."""
    if not nodes.is_made(contributions, "MatMul"):
        return contributions, np.empty(0, np.int64), 0
    candidates, name = nodes.given(contributions, "MatMul")
    squared, *greatest = (
        nodes.given(candidates, "Concat", axis=1) if nodes.is_made(candidates, "Concat") else [candidates]
    )
    to_feature = nodes.floats(name)
    columns = len(to_feature) - len(greatest)
    nodes.expect(to_feature.ndim == 2 and to_feature.shape[1] >= STRONGEST)
    nodes.expect(bool(np.isin(to_feature, (0, 1)).all()) and bool((to_feature[columns:].sum(axis=1) == 1).all()))
    belongs = to_feature[:columns].copy()
    for row, part in zip(to_feature[columns:], greatest, strict=True):
        chosen, axes = nodes.given(part, "ReduceMax", keepdims=1)
        base, places = nodes.given(chosen, "MatMul")
        table = nodes.floats(places)
        nodes.expect(base == squared and nodes.constant(axes).tolist() == [1] and len(table) == columns)
        nodes.expect(bool(np.isin(table, (0, 1)).all()) and bool((table.sum(axis=0) == 1).all()))
        belongs[table.any(axis=1)] += row
    # each column has one feature; one with several columns has them by their greatest alone
    alone = to_feature[:columns].sum(axis=0)
    nodes.expect(
        bool((belongs.sum(axis=1) == 1).all()) and bool((to_feature.sum(axis=0) <= 1).all() and (alone <= 1).all())
    )
    return squared, belongs.argmax(axis=1), to_feature.shape[1]
