"""Recurrent layers as the one node each that ONNX has for them.

torch's exporter unrolls a layer step by step before it finds that ONNX has it whole; 32 steps take it seconds.
"""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

_GATES = {nn.LSTM: (0, 3, 1, 2), nn.GRU: (1, 0, 2), nn.RNN: (0,)}
"""ONNX's order of the gates, as places in torch's."""


class RecurrentNode(nn.Module):
    """A layer of one direction, that can only be exported.

    Source: ONNX operators LSTM, GRU and RNN, version 14 of 2021; Hochreiter & Schmidhuber 1997, Cho et al. 2014 and
    Elman 1990.
    """

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.operator = type(layer).__name__
        self.hidden = layer.hidden_size
        gates = _GATES[type(layer)]

        def sorted_gates(name: str) -> Tensor:
            parts = layer.get_parameter(name).detach().chunk(len(gates))
            return torch.cat([parts[place] for place in gates])

        weights = [torch.cat([sorted_gates(f"{name}_l0")])[None] for name in ("weight_ih", "weight_hh")]
        biases = torch.cat([sorted_gates(f"{name}_l0") for name in ("bias_ih", "bias_hh")])[None]
        self.weights = nn.ParameterList(nn.Parameter(one, requires_grad=False) for one in (*weights, biases))

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """States of all steps, and in place of the last one nothing: (n, steps, given) -> (n, steps, hidden)."""
        rows, steps, _ = x.shape
        attributes: dict[str, Any] = {"hidden_size": self.hidden}
        if self.operator == "GRU":
            attributes["linear_before_reset"] = 1  # as torch has it
        (states,) = torch.onnx.ops.symbolic_multi_out(
            self.operator,
            (x.transpose(0, 1), *self.weights),
            attributes,
            dtypes=(x.dtype,),
            shapes=((steps, 1, rows, self.hidden),),
            version=None,
        )
        return states.squeeze(1).transpose(0, 1), None


def with_nodes(network: nn.Module) -> nn.Module:
    """A copy whose recurrent layers are nodes; those of several layers or both directions stay as they are."""
    copied = deepcopy(network)
    for name, layer in list(copied.named_modules()):
        if isinstance(layer, nn.RNNBase) and _is_plain(layer):
            parent, _, own = name.rpartition(".")
            setattr(copied.get_submodule(parent), own, RecurrentNode(layer))
    return copied


def _is_plain(layer: nn.RNNBase) -> bool:
    is_tanh = getattr(layer, "nonlinearity", "tanh") == "tanh"
    return layer.batch_first and layer.num_layers == 1 and not layer.bidirectional and layer.bias and is_tanh
