"""BigGAN, small: residual blocks that a class and the noise steer."""

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import avg_pool2d, relu
from torch.nn.utils.parametrizations import spectral_norm

from oddflow.networks.attention_gan import MapAttention


class ConditionalNormalisation(nn.Module):
    """Batch normalisation whose scale and shift come from a condition.

    Source: de Vries et al. 2017, "Modulating early visual processing by language", eq. 4; Brock et al. 2019, appendix
    B.
    """

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale = spectral_norm(nn.Linear(condition, channels, bias=False))
        self.shift = spectral_norm(nn.Linear(condition, channels, bias=False))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Maps to maps: (n, channels, h, w), (n, condition) -> (n, channels, h, w)."""
        scale, shift = self.scale(condition)[:, :, None, None], self.shift(condition)[:, :, None, None]
        y: Tensor = self.norm(x) * (1 + scale) + shift
        return y


class UpBlock(nn.Module):
    """Doubles a map and adds what two steered convolutions make of it (Brock et al. 2019, figure 15b)."""

    def __init__(self, given: int, wanted: int, condition: int) -> None:
        super().__init__()
        self.first_norm = ConditionalNormalisation(given, condition)
        self.first = spectral_norm(nn.Conv2d(given, wanted, 3, padding=1))
        self.second_norm = ConditionalNormalisation(wanted, condition)
        self.second = spectral_norm(nn.Conv2d(wanted, wanted, 3, padding=1))
        self.skip = spectral_norm(nn.Conv2d(given, wanted, 1))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Maps to maps: (n, given, h, w), (n, condition) -> (n, wanted, 2 h, 2 w)."""
        h = doubled(relu(self.first_norm(x, condition)))
        h = self.second(relu(self.second_norm(self.first(h), condition)))
        y: Tensor = h + self.skip(doubled(x))
        return y


def doubled(x: Tensor) -> Tensor:
    """Each pixel four times: (n, channels, h, w) -> (n, channels, 2 h, 2 w)."""
    wide = torch.stack([x, x], dim=4).flatten(3)  # (n, channels, h, 2 w)
    return torch.stack([wide, wide], dim=3).flatten(2, 3)


class DownBlock(nn.Module):
    """Adds what two convolutions make of a map, and halves it (Brock et al. 2019, figure 15c)."""

    def __init__(self, given: int, wanted: int) -> None:
        super().__init__()
        self.first = spectral_norm(nn.Conv2d(given, wanted, 3, padding=1))
        self.second = spectral_norm(nn.Conv2d(wanted, wanted, 3, padding=1))
        self.skip = spectral_norm(nn.Conv2d(given, wanted, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps to maps: (n, given, h, w) -> (n, wanted, h / 2, w / 2)."""
        return avg_pool2d(self.second(relu(self.first(relu(x)))) + self.skip(x), 2)


class BigGenerator(nn.Module):
    """Turns noise and a class into images; each block is given the class and a piece of the noise of its own.

    Source: Brock et al. 2019, "Large Scale GAN Training for High Fidelity Natural Image Synthesis", appendix B; notes
    002, section 11.3.
    """

    def __init__(
        self, latent: int = 60, classes: int = 2, width: int = 16, embedding: int = 16, *, channels: int = 1
    ) -> None:
        super().__init__()
        self.pieces = [latent - 2 * (latent // 3), latent // 3, latent // 3]
        self.embedding = nn.Embedding(classes, embedding)
        self.width = width
        self.dense = spectral_norm(nn.Linear(self.pieces[0], 4 * width * 49))
        self.first = UpBlock(4 * width, 2 * width, self.pieces[1] + embedding)
        self.attention = MapAttention(2 * width)
        self.second = UpBlock(2 * width, width, self.pieces[2] + embedding)
        self.last = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, channels, 3, padding=1), nn.Tanh())

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """Noise and classes to images: (n, latent), (n,) int64 -> (n, channels, 28, 28), from −1 to 1."""
        end, last = self.pieces[0], self.pieces[0] + self.pieces[1]
        start, low, high = z[:, :end], z[:, end:last], z[:, last:]
        shared = self.embedding(label)  # (n, embedding)
        h = self.dense(start).reshape(-1, 4 * self.width, 7, 7)
        h = self.attention(self.first(h, torch.cat([low, shared], dim=1)))  # (n, 2 · width, 14, 14)
        h = self.second(h, torch.cat([high, shared], dim=1))  # (n, width, 28, 28)
        images: Tensor = self.last(h)
        return images


class BigDiscriminator(nn.Module):
    """How real an image looks, and how much like its class.

    Source: Brock et al. 2019, appendix B; Miyato & Koyama 2018, "cGANs with Projection Discriminator", eq. 4.
    """

    def __init__(self, classes: int = 2, width: int = 16, *, channels: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            spectral_norm(nn.Conv2d(channels, width, 3, padding=1)),  # (n, channels, 28, 28) -> (n, width, 28, 28)
            DownBlock(width, 2 * width),  # -> 14
            MapAttention(2 * width),
            DownBlock(2 * width, 4 * width),  # -> (n, 4 · width, 7, 7)
            nn.ReLU(),
        )
        self.height = spectral_norm(nn.Linear(4 * width, 1))
        self.embedding = spectral_norm(nn.Embedding(classes, 4 * width))

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """Images and classes to heights: (n, channels, 28, 28), (n,) int64 -> (n,)."""
        seen = self.features(x)
        height: Tensor = self.height(seen).squeeze(1) + (self.embedding(label) * seen).sum(dim=1)
        return height

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees: (n, channels, 28, 28) -> (n, 4 · width)."""
        maps: Tensor = self.body(x)
        return maps.sum(dim=(2, 3))


def orthogonality(network: nn.Module) -> Tensor:
    """How far weights are from orthogonal, Σ ‖W Wᵀ ⊙ (1 − I)‖², lengths left free: -> ().

    Source: Brock et al. 2019, eq. 3.
    """
    penalties = []
    for parameter in network.parameters():
        if parameter.ndim >= 2:
            rows = parameter.flatten(1)
            products = rows @ rows.t()
            penalties.append((products - products.diag().diag()).square().sum())
    return torch.stack(penalties).sum()


def truncated_noise(rows: int, latent: int, limit: float = 2.0, generator: Generator | None = None) -> Tensor:
    """Samples of N(0, 1) of which those beyond ±limit were drawn again: -> (rows, latent).

    A lower limit gives better and more alike samples. Source: Brock et al. 2019, section 3.1 (truncation trick).
    """
    noise = torch.empty(rows, latent)
    return nn.init.trunc_normal_(noise, a=-limit, b=limit, generator=generator)
