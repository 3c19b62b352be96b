"""VGG: blocks of small convolutions."""

from torch import Tensor, nn

from oddflow.errors import UsageError
from oddflow.networks.convolutions import GlobalAverageHead, Head
from oddflow.networks.normalisation import Normalisation

Blocks = tuple[tuple[int, int], ...]
"""Of each block: how many convolutions, how many channels."""

VGG_11: Blocks = ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512))
VGG_13: Blocks = ((2, 64), (2, 128), (2, 256), (2, 512), (2, 512))
SMALL: Blocks = ((1, 16), (1, 32), (2, 64))


class Vgg(nn.Module):
    """Blocks of 3×3 convolutions, each followed by pooling 2×2, then dense layers.

    Source: Simonyan & Zisserman 2015, "Very Deep Convolutional Networks", table 1; notes 001, "自定义VGG块".
    """

    def __init__(
        self,
        channels: int = 1,
        side: int = 28,
        outputs: int = 10,
        blocks: Blocks = SMALL,
        *,
        dense: tuple[int, int] = (128, 64),
        normalisation: Normalisation = Normalisation.NONE,
        head: Head = Head.DENSE,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if side >> len(blocks) < 1:
            raise UsageError(f"{side} pixels cannot be halved {len(blocks)} times; use fewer blocks")
        self.body = nn.Sequential()
        last = channels
        for convolutions, wanted in blocks:
            self.body.append(vgg_block(last, wanted, convolutions, normalisation))  # side -> side // 2
            last = wanted
        self.head: nn.Module
        if head is Head.GLOBAL_AVERAGE:
            self.head = GlobalAverageHead(last, outputs)
        else:
            pixels = last * (side >> len(blocks)) ** 2
            self.head = nn.Sequential(
                nn.Flatten(),
                nn.Linear(pixels, dense[0]),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(dense[0], dense[1]),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(dense[1], outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Images to outputs: (n, channels, side, side) -> (n, outputs)."""
        logits: Tensor = self.head(self.body(x))
        return logits


def vgg_block(given: int, wanted: int, convolutions: int, normalisation: Normalisation) -> nn.Sequential:
    """Convolutions 3×3 that keep the size, then pooling: (n, given, h, w) -> (n, wanted, h // 2, w // 2)."""
    block = nn.Sequential()
    for number in range(convolutions):
        block.append(nn.Conv2d(wanted if number else given, wanted, 3, padding=1))
        if normalisation is not Normalisation.NONE:
            block.append(normalisation.layer(wanted))
        block.append(nn.ReLU())
    return block.append(nn.MaxPool2d(2))
