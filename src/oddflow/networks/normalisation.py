"""Whose mean and variance a layer takes away."""

from enum import StrEnum

from torch import nn

from oddflow.errors import UsageError


class Normalisation(StrEnum):
    """Over what a mean is taken, for maps (n, c, …).

    BATCH: each channel over all rows; in use, the averages seen in training. LAYER: each row over all channels.
    INSTANCE: each channel of each row. GROUP: each row over groups of channels.

    Source: Ioffe & Szegedy 2015 (batch), Ba et al. 2016 (layer), Ulyanov et al. 2016 (instance), Wu & He 2018
    (group, of which layer and instance are the two ends); notes 002, section 8.4.
    """

    NONE = "none"
    BATCH = "batch"
    LAYER = "layer"
    INSTANCE = "instance"
    GROUP = "group"

    def layer(self, channels: int, *, dimensions: int = 2, groups: int = 4) -> nn.Module:
        """A layer of its own: (n, channels, …) -> the same shape.

        Args:
            channels: Channels of what it is given.
            dimensions: 0 for rows, 1 for sequences, 2 for images.
            groups: Groups of channels, for GROUP; fewer where channels cannot be parted so.

        Raises:
            UsageError: INSTANCE of rows, each of whose channels is one number.
        """
        match self:
            case Normalisation.NONE:
                return nn.Identity()
            case Normalisation.BATCH:
                return nn.BatchNorm2d(channels) if dimensions == 2 else nn.BatchNorm1d(channels)
            case Normalisation.LAYER:
                return nn.GroupNorm(1, channels)
            case Normalisation.INSTANCE:
                if dimensions == 0:
                    raise UsageError("instance normalisation needs maps: a single number minus its mean is 0")
                return nn.GroupNorm(channels, channels)
            case Normalisation.GROUP:
                parted = max(count for count in range(1, groups + 1) if channels % count == 0)
                return nn.GroupNorm(parted, channels)
