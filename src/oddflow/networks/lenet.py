"""LeNet-5 as the notes improve it."""

from torch import Tensor, nn

from oddflow.networks.convolutions import Pooling


class LeNet5(nn.Module):
    """Two convolutions, two poolings, three dense layers: 28·14·10·5, then 400·120·84.

    The notes' form: 28×28 input, largest values instead of means, ReLU, a dense last layer for Gaussian connections.
    The first convolution pads, so that maps are as large as with LeCun's 32×32.

    Source: LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition", section II.B; notes 002,
    section 8.3.
    """

    def __init__(self, channels: int = 1, outputs: int = 10, *, pooling: Pooling = Pooling.MAX) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 6, 5, padding=2),  # (n, channels, 28, 28) -> (n, 6, 28, 28)
            nn.ReLU(),
            pooling.layer(),  # -> (n, 6, 14, 14)
            nn.Conv2d(6, 16, 5),  # -> (n, 16, 10, 10)
            nn.ReLU(),
            pooling.layer(),  # -> (n, 16, 5, 5)
            nn.Flatten(),  # -> (n, 400)
            nn.Linear(400, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
        )
        self.head = nn.Linear(84, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Images to outputs: (n, channels, 28, 28) -> (n, outputs)."""
        logits: Tensor = self.head(self.body(x))
        return logits
