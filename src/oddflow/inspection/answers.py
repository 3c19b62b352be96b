"""How the layers of a model answer rows: their activations, and what they weigh with."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from oddflow.inspection.differentiable import Differentiable, Layer
from oddflow.models.rows import Floats

BINS = 24
_SAME = 1e-6
"""A unit whose answers differ by less is silent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one layer weighs with, and what it gives.

    Attributes:
        layer: Which.
        shape: Of its weight.
        weights: Counts of its weights in 24 bins from `weights_low` to `weights_high`.
        units: What it gives a row: units, or maps of a convolution.
        mean, deviation: Of all that it gives.
        silent: Share of the units that give the same for every row: dead, or saturated.
        activations: Counts of what it gives in 24 bins from `low` to `high`.
    """

    layer: Layer
    shape: tuple[int, ...]
    weights: NDArray[np.int64]
    weights_low: float
    weights_high: float
    units: int
    mean: float
    deviation: float
    silent: float
    activations: NDArray[np.int64]
    low: float
    high: float


def answers(graph: Differentiable, x: Floats) -> list[Answer]:
    """What each layer gives rows (n, d)."""
    with torch.no_grad():
        values = graph.run({"x": torch.from_numpy(x)}, [layer.output for layer in graph.layers])
    return [_answer(graph, layer, np.asarray(values[layer.output])) for layer in graph.layers]


def activations(graph: Differentiable, layer: Layer, x: Floats) -> Floats:
    """What a layer gives rows: (n, d) -> (n, …), as it stands in the graph."""
    with torch.no_grad():
        return np.asarray(graph.run({"x": torch.from_numpy(x)}, [layer.output])[layer.output])


def _answer(graph: Differentiable, layer: Layer, given: Floats) -> Answer:
    weight = np.asarray(graph.weight(layer))
    by_unit = _by_unit(given, layer)
    weights, weights_low, weights_high = _binned(weight)
    counts, low, high = _binned(given)
    return Answer(
        layer,
        weight.shape,
        weights,
        weights_low,
        weights_high,
        len(by_unit),
        float(given.mean()),
        float(given.std()),
        float((np.ptp(by_unit, axis=1) < _SAME).mean()) if by_unit.shape[1] > 1 else 0.0,
        counts,
        low,
        high,
    )


def _by_unit(given: Floats, layer: Layer) -> Floats:
    """(n, units, …) -> (units, m); recurrent layers give (t, directions, n, units)."""
    axis = -1 if layer.operator in {"GRU", "LSTM", "RNN"} or given.ndim == 3 else 1
    return np.moveaxis(given, axis, 0).reshape(given.shape[axis], -1)


def _binned(values: Floats) -> tuple[NDArray[np.int64], float, float]:
    low, high = float(values.min()), float(values.max())
    counts, _ = np.histogram(values, bins=BINS, range=(low, high if high > low else low + 1))
    return np.asarray(counts, np.int64), low, high
