"""Networks that remember: simple, LSTM, GRU; one or both ways; one above the other."""

from enum import StrEnum

import torch
from torch import Tensor, nn
from torch.func import functional_call

from oddflow.networks.inputs import lengths, reversed_steps, step_at


class Cell(StrEnum):
    """What a step does to the state.

    SIMPLE: h = tanh(W x + U h + b) (Elman 1990; for intrusions, Yin et al. 2017, "RNN-IDS"). LSTM: a cell behind
    gates, whose state passes unchanged where they are shut (Hochreiter & Schmidhuber 1997). GRU: two gates, no cell
    (Cho et al. 2014).
    """

    SIMPLE = "simple"
    LSTM = "lstm"
    GRU = "gru"

    def layer(self, given: int, hidden: int) -> nn.RNNBase:
        """One layer in one direction: (n, steps, given) -> (n, steps, hidden)."""
        match self:
            case Cell.SIMPLE:
                return nn.RNN(given, hidden, batch_first=True)
            case Cell.LSTM:
                return nn.LSTM(given, hidden, batch_first=True)
            case Cell.GRU:
                return nn.GRU(given, hidden, batch_first=True)


class Recurrent(nn.Module):
    """A layer that reads a sequence once, and one that reads it backwards if asked for.

    Padding is not read: backwards begins with a row's last true step.

    Source: Schuster & Paliwal 1997 (both ways); Gal & Ghahramani 2016, "A Theoretically Grounded Application of
    Dropout in Recurrent Neural Networks" (the same units are dropped in all steps; here also in all rows of a batch).
    """

    def __init__(self, cell: Cell, given: int, hidden: int, *, both_ways: bool, recurrent_dropout: float) -> None:
        super().__init__()
        self.onward = cell.layer(given, hidden)
        self.backwards = cell.layer(given, hidden) if both_ways else None
        self.recurrent_dropout = recurrent_dropout

    def forward(self, x: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """States of all steps, and what was known at the end.

        (n, steps, given), (n,) -> (n, steps, hidden or 2 · hidden), (n, hidden or 2 · hidden).
        """
        states = self._read(self.onward, x)  # (n, steps, hidden)
        last = step_at(states, length - 1)  # (n, hidden)
        if self.backwards is None:
            return states, last
        mirrored = self._read(self.backwards, reversed_steps(x, length))
        both = torch.cat([states, reversed_steps(mirrored, length)], dim=2)
        return both, torch.cat([last, step_at(mirrored, length - 1)], dim=1)

    def _read(self, layer: nn.RNNBase, x: Tensor) -> Tensor:
        if not (self.training and self.recurrent_dropout):
            states: Tensor = layer(x)[0]
            return states
        recurrent = layer.get_parameter("weight_hh_l0")  # (gates · hidden, hidden)
        kept = nn.functional.dropout(torch.ones_like(recurrent[:1]), self.recurrent_dropout)  # (1, hidden)
        dropped: Tensor = functional_call(layer, {"weight_hh_l0": recurrent * kept}, x)[0]
        return dropped


class RecurrentNetwork(nn.Module):
    """Recurrent layers above each other; what the last knows at the end decides.

    Source: see `Cell` and `Recurrent`; stacked, Graves et al. 2013; notes 002, section 9 and 003, "循环神经网络".

    Args:
        features: Numbers a step.
        outputs: Numbers to give.
        hidden: Units of each layer, in each direction.
        layers: Layers above each other.
        cell: What a step does.
        both_ways: Read backwards, too.
        dropout: Part of the units dropped between layers.
        recurrent_dropout: Part of the units whose state is dropped from step to step.
    """

    def __init__(
        self,
        features: int = 2,
        outputs: int = 10,
        hidden: int = 32,
        layers: int = 1,
        *,
        cell: Cell = Cell.LSTM,
        both_ways: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        width = hidden * (1 + both_ways)
        self.body = nn.ModuleList(
            Recurrent(
                cell, width if number else features, hidden, both_ways=both_ways, recurrent_dropout=recurrent_dropout
            )
            for number in range(layers)
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Sequences to outputs: (n, steps, features) -> (n, outputs); steps of zeros at the end are padding."""
        length = lengths(x)
        for number, layer in enumerate(self.body):
            x, last = layer(self.dropout(x) if number else x, length)  # (n, steps, width), (n, width)
        logits: Tensor = self.head(last)
        return logits
