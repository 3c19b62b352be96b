"""One network on several views of a flow, with several answers."""

import torch
from torch import Tensor, nn

from oddflow.networks.inputs import RowsAsImage, RowsAsSequence, lengths
from oddflow.networks.lenet import LeNet5
from oddflow.networks.recurrent import Cell, Recurrent


class MultimodalNetwork(nn.Module):
    """Reads features, packets and bytes each in its own way; says which class it is, and how odd.

    A row holds all three views: `tabular` features, then `steps` lengths and as many gaps, then 784 bytes.

    Source: Ngiam et al. 2011, "Multimodal Deep Learning"; Caruana 1997, "Multitask Learning"; notes 000, part 2
    (cross-modality) and 003, "多输入 多输出".
    """

    def __init__(self, tabular: int, outputs: int = 10, *, steps: int = 32, width: int = 32) -> None:
        super().__init__()
        self.widths = [tabular, 2 * steps, 784]
        self.features = nn.Sequential(nn.Linear(tabular, width), nn.ReLU())
        self.as_sequence = RowsAsSequence(steps, 2)
        self.packets = Recurrent(Cell.GRU, 2, width, both_ways=False, recurrent_dropout=0.0)
        self.bytes = nn.Sequential(RowsAsImage(), LeNet5(outputs=width), nn.ReLU())
        self.shared = nn.Sequential(nn.Linear(3 * width, width), nn.ReLU())
        self.class_head = nn.Linear(width, outputs)
        self.score_head = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Rows to log-odds of classes, and of being odd: (n, tabular + 2 · steps + 784) -> (n, outputs), (n,)."""
        tabular, packets, contents = torch.split(x, self.widths, dim=1)
        sequence = self.as_sequence(packets)  # (n, steps, 2)
        _, last = self.packets(sequence, lengths(sequence))  # (n, width)
        views = torch.cat([self.features(tabular), last, self.bytes(contents)], dim=1)  # (n, 3 · width)
        h = self.shared(views)  # (n, width)
        return self.class_head(h), self.score_head(h).squeeze(1)


def joint_loss(logits: Tensor, score: Tensor, classes: Tensor, odd: Tensor, weight: float = 1.0) -> Tensor:
    """What both heads do badly, a row: (n, outputs), (n,), (n,) int64, (n,) of 0 and 1 -> (n,).

    Source: Caruana 1997, section 1: the sum of the tasks' losses; `weight` is that of the score.
    """
    by_class = nn.functional.cross_entropy(logits, classes, reduction="none")
    by_score = nn.functional.binary_cross_entropy_with_logits(score, odd, reduction="none")
    return by_class + weight * by_score
