"""What the graph of a sealed model may be: rows in, scores out, in memory known before it runs.

A graph from a stranger is data. It passes only if it has the one input and the two outputs that Oddflow
writes, or `classes` (n, k) as a third; uses operators that compute on the values given and nothing else (no loops, no
branches, no functions, no files, no custom code); holds its constants itself; and each value in it has one row for each
row of x, along whichever axis, of bounded width. Trees are one operator of ONNX's second set, with checks of their own
(allowed_trees.py).
"""

from collections.abc import Iterable
from math import prod
from typing import Any, NamedTuple

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from oddflow.errors import NotAModel
from oddflow.models import allowed_trees

OPERATORS = frozenset({
    "Abs", "Add", "And", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Conv", "ConvTranspose",
    "Div", "Elu", "Equal", "Erf", "Exp", "GRU", "Gather", "Gelu", "Gemm", "Greater", "GreaterOrEqual",
    "HardSigmoid", "Identity", "InstanceNormalization", "LSTM", "LayerNormalization", "LeakyRelu", "Less",
    "LessOrEqual", "Log", "LogSoftmax", "MatMul", "Max", "MaxPool", "Min", "Mul", "Neg", "Not", "Pow", "RNN",
    "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Relu", "Reshape",
    "ScatterElements", "Selu", "Shape", "Sigmoid", "Sign", "Slice", "Softmax", "Softplus", "Sqrt", "Squeeze", "Sub",
    "Tanh", "TopK", "Transpose", "Unsqueeze", "Where",
})  # fmt: skip
"""Each gives no more rows than it is given; add one when a detector needs it."""

MOST_NODES = 4_096
MOST_WIDTH = 65_536
"""Numbers a row in any value of the graph."""
MOST_TOTAL = 1 << 26
"""Numbers a row in all values of the graph together: all of them may be alive at once."""
MOST_OPSET = 21

_ITEM_BYTES: dict[int, int] = {
    onnx.TensorProto.FLOAT: 4, onnx.TensorProto.DOUBLE: 8, onnx.TensorProto.INT64: 8, onnx.TensorProto.BOOL: 1,
}  # fmt: skip
_PLAIN_ATTRIBUTES = frozenset({
    onnx.AttributeProto.INT, onnx.AttributeProto.INTS, onnx.AttributeProto.FLOAT, onnx.AttributeProto.FLOATS,
})  # fmt: skip


class Sizes(NamedTuple):
    """Numbers a row: in the widest value of a graph, and in all of them together."""

    widest: int
    total: int


def check_graph(content: bytes, width: int) -> Sizes:
    """Refuses a graph that is not as the module says.

    Args:
        content: The serialised graph.
        width: Columns d of a row.

    Returns:
        How much its values hold.

    Raises:
        NotAModel: What it holds that it must not, or lacks.
    """
    try:
        model = onnx.ModelProto.FromString(content)
    except (DecodeError, ValueError, RecursionError):
        raise _refused("it is no ONNX graph") from None
    _check_head(model)
    trees: dict[str, int] = {}
    for node in model.graph.node:
        if node.domain == allowed_trees.DOMAIN and node.op_type == allowed_trees.OPERATOR:
            trees["".join(node.output[:1])] = allowed_trees.check_trees(node, width, _refused)
        else:
            _check_node(node)
    for constant in model.graph.initializer:
        _check_constant(constant)
    _check_ends(model.graph, width)
    return _sizes(model, trees)


def _refused(reason: str) -> NotAModel:
    return NotAModel(f"its graph is refused: {reason}; use a file that `oddflow learn` wrote")


def _check_head(model: onnx.ModelProto) -> None:
    sets = {opset.domain: opset.version for opset in model.opset_import}
    trees = sets.pop(allowed_trees.DOMAIN, allowed_trees.VERSION)
    if list(sets) != [""] or sets[""] > MOST_OPSET or trees != allowed_trees.VERSION or len(model.opset_import) > 2:
        raise _refused(
            f"it needs operator sets other than ONNX's own up to {MOST_OPSET} and {allowed_trees.DOMAIN} "
            f"{allowed_trees.VERSION}"
        )
    if model.functions or model.training_info or model.graph.sparse_initializer or model.graph.quantization_annotation:
        raise _refused("it brings functions, training steps, or sparse or quantised constants")
    if len(model.graph.node) > MOST_NODES:
        raise _refused(f"it has {len(model.graph.node)} nodes; at most {MOST_NODES}")


