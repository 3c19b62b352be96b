"""The convolutional network of the notes."""

from itertools import pairwise

from torch import Tensor, nn

from oddflow.errors import UsageError
from oddflow.networks.convolutions import Convolution, GlobalAverageHead, Head, Pooling


class ConvolutionalNetwork(nn.Module):
    """Three convolutions with pooling between them, and two dense layers.

    For 32×32×3 and ten classes it has the notes' 122,570 parameters.

    Source: notes 000, "应用二"; the idea, LeCun et al. 1998.
    """

    def __init__(
        self,
        channels: int = 1,
        side: int = 28,
        outputs: int = 10,
        widths: tuple[int, ...] = (32, 64, 64),
        *,
        dense: int = 64,
        convolution: Convolution = Convolution.PLAIN,
        pooling: Pooling = Pooling.MAX,
        head: Head = Head.DENSE,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential()
        for number, (given, wanted) in enumerate(pairwise((channels, *widths))):
            if number:
                self.body.append(pooling.layer())  # side -> side // 2
                side //= 2
            self.body.append(convolution.layer(given, wanted))
            self.body.append(nn.ReLU())
            side -= convolution.reach(3)
            if side < 1:
                raise UsageError(f"the image is too small for {len(widths)} {convolution} convolutions; use fewer")
        self.head: nn.Module
        if head is Head.GLOBAL_AVERAGE:
            self.head = GlobalAverageHead(widths[-1], outputs)
        else:
            pixels = widths[-1] * side**2
            self.head = nn.Sequential(nn.Flatten(), nn.Linear(pixels, dense), nn.ReLU(), nn.Linear(dense, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Images to outputs: (n, channels, side, side) -> (n, outputs)."""
        maps = self.body(x)  # 32 -> 30 -> 15 -> 13 -> 6 -> 4: (n, 64, 4, 4)
        logits: Tensor = self.head(maps)  # (n, 1024) -> (n, outputs)
        return logits
