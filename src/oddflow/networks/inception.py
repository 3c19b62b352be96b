"""GoogLeNet: windows of several sizes at once."""

import torch
from torch import Tensor, nn


class Inception(nn.Module):
    """Four paths side by side: 1×1; 1×1 then 3×3; 1×1 then 5×5; pooling then 1×1.

    Source: Szegedy et al. 2015, "Going Deeper with Convolutions", figure 2b; notes 001, "并行连接网络".

    Args:
        given: Channels of its input.
        one: Channels of the 1×1 path.
        three: Channels before and after the 3×3 convolution.
        five: Channels before and after the 5×5 convolution.
        pooled: Channels of the pooling path.
    """

    def __init__(self, given: int, one: int, three: tuple[int, int], five: tuple[int, int], pooled: int) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Conv2d(given, one, 1), nn.ReLU())
        self.three = _narrowed(given, three, 3)
        self.five = _narrowed(given, five, 5)
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), nn.Conv2d(given, pooled, 1), nn.ReLU())
        self.channels = one + three[1] + five[1] + pooled

    def forward(self, x: Tensor) -> Tensor:
        """Maps to maps: (n, given, h, w) -> (n, one + three[1] + five[1] + pooled, h, w)."""
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], dim=1)


class GoogLeNet(nn.Module):
    """A convolution, inception blocks with pooling between them, a mean over each map, one dense layer.

    Source: Szegedy et al. 2015, table 1, sized for 28×28.
    """

    def __init__(self, channels: int = 1, outputs: int = 10, width: int = 8, *, dropout: float = 0.4) -> None:
        super().__init__()
        w = width
        first = Inception(2 * w, 2 * w, (2 * w, 4 * w), (w, w), w)  # 8 w channels
        second = Inception(8 * w, 4 * w, (4 * w, 8 * w), (w, 2 * w), 2 * w)  # 16 w channels
        self.body = nn.Sequential(
            nn.Conv2d(channels, 2 * w, 5, padding=2),  # (n, channels, 28, 28) -> (n, 2 w, 28, 28)
            nn.ReLU(),
            nn.MaxPool2d(3, 2, padding=1),  # -> 14
            first,
            nn.MaxPool2d(3, 2, padding=1),  # -> 7
            second,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),  # -> (n, 16 w)
            nn.Dropout(dropout),
        )
        self.head = nn.Linear(second.channels, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Images to outputs: (n, channels, 28, 28) -> (n, outputs)."""
        logits: Tensor = self.head(self.body(x))
        return logits


def _narrowed(given: int, wanted: tuple[int, int], size: int) -> nn.Sequential:
    """A wide window over few channels: the 1×1 convolution before it saves most of its weights."""
    narrow, wide = wanted
    return nn.Sequential(
        nn.Conv2d(given, narrow, 1), nn.ReLU(), nn.Conv2d(narrow, wide, size, padding=size // 2), nn.ReLU()
    )
