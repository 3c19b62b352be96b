"""Exact Shapley values of the trees in a sealed graph, against normal rows.

A column's value is what it changes on average, over all orders in which columns are turned one by one from those of a
normal row into those of the odd one, and over the normal rows. With trees no order has to be tried: a leaf is reached
by the sets of columns that hold all of some and none of others, whose Shapley values have a closed form. So the work
grows with the leaves and the normal rows, not with 2 to the power of the columns; values sum to the odd row's output
less the mean of the normal rows'.

What is explained is the last number on the way to the score that is linear in the trees: their sum, or, in an isolation
forest, the path length, which is that sum times a factor that adds up over columns. The score itself is a function of
this one number alone, which is checked.

Source: Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees",
algorithm 3 (interventional, with background rows); Shapley 1953. The factor is ours: a leaf times a term of a column it
does not ask is a leaf that asks one column more.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from oddflow.models.allowed_trees import DOMAIN, MOST_DEPTH, OPERATOR
from oddflow.models.rows import Floats
from oddflow.models.sealed import runtime_errors

MOST_VISITS = 1 << 28
"""Nodes times normal rows; with more nodes, fewer rows are compared with: it bounds the time, to about ten seconds."""
_BY_COLUMN = frozenset({"Abs", "Add", "Clip", "Div", "Max", "Min", "Mul", "Neg", "Relu", "Sub"})
"""What gives a number for each column of that column alone, if all else it is given are constants."""


class NoTrees(Exception):
    """The score is no function of one sum of trees; the message says why not."""


@dataclass(frozen=True, slots=True, eq=False)
class ShapleyValues:
    """What each column adds to the output of the trees, (d,), of either sign; and against how many rows.

    Attributes:
        values: They sum to `output` less `normal`.
        output: Of the row.
        normal: The mean over the normal rows.
        rises: Whether the score rises with the output; it falls with it otherwise.
        against: How many normal rows.
    """

    values: NDArray[np.float64]
    output: float
    normal: float
    rises: bool
    against: int


@dataclass(frozen=True, slots=True, eq=False)
class _Arrays:
    """Trees one after the other, as in `models/forest.py`."""

    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: Floats
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float64]

    @classmethod
    def of(cls, node: onnx.NodeProto) -> Self:
        """Of a node that `allowed_trees` has checked.

        Raises:
            NoTrees: It gives several numbers.
        """
        given = {attribute.name: attribute for attribute in node.attribute}
        if given["n_targets"].i != 1:
            raise NoTrees("its trees give several numbers")
        tree, place, feature, left, right, target_tree, target_node = (
            np.array(given[name].ints, np.int64)
            for name in (
                "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids",
                "target_treeids", "target_nodeids",
            )
        )  # fmt: skip
        roots = np.flatnonzero(place == 0)
        leaf = np.array(list(given["nodes_modes"].strings), object) == b"LEAF"
        value = np.zeros(len(tree))
        np.add.at(value, roots[target_tree] + target_node, np.array(given["target_weights"].floats, np.float64))
        return cls(
            roots=roots,
            feature=feature,
            threshold=np.array(given["nodes_values"].floats, np.float32),
            left=np.where(leaf, -1, left + roots[tree]),
            right=np.where(leaf, -1, right + roots[tree]),
            value=value,
        )


class TreeShapley:
    """A sealed graph whose score is a function of one sum of trees.

    Args:
        graph: Serialised, and checked when its model was loaded.

    Raises:
        NoTrees: It has none, or the score depends on something else too.
    """

    def __init__(self, graph: bytes) -> None:
        import onnxruntime  # noqa: PLC0415  (it takes a while)

        model = onnx.ModelProto.FromString(graph)
        nodes = [node for node in model.graph.node if _is_trees(node) and _reaches(model.graph, node.output[0])]
        if len(nodes) != 1:
            raise NoTrees(f"its score is made of {len(nodes)} sums of trees")
        self._trees = _Arrays.of(nodes[0])
        self._output = nodes[0].output[0]
        self._constant, self._terms = 1.0, ""
        if _reaches(model.graph, "x", without=self._output):
            self._output, self._constant, self._terms = _factor(model.graph, self._output)
        if _reaches(model.graph, "x", without=self._output):
            raise NoTrees("its score depends on more than trees")
        self._names = [self._output, *filter(None, [self._terms])]
        model.graph.output.extend(helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in self._names)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except runtime_errors() as error:
            raise NoTrees(f"its trees cannot be run: {error}") from None

    def of(self, row: Floats, normal: Floats) -> ShapleyValues:
        """Of one row (d,), against normal rows (p, d), p ≥ 1; of many rows and nodes, some rows evenly spread.

        Raises:
            NoTrees: The score neither rises nor falls with the output throughout.
        """
        from oddflow.models._shapley_kernels import shapley_values  # noqa: PLC0415  (it is compiled when imported)

        most = max(1, MOST_VISITS // len(self._trees.feature))
        if len(normal) > most:
            normal = normal[np.linspace(0, len(normal) - 1, most).astype(np.int64)]
        rows = np.ascontiguousarray(np.concatenate([row[None], normal]), np.float32)
        scores, outputs, terms = self._run(rows)
        values = np.zeros(len(row))
        reach = min(MOST_DEPTH, len(row)) + 2
        logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, reach + 1)))])
        shapley_values(
            rows[0], rows[1:], *(getattr(self._trees, name) for name in _Arrays.__slots__), self._constant,
            terms[0], terms[1:], logs, MOST_DEPTH, values,
        )  # fmt: skip
        return ShapleyValues(
            values / len(normal), float(outputs[0]), float(outputs[1:].mean()), _rises(outputs, scores), len(normal)
        )

    def _run(self, rows: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Scores (n,), outputs (n,) and the columns' terms of the factor (n, d)."""
        try:
            scores, outputs, *terms = self._session.run(["score", *self._names], {"x": rows})
        except runtime_errors() as error:
            raise NoTrees(f"its trees cannot be run: {error}") from None
        found = -terms[0].astype(np.float64) / rows.shape[1] if terms else np.zeros(rows.shape)
        return scores.astype(np.float64), outputs.reshape(-1).astype(np.float64), np.ascontiguousarray(found)