def _check_node(node: onnx.NodeProto) -> None:
    if node.domain or node.op_type not in OPERATORS:
        raise _refused(f"operator {f'{node.domain!s}.' if node.domain else ''}{node.op_type!r} is not allowed")
    for attribute in node.attribute:
        if attribute.type not in _PLAIN_ATTRIBUTES or attribute.ref_attr_name:
            raise _refused(f"{node.op_type} has an attribute {attribute.name!r} that is no plain number")
    if node.op_type == "Concat" and any(a.name == "axis" and a.i == 0 for a in node.attribute):
        raise _refused("it joins rows")


def _check_constant(constant: onnx.TensorProto) -> None:
    if constant.data_location != onnx.TensorProto.DEFAULT or constant.external_data:
        raise _refused(f"constant {constant.name!r} lies in another file")
    size = _ITEM_BYTES.get(constant.data_type)
    dims = list(constant.dims)
    if size is None or any(dim < 0 for dim in dims) or prod(dims) * size != len(constant.raw_data):
        raise _refused(f"constant {constant.name!r} is not as long as its shape says")


def _check_ends(graph: onnx.GraphProto, width: int) -> None:
    wanted: tuple[tuple[str, Any, dict[str, list[int | str]]], ...] = (
        ("input", graph.input, {"x": ["n", width]}),
        ("output", graph.output, {"score": ["n"], "contributions": ["n", width]}),
    )
    *_, last = graph.output or [onnx.ValueInfoProto()]
    if last.name == "classes" and len(shape := _shape(last)) == 2 and isinstance(shape[1], int):
        wanted[1][2]["classes"] = ["n", shape[1]]
    for what, values, expected in wanted:
        found = {value.name: _shape(value) for value in values if _is_float(value)}
        if found != expected or len(values) != len(expected):
            raise _refused(f"its {what}s must be {_spelled(expected)} of float32")


def _is_float(value: onnx.ValueInfoProto) -> bool:
    return (
        value.type.WhichOneof("value") == "tensor_type" and value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    )


def _shape(value: onnx.ValueInfoProto) -> list[int | str]:
    """Dimensions: a number, a name, or "" for one that is not known."""
    dims = value.type.tensor_type.shape.dim
    return [dim.dim_value if dim.WhichOneof("value") == "dim_value" else dim.dim_param for dim in dims]


def _spelled(shapes: dict[str, list[int | str]]) -> str:
    return " and ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in shapes.items())


def _sizes(model: onnx.ModelProto, trees: dict[str, int]) -> Sizes:
    """How much its values hold, once ONNX itself finds the graph sound and knows the shape of each value.

    Of trees it knows none: `trees` says how many numbers a row each gives.
    """
    del model.graph.value_info[:]  # what the file claims of its shapes counts for nothing
    model.graph.value_info.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", count]) for name, count in trees.items()
    )
    try:
        onnx.checker.check_model(model)
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True).graph
    except (
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
        ValueError,
        RuntimeError,
    ) as error:
        raise _refused(f"it is not sound ({str(error).strip().splitlines()[0][:200]})") from None
    values = {value.name: value for value in [*inferred.value_info, *inferred.input, *inferred.output]}
    made = [name for node in inferred.node for name in node.output if name]
    widths = list(_widths(values.get(name) for name in made))
    sizes = Sizes(max([1, *widths]), sum(widths))
    if sizes.total > MOST_TOTAL:
        raise _refused(f"its values hold {sizes.total:,} numbers a row together; at most {MOST_TOTAL:,}")
    return sizes


def _widths(values: Iterable[onnx.ValueInfoProto | None]) -> Iterable[int]:
    for value in values:
        if value is None or not value.type.tensor_type.HasField("shape"):
            raise _refused("the shape of a value in it cannot be known beforehand")
        shape = _shape(value)
        place = shape.index("n") if "n" in shape else len(shape)
        sizes = shape[:place] + shape[place + 1 :]
        known = [size for size in sizes if isinstance(size, int)]
        if 0 in known:
            raise _refused(f"{value.name!r} holds no numbers")  # ONNX Runtime aborts where an LSTM is given none
        if len(known) != len(sizes) or prod(known) > MOST_WIDTH:
            raise _refused(
                f"{value.name!r} has shape ({', '.join(map(str, shape))}); at most {MOST_WIDTH} numbers a row"
            )
        yield prod(known)
