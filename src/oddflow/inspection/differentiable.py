"""A sealed graph as a function that torch can differentiate, from any value in it to any other."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from oddflow.errors import UsageError
from oddflow.inspection.operators import OPERATORS
from oddflow.models.format import GRAPH
from oddflow.models.sealed import SealedModel

_WEIGHING = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "GRU", "LSTM", "RNN"})
_NETWORK = "body_"
"""What the names of a network's values begin with, as `models.graph.GraphBuilder.include` lays them in."""
_STANDING = frozenset({"Relu", "Tanh", "Sigmoid", "Elu", "LeakyRelu", "Selu", "Gelu", "Softplus", "HardSigmoid"})


@dataclass(frozen=True, slots=True)
class Layer:
    """A node of a network that weighs what it is given.

    Attributes:
        name: As the network calls its weight: "encoder.0".
        operator: In ONNX's words: Conv, Gemm and so on.
        weight: The name of its weight in the graph; "" where it is none of its constants.
        output: The name of what it gives; after the activation that follows, if one does.
    """

    name: str
    operator: str
    weight: str
    output: str


@final
class Differentiable:
    """Runs the graph of a sealed model in torch, in 32 bits as ONNX Runtime does.

    Attributes:
        layers: Those of its networks that have weights, in order; none for a model without a network.
        logits: The name of what its probabilities of classes are of, (n, k); None where it tells no classes.
        drawn: The names of a row drawn anew by a network and of the scaled row it is held against; None where it draws
            none.

    Args:
        content: The serialised graph.

    Raises:
        UsageError: It is of trees, which have no gradients.
    """

    def __init__(self, content: bytes) -> None:
        self._graph = onnx.ModelProto.FromString(content).graph
        if {node.op_type for node in self._graph.node} - OPERATORS.keys():
            raise UsageError("the model is made of trees, which have no layers to look into")
        self._constants = {
            constant.name: torch.from_numpy(np.array(numpy_helper.to_array(constant)))
            for constant in self._graph.initializer
        }
        self._attributes = [
            {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
            for node in self._graph.node
        ]
        self.layers = tuple(self._layers())
        self.logits = self._logits()
        self.drawn = self._drawn()

    @classmethod
    def of(cls, model: SealedModel) -> Self:
        """The graph of a sealed model.

        Raises:
            UsageError: It is of trees, or of a state that a kernel runs: neither has gradients.
        """
        content = model.parts.get(GRAPH)
        if content is None:
            raise UsageError(f"a {model.manifest.detector} is no graph but a state; it has no layers to look into")
        return cls(content)

    def weight(self, layer: Layer) -> Tensor:
        """What a layer weighs with, as it stands in the graph."""
        return self._constants[layer.weight]

    def run(self, given: Mapping[str, Tensor], wanted: Iterable[str]) -> dict[str, Tensor]:
        """Values of the graph from others.

        Args:
            given: By name: "x" (n, d), or whichever values inside are put in place of what would be computed.
            wanted: Names of values, as "score", or a layer's output.

        Raises:
            UsageError: A value cannot be had of what is given.
        """
        values: dict[str, Any] = {"": None, **self._constants, **given}
        needed = self._needed(given, list(wanted))
        for place, (node, attributes) in enumerate(zip(self._graph.node, self._attributes, strict=True)):
            if place not in needed:
                continue
            found = OPERATORS[node.op_type]([values[name] for name in node.input], attributes)
            outputs = found if isinstance(found, tuple) else (found,)
            for name, value in zip(node.output, outputs, strict=False):
                values.setdefault(name, value)
        return {name: values[name] for name in wanted}

    def _needed(self, given: Mapping[str, Tensor], wanted: list[str]) -> set[int]:
        """Places of the nodes that lie between what is given and what is wanted."""
        made_by = {name: place for place, node in enumerate(self._graph.node) for name in node.output if name}
        left, needed = list(wanted), set[int]()
        while left:
            name = left.pop()
            if not name or name in given or name in self._constants:
                continue
            if name not in made_by:
                raise UsageError(f"the graph's {name!r} cannot be had of {', '.join(given) or 'nothing'}")
            place = made_by[name]
            if place not in needed:
                needed.add(place)
                left += self._graph.node[place].input
        return needed

    def _logits(self) -> str | None:
        told = {node.input[0] for node in self._graph.node if node.output[0] == "classes"}
        found = [node.input[0] for node in self._graph.node if node.op_type == "Softmax" and node.output[0] in told]
        return str(found[0]) if found else None

    def _drawn(self) -> tuple[str, str] | None:
        found = [
            (node.input[1], node.input[0])
            for node in self._graph.node
            if node.op_type == "Sub" and node.input[1].startswith(_NETWORK) and not node.output[0].startswith(_NETWORK)
        ]
        return found[-1] if found else None

    def _layers(self) -> Iterable[Layer]:
        """Layers with weights of their own, each with the activation behind it."""
        followers: dict[str, list[onnx.NodeProto]] = {}
        for node in self._graph.node:
            for name in node.input:
                followers.setdefault(name, []).append(node)
        for node in self._graph.node:
            inner = [name for name in node.input[1:] if name.startswith(_NETWORK) and name in self._constants]
            weights = [name for name in inner if self._constants[name].ndim > 1]
            if node.op_type not in _WEIGHING or not weights:
                continue
            output = node.output[0]
            if len(after := followers.get(output, [])) == 1 and after[0].op_type in _STANDING | {"BatchNormalization"}:
                output = after[0].output[0]
            if len(after := followers.get(output, [])) == 1 and after[0].op_type in _STANDING:
                output = after[0].output[0]
            yield Layer(_plain(weights[0]), node.op_type, weights[0], output)


def _plain(name: str) -> str:
    """A weight's name without what says where in the graph it lies: body_1_1.encoder.0.weight -> encoder.0."""
    inside = name.split("_", 2)[-1].removesuffix(".weight")
    first, _, rest = inside.partition(".")
    return rest if first.isdigit() and rest else inside
