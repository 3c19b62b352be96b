"""Ways to make a map larger again."""

from enum import StrEnum

import torch
from torch import Tensor, nn
from torch.nn import functional

from oddflow.errors import UsageError


class Upsampling(StrEnum):
    """The choices, by name.

    TRANSPOSED: a learnt window for each pixel. INTERPOLATED: pixels between pixels, nothing to learn. UNPOOLED: each
    value goes back to where the pooling found it.

    Source: Dumoulin & Visin 2016, chapter 4 (transposed); Zeiler & Fergus 2014, section 2.1 (unpooled); notes 004,
    "上采样".
    """

    TRANSPOSED = "transposed"
    INTERPOLATED = "interpolated"
    UNPOOLED = "unpooled"


class Upsample(nn.Module):
    """Doubles a map and changes its channels, in one of three ways; of sequences (1 dimension) or images (2).

    Source: Dumoulin & Visin 2016; Zeiler & Fergus 2014; see `Upsampling`.
    """

    def __init__(self, kind: Upsampling, given: int, wanted: int, dimensions: int) -> None:
        super().__init__()
        self.kind = kind
        if kind is Upsampling.TRANSPOSED:
            self.change = transposed(dimensions, given, wanted)
        else:
            self.change = convolution(dimensions, given, wanted, 1)

    def forward(self, x: Tensor, places: Tensor, like: Tensor) -> Tensor:
        """Maps to larger maps: (n, given, …) -> (n, wanted, 2 · …).

        Args:
            x: Maps.
            places: Where the pooling found its values, (n, wanted, …), as `pooled` gives them.
            like: Maps of the size that is wanted, with as many channels.
        """
        changed: Tensor = self.change(x)
        match self.kind:
            case Upsampling.TRANSPOSED:
                return changed
            case Upsampling.INTERPOLATED:
                return interpolated(changed)
            case Upsampling.UNPOOLED:
                return unpooled(changed, places, like)


def convolution(dimensions: int, given: int, wanted: int, size: int) -> nn.Module:
    """A convolution that keeps the size, of sequences or images."""
    if dimensions == 1:
        return nn.Conv1d(given, wanted, size, padding=size // 2)
    return nn.Conv2d(given, wanted, size, padding=size // 2)


def transposed(dimensions: int, given: int, wanted: int) -> nn.Module:
    """A transposed convolution that doubles the size: (i − 1) · s + k = 2 i for s = k = 2."""
    if dimensions == 1:
        return nn.ConvTranspose1d(given, wanted, 2, 2)
    return nn.ConvTranspose2d(given, wanted, 2, 2)


def pooled(x: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of each two steps or 2×2 pixels, and where it stood: (n, c, …) -> (n, c, … / 2) twice."""
    pool = functional.max_pool1d if x.ndim == 3 else functional.max_pool2d
    largest, places = pool(x, 2, return_indices=True)
    return largest, places


def interpolated(x: Tensor) -> Tensor:
    """Linear or bilinear: a quarter of the neighbour, three of the nearest: (n, c, …) -> (n, c, 2 · …).

    As torch's `interpolate`, written as sums of slices: a resize by words and scales is no operator of a sealed graph.
    """
    for axis in range(2, x.ndim):
        size = x.shape[axis]
        before = torch.cat([x.narrow(axis, 0, 1), x.narrow(axis, 0, size - 1)], dim=axis)
        behind = torch.cat([x.narrow(axis, 1, size - 1), x.narrow(axis, size - 1, 1)], dim=axis)
        pairs = torch.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * behind], dim=axis + 1)
        x = pairs.flatten(axis, axis + 1)
    return x


def unpooled(x: Tensor, places: Tensor, like: Tensor) -> Tensor:
    """Values back to where they stood, zeros elsewhere: (n, c, …) and where -> the shape of `like`."""
    # not zeros_like: in a graph its shape would be known only when it runs
    flat = (like * 0).flatten(2).scatter(2, places.flatten(2), x.flatten(2))
    return flat.reshape(like.shape)


def check_halves(x: Tensor, times: int) -> None:
    """Refuses maps that cannot be halved so often without a rest.

    Raises:
        UsageError: It says which size would do.
    """
    unit = 1 << times
    if any(size % unit for size in x.shape[2:]):
        raise UsageError(f"each side must be a multiple of {unit}; {' × '.join(map(str, x.shape[2:]))} given")
