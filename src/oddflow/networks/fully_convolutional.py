"""FCN: a classifier of images without dense layers classifies pixels."""

from itertools import pairwise

from torch import Tensor, nn

from oddflow.errors import UsageError
from oddflow.networks.upsampling import check_halves, convolution, pooled, transposed


class FullyConvolutionalNetwork(nn.Module):
    """Convolutions and pooling, scores by a 1×1 convolution, upsampled; scores of larger maps are added on the way.

    Source: Long et al. 2015, "Fully Convolutional Networks for Semantic Segmentation", figure 3 (32s, 16s and 8s are
    0, 1 and 2 skips); notes 004, "FCN".

    Args:
        channels: Of an image, or features of a step.
        outputs: Classes of a pixel or step, the background with them.
        widths: Channels of each size, from the largest.
        skips: How many larger maps are scored as well.
        dimensions: 2 for images (n, channels, h, w), 1 for sequences (n, channels, steps).
    """

    def __init__(
        self,
        channels: int = 1,
        outputs: int = 2,
        widths: tuple[int, ...] = (16, 32, 64),
        *,
        skips: int = 2,
        dimensions: int = 2,
    ) -> None:
        super().__init__()
        if not 0 <= skips < len(widths):
            raise UsageError(f"skips must be from 0 to {len(widths) - 1}, one less than there are sizes; {skips} given")
        self.body = nn.ModuleList(
            nn.Sequential(convolution(dimensions, given, wanted, 3), nn.ReLU())
            for given, wanted in pairwise((channels, *widths))
        )
        self.scores = nn.ModuleList(
            convolution(dimensions, width, outputs, 1) for width in widths[len(widths) - 1 - skips :]
        )
        self.larger = nn.ModuleList(transposed(dimensions, outputs, outputs) for _ in widths[1:])

    def forward(self, x: Tensor) -> Tensor:
        """Maps to log-odds of each pixel: (n, channels, …) -> (n, outputs, …), sides multiples of 2^(sizes − 1)."""
        check_halves(x, len(self.larger))
        maps: list[Tensor] = []
        for number, block in enumerate(self.body):
            x = block(pooled(x)[0] if number else x)  # (n, widths[number], … / 2^number)
            maps.append(x)
        *skipped, last = self.scores
        marks: Tensor = last(maps.pop())
        for larger in self.larger:
            marks = larger(marks)  # twice as large
            if skipped:
                marks = marks + skipped.pop()(maps.pop())
        return marks