def _is_trees(node: onnx.NodeProto) -> bool:
    return bool(node.domain == DOMAIN and node.op_type == OPERATOR)


def _reaches(graph: onnx.GraphProto, name: str, *, without: str = "") -> bool:
    """Whether the score depends on a value other than by way of another."""
    after = {name}
    for node in graph.node:
        if after.intersection(node.input):
            after.update(output for output in node.output if output != without)
    return "score" in after


def _factor(graph: onnx.GraphProto, trees: str) -> tuple[str, float, str]:
    """Where trees are multiplied by c - mean over columns of y: the product's name, c, and y's name.

    Raises:
        NoTrees: They are not, or a column of y depends on other columns.
    """
    held = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.op_type != "Mul" or trees not in node.input:
            continue
        other = makers.get(next((name for name in node.input if name != trees), ""))
        if other is None or other.op_type != "Sub" or held.get(other.input[0], np.zeros(2)).size != 1:
            continue
        mean = makers.get(other.input[1])
        if mean is not None and mean.op_type == "ReduceMean" and _is_by_row(mean, held):
            width = graph.input[0].type.tensor_type.shape.dim[1].dim_value
            if _is_by_column(mean.input[0], makers, held, width):
                return node.output[0], float(held[other.input[0]].item()), mean.input[0]
    raise NoTrees("its score depends on more than trees")


def _is_by_row(mean: onnx.NodeProto, held: dict[str, NDArray[Any]]) -> bool:
    axes = held.get(mean.input[1]) if len(mean.input) > 1 else None
    return axes is not None and axes.tolist() in ([1], [-1])


def _is_by_column(name: str, makers: dict[str, onnx.NodeProto], held: dict[str, NDArray[Any]], width: int) -> bool:
    """Whether each column of a value (n, d) is made of that column of x and constants alone."""
    waiting, seen = [name], {"x"}
    while waiting:
        one = waiting.pop()
        if one in seen or not one:
            continue
        seen.add(one)
        if one in held:
            if held[one].shape not in ((), (1,), (width,), (1, width)):
                return False
        elif one in makers and makers[one].op_type in _BY_COLUMN and not makers[one].domain:
            waiting.extend(makers[one].input)
        else:
            return False
    return name not in held


def _rises(outputs: NDArray[np.float64], scores: NDArray[np.float64]) -> bool:
    """Whether scores rise with outputs, or fall.

    Raises:
        NoTrees: Neither.
    """
    steps = np.diff(scores[np.argsort(outputs, kind="stable")])
    total = float(steps.sum())
    if not total or (steps * np.sign(total) < -1e-3 * np.ptp(scores)).any():
        raise NoTrees("its score neither rises nor falls with its trees throughout")
    return total > 0
