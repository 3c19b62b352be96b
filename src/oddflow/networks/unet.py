"""U-Net: marks pixels of an image, or packets of a flow."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from oddflow.networks.normalisation import Normalisation
from oddflow.networks.upsampling import Upsample, Upsampling, check_halves, convolution, pooled


class UNet(nn.Module):
    """Down by pooling, up again, and beside each step up the map of the same size from the way down.

    Source: Ronneberger et al. 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation", figure 1 (with
    padding, so that the marks are as large as the image); notes 004, "Unet".

    Args:
        channels: Of an image, or features of a step.
        outputs: Classes of a pixel or step.
        widths: Channels of each size, from the largest.
        dimensions: 2 for images (n, channels, h, w), 1 for sequences (n, channels, steps).
        upsampling: How maps become larger.
        normalisation: After each convolution.
    """

    def __init__(
        self,
        channels: int = 1,
        outputs: int = 2,
        widths: tuple[int, ...] = (16, 32, 64),
        *,
        dimensions: int = 2,
        upsampling: Upsampling = Upsampling.TRANSPOSED,
        normalisation: Normalisation = Normalisation.BATCH,
    ) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            _twice(given, wanted, dimensions, normalisation) for given, wanted in pairwise((channels, *widths))
        )
        upwards = list(pairwise(widths[::-1]))
        self.larger = nn.ModuleList(Upsample(upsampling, given, wanted, dimensions) for given, wanted in upwards)
        self.up = nn.ModuleList(_twice(2 * wanted, wanted, dimensions, normalisation) for _, wanted in upwards)
        self.head = convolution(dimensions, widths[0], outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps to log-odds of each pixel: (n, channels, …) -> (n, outputs, …), sides multiples of 2^(sizes − 1)."""
        check_halves(x, len(self.larger))
        skips: list[tuple[Tensor, Tensor]] = []
        h: Tensor = self.down[0](x)  # (n, widths[0], …)
        for block in self.down[1:]:
            small, places = pooled(h)
            skips.append((h, places))
            h = block(small)  # (n, 2 · c, … / 2)
        for larger, block, (skip, places) in zip(self.larger, self.up, skips[::-1], strict=True):
            h = block(torch.cat([skip, larger(h, places, skip)], dim=1))  # (n, c, …)
        marks: Tensor = self.head(h)
        return marks


def _twice(given: int, wanted: int, dimensions: int, normalisation: Normalisation) -> nn.Sequential:
    block = nn.Sequential()
    for channels in (given, wanted):
        block.append(convolution(dimensions, channels, wanted, 3))
        block.append(normalisation.layer(wanted, dimensions=dimensions))
        block.append(nn.ReLU())
    return block
