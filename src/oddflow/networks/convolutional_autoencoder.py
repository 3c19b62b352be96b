"""The autoencoder of images."""

from torch import Tensor, nn


class ConvolutionalAutoencoder(nn.Module):
    """Halves an image twice with convolutions, squeezes it, and draws it anew with transposed ones.

    Source: Masci et al. 2011, "Stacked Convolutional Auto-Encoders"; sized for 28×28.
    """

    def __init__(self, channels: int = 1, code: int = 16, width: int = 8) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=2, padding=1),  # (n, channels, 28, 28) -> (n, width, 14, 14)
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),  # -> (n, 2 · width, 7, 7)
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(98 * width, code),  # -> (n, code)
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, 98 * width),
            nn.ReLU(),
            nn.Unflatten(1, (2 * width, 7, 7)),
            nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1),  # -> 14
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 3, stride=2, padding=1, output_padding=1),  # -> 28
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images drawn anew: (n, channels, 28, 28) -> the same shape."""
        drawn: Tensor = self.decoder(self.encoder(x))
        return drawn
