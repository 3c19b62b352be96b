"""The autoencoder of sequences."""

import torch
from torch import Tensor, nn

from oddflow.networks.inputs import lengths
from oddflow.networks.recurrent import Cell, Recurrent


class RecurrentAutoencoder(nn.Module):
    """Reads a sequence into a narrow code, and unrolls the code to the sequence again.

    The decoder is given the code at each step and nothing else, so that all that it draws went through the code. It
    draws no more steps than were there: padding stays 0.

    Source: Srivastava, Mansimov & Salakhutdinov 2015, "Unsupervised Learning of Video Representations using LSTMs",
    section 2.1; Malhotra et al. 2016, "LSTM-based Encoder-Decoder for Multi-sensor Anomaly Detection", section 2.

    Args:
        features: Numbers a step.
        steps: Of a row.
        hidden: Units of each layer, in each direction.
        code: Numbers in the narrow middle.
        layers: Layers above each other, in encoder and decoder each.
        cell: What a step does.
        both_ways: The encoder reads backwards, too.
        recurrent_dropout: Part of the units whose state is dropped from step to step.
    """

    ones: Tensor

    def __init__(
        self,
        features: int = 2,
        steps: int = 32,
        hidden: int = 32,
        code: int = 16,
        layers: int = 1,
        *,
        cell: Cell = Cell.GRU,
        both_ways: bool = False,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        width = hidden * (1 + both_ways)
        self.encoder = nn.ModuleList(
            Recurrent(
                cell, width if number else features, hidden, both_ways=both_ways, recurrent_dropout=recurrent_dropout
            )
            for number in range(layers)
        )
        self.squeeze = nn.Linear(width, code)
        self.decoder = nn.ModuleList(
            Recurrent(cell, hidden if number else code, hidden, both_ways=False, recurrent_dropout=recurrent_dropout)
            for number in range(layers)
        )
        self.draw = nn.Linear(hidden, features)
        self.register_buffer("ones", torch.ones(steps, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Sequences drawn anew: (n, steps, features) -> the same shape; steps of zeros at the end are padding."""
        length = lengths(x)
        states, last = x, x[:, 0]
        for layer in self.encoder:
            states, last = layer(states, length)  # (n, steps, width), (n, width)
        code = torch.tanh(self.squeeze(last))  # (n, code)
        states = code[:, None] * self.ones  # (n, steps, code)
        for layer in self.decoder:
            states, _ = layer(states, length)  # (n, steps, hidden)
        drawn: Tensor = self.draw(states)  # (n, steps, features)
        return drawn * is_before(length, x.shape[1])[:, :, None]


def is_before(length: Tensor, steps: int) -> Tensor:
    """Which steps come before the end: (n,) -> (n, steps) bool."""
    return torch.arange(steps, device=length.device) < length[:, None]
