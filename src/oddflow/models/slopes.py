"""A sealed graph with its slopes as further outputs: how its score answers a change of what it is given.

The slopes are nodes of the graph's own operators, laid behind it by the chain rule from the score backwards. So they
run wherever the graph runs, without the library that it was learnt with, and cannot differ from the graph that scores:
they are derived from it whenever they are wanted, and no file has to be believed about them.

Source: Linnainmaa 1976, "Taylor expansion of the accumulated rounding error" (reverse accumulation).
"""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from oddflow.models.rows import Floats
from oddflow.models.sealed import runtime_errors
from oddflow.models.slope_rules import RULES, Backward, NoSlope

OUTPUT = "slope_of_"
"""What the names of slopes begin with: "slope_of_x"."""
_ROWS = 256
_PICTURES = 4
"""Dimensions of a convolution's weight where it looks at pictures: (maps, channels, h, w)."""
_STANDING = frozenset({
    "BatchNormalization", "Elu", "Gelu", "HardSigmoid", "LeakyRelu", "Relu", "Selu", "Sigmoid", "Softplus", "Tanh",
})  # fmt: skip
_FLAT = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "And", "Sign", "Shape"})
"""They change in steps, or not at all."""

__all__ = ["OUTPUT", "NoSlope", "Slopes", "last_pictures", "with_slopes"]


def with_slopes(model: onnx.ModelProto, by: Sequence[str] = ("x",), *, of: str = "score") -> onnx.ModelProto:
    """The graph with further outputs, for each row the slope of `of`, (n,), by each of some values in the graph.

    A slope has the shape of the value it is by. Where two values tie for the greatest, both or the first take it.

    Raises:
        NoSlope: There is a tree, a recurrent layer, or something else on the way that no rule is known for.
    """
    model = _single(model)
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    graph = inferred.graph
    back = Backward(graph)
    between = _between(graph, by, of)
    one = back.add("Add", back.add("Mul", of, back.number(0.0)), back.number(1.0))
    slopes: dict[str, str] = {of: one}
    for node in reversed(graph.node):
        given = slopes.get(node.output[0]) if node.output else None
        if given is None or not any(name in between for name in node.input) or node.output[0] in by:
            continue
        if node.op_type in _FLAT:
            continue
        if node.domain or node.op_type not in RULES:
            raise NoSlope(f"no slope is known of {node.op_type}")
        wanted = [place for place, name in enumerate(node.input) if name in between and back.is_float(name)]
        for place, slope in RULES[node.op_type](back, node, given, wanted):
            name = node.input[place]
            slopes[name] = back.add("Add", slopes[name], slope) if name in slopes else slope
    made = onnx.ModelProto()
    made.CopyFrom(model)
    made.graph.initializer.extend(back.constants)
    made.graph.node.extend(back.nodes)
    for name in by:
        if name not in slopes:
            raise NoSlope(f"{of} does not change with {name}")
        made.graph.node.append(helper.make_node("Identity", [slopes[name]], [OUTPUT + name]))
        made.graph.output.append(helper.make_tensor_value_info(OUTPUT + name, TensorProto.FLOAT, None))
    return made


def _single(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with 32 bits wherever it has 64: slopes need no more, and have one type."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for constant in made.graph.initializer:
        if constant.data_type == TensorProto.DOUBLE:
            constant.CopyFrom(
                numpy_helper.from_array(numpy_helper.to_array(constant).astype(np.float32), constant.name)
            )
    for node in made.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.DOUBLE:
                attribute.i = TensorProto.FLOAT
    return made


class Slopes:
    """Runs a sealed graph with its slopes.

    Args:
        graph: Serialised, and checked when its model was loaded.
        by: Names of values in it.

    Raises:
        NoSlope: As `with_slopes`.
    """

    def __init__(self, graph: bytes, by: Sequence[str] = ("x",)) -> None:
        import onnxruntime  # noqa: PLC0415  (it takes a while, and the rest of this module does without)

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        made = with_slopes(onnx.ModelProto.FromString(graph), by)
        told = {output.name for output in made.graph.output}
        made.graph.output.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in by if name not in {*told, "x"}
        )
        try:
            self._session = onnxruntime.InferenceSession(
                made.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except runtime_errors() as error:
            raise NoSlope(f"the graph of its slopes cannot be made: {error}") from None

    def of(self, x: Floats) -> Floats:
        """Slopes of the score by each column: (n, d) -> (n, d); 0 where one is no number."""
        parts = [self._run([OUTPUT + "x"], x[start : start + _ROWS])[0] for start in range(0, len(x), _ROWS)]
        return np.nan_to_num(np.concatenate(parts), posinf=0.0, neginf=0.0)

    def by(self, name: str, x: Floats) -> tuple[Floats, Floats]:
        """A value inside, and the slopes of the score by it: (n, d) -> (n, …), (n, …)."""
        value, slopes = self._run([name, OUTPUT + name], x)
        return value, np.nan_to_num(slopes, posinf=0.0, neginf=0.0)

    def _run(self, names: list[str], x: Floats) -> list[Floats]:
        try:
            found: list[Floats] = self._session.run(names, {"x": x})
        except runtime_errors() as error:
            raise NoSlope(f"the graph of its slopes cannot be run: {error}") from None
        return found


def last_pictures(graph: bytes) -> str | None:
    """The name of what the last convolution of pictures gives, after the activation behind it; None without one."""
    content = onnx.ModelProto.FromString(graph).graph
    weights = {one.name: len(one.dims) for one in content.initializer}
    followers: dict[str, list[onnx.NodeProto]] = {}
    for node in content.node:
        for name in node.input:
            followers.setdefault(name, []).append(node)
    last = [n.output[0] for n in content.node if n.op_type == "Conv" and weights.get(n.input[1]) == _PICTURES]
    if not last:
        return None
    output = last[-1]
    while len(after := followers.get(output, [])) == 1 and after[0].op_type in _STANDING:
        output = after[0].output[0]
    return str(output)


def _between(graph: onnx.GraphProto, by: Sequence[str], of: str) -> set[str]:
    """Values that change with one of `by` and that `of` may change with."""
    after = set(by)
    for node in graph.node:
        if after.intersection(node.input):
            after.update(node.output)
    before = {of}
    for node in reversed(graph.node):
        if before.intersection(node.output):
            before.update(node.input)
    return after & before
