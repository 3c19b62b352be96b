"""DCGAN as the notes build it."""

from torch import Tensor, nn

LEAK = 0.3
"""Keras' slope of LeakyReLU below 0; torch's is 0.01."""


class DcganGenerator(nn.Module):
    """Turns noise into images from −1 to 1 by transposed convolutions.

    For 100 columns of noise it has the notes' 2,305,472 trainable parameters and 25,472 running statistics.

    Source: Radford et al. 2016, "Unsupervised Representation Learning with Deep Convolutional GANs"; notes 000,
    "应用二", 10.
    """

    def __init__(self, latent: int = 100, width: int = 64, *, channels: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(latent, 4 * width * 49, bias=False),  # (n, latent) -> (n, 12544)
            nn.BatchNorm1d(4 * width * 49),
            nn.LeakyReLU(LEAK),
            nn.Unflatten(1, (4 * width, 7, 7)),
            nn.ConvTranspose2d(4 * width, 2 * width, 5, padding=2, bias=False),  # -> (n, 128, 7, 7)
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(LEAK),
            nn.ConvTranspose2d(2 * width, width, 5, 2, padding=2, output_padding=1, bias=False),  # -> (n, 64, 14, 14)
            nn.BatchNorm2d(width),
            nn.LeakyReLU(LEAK),
            nn.ConvTranspose2d(width, channels, 5, 2, padding=2, output_padding=1, bias=False),  # -> (n, 1, 28, 28)
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Noise to images: (n, latent) -> (n, channels, 28, 28), from −1 to 1."""
        images: Tensor = self.body(z)
        return images


class DcganDiscriminator(nn.Module):
    """Tells images from generated ones; it has the notes' 212,865 parameters.

    Source: Radford et al. 2016; notes 000, "应用二", 10.
    """

    def __init__(self, width: int = 64, *, dropout: float = 0.3, channels: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 5, 2, padding=2),  # (n, channels, 28, 28) -> (n, 64, 14, 14)
            nn.LeakyReLU(LEAK),
            nn.Dropout(dropout),
            nn.Conv2d(width, 2 * width, 5, 2, padding=2),  # -> (n, 128, 7, 7)
            nn.LeakyReLU(LEAK),
            nn.Dropout(dropout),
            nn.Flatten(),  # -> (n, 6272)
        )
        self.head = nn.Linear(2 * width * 49, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Images to log-odds of being real: (n, channels, 28, 28) -> (n,)."""
        odds: Tensor = self.head(self.features(x))  # (n, 1)
        return odds.squeeze(1)

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees: (n, channels, 28, 28) -> (n, 98 · width)."""
        seen: Tensor = self.body(x)
        return seen
