"""Squared distances from rows to fixed points, in NumPy and as ONNX nodes; in float64, since near ones cancel.

Scaled columns differ in their last bits from one machine to another, so distances below `NEAREST` mean nothing; methods
add its square before they take a root.
"""

import numpy as np
from numpy.typing import NDArray

from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

NEAREST = 0.05
"""A twentieth of a spread."""
_FLOAT, _DOUBLE = 1, 11
"""ONNX's numbers for the types."""


def squared_distances(x: Floats, points: Floats) -> NDArray[np.float64]:
    """Squared distance of each row to each point: (n, m), (p, m) -> (n, p)."""
    rows, fixed = x.astype(np.float64), points.astype(np.float64)
    found = (rows**2).sum(axis=1)[:, None] - 2 * rows @ fixed.T + (fixed**2).sum(axis=1)
    return np.asarray(np.maximum(found, 0))


def write_squared_distances(builder: GraphBuilder, x: str, points: Floats) -> str:
    """Adds the same as nodes: (n, m) -> (n, p) float32."""
    rows, fixed = builder.add("Cast", x, to=_DOUBLE), points.astype(np.float64)
    axis = builder.constant(np.array([1], np.int64))
    own = builder.add("ReduceSum", builder.add("Mul", rows, rows), axis, keepdims=1)
    crossed = builder.add("MatMul", rows, builder.constant(np.ascontiguousarray(-2 * fixed.T)))
    found = builder.add("Add", builder.add("Add", crossed, own), builder.constant((fixed**2).sum(axis=1)))
    return builder.add("Relu", builder.add("Cast", found, to=_FLOAT))


def log_sum_exp(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithm of each row's sum of exponentials: (n, p) -> (n,)."""
    greatest = values.max(axis=1)
    return np.asarray(greatest + np.log(np.exp(values - greatest[:, None]).sum(axis=1)))


def write_log_sum_exp(builder: GraphBuilder, values: str) -> str:
    """Adds the same as nodes: (n, p) -> (n,)."""
    axis = builder.constant(np.array([1], np.int64))
    greatest = builder.add("ReduceMax", values, axis, keepdims=1)
    total = builder.add("ReduceSum", builder.add("Exp", builder.add("Sub", values, greatest)), axis, keepdims=1)
    return builder.add("Squeeze", builder.add("Add", greatest, builder.add("Log", total)), axis)
