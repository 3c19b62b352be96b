"""Rows of a table as what a network takes: images, sequences."""

import math

import torch
from torch import Tensor, nn


class RowsAsImage(nn.Module):
    """Columns as the pixels of an image, line by line: (n, channels · side²) -> (n, channels, side, side).

    Source: Wang et al. 2017, "Malware Traffic Classification Using CNN for Representation Learning", section III.
    """

    def __init__(self, side: int = 28, channels: int = 1) -> None:
        super().__init__()
        self.shape = (channels, side, side)

    def forward(self, x: Tensor) -> Tensor:
        """Rows as images: (n, channels · side²) -> (n, channels, side, side)."""
        return x.reshape(x.shape[0], *self.shape)


class StatisticsAsImage(nn.Module):
    """Columns as the pixels of the least image that holds them, line by line; what is left is black.

    Sides are multiples of 4, so that they can be halved twice. `back` takes the columns out again.

    Source: MMN-CNN (基于离差标准化的卷积神经网络, about 2017), notes 000, part 5: traffic data as grey images.

    Args:
        width: Columns.
    """

    places: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.side = 4 * math.ceil(math.sqrt(width) / 4)
        # times a matrix of 0 and 1: padding as an operator would not be sealed
        self.register_buffer("places", torch.eye(width, self.side**2), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Rows as images: (n, width) -> (n, 1, side, side)."""
        return (x @ self.places).reshape(x.shape[0], 1, self.side, self.side)

    def back(self, images: Tensor) -> Tensor:
        """Images as rows: (n, 1, side, side) -> (n, width)."""
        return images.flatten(1)[:, : self.width]


class RowsAsSequence(nn.Module):
    """Columns as steps, one feature's steps after the other's: (n, features · steps) -> (n, steps, features).

    A row of 32 signed lengths and then 32 gaps becomes 32 packets of a length and a gap.

    Source: Lopez-Martin et al. 2017, "Network Traffic Classifier With Convolutional and Recurrent Neural Networks".
    """

    def __init__(self, steps: int = 32, features: int = 2) -> None:
        super().__init__()
        self.shape = (features, steps)

    def forward(self, x: Tensor) -> Tensor:
        """Rows as sequences: (n, features · steps) -> (n, steps, features)."""
        return x.reshape(x.shape[0], *self.shape).transpose(1, 2)


class SequenceAsRows(nn.Module):
    """Steps as columns again, one feature's steps after the other's: (n, steps, features) -> (n, features · steps).

    Source: as `RowsAsSequence` (2017), backwards.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Sequences as rows: (n, steps, features) -> (n, features · steps)."""
        return x.transpose(1, 2).flatten(1)


class RowsAsPieces(nn.Module):
    """Columns cut into pieces of equal size: (n, pieces · size) -> (n, pieces, size).

    784 bytes become 28 pieces of 28: what a network over packets takes for packets where their borders are unknown.

    Source: Wang et al. 2018, "HAST-IDS", section III.
    """

    def __init__(self, pieces: int = 28, size: int = 28) -> None:
        super().__init__()
        self.shape = (pieces, size)

    def forward(self, x: Tensor) -> Tensor:
        """Rows as pieces: (n, pieces · size) -> (n, pieces, size)."""
        return x.reshape(x.shape[0], *self.shape)


def present(x: Tensor) -> Tensor:
    """Which steps hold something: (n, steps, features) -> (n, steps) bool. A step of zeros is padding."""
    return x.abs().sum(dim=2) > 0


def lengths(x: Tensor) -> Tensor:
    """Steps up to the last that holds something: (n, steps, features) -> (n,) int64."""
    places = torch.arange(1, x.shape[1] + 1, device=x.device)  # (steps,)
    return (present(x) * places).amax(dim=1)


def step_at(x: Tensor, place: Tensor) -> Tensor:
    """One step of each row, its first where place is negative: (n, steps, f), (n,) int64 -> (n, f)."""
    places = torch.arange(x.shape[1], device=x.device)  # (steps,)
    chosen = (places == place.clamp(min=0)[:, None]).to(x.dtype)  # (n, steps), one of each row
    return (chosen[:, None] @ x).squeeze(1)  # sums of one number: exact, and ONNX needs no index


def reversed_steps(x: Tensor, length: Tensor) -> Tensor:
    """The first `length` steps backwards; padding stays where it is: (n, steps, f), (n,) -> (n, steps, f)."""
    places = torch.arange(x.shape[1], device=x.device)  # (steps,)
    mirrored = length[:, None] - 1 - places  # (n, steps)
    index = torch.where(mirrored >= 0, mirrored, places)
    chosen = (index[:, :, None] == places).to(x.dtype)  # (n, steps, steps), one of each line
    return chosen @ x
