"""A recurrent layer over the features of one row."""

import torch
from torch import Tensor, nn

from oddflow.networks.recurrent import Cell


class FeatureRecurrent(nn.Module):
    """Cuts a row into pieces of equal size, reads them one after the other, and decides by the last state.

    With one piece it is one layer: of the recurrence only W x + b is left, as the state before the first step is 0.

    Source: Yin et al. 2017, "A Deep Learning Approach for Intrusion Detection Using Recurrent Neural Networks", section
    III.B, algorithm 1.

    Args:
        width: Features of a row.
        outputs: Numbers to give.
        hidden: Units.
        pieces: Steps; the last one ends with zeros where the width is no multiple.
        cell: What a step does.
    """

    def __init__(
        self, width: int, outputs: int = 2, hidden: int = 80, pieces: int = 1, *, cell: Cell = Cell.SIMPLE
    ) -> None:
        super().__init__()
        self.size = -(-width // pieces)
        self.pieces = -(-width // self.size)
        self.missing = self.size * self.pieces - width
        self.memory = cell.layer(self.size, hidden)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Rows to outputs: (n, width) -> (n, outputs)."""
        # zeros by a product: padding as an operator would not be sealed
        filled = torch.cat([x, 0 * x[:, : self.missing]], dim=1) if self.missing else x
        steps = filled.reshape(x.shape[0], self.pieces, self.size)
        states: Tensor = self.memory(steps)[0]  # (n, pieces, hidden)
        logits: Tensor = self.head(states[:, -1])
        return logits
