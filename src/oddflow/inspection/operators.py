"""The operators of sealed graphs in torch, so that gradients flow through them.

Source: ONNX operator specification, version 18 (https://onnx.ai/onnx/operators/). Only operators that
`models/allowed.py` lets into a sealed graph stand here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Attributes = Mapping[str, Any]
Operator = Callable[[Sequence[Any], Attributes], Any]
"""(inputs, None for one that is left out; attributes) -> one output, or a tuple of them."""

_KINDS = {1: torch.float32, 7: torch.int64, 9: torch.bool, 11: torch.float64}
"""Types by their numbers in TensorProto.DataType."""


def _elementwise(function: Callable[[Tensor], Tensor]) -> Operator:
    return lambda inputs, _: function(inputs[0])


def _two(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    return lambda inputs, _: function(inputs[0], inputs[1])


def _folded(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    def operator(inputs: Sequence[Tensor], _: Attributes) -> Tensor:
        found = inputs[0]
        for other in inputs[1:]:
            found = function(found, other)
        return found

    return operator


def _reduced(function: Callable[..., Tensor]) -> Operator:
    def operator(inputs: Sequence[Any], given: Attributes) -> Any:
        x = inputs[0]
        axes = inputs[1].tolist() if len(inputs) > 1 and inputs[1] is not None else given.get("axes")
        return function(x, dim=axes or list(range(x.ndim)), keepdim=bool(given.get("keepdims", 1)))

    return operator


def _gemm(inputs: Sequence[Any], given: Attributes) -> Any:
    a = inputs[0].T if given.get("transA") else inputs[0]
    b = inputs[1].T if given.get("transB") else inputs[1]
    product = given.get("alpha", 1.0) * (a @ b)
    if len(inputs) < 3 or inputs[2] is None:
        return product
    return product + given.get("beta", 1.0) * inputs[2]


def _padded(x: Tensor, given: Attributes, value: float = 0.0) -> Tensor:
    """With `pads`, which are all begins, then all ends."""
    pads = given.get("pads") or []
    half = len(pads) // 2
    pairs = [side for axis in reversed(range(half)) for side in (pads[axis], pads[half + axis])]
    return functional.pad(x, pairs, value=value) if any(pairs) else x


def _convolved(inputs: Sequence[Any], given: Attributes) -> Any:
    x, kernel = _padded(inputs[0], given), inputs[1]
    function = (functional.conv1d, functional.conv2d)[kernel.ndim - 3]
    bias = inputs[2] if len(inputs) > 2 else None
    ones = [1] * (kernel.ndim - 2)
    return function(
        x,
        kernel,
        bias,
        stride=given.get("strides", ones),
        dilation=given.get("dilations", ones),
        groups=given.get("group", 1),
    )


def _convolved_back(inputs: Sequence[Any], given: Attributes) -> Any:
    kernel = inputs[1]
    function = (functional.conv_transpose1d, functional.conv_transpose2d)[kernel.ndim - 3]
    axes = kernel.ndim - 2
    pads = given.get("pads") or [0] * 2 * axes
    whole = function(
        inputs[0],
        kernel,
        inputs[2] if len(inputs) > 2 else None,
        stride=given.get("strides", [1] * axes),
        output_padding=given.get("output_padding", [0] * axes),
        dilation=given.get("dilations", [1] * axes),
        groups=given.get("group", 1),
    )
    for axis in range(axes):
        length = whole.shape[2 + axis] - pads[axis] - pads[axes + axis]
        whole = whole.narrow(2 + axis, pads[axis], length)
    return whole


def _most(inputs: Sequence[Any], given: Attributes) -> Any:
    kernel = given["kernel_shape"]
    function = (functional.max_pool1d, functional.max_pool2d)[len(kernel) - 1]
    x = _padded(inputs[0], given, float("-inf"))
    return function(
        x,
        kernel,
        stride=given.get("strides", [1] * len(kernel)),
        dilation=given.get("dilations", [1] * len(kernel)),
        ceil_mode=bool(given.get("ceil_mode")),
    )


def _averaged(inputs: Sequence[Any], given: Attributes) -> Any:
    kernel = given["kernel_shape"]
    function: Callable[..., Tensor] = (functional.avg_pool1d, functional.avg_pool2d)[len(kernel) - 1]
    stride = given.get("strides", [1] * len(kernel))
    sums = function(_padded(inputs[0], given), kernel, stride=stride)
    if given.get("count_include_pad") or not any(given.get("pads") or []):
        return sums
    return sums / function(_padded(torch.ones_like(inputs[0]), given), kernel, stride=stride)


def _reshaped(inputs: Sequence[Any], _: Attributes) -> Any:
    x, wanted = inputs[0], inputs[1].tolist()
    return x.reshape([x.shape[place] if size == 0 else size for place, size in enumerate(wanted)])


def _sliced(inputs: Sequence[Any], _: Attributes) -> Any:
    x, starts, ends = inputs[0], inputs[1].tolist(), inputs[2].tolist()
    axes = inputs[3].tolist() if len(inputs) > 3 and inputs[3] is not None else list(range(len(starts)))
    steps = inputs[4].tolist() if len(inputs) > 4 and inputs[4] is not None else [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        places = torch.arange(x.shape[axis])[slice(start, end, step) if step > 0 else slice(None)]
        if step < 0:
            last = x.shape[axis]
            places = torch.tensor(range(last)[slice(start, end if end > -last - 1 else None, step)], dtype=torch.int64)
        x = x.index_select(axis, places)
    return x


def _gathered(inputs: Sequence[Any], given: Attributes) -> Any:
    x, places, axis = inputs[0], inputs[1], given.get("axis", 0) % inputs[0].ndim
    places = torch.where(places < 0, places + x.shape[axis], places)
    shape = (*x.shape[:axis], *places.shape, *x.shape[axis + 1 :])
    return x.index_select(axis, places.reshape(-1)).reshape(shape)


def _scattered(inputs: Sequence[Any], given: Attributes) -> Any:
    x, places, updates = inputs
    axis = given.get("axis", 0)
    return x.scatter(axis, torch.where(places < 0, places + x.shape[axis], places), updates)


def _clipped(inputs: Sequence[Any], _: Attributes) -> Any:
    least, greatest = (*inputs[1:], None, None)[:2]
    x = inputs[0] if least is None else torch.maximum(inputs[0], least)
    return x if greatest is None else torch.minimum(x, greatest)


def _without(inputs: Sequence[Any], _: Attributes) -> Any:
    axes = inputs[1].tolist() if len(inputs) > 1 else [place for place, size in enumerate(inputs[0].shape) if size == 1]
    return inputs[0].squeeze(tuple(axes))


def _with(inputs: Sequence[Any], _: Attributes) -> Any:
    x, axes = inputs[0], inputs[1].tolist()
    for axis in sorted(axis % (x.ndim + len(axes)) for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _normalised_by_batch(inputs: Sequence[Any], given: Attributes) -> Any:
    x, scale, bias, mean, variance = inputs
    return functional.batch_norm(x, mean, variance, scale, bias, eps=given.get("epsilon", 1e-5))


def _normalised_by_layer(inputs: Sequence[Any], given: Attributes) -> Any:
    x, scale = inputs[0], inputs[1]
    bias = inputs[2] if len(inputs) > 2 else None
    shape = list(x.shape[given.get("axis", -1) % x.ndim :])
    scale = scale.expand(shape)
    return functional.layer_norm(x, shape, scale, bias, eps=given.get("epsilon", 1e-5))


def _normalised_by_instance(inputs: Sequence[Any], given: Attributes) -> Any:
    return functional.instance_norm(inputs[0], weight=inputs[1], bias=inputs[2], eps=given.get("epsilon", 1e-5))


def _top(inputs: Sequence[Any], given: Attributes) -> tuple[Tensor, Tensor]:
    found = inputs[0].topk(
        int(inputs[1].reshape(-1)[0]), dim=given.get("axis", -1), largest=bool(given.get("largest", 1))
    )
    return found.values, found.indices


def _hard_sigmoid(inputs: Sequence[Any], given: Attributes) -> Any:
    return (given.get("alpha", 0.2) * inputs[0] + given.get("beta", 0.5)).clamp(0, 1)


def _recurrent(steps: Callable[..., Tensor]) -> Operator:
    """A layer that reads x (t, b, m), one direction after the other, to y (t, directions, b, h)."""

    def operator(inputs: Sequence[Any], given: Attributes) -> tuple[Tensor, ...]:
        x, weight, recurrent = inputs[:3]
        bias = inputs[3] if len(inputs) > 3 else None
        hidden, directions = recurrent.shape[2], weight.shape[0]
        zeros = x.new_zeros(x.shape[1], hidden)
        states = inputs[5] if len(inputs) > 5 and inputs[5] is not None else zeros.expand(directions, -1, -1)
        cells = inputs[6] if len(inputs) > 6 and inputs[6] is not None else zeros.expand(directions, -1, -1)
        outputs = []
        for direction in range(directions):
            sides = (zeros.new_zeros(2, weight.shape[1]) if bias is None else bias[direction].reshape(2, -1)).unbind()
            order = range(len(x)) if not direction else range(len(x) - 1, -1, -1)
            state, cell = states[direction], cells[direction]
            found: list[Tensor] = []
            for step in order:
                state, cell = steps(
                    x[step] @ weight[direction].T + sides[0], recurrent[direction], sides[1], state, cell, given
                )
                found.append(state)
            outputs.append((torch.stack(found if not direction else found[::-1]), state, cell))
        return (
            torch.stack([output[0] for output in outputs], dim=1),
            torch.stack([output[1] for output in outputs]),
            torch.stack([output[2] for output in outputs]),
        )

    return operator


def _lstm(given: Tensor, recurrent: Tensor, side: Tensor, state: Tensor, cell: Tensor, _: Attributes) -> Any:
    into, out, forget, new = (given + state @ recurrent.T + side).chunk(4, dim=1)  # ONNX's order: i, o, f, c
    cell = forget.sigmoid() * cell + into.sigmoid() * new.tanh()
    return out.sigmoid() * cell.tanh(), cell


def _gru(given: Tensor, recurrent: Tensor, side: Tensor, state: Tensor, cell: Tensor, how: Attributes) -> Any:
    update, reset, new = given.chunk(3, dim=1)  # ONNX's order: z, r, h
    kept, forgets, fresh = recurrent.chunk(3)
    of_update, of_reset, of_new = side.chunk(3)
    update = (update + state @ kept.T + of_update).sigmoid()
    reset = (reset + state @ forgets.T + of_reset).sigmoid()
    if how.get("linear_before_reset"):
        new = (new + reset * (state @ fresh.T + of_new)).tanh()
    else:
        new = (new + (reset * state) @ fresh.T + of_new).tanh()
    return (1 - update) * new + update * state, cell


def _rnn(given: Tensor, recurrent: Tensor, side: Tensor, state: Tensor, cell: Tensor, _: Attributes) -> Any:
    return (given + state @ recurrent.T + side).tanh(), cell


def _softmax(inputs: Sequence[Any], given: Attributes) -> Any:
    return inputs[0].softmax(dim=given.get("axis", -1))


def _log_softmax(inputs: Sequence[Any], given: Attributes) -> Any:
    return inputs[0].log_softmax(dim=given.get("axis", -1))


OPERATORS: Mapping[str, Operator] = {
    "Abs": _elementwise(torch.abs),
    "Add": _two(torch.add),
    "And": _two(torch.logical_and),
    "AveragePool": _averaged,
    "BatchNormalization": _normalised_by_batch,
    "Cast": lambda inputs, given: inputs[0].to(_KINDS[given["to"]]),
    "Clip": _clipped,
    "Concat": lambda inputs, given: torch.cat(list(inputs), dim=given["axis"]),
    "Conv": _convolved,
    "ConvTranspose": _convolved_back,
    "Div": lambda inputs, _: (
        inputs[0] / inputs[1] if inputs[0].is_floating_point() else inputs[0].div(inputs[1], rounding_mode="trunc")
    ),
    "Elu": lambda inputs, given: functional.elu(inputs[0], given.get("alpha", 1.0)),
    "Equal": _two(torch.eq),
    "Erf": _elementwise(torch.erf),
    "Exp": _elementwise(torch.exp),
    "GRU": _recurrent(_gru),
    "Gather": _gathered,
    "Gelu": _elementwise(functional.gelu),
    "Gemm": _gemm,
    "Greater": _two(torch.gt),
    "GreaterOrEqual": _two(torch.ge),
    "HardSigmoid": _hard_sigmoid,
    "Identity": _elementwise(lambda x: x),
    "InstanceNormalization": _normalised_by_instance,
    "LSTM": _recurrent(_lstm),
    "LayerNormalization": _normalised_by_layer,
    "LeakyRelu": lambda inputs, given: functional.leaky_relu(inputs[0], given.get("alpha", 0.01)),
    "Less": _two(torch.lt),
    "LessOrEqual": _two(torch.le),
    "Log": _elementwise(torch.log),
    "LogSoftmax": _log_softmax,
    "MatMul": _two(torch.matmul),
    "Max": _folded(torch.maximum),
    "MaxPool": _most,
    "Min": _folded(torch.minimum),
    "Mul": _two(torch.mul),
    "Neg": _elementwise(torch.neg),
    "Not": _elementwise(torch.logical_not),
    "Pow": lambda inputs, _: torch.pow(inputs[0], inputs[1].to(inputs[0].dtype)),
    "RNN": _recurrent(_rnn),
    "ReduceL2": _reduced(lambda x, dim, keepdim: torch.linalg.vector_norm(x, dim=dim, keepdim=keepdim)),
    "ReduceLogSumExp": _reduced(torch.logsumexp),
    "ReduceMax": _reduced(torch.amax),
    "ReduceMean": _reduced(torch.mean),
    "ReduceMin": _reduced(torch.amin),
    "ReduceSum": _reduced(torch.sum),
    "Relu": _elementwise(torch.relu),
    "Reshape": _reshaped,
    "ScatterElements": _scattered,
    "Selu": _elementwise(functional.selu),
    "Shape": lambda inputs, _: torch.tensor(inputs[0].shape),
    "Sigmoid": _elementwise(torch.sigmoid),
    "Sign": _elementwise(torch.sign),
    "Slice": _sliced,
    "Softmax": _softmax,
    "Softplus": _elementwise(functional.softplus),
    "Sqrt": _elementwise(torch.sqrt),
    "Squeeze": _without,
    "Sub": _two(torch.sub),
    "Tanh": _elementwise(torch.tanh),
    "TopK": _top,
    "Transpose": lambda inputs, given: inputs[0].permute(given.get("perm") or list(range(inputs[0].ndim))[::-1]),
    "Unsqueeze": _with,
    "Where": lambda inputs, _: torch.where(inputs[0], inputs[1], inputs[2]),
}
