"""The chain rule for each operator of a sealed graph, as nodes.

Source: ONNX operator specification, version 18 (https://onnx.ai/onnx/operators/); derivatives as in any text book.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_TINY = 1e-12
_LOWEST = -3e38
_SELU = (1.67326319217681884765625, 1.05070102214813232421875)


class NoSlope(Exception):
    """A graph, or a part of it, whose slope is not known."""


class Backward:
    """Nodes and constants that are laid behind a graph whose shapes are known."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._held = {one.name: one for one in graph.initializer}
        self._types = {value.name: value.type.tensor_type for value in (*graph.input, *graph.value_info, *graph.output)}

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node, and the name of what it gives."""
        name = f"slope_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, value: NDArray[Any]) -> str:
        """A tensor of its own."""
        name = f"slope_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def number(self, value: float) -> str:
        """A single float."""
        return self.constant(np.array(value, np.float32).reshape(()))

    def whole(self, *values: int) -> str:
        """Whole numbers, as axes and shapes are."""
        return self.constant(np.array(values, np.int64))

    def is_float(self, name: str) -> bool:
        """Whether a value can have a slope."""
        if name in self._held:
            return False
        return name not in self._types or self._types[name].elem_type == TensorProto.FLOAT

    def held(self, name: str) -> NDArray[Any] | None:
        """A constant of the graph; None for what is computed."""
        return numpy_helper.to_array(self._held[name]) if name in self._held else None

    def needed(self, name: str) -> NDArray[Any]:
        """A constant that a rule cannot do without."""
        found = self.held(name)
        if found is None:
            raise NoSlope(f"{name} is computed, and no constant")
        return found

    def shape(self, name: str) -> list[int]:
        """Sizes of a value, -1 for those that follow the number of rows."""
        if name in self._held:
            return list(self._held[name].dims)
        if name not in self._types or not self._types[name].HasField("shape"):
            raise NoSlope(f"the shape of {name} is not known")
        dims = self._types[name].shape.dim
        return [dim.dim_value if dim.WhichOneof("value") == "dim_value" else -1 for dim in dims]

    def sized(self, name: str, axis: int) -> int:
        """A size that must be known."""
        size = self.shape(name)[axis]
        if size < 0:
            raise NoSlope(f"a size of {name} is not known")
        return size

    def like(self, slope: str, name: str) -> str:
        """In the shape of a value with as many numbers."""
        return self.add("Reshape", slope, self.add("Shape", name))

    def folded(self, slope: str, result: str, name: str) -> str:
        """A slope of what was spread over more axes, summed back to the shape of the value that was spread."""
        wide, narrow = self.shape(result), self.shape(name)
        extra = len(wide) - len(narrow)
        axes = [*range(extra), *(extra + a for a, size in enumerate(narrow) if size == 1 and wide[extra + a] != 1)]
        if not axes:
            return slope
        summed = self.add("ReduceSum", slope, self.whole(*axes), keepdims=1)
        return self.like(summed, name) if extra else summed

    def mask(self, operator: str, a: str, b: str) -> str:
        """1 where a comparison holds, else 0."""
        return self.add("Cast", self.add(operator, a, b), to=TensorProto.FLOAT)


Slopes = Iterator[tuple[int, str]]
Rule = Callable[[Backward, onnx.NodeProto, str, Sequence[int]], Slopes]
"""(what is laid, the node, the slope of its first output, places of the inputs that are wanted) -> their slopes."""


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def _times(factor: Callable[[Backward, onnx.NodeProto], str]) -> Rule:
    """Of one input: the slope times a factor."""

    def rule(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
        if 0 in wanted:
            yield 0, b.add("Mul", slope, factor(b, node))

    return rule


def _same(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:  # noqa: ARG001
    for place in wanted:
        yield place, slope


def _reshaped(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    if 0 in wanted:
        yield 0, b.like(slope, node.input[0])


def _add(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    for place in wanted:
        yield place, b.folded(slope, node.output[0], node.input[place])


def _sub(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    for place in wanted:
        yield place, b.folded(b.add("Neg", slope) if place else slope, node.output[0], node.input[place])


def _mul(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    for place in wanted:
        yield place, b.folded(b.add("Mul", slope, node.input[1 - place]), node.output[0], node.input[place])


def _div(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    for place in wanted:
        part = b.add("Div", slope, node.input[1])
        if place:
            part = b.add("Neg", b.add("Mul", part, node.output[0]))
        yield place, b.folded(part, node.output[0], node.input[place])


def _pow(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    if 0 in wanted:
        power = b.needed(node.input[1]).astype(np.float32)
        less = b.add("Pow", node.input[0], b.constant(power - 1))
        yield 0, b.add("Mul", slope, b.add("Mul", less, b.constant(power)))


def _clip(b: Backward, node: onnx.NodeProto) -> str:
    # an end itself is still inside: what is cut there has the slope of the inside
    return b.mask("Equal", node.input[0], node.output[0])


def _extreme(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    for place in wanted:
        part = b.add("Mul", slope, b.mask("Equal", node.input[place], node.output[0]))
        if place and 0 in wanted:  # of two that are equal the first has it
            part = b.add(
                "Mul", part, b.mask("Greater" if node.op_type == "Max" else "Less", *node.input[place::-1][:2])
            )
        yield place, b.folded(part, node.output[0], node.input[place])


def _where(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    zero = b.number(0.0)
    for place in wanted:
        ends = (slope, zero) if place == 1 else (zero, slope)
        yield place, b.folded(b.add("Where", node.input[0], *ends), node.output[0], node.input[place])


def _concat(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    axis = _attributes(node)["axis"] % len(b.shape(node.output[0]))
    ends = np.cumsum([b.sized(name, axis) for name in node.input])
    for place in wanted:
        start = int(ends[place - 1]) if place else 0
        yield place, b.add("Slice", slope, b.whole(start), b.whole(int(ends[place])), b.whole(axis))


def _slice(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    if 0 not in wanted:
        return
    starts, ends = b.needed(node.input[1]), b.needed(node.input[2])
    axes = b.needed(node.input[3]) if len(node.input) > 3 and node.input[3] else np.arange(len(starts))
    steps = b.needed(node.input[4]) if len(node.input) > 4 and node.input[4] else np.ones(len(starts), np.int64)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = b.sized(node.input[0], int(axis))
        slope = _placed(b, slope, np.arange(size)[slice(*_bounds(start, end, step, size))], int(axis), size, node)
    yield 0, slope


def _bounds(start: int, end: int, step: int, size: int) -> tuple[int, int | None, int]:
    last = int(end)
    return int(start), (None if step < 0 and last < -size else last), int(step)


def _gather(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    if 0 not in wanted:
        return
    axis = _attributes(node).get("axis", 0) % len(b.shape(node.input[0]))
    size, places = b.sized(node.input[0], axis), b.needed(node.input[1])
    if places.ndim > 1:
        raise NoSlope("places of more than one axis are gathered")
    if not places.ndim:
        slope = b.add("Unsqueeze", slope, b.whole(axis))
    yield 0, _placed(b, slope, np.atleast_1d(places) % size, axis, size, node)


def _placed(b: Backward, slope: str, places: NDArray[np.int64], axis: int, size: int, node: onnx.NodeProto) -> str:
    """A slope of chosen places along an axis, back among all: a product with a matrix of 0 and 1."""
    rank = len(b.shape(node.input[0]))
    axis %= rank
    back = np.zeros((len(places), size), np.float32)
    np.add.at(back, (np.arange(len(places)), places), 1)
    order = [*(a for a in range(rank) if a != axis), axis]
    turned = slope if axis == rank - 1 else b.add("Transpose", slope, perm=order)
    whole = b.add("MatMul", turned, b.constant(back))
    return whole if axis == rank - 1 else b.add("Transpose", whole, perm=np.argsort(order).tolist())


def _transpose(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    order = _attributes(node).get("perm") or list(range(len(b.shape(node.input[0]))))[::-1]
    if 0 in wanted:
        yield 0, b.add("Transpose", slope, perm=np.argsort(order).tolist())


def _turned(b: Backward, name: str) -> str:
    """With its last two axes swapped."""
    held = b.held(name)
    if held is not None:
        return b.constant(np.swapaxes(held, -1, -2))
    rank = len(b.shape(name))
    return b.add("Transpose", name, perm=[*range(rank - 2), rank - 1, rank - 2])


def _matmul(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    vector = b.held(node.input[1])
    if vector is not None and vector.ndim == 1:
        yield 0, b.add("Mul", b.add("Unsqueeze", slope, b.whole(-1)), node.input[1])
        return
    if min(len(b.shape(name)) for name in node.input) < 2:
        raise NoSlope("a vector is multiplied with a matrix")
    for place in wanted:
        part = b.add("MatMul", *((_turned(b, node.input[0]), slope) if place else (slope, _turned(b, node.input[1]))))
        ranks = [len(b.shape(name)) for name in node.input]
        if ranks[place] < max(ranks):
            raise NoSlope("a matrix is multiplied with several")
        yield place, part


def _gemm(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    how = _attributes(node)
    if how.get("transA") or set(wanted) - {0}:
        raise NoSlope("a matrix product has a computed weight")
    other = node.input[1] if how.get("transB") else _turned(b, node.input[1])
    yield 0, b.add("Gemm", slope, other, alpha=float(how.get("alpha", 1.0)))


def _reduced(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    if 0 not in wanted:
        return
    x, y = node.input[0], node.output[0]
    shape = b.shape(x)
    given = b.needed(node.input[1]) if len(node.input) > 1 and node.input[1] else np.arange(len(shape))
    axes = sorted(int(axis) % len(shape) for axis in given)
    kept = _attributes(node).get("keepdims", 1)
    wide, told = (slope, y) if kept else (b.add("Unsqueeze", name, b.whole(*axes)) for name in (slope, y))
    if node.op_type == "ReduceSum":
        yield 0, b.add("Expand", wide, b.add("Shape", x))
    elif node.op_type == "ReduceMean":
        share = b.number(1 / prod(b.sized(x, axis) for axis in axes))
        yield 0, b.add("Expand", b.add("Mul", wide, share), b.add("Shape", x))
    elif node.op_type == "ReduceL2":
        yield 0, b.add("Mul", wide, b.add("Div", x, b.add("Max", told, b.number(_TINY))))
    elif node.op_type == "ReduceLogSumExp":
        yield 0, b.add("Mul", wide, b.add("Exp", b.add("Sub", x, told)))
    else:
        is_most = b.mask("Equal", x, told)
        share = b.add("Div", is_most, b.add("ReduceSum", is_most, b.whole(*axes), keepdims=1))
        yield 0, b.add("Mul", wide, share)


def _top(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    if 0 in wanted:
        none = b.add("Mul", node.input[0], b.number(0.0))
        axis = _attributes(node).get("axis", -1)
        yield 0, b.add("ScatterElements", none, node.output[1], slope, axis=axis)


def _softmax(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    if 0 not in wanted:
        return
    axis, y = b.whole(_attributes(node).get("axis", -1)), node.output[0]
    if node.op_type == "Softmax":
        mean = b.add("ReduceSum", b.add("Mul", slope, y), axis, keepdims=1)
        yield 0, b.add("Mul", y, b.add("Sub", slope, mean))
    else:
        whole = b.add("ReduceSum", slope, axis, keepdims=1)
        yield 0, b.add("Sub", slope, b.add("Mul", b.add("Exp", y), whole))


def _rest(b: Backward, node: onnx.NodeProto, kernel: Sequence[int], *, wide: str, narrow: str) -> list[int]:
    """What a transposed convolution must add at the end of each axis to be as large as what was convolved."""
    how, axes = _attributes(node), len(kernel)
    strides, dilations = how.get("strides") or [1] * axes, how.get("dilations") or [1] * axes
    pads = how.get("pads") or [0] * 2 * axes
    rest = []
    for axis in range(axes):
        reach = dilations[axis] * (kernel[axis] - 1) + 1
        made = (b.sized(narrow, 2 + axis) - 1) * strides[axis] + reach - pads[axis] - pads[axes + axis]
        rest.append(b.sized(wide, 2 + axis) - made)
    if min(rest) < 0:
        raise NoSlope("a window reaches over the end of what it looks at")
    return rest


def _conv(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    if set(wanted) - {0}:
        raise NoSlope("a convolution has a computed weight")
    how = {k: v for k, v in _attributes(node).items() if k in {"strides", "pads", "dilations", "group"}}
    kernel = list(b.needed(node.input[1]).shape[2:])
    rest = _rest(b, node, kernel, wide=node.input[0], narrow=node.output[0])
    yield 0, b.add("ConvTranspose", slope, node.input[1], output_padding=rest, kernel_shape=kernel, **how)


def _conv_transposed(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    if set(wanted) - {0}:
        raise NoSlope("a convolution has a computed weight")
    how = {k: v for k, v in _attributes(node).items() if k in {"strides", "pads", "dilations", "group"}}
    found = b.add("Conv", slope, node.input[1], **how)
    yield 0, found


def _pooled(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    """Each place of the windows gets what it gave: the greatest its slope, places of a mean their share."""
    if 0 not in wanted:
        return
    how, x, y = _attributes(node), node.input[0], node.output[0]
    kernel = list(how["kernel_shape"])
    axes = len(kernel)
    strides, pads = how.get("strides") or [1] * axes, how.get("pads") or [0] * 2 * axes
    is_mean = node.op_type == "AveragePool"
    if any(step != 1 for step in how.get("dilations") or [1]) or (is_mean and any(pads)):
        raise NoSlope("windows with holes, or a mean over an edge")
    count, sizes = prod(kernel), [b.sized(y, 2 + axis) for axis in range(axes)]
    if is_mean:
        parts = [b.add("Mul", slope, b.number(1 / count))] * count
    else:
        parts = _greatest(b, node, slope, kernel=kernel, strides=strides, pads=pads, sizes=sizes)
    # (n, c, k, …) -> (n c, k, …), and each of the k to its place in the window
    stacked = b.add("Concat", *(b.add("Unsqueeze", part, b.whole(2)) for part in parts), axis=2)
    rows = b.add("Reshape", stacked, b.whole(-1, count, *sizes))
    weight = np.eye(count, dtype=np.float32).reshape(count, 1, *kernel)
    rest = _rest(b, node, kernel, wide=x, narrow=y)
    back = b.add("ConvTranspose", rows, b.constant(weight), strides=strides, pads=pads, output_padding=rest)
    yield 0, b.like(back, x)


def _greatest(
    b: Backward,
    node: onnx.NodeProto,
    slope: str,
    *,
    kernel: list[int],
    strides: list[int],
    pads: list[int],
    sizes: list[int],
) -> list[str]:
    axes, x = len(kernel), node.input[0]
    if any(pads):
        edges = [0, 0, *pads[:axes], 0, 0, *pads[axes:]]
        x = b.add("Pad", x, b.whole(*edges), b.number(_LOWEST))
    masks = []
    for offset in np.ndindex(*kernel):
        ends = [at + step * (size - 1) + 1 for at, step, size in zip(offset, strides, sizes, strict=True)]
        along = b.whole(*range(2, 2 + axes))
        seen = b.add("Slice", x, b.whole(*offset), b.whole(*ends), along, b.whole(*strides))
        masks.append(b.mask("Equal", seen, node.output[0]))
    ties = masks[0]
    for mask in masks[1:]:
        ties = b.add("Add", ties, mask)
    share = b.add("Div", slope, b.add("Max", ties, b.number(1.0)))
    return [b.add("Mul", mask, share) for mask in masks]


def _normalised_by_batch(b: Backward, node: onnx.NodeProto) -> str:
    scale, _, _, variance = (b.needed(name) for name in node.input[1:5])
    factor = scale / np.sqrt(variance + _attributes(node).get("epsilon", 1e-5))
    rank = len(b.shape(node.input[0]))
    return b.constant(factor.astype(np.float32).reshape(1, -1, *[1] * (rank - 2)))


def _normalised(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:
    if 0 not in wanted:
        return
    x, scale, how = node.input[0], b.needed(node.input[1]), _attributes(node)
    rank = len(b.shape(x))
    if node.op_type == "InstanceNormalization":
        axes = b.whole(*range(2, rank))
        scale = scale.reshape(1, -1, *[1] * (rank - 2))
    else:
        axes = b.whole(*range(how.get("axis", -1) % rank, rank))
    off = b.add("Sub", x, b.add("ReduceMean", x, axes, keepdims=1))
    variance = b.add("ReduceMean", b.add("Mul", off, off), axes, keepdims=1)
    spread = b.add("Sqrt", b.add("Add", variance, b.number(float(how.get("epsilon", 1e-5)))))
    unit = b.add("Div", off, spread)
    given = b.add("Mul", slope, b.constant(scale.astype(np.float32)))
    mean = b.add("ReduceMean", given, axes, keepdims=1)
    along = b.add("Mul", unit, b.add("ReduceMean", b.add("Mul", given, unit), axes, keepdims=1))
    yield 0, b.add("Div", b.add("Sub", b.add("Sub", given, mean), along), spread)


def _positive(b: Backward, node: onnx.NodeProto) -> str:
    return b.mask("Greater", node.input[0], b.number(0.0))


def _below(b: Backward, node: onnx.NodeProto, under: str, over: str) -> str:
    """`over` above 0, `under` below."""
    return b.add("Where", b.add("Greater", node.input[0], b.number(0.0)), over, under)


def _sigmoid(b: Backward, node: onnx.NodeProto) -> str:
    return b.add("Mul", node.output[0], b.add("Sub", b.number(1.0), node.output[0]))


def _tanh(b: Backward, node: onnx.NodeProto) -> str:
    return b.add("Sub", b.number(1.0), b.add("Mul", node.output[0], node.output[0]))


def _root(b: Backward, node: onnx.NodeProto) -> str:
    return b.add("Div", b.number(0.5), b.add("Max", node.output[0], b.number(_TINY)))


def _elu(b: Backward, node: onnx.NodeProto) -> str:
    alpha = b.number(float(_attributes(node).get("alpha", 1.0)))
    return _below(b, node, b.add("Add", node.output[0], alpha), b.number(1.0))


def _selu(b: Backward, node: onnx.NodeProto) -> str:
    how = _attributes(node)
    alpha, gamma = (float(how.get(name, usual)) for name, usual in zip(("alpha", "gamma"), _SELU, strict=True))
    return _below(b, node, b.add("Add", node.output[0], b.number(alpha * gamma)), b.number(gamma))


def _leaky(b: Backward, node: onnx.NodeProto) -> str:
    return _below(b, node, b.number(float(_attributes(node).get("alpha", 0.01))), b.number(1.0))


def _hard(b: Backward, node: onnx.NodeProto) -> str:
    inside = b.mask("Greater", node.output[0], b.number(0.0))
    inside = b.add("Mul", inside, b.mask("Less", node.output[0], b.number(1.0)))
    return b.add("Mul", inside, b.number(float(_attributes(node).get("alpha", 0.2))))


def _bell(b: Backward, x: str, *, divisor: float, height: float) -> str:
    """height · exp(-x² / divisor)."""
    square = b.add("Mul", b.add("Mul", x, x), b.number(-1 / divisor))
    return b.add("Mul", b.add("Exp", square), b.number(height))


def _gelu(b: Backward, node: onnx.NodeProto) -> str:
    x = node.input[0]
    below = b.add("Add", b.add("Erf", b.add("Mul", x, b.number(2**-0.5))), b.number(1.0))
    bell = _bell(b, x, divisor=2.0, height=float((2 * np.pi) ** -0.5))
    return b.add("Add", b.add("Mul", below, b.number(0.5)), b.add("Mul", x, bell))


def _cast(b: Backward, node: onnx.NodeProto, slope: str, wanted: Sequence[int]) -> Slopes:  # noqa: ARG001
    if 0 in wanted and _attributes(node)["to"] == TensorProto.FLOAT:
        yield 0, slope


RULES: Mapping[str, Rule] = {
    "Abs": _times(lambda b, node: b.add("Sign", node.input[0])),
    "Add": _add,
    "AveragePool": _pooled,
    "BatchNormalization": _times(_normalised_by_batch),
    "Cast": _cast,
    "Clip": _times(_clip),
    "Concat": _concat,
    "Conv": _conv,
    "ConvTranspose": _conv_transposed,
    "Div": _div,
    "Elu": _times(_elu),
    "Erf": _times(lambda b, node: _bell(b, node.input[0], divisor=1.0, height=float(2 / np.pi**0.5))),
    "Exp": _times(lambda _, node: node.output[0]),
    "Gather": _gather,
    "Gelu": _times(_gelu),
    "Gemm": _gemm,
    "HardSigmoid": _times(_hard),
    "Identity": _same,
    "InstanceNormalization": _normalised,
    "LayerNormalization": _normalised,
    "LeakyRelu": _times(_leaky),
    "Log": _times(lambda b, node: b.add("Div", b.number(1.0), node.input[0])),
    "LogSoftmax": _softmax,
    "MatMul": _matmul,
    "Max": _extreme,
    "MaxPool": _pooled,
    "Min": _extreme,
    "Mul": _mul,
    "Neg": _times(lambda b, _: b.number(-1.0)),
    "Pow": _pow,
    "ReduceL2": _reduced,
    "ReduceLogSumExp": _reduced,
    "ReduceMax": _reduced,
    "ReduceMean": _reduced,
    "ReduceMin": _reduced,
    "ReduceSum": _reduced,
    "Relu": _times(_positive),
    "Reshape": _reshaped,
    "Selu": _times(_selu),
    "Sigmoid": _times(_sigmoid),
    "Slice": _slice,
    "Softmax": _softmax,
    "Softplus": _times(lambda b, node: b.add("Sigmoid", node.input[0])),
    "Sqrt": _times(_root),
    "Squeeze": _reshaped,
    "Sub": _sub,
    "Tanh": _times(_tanh),
    "TopK": _top,
    "Transpose": _transpose,
    "Unsqueeze": _reshaped,
    "Where": _where,
}
