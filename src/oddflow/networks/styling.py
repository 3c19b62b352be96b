"""Bends, normalisations and dropout of a network that was built with others."""

from collections.abc import Iterable

from torch import nn

from oddflow.networks.activation import Activation
from oddflow.networks.convolutions import SeparableConvolution
from oddflow.networks.normalisation import Normalisation

_NORMS = (nn.BatchNorm2d, nn.GroupNorm)


def restyle(network: nn.Module, activation: Activation, normalisation: Normalisation, dropout: float) -> None:
    """Changes a convolutional network in place.

    Each ReLU becomes the activation; between a convolution and its ReLU stands the normalisation, in place of another
    where there is one; each dropout leaves out this share, and networks without any get one before their head.
    """
    has_dropout = any(isinstance(layer, nn.Dropout) for layer in network.modules())
    _restyle_layers(network, activation, normalisation)
    for layer in network.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = dropout
    if dropout and not has_dropout:
        assert isinstance(network.head, nn.Module)  # noqa: S101  (every network of images has one)
        network.head = nn.Sequential(nn.Dropout(dropout), network.head)


def _restyle_layers(network: nn.Module, activation: Activation, normalisation: Normalisation) -> None:
    for name, layer in list(network.named_children()):
        if isinstance(layer, nn.Sequential):
            setattr(network, name, _styled(layer, activation, normalisation))
        elif isinstance(layer, nn.ReLU):
            setattr(network, name, activation.layer())
        else:
            _restyle_layers(layer, activation, normalisation)


def _styled(layers: Iterable[nn.Module], activation: Activation, normalisation: Normalisation) -> nn.Sequential:
    styled: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.Sequential):
            styled.append(_styled(layer, activation, normalisation))
        elif isinstance(layer, nn.ReLU):
            channels = _channels(styled[-1]) if styled else 0
            if channels and normalisation is not Normalisation.NONE:
                styled.append(normalisation.layer(channels))
            styled.append(activation.layer())
        elif isinstance(layer, _NORMS):
            if normalisation is not Normalisation.NONE:
                styled.append(normalisation.layer(_normalised(layer)))
        else:
            _restyle_layers(layer, activation, normalisation)
            styled.append(layer)
    return nn.Sequential(*styled)


def _channels(layer: nn.Module) -> int:
    """Channels that a convolution gives; 0 for another layer."""
    if isinstance(layer, SeparableConvolution):
        layer = layer.pointwise
    return layer.out_channels if isinstance(layer, nn.Conv2d) else 0


def _normalised(layer: nn.BatchNorm2d | nn.GroupNorm) -> int:
    return layer.num_features if isinstance(layer, nn.BatchNorm2d) else layer.num_channels
