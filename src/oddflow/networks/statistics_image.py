"""The autoencoder of statistics as an image."""

from torch import Tensor, nn

from oddflow.networks.convolutional_autoencoder import ConvolutionalAutoencoder
from oddflow.networks.inputs import StatisticsAsImage


class StatisticsAutoencoder(nn.Module):
    """Draws statistics anew as a grey image.

    Source: MMN-CNN (notes 000, part 5) for the image; Masci et al. 2011, "Stacked Convolutional Auto-Encoders".

    Args:
        columns: Of a row.
        code: Numbers in the middle.
        width: Channels after the first convolution.
    """

    def __init__(self, columns: int, code: int = 16, width: int = 8) -> None:
        super().__init__()
        self.image = StatisticsAsImage(columns)
        self.autoencoder = ConvolutionalAutoencoder(1, code, width, self.image.side)

    def forward(self, x: Tensor) -> Tensor:
        """Rows drawn anew: (n, m) -> (n, m)."""
        images = self.autoencoder(self.image(x))  # (n, 1, side, side)
        return self.image.back(images)
