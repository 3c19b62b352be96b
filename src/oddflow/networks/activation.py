"""What a layer passes on of what it computed."""

from enum import StrEnum

from torch import nn


class Activation(StrEnum):
    """The choices, by name.

    Source: notes 002, section 5.1; Maas et al. 2013 (leaky ReLU), Clevert et al. 2016 (ELU), Hendrycks & Gimpel 2016
    (GELU).
    """

    SIGMOID = "sigmoid"
    TANH = "tanh"
    RELU = "relu"
    LEAKY_RELU = "leaky-relu"
    ELU = "elu"
    GELU = "gelu"

    def layer(self) -> nn.Module:
        """A layer of its own: any shape -> the same shape."""
        return _LAYERS[self]()


_LAYERS: dict[Activation, type[nn.Module]] = {
    Activation.SIGMOID: nn.Sigmoid,
    Activation.TANH: nn.Tanh,
    Activation.RELU: nn.ReLU,
    Activation.LEAKY_RELU: nn.LeakyReLU,
    Activation.ELU: nn.ELU,
    Activation.GELU: nn.GELU,
}
