"""One network on several views of a flow, with several answers."""

from itertools import accumulate

import torch
from torch import Tensor, nn

from oddflow.networks.inputs import RowsAsImage, RowsAsSequence, lengths
from oddflow.networks.recurrent import Cell, Recurrent

SIDE = 28


class MultimodalNetwork(nn.Module):
    """Reads features, packets and bytes each in its own way; says which class it is, and how odd.

    A row holds all three views: `tabular` features, then `steps` lengths and as many gaps, then 784 bytes a channel.
    The class head reads the joint code. The score head draws all views anew from it: what is like nothing that was
    learnt comes out wrong, whatever its class.

    Source: Ngiam et al. 2011, "Multimodal Deep Learning", section 3 (views drawn from a joint code); Caruana 1997,
    "Multitask Learning"; notes 000, part 2 (cross-modality) and 003, "多输入 多输出".

    Args:
        tabular: Features of the first view.
        outputs: Classes.
        steps: Packets of the second view.
        channels: Images of the third view.
        width: Numbers that stand for each view, and for all of them.
        dropout: Part of the joint code's numbers that is left out when learning.
    """

    def __init__(
        self,
        tabular: int,
        outputs: int = 10,
        *,
        steps: int = 32,
        channels: int = 1,
        width: int = 32,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.widths = [tabular, 2 * steps, SIDE * SIDE * channels]
        self.features = nn.Sequential(nn.Linear(tabular, width), nn.ReLU())
        self.as_sequence = RowsAsSequence(steps, 2)
        self.packets = Recurrent(Cell.GRU, 2, width, both_ways=False, recurrent_dropout=0.0)
        self.bytes = nn.Sequential(
            RowsAsImage(SIDE, channels),
            nn.Conv2d(channels, 8, 3, stride=2, padding=1),  # (n, channels, 28, 28) -> (n, 8, 14, 14)
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),  # -> (n, 16, 7, 7)
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * 49, width),
            nn.ReLU(),
        )
        self.shared = nn.Sequential(nn.Linear(3 * width, width), nn.ReLU(), nn.Dropout(dropout))
        self.class_head = nn.Linear(width, outputs)
        self.score_head = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, sum(self.widths)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Rows to log-odds of classes, and how badly each view is drawn anew.

        (n, tabular + 2 · steps + 784 · channels) -> (n, outputs), (n, 3).
        """
        tabular, packets, contents = self._views(x)
        sequence = self.as_sequence(packets)  # (n, steps, 2)
        _, last = self.packets(sequence, lengths(sequence))  # (n, width)
        views = torch.cat([self.features(tabular), last, self.bytes(contents)], dim=1)  # (n, 3 · width)
        code = self.shared(views)  # (n, width)
        missed = (self.score_head(code) - x).square()
        by_view = [part.mean(dim=1, keepdim=True) for part in self._views(missed)]
        return self.class_head(code), torch.cat(by_view, dim=1)

    def _views(self, x: Tensor) -> list[Tensor]:
        ends = list(accumulate(self.widths))  # slices: a sealed graph holds no Split
        return [x[:, end - width : end] for width, end in zip(self.widths, ends, strict=True)]


def joint_loss(by_class: Tensor, missed: Tensor, classes: Tensor, weight: float = 1.0) -> Tensor:
    """What both heads do badly, a row: (n,) of the class head, (n, views), (n,) int64 -> (n,).

    Only normal rows, class 0, are to be drawn well. `weight` is that of the drawing.

    Source: Caruana 1997, section 1: the sum of the tasks' losses.
    """
    return by_class + weight * missed.mean(dim=1) * (classes == 0)
