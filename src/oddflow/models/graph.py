"""Writes an ONNX graph from `x` (n, d) to `score` (n,) and `contributions` (n, d), node by node.

One that tells kinds of attack apart gives `classes` (n, k) as well.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
IR_VERSION = 10
"""What ONNX Runtime 1.20, the oldest that Oddflow installs with, can read."""
TREES = "ai.onnx.ml"
"""ONNX's operator set for trees."""
TREES_OPSET = 3


_OUTPUTS = frozenset({"score", "contributions"})
_DEFAULTS = (b"NOTSET", b"forward", b"none")
"""Words that some operators are given though they say what holds without them; a sealed graph holds no words."""


class GraphBuilder:
    """Adds nodes one after the other; a name stands for the tensor that a node gives.

    >>> builder = GraphBuilder(width=3)
    >>> squares = builder.add("Mul", builder.x, builder.x)
    >>> model = builder.finish(score=builder.row_sum(squares), contributions=squares)
    >>> [node.op_type for node in model.graph.node]
    ['Mul', 'ReduceSum']
    """

    x = "x"

    def __init__(self, width: int) -> None:
        """A graph without nodes, whose rows have `width` columns."""
        self.width = width
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._bodies = 0
        self._classes: tuple[str, int] | None = None

    def constant(self, value: NDArray[Any] | float) -> str:
        """A tensor that is part of the graph."""
        name = f"constant_{len(self._constants)}"
        array = np.asarray(value, np.float32) if isinstance(value, float) else np.ascontiguousarray(value)
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, *inputs: str, unused: int = 0, **attributes: Any) -> str:
        """A node, and the name of its first output; `unused` further outputs are asked for and left."""
        name = f"{operator.lower()}_{len(self._nodes)}"
        outputs = [name, *(f"{name}_unused_{place}" for place in range(unused))]
        self._nodes.append(helper.make_node(operator, list(inputs), outputs, **attributes))
        return name

    def columns(self, x: str, places: NDArray[np.int64], *, width: int) -> str:
        """Some of the `width` columns of x, in the given order: (n, width) -> (n, len(places))."""
        if np.array_equal(places, np.arange(width)):
            return x
        if len(places) == 1:
            return self.add("Gather", x, self.constant(places.astype(np.int64)), axis=1)
        # times a matrix of 0 and 1: exact for finite x, and six times as fast as Gather
        chosen = np.zeros((width, len(places)), np.float32)
        chosen[places, np.arange(len(places))] = 1
        return self.add("MatMul", x, self.constant(chosen))

    def look_up(self, table: NDArray[np.float32], groups: str) -> str:
        """The row of a table (g, m) for each group: (n,) -> (n, m), or (m,) for all rows where there is one group."""
        if len(table) == 1:
            return self.constant(table[0])
        return self.add("Gather", self.constant(table), groups, axis=0)

    def joined(self, parts: Sequence[str]) -> str:
        """Parts side by side: (n, a), (n, b), … -> (n, a + b + …)."""
        return parts[0] if len(parts) == 1 else self.add("Concat", *parts, axis=1)

    def row_sum(self, x: str) -> str:
        """The sum of each row: (n, d) -> (n,)."""
        return self.add("ReduceSum", x, self.constant(np.array([1], np.int64)), keepdims=0)

    def include(self, body: onnx.ModelProto, x: str) -> tuple[str, ...]:
        """A whole graph of one input, laid in place: torch's exporter writes such. The names of its outputs."""
        self._bodies += 1
        graph = body.graph
        renamed = {graph.input[0].name: x, "": ""}

        def rename(name: str) -> str:
            return renamed.setdefault(name, f"body_{self._bodies}_{name}")

        for constant in graph.initializer:
            copy = onnx.TensorProto()
            copy.CopyFrom(constant)
            copy.name = rename(constant.name)
            self._constants.append(copy)
        held = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
        for node in graph.node:
            inputs, outputs = [rename(name) for name in node.input], [rename(name) for name in node.output]
            copied = helper.make_node(node.op_type, inputs, outputs, domain=node.domain)
            shape = held.get(node.input[1]) if node.op_type == "Reshape" else None
            if shape is not None and shape[0] == -1:
                # 0 stands for "as many rows as given", which shape inference follows; -1 would be "whatever is left"
                copied.input[1] = self.constant(np.array([0, *shape[1:]], np.int64))
            else:
                copied.attribute.extend(
                    a for a in node.attribute if a.type != onnx.AttributeProto.STRING or a.s not in _DEFAULTS
                )
            self._nodes.append(copied)
        return tuple(rename(output.name) for output in graph.output)

    def tell_classes(self, probabilities: str, count: int) -> None:
        """Makes the probabilities of kinds of rows, (n, count), an output of the graph."""
        self._classes = probabilities, count

    def _name(self, given: str, wanted: str) -> None:
        """Calls a tensor as the output that it is; one that no node gives, or that has a name by now, is copied."""
        makers = [node for node in self._nodes if given in node.output]
        if not makers or given in _OUTPUTS:
            self._nodes.append(helper.make_node("Identity", [given], [wanted]))
            return
        for node in self._nodes:
            for names in (node.input, node.output):
                names[:] = [wanted if name == given else name for name in names]

    def finish(self, *, score: str, contributions: str) -> onnx.ModelProto:
        """The model, with its inputs and outputs named."""
        self._name(score, "score")
        self._name("score" if contributions == score else contributions, "contributions")
        floats = TensorProto.FLOAT
        outputs = [
            helper.make_tensor_value_info("score", floats, ["n"]),
            helper.make_tensor_value_info("contributions", floats, ["n", self.width]),
        ]
        if self._classes is not None:
            probabilities, count = self._classes
            self._nodes.append(helper.make_node("Identity", [probabilities], ["classes"]))
            outputs.append(helper.make_tensor_value_info("classes", floats, ["n", count]))
        graph = helper.make_graph(
            self._nodes,
            "oddflow",
            [helper.make_tensor_value_info("x", floats, ["n", self.width])],
            outputs,
            self._constants,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        if any(node.domain == TREES for node in self._nodes):
            opsets.append(helper.make_opsetid(TREES, TREES_OPSET))
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="oddflow")
