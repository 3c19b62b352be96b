"""ResNet: layers that learn a difference."""

from enum import StrEnum

from torch import Tensor, nn

from oddflow.networks.normalisation import Normalisation


class Block(StrEnum):
    """Two 3×3 convolutions, or 1×1, 3×3, 1×1 with a fourth of the channels in the middle (He et al., figure 5)."""

    BASIC = "basic"
    BOTTLENECK = "bottleneck"


class Residual(nn.Module):
    """x plus what two or three convolutions make of it; a 1×1 convolution fits x where shapes differ.

    Source: He et al. 2016, "Deep Residual Learning for Image Recognition", eq. 1 and 2; notes 002, section 8.7.
    """

    def __init__(self, given: int, wanted: int, stride: int, kind: Block, normalisation: Normalisation) -> None:
        super().__init__()
        middle = wanted if kind is Block.BASIC else wanted // 4
        if kind is Block.BASIC:
            layers = [nn.Conv2d(given, middle, 3, stride, padding=1, bias=False)]
        else:
            layers = [
                nn.Conv2d(given, middle, 1, bias=False),
                nn.Conv2d(middle, middle, 3, stride, padding=1, bias=False),
            ]
        last = nn.Conv2d(middle, wanted, 3 if kind is Block.BASIC else 1, padding=int(kind is Block.BASIC), bias=False)
        self.difference = nn.Sequential()
        for layer in layers:
            self.difference.extend([layer, normalisation.layer(middle), nn.ReLU()])
        self.difference.extend([last, normalisation.layer(wanted)])
        self.skip: nn.Module = nn.Identity()
        if stride > 1 or given != wanted:
            fitting = nn.Conv2d(given, wanted, 1, stride, bias=False)
            self.skip = nn.Sequential(fitting, normalisation.layer(wanted))
        self.bend = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Maps to maps: (n, given, h, w) -> (n, wanted, h / stride, w / stride)."""
        y: Tensor = self.bend(self.difference(x) + self.skip(x))
        return y


class ResNet(nn.Module):
    """Stages of residual blocks; each stage but the first halves the maps and doubles the channels.

    Source: He et al. 2016, section 4.2 (the form for small images), sized for 28×28.
    """

    def __init__(
        self,
        channels: int = 1,
        outputs: int = 10,
        stages: tuple[int, ...] = (2, 2, 2),
        *,
        width: int = 16,
        block: Block = Block.BASIC,
        normalisation: Normalisation = Normalisation.BATCH,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),  # (n, channels, 28, 28) -> (n, width, 28, 28)
            normalisation.layer(width),
            nn.ReLU(),
        )
        given = width
        for stage, blocks in enumerate(stages):
            wanted = width << stage
            for number in range(blocks):
                stride = 2 if stage and not number else 1
                self.body.append(Residual(given, wanted, stride, block, normalisation))
                given = wanted
        self.body.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten()])  # (n, 4 · width, 7, 7) -> (n, 4 · width)
        self.head = nn.Linear(given, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Images to outputs: (n, channels, h, w) -> (n, outputs)."""
        logits: Tensor = self.head(self.body(x))
        return logits
