"""The conditional GAN: rows of a class that is asked for."""

import torch
from torch import Tensor, nn

from oddflow.networks.activation import Activation
from oddflow.networks.generative_adversarial import Discriminator, Generator


class ConditionalGenerator(nn.Module):
    """Turns noise and a class into rows, as for classes of which there are few.

    Source: Mirza & Osindero 2014, "Conditional Generative Adversarial Nets", eq. 2; notes 002, section 7.5.
    """

    def __init__(
        self,
        latent: int,
        width: int,
        classes: int,
        hidden: tuple[int, ...] = (64, 64),
        *,
        last: Activation | None = None,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, classes)
        self.generator = Generator(latent + classes, width, hidden, last=last)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """Noise and classes to rows: (n, latent), (n,) int64 -> (n, width)."""
        rows: Tensor = self.generator(torch.cat([z, self.embedding(label)], dim=1))
        return rows


class ConditionalDiscriminator(nn.Module):
    """Tells rows of a class from generated ones of that class.

    Source: Mirza & Osindero 2014, eq. 2.
    """

    def __init__(self, width: int, classes: int, hidden: tuple[int, ...] = (64, 64), *, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, classes)
        self.discriminator = Discriminator(width + classes, hidden, dropout=dropout)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """Rows and classes to log-odds of being real: (n, width), (n,) int64 -> (n,)."""
        odds: Tensor = self.discriminator(torch.cat([x, self.embedding(label)], dim=1))
        return odds
