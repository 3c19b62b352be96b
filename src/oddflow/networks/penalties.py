"""What large weights cost."""

import torch
from torch import Tensor, nn


def l1(network: nn.Module) -> Tensor:
    """The sum of all weights' absolute values, without biases: -> (), which makes weights 0 (lasso).

    Source: notes 002, section 7.3; Tibshirani 1996.
    """
    return torch.stack([weight.abs().sum() for weight in _weights(network)]).sum()


def l2(network: nn.Module) -> Tensor:
    """The sum of all weights' squares, without biases: -> (), which makes weights small (ridge, weight decay).

    Source: notes 001, section 7.3 and 002, section 7.3; Krogh & Hertz 1992.
    """
    return torch.stack([weight.square().sum() for weight in _weights(network)]).sum()


def _weights(network: nn.Module) -> list[Tensor]:
    return [parameter for parameter in network.parameters() if parameter.ndim >= 2]
