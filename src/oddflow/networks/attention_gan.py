"""The self-attention GAN: far parts of an image fit each other."""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from oddflow.networks.dcgan import LEAK


class MapAttention(nn.Module):
    """Each pixel of a map looks at all others; at first not at all, as γ is 0.

    Source: Zhang et al. 2019, "Self-Attention Generative Adversarial Networks", eq. 1 to 3; notes 002, section 11.3.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = max(1, channels // 8)
        self.query = spectral_norm(nn.Conv2d(channels, narrow, 1))
        self.key = spectral_norm(nn.Conv2d(channels, narrow, 1))
        self.value = spectral_norm(nn.Conv2d(channels, channels, 1))
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Maps to maps: (n, channels, h, w) -> the same shape."""
        query, key, value = self.query(x).flatten(2), self.key(x).flatten(2), self.value(x).flatten(2)
        looks = (query.transpose(1, 2) @ key).softmax(dim=2)  # (n, h · w, h · w): from each pixel to each
        seen: Tensor = value @ looks.transpose(1, 2)  # (n, channels, h · w)
        return x + self.gamma * seen.reshape(x.shape)


class AttentionGenerator(nn.Module):
    """Turns noise into images; attention stands between the transposed convolutions.

    Source: Zhang et al. 2019, sections 3 and 4 (spectral norm in both players).
    """

    def __init__(self, latent: int = 100, width: int = 32, *, channels: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            spectral_norm(nn.Linear(latent, 4 * width * 49)),
            nn.Unflatten(1, (4 * width, 7, 7)),
            nn.BatchNorm2d(4 * width),
            nn.ReLU(),
            spectral_norm(nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, padding=1)),  # -> (n, 2 · width, 14, 14)
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            MapAttention(2 * width),
            spectral_norm(nn.ConvTranspose2d(2 * width, width, 4, 2, padding=1)),  # -> (n, width, 28, 28)
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, channels, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Noise to images: (n, latent) -> (n, channels, 28, 28), from −1 to 1."""
        images: Tensor = self.body(z)
        return images


class AttentionDiscriminator(nn.Module):
    """Tells images from generated ones; learnt with the hinge loss.

    Source: Zhang et al. 2019, sections 3 and 4; Miyato et al. 2018, "Spectral Normalization for GANs".
    """

    def __init__(self, width: int = 32, *, channels: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            spectral_norm(nn.Conv2d(channels, width, 4, 2, padding=1)),  # (n, channels, 28, 28) -> (n, width, 14, 14)
            nn.LeakyReLU(LEAK),
            MapAttention(width),
            spectral_norm(nn.Conv2d(width, 2 * width, 4, 2, padding=1)),  # -> (n, 2 · width, 7, 7)
            nn.LeakyReLU(LEAK),
            nn.Flatten(),
        )
        self.head = spectral_norm(nn.Linear(98 * width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Images to heights: (n, channels, 28, 28) -> (n,)."""
        height: Tensor = self.head(self.features(x))  # (n, 1)
        return height.squeeze(1)

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees: (n, channels, 28, 28) -> (n, 98 · width)."""
        seen: Tensor = self.body(x)
        return seen
