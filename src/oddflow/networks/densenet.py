"""DenseNet: every layer sees all before it."""

import torch
from torch import Tensor, nn


class DenseBlock(nn.Module):
    """Each layer adds `growth` channels to those that it was given.

    Source: Huang et al. 2017, "Densely Connected Convolutional Networks", eq. 2; notes 002, section 8.7.
    """

    def __init__(self, given: int, layers: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(given + number * growth),
                nn.ReLU(),
                nn.Conv2d(given + number * growth, growth, 3, padding=1, bias=False),
            )
            for number in range(layers)
        )
        self.channels = given + layers * growth

    def forward(self, x: Tensor) -> Tensor:
        """Maps to more maps: (n, given, h, w) -> (n, given + layers · growth, h, w)."""
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class DenseNet(nn.Module):
    """Dense blocks; between them a 1×1 convolution halves the channels and a pooling the maps.

    Source: Huang et al. 2017, table 1 and section 3 (compression 0.5), sized for 28×28.
    """

    def __init__(
        self, channels: int = 1, outputs: int = 10, blocks: tuple[int, ...] = (3, 3, 3), growth: int = 12
    ) -> None:
        super().__init__()
        given = 2 * growth
        self.body = nn.Sequential(nn.Conv2d(channels, given, 3, padding=1, bias=False))  # -> (n, 2 · growth, 28, 28)
        for number, layers in enumerate(blocks):
            if number:
                self.body.append(_transition(given, given // 2))  # 28 -> 14 -> 7
                given //= 2
            block = DenseBlock(given, layers, growth)
            self.body.append(block)
            given = block.channels
        self.body.extend([nn.BatchNorm2d(given), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()])
        self.head = nn.Linear(given, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Images to outputs: (n, channels, h, w) -> (n, outputs)."""
        logits: Tensor = self.head(self.body(x))
        return logits


def _transition(given: int, wanted: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(given), nn.ReLU(), nn.Conv2d(given, wanted, 1, bias=False), nn.AvgPool2d(2))
