"""Kinds of convolution, of pooling and of what follows the last of them."""

from enum import StrEnum

from torch import Tensor, nn


class Convolution(StrEnum):
    """How a window of a map is summed up.

    Source: notes 002, section 8.6; Yu & Koltun 2016 (dilated), Howard et al. 2017 (depthwise separable).
    """

    PLAIN = "plain"
    DILATED = "dilated"
    SEPARABLE = "separable"

    def layer(self, given: int, wanted: int, *, size: int = 3, padding: int = 0) -> nn.Module:
        """A layer of its own: (n, given, h, w) -> (n, wanted, h + 2 · padding − reach, …); see `reach`."""
        match self:
            case Convolution.PLAIN:
                return nn.Conv2d(given, wanted, size, padding=padding)
            case Convolution.DILATED:
                return nn.Conv2d(given, wanted, size, padding=padding, dilation=2)
            case Convolution.SEPARABLE:
                return SeparableConvolution(given, wanted, size, padding)

    def reach(self, size: int) -> int:
        """By how many pixels a map of no padding becomes smaller."""
        return 2 * (size - 1) if self is Convolution.DILATED else size - 1


class SeparableConvolution(nn.Module):
    """First each channel by itself, then all channels of a pixel: k²·c + c·m weights instead of k²·c·m.

    Source: Sifre 2014; Howard et al. 2017, "MobileNets", section 3.1; notes 002, section 8.6.
    """

    def __init__(self, given: int, wanted: int, size: int = 3, padding: int = 0, *, bias: bool = True) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(given, given, size, padding=padding, groups=given, bias=False)
        self.pointwise = nn.Conv2d(given, wanted, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Maps to maps: (n, given, h, w) -> (n, wanted, h', w')."""
        each: Tensor = self.depthwise(x)  # (n, given, h', w')
        mixed: Tensor = self.pointwise(each)  # (n, wanted, h', w')
        return mixed


class Pooling(StrEnum):
    """What is kept of a window: its largest value, or its mean (LeCun et al. 1998; Scherer et al. 2010)."""

    MAX = "max"
    AVERAGE = "average"

    def layer(self, size: int = 2, stride: int | None = None) -> nn.Module:
        """A layer of its own: (n, c, h, w) -> (n, c, h // stride, w // stride) where size is stride."""
        return nn.MaxPool2d(size, stride) if self is Pooling.MAX else nn.AvgPool2d(size, stride)


class Head(StrEnum):
    """What follows the last map: dense layers over all its pixels, or a 1×1 convolution and a mean over them."""

    DENSE = "dense"
    GLOBAL_AVERAGE = "global-average"


class GlobalAverageHead(nn.Module):
    """A score map for each output by a 1×1 convolution, and each map's mean: it keeps no place and few weights.

    Source: Lin et al. 2014, "Network In Network", section 3.2; notes 001, "用1*1卷积层代替全连接层".
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.pointwise = nn.Conv2d(channels, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps to outputs: (n, channels, h, w) -> (n, outputs)."""
        maps: Tensor = self.pointwise(x)  # (n, outputs, h, w)
        return maps.mean(dim=(2, 3))
