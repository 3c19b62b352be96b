"""With what weights a network begins."""

from enum import StrEnum

from torch import Generator, Tensor, nn


class Initialiser(StrEnum):
    """The choices, by name.

    Source: Glorot & Bengio 2010 (Xavier), He et al. 2015, Saxe et al. 2014 (orthogonal); notes 001, "初始化": normal
    with a deviation of 0.01, uniform within ±0.07, ones.
    """

    XAVIER_UNIFORM = "xavier-uniform"
    XAVIER_NORMAL = "xavier-normal"
    HE_UNIFORM = "he-uniform"
    HE_NORMAL = "he-normal"
    ORTHOGONAL = "orthogonal"
    NORMAL = "normal"
    UNIFORM = "uniform"
    ONES = "ones"

    def fill(self, weight: Tensor, generator: Generator | None = None) -> None:
        """Fills a weight of at least two dimensions in place."""
        match self:
            case Initialiser.XAVIER_UNIFORM:
                nn.init.xavier_uniform_(weight, generator=generator)
            case Initialiser.XAVIER_NORMAL:
                nn.init.xavier_normal_(weight, generator=generator)
            case Initialiser.HE_UNIFORM:
                nn.init.kaiming_uniform_(weight, nonlinearity="relu", generator=generator)
            case Initialiser.HE_NORMAL:
                nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)
            case Initialiser.ORTHOGONAL:
                nn.init.orthogonal_(weight, generator=generator)
            case Initialiser.NORMAL:
                nn.init.normal_(weight, std=0.01, generator=generator)
            case Initialiser.UNIFORM:
                nn.init.uniform_(weight, -0.07, 0.07, generator=generator)
            case Initialiser.ONES:
                nn.init.ones_(weight)


def initialise(network: nn.Module, how: Initialiser, generator: Generator | None = None) -> None:
    """Fills all weights of a network in place, biases with 0; scales and shifts of normalisations stay 1 and 0."""
    for name, parameter in network.named_parameters():
        if parameter.ndim >= 2:
            how.fill(parameter, generator)
        elif name.rsplit(".", 1)[-1].startswith("bias"):
            nn.init.zeros_(parameter)
