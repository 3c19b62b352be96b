"""AlexNet for small images."""

from torch import Tensor, nn


class AlexNet(nn.Module):
    """Five convolutions, three of them pooled 3×3 every 2 pixels, and three dense layers with dropout.

    Source: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks", section 3.5,
    sized for 28×28; notes 002, section 8.5.
    """

    def __init__(self, channels: int = 1, outputs: int = 10, width: int = 32, *, dropout: float = 0.5) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 7, padding=3),  # (n, channels, 28, 28) -> (n, width, 28, 28)
            nn.ReLU(),
            nn.MaxPool2d(3, 2),  # -> 13
            nn.Conv2d(width, 2 * width, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),  # -> 6
            nn.Conv2d(2 * width, 3 * width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(3 * width, 3 * width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(3 * width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),  # -> (n, 2 · width, 2, 2)
            nn.Flatten(),  # -> (n, 8 · width)
            nn.Dropout(dropout),
            nn.Linear(8 * width, 4 * width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, 4 * width),
            nn.ReLU(),
        )
        self.head = nn.Linear(4 * width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Images to outputs: (n, channels, 28, 28) -> (n, outputs)."""
        logits: Tensor = self.head(self.body(x))
        return logits
