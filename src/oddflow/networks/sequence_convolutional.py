"""Convolutions along time."""

from itertools import pairwise

from torch import Tensor, nn

from oddflow.networks.normalisation import Normalisation


class SequenceConvolutions(nn.Module):
    """Windows over neighbouring steps, each layer's twice as wide apart as the last's, and each channel's maximum.

    Source: Kim 2014, "Convolutional Neural Networks for Sentence Classification" (maximum over time); Yu & Koltun
    2016 (dilation); notes 003, "一维卷积神经网络".
    """

    def __init__(
        self,
        features: int = 2,
        outputs: int = 10,
        widths: tuple[int, ...] = (16, 32, 32),
        *,
        size: int = 3,
        dilated: bool = True,
        normalisation: Normalisation = Normalisation.NONE,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential()
        for number, (given, wanted) in enumerate(pairwise((features, *widths))):
            apart = 1 << number if dilated else 1
            self.body.append(nn.Conv1d(given, wanted, size, padding=apart * (size // 2), dilation=apart))
            if normalisation is not Normalisation.NONE:
                self.body.append(normalisation.layer(wanted, dimensions=1))
            self.body.append(nn.ReLU())
        self.head = nn.Linear(widths[-1], outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Sequences to outputs: (n, steps, features) -> (n, outputs)."""
        maps: Tensor = self.body(x.transpose(1, 2))  # (n, features, steps) -> (n, widths[-1], steps)
        logits: Tensor = self.head(maps.amax(dim=2))  # (n, widths[-1]) -> (n, outputs)
        return logits
