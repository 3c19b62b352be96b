"""InfoGAN: part of the noise means something."""

from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from oddflow.networks.activation import Activation
from oddflow.networks.dcgan import DcganDiscriminator
from oddflow.networks.dense import MultilayerPerceptron


class Codes(NamedTuple):
    """The part of the noise that means something: (n,) int64 and (n, continuous) from −1 to 1."""

    category: Tensor
    continuous: Tensor


class Answer(NamedTuple):
    """Log-odds of being real (n,), of each category (n, categories), and a guess of the numbers (n, continuous)."""

    odds: Tensor
    category: Tensor
    continuous: Tensor


class InformationDiscriminator(nn.Module):
    """Tells rows from generated ones, and guesses from which code they were generated.

    The generator is `Generator`, given what `latent` puts together.

    Source: Chen et al. 2016, "InfoGAN: Interpretable Representation Learning", section 5 (one body, two heads);
    notes 002, section 11.3.
    """

    def __init__(self, width: int, categories: int, continuous: int, hidden: tuple[int, ...] = (64, 64)) -> None:
        super().__init__()
        *lower, last = hidden
        self.body = MultilayerPerceptron(width, last, tuple(lower), activation=Activation.LEAKY_RELU)
        self.real = nn.Linear(last, 1)
        self.category = nn.Linear(last, categories)
        self.continuous = nn.Linear(last, continuous)

    def forward(self, x: Tensor) -> Answer:
        """Rows to answers: (n, width) -> (n,), (n, categories), (n, continuous)."""
        h = functional.leaky_relu(self.body(x))  # (n, hidden[-1])
        return Answer(self.real(h).squeeze(1), self.category(h), self.continuous(h))


class InformationImageDiscriminator(nn.Module):
    """The same of images: the body is DCGAN's.

    Source: Chen et al. 2016, section 5 and appendix C.1 (both networks of convolutions).
    """

    def __init__(self, categories: int, continuous: int, width: int = 64, *, channels: int = 1) -> None:
        super().__init__()
        self.dcgan = DcganDiscriminator(width, channels=channels)
        self.category = nn.Linear(98 * width, categories)
        self.continuous = nn.Linear(98 * width, continuous)

    def forward(self, x: Tensor) -> Answer:
        """Images to answers: (n, channels, 28, 28) -> (n,), (n, categories), (n, continuous)."""
        h = self.dcgan.features(x)  # (n, 98 · width)
        return Answer(self.dcgan.head(h).squeeze(1), self.category(h), self.continuous(h))


def draw_codes(rows: int, categories: int, continuous: int, generator: Generator | None = None) -> Codes:
    """Codes by chance, each category as likely as any other: -> (rows,), (rows, continuous)."""
    category = torch.randint(categories, (rows,), generator=generator)
    return Codes(category, 2 * torch.rand(rows, continuous, generator=generator) - 1)


def latent(noise: Tensor, codes: Codes, categories: int) -> Tensor:
    """Noise and codes side by side: (n, noise), codes -> (n, noise + categories + continuous)."""
    return torch.cat([noise, functional.one_hot(codes.category, categories), codes.continuous], dim=1)


def information_loss(answer: Answer, codes: Codes) -> Tensor:
    """How badly codes are guessed, a bound on −I(c; G(z, c)) but for a constant: -> (n,).

    Source: Chen et al. 2016, eq. 5; continuous codes as Gaussians with a deviation of 1.
    """
    by_category = functional.cross_entropy(answer.category, codes.category, reduction="none")
    return by_category + 0.5 * (answer.continuous - codes.continuous).square().sum(dim=1)
