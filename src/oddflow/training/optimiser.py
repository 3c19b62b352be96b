"""How a step follows from gradients."""

from collections.abc import Sequence
from enum import StrEnum

import torch
from torch import nn

from oddflow.training.pace import Clipping, Pace

_MOMENTUM = 0.9


class Optimiser(StrEnum):
    """The choices, by name.

    Source: notes 002, section 7.2; Robbins & Monro 1951 (SGD), Polyak 1964 (momentum), Nesterov 1983, Tieleman &
    Hinton 2012 (RMSProp), Kingma & Ba 2015 (Adam).
    """

    SGD = "sgd"
    MOMENTUM = "momentum"
    NESTEROV = "nesterov"
    RMSPROP = "rmsprop"
    ADAM = "adam"

    def of(self, network: nn.Module, learning_rate: float, decay: float = 0.0) -> torch.optim.Optimizer:
        """One for a network's parameters: weights, which may decay, and all else, which does not.

        Args:
            network: Whose parameters.
            learning_rate: Of all of them.
            decay: Weight of the sum of squared weights in what is lost (`networks.penalties.l2`). Biases and the
                scales of normalisations bear none (He et al. 2019, "Bag of Tricks", section 3.1).
        """
        weights = [parameter for parameter in network.parameters() if parameter.ndim >= 2]
        others = [parameter for parameter in network.parameters() if parameter.ndim < 2]
        # torch's weight decay is the gradient of half the square
        groups = [{"params": weights, "weight_decay": 2 * decay}, {"params": others, "weight_decay": 0.0}]
        if not decay:
            groups = [{"params": weights + others}]  # each group costs a call
        match self:
            case Optimiser.SGD:
                return torch.optim.SGD(groups, lr=learning_rate)
            case Optimiser.MOMENTUM:
                return torch.optim.SGD(groups, lr=learning_rate, momentum=_MOMENTUM)
            case Optimiser.NESTEROV:
                return torch.optim.SGD(groups, lr=learning_rate, momentum=_MOMENTUM, nesterov=True)
            case Optimiser.RMSPROP:
                return torch.optim.RMSprop(groups, lr=learning_rate)
            case Optimiser.ADAM:
                return torch.optim.Adam(groups, lr=learning_rate, fused=True)


def clip(moved: Sequence[nn.Parameter], pace: Pace) -> None:
    """Holds gradients within the bound of a pace, in place; what is clipped by a norm keeps its direction."""
    if not pace.clip:
        return
    match Clipping(pace.clipping):
        case Clipping.VALUE:
            nn.utils.clip_grad_value_(moved, pace.clip)
        case Clipping.LAYER:
            for parameter in moved:
                nn.utils.clip_grad_norm_(parameter, pace.clip)
        case Clipping.NORM:
            nn.utils.clip_grad_norm_(moved, pace.clip)
