"""The autoencoder of images."""

from torch import Tensor, nn


class ConvolutionalAutoencoder(nn.Module):
    """Halves an image twice with convolutions, squeezes it, and draws it anew with transposed ones.

    Source: Masci et al. 2011, "Stacked Convolutional Auto-Encoders"; sized for 28×28 unless told otherwise.

    Args:
        channels: Of an image.
        code: Numbers in the middle.
        width: Channels after the first convolution; twice as many after the second.
        side: Of an image, a multiple of 4.
    """

    def __init__(self, channels: int = 1, code: int = 16, width: int = 8, side: int = 28) -> None:
        super().__init__()
        quarter = side // 4
        middle = 2 * width * quarter**2
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=2, padding=1),  # (n, channels, 28, 28) -> (n, width, 14, 14)
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),  # -> (n, 2 · width, 7, 7)
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(middle, code),  # -> (n, code)
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, middle),
            nn.ReLU(),
            nn.Unflatten(1, (2 * width, quarter, quarter)),
            nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1),  # -> 14
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 3, stride=2, padding=1, output_padding=1),  # -> 28
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images drawn anew: (n, channels, side, side) -> the same shape."""
        drawn: Tensor = self.decoder(self.encoder(x))
        return drawn
