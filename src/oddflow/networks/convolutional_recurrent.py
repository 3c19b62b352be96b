"""Convolutions inside packets, a recurrent layer over them."""

from torch import Tensor, nn

from oddflow.networks.inputs import lengths
from oddflow.networks.recurrent import Cell, Recurrent


class SpatialTemporalNetwork(nn.Module):
    """What stands in each packet by convolutions, how packets follow each other by an LSTM.

    A packet is a piece of bytes, (n, packets, bytes). For packets of a length and a gap see `ConvolutionalRecurrent`.

    Source: Wang et al. 2018, "HAST-IDS: Learning Hierarchical Spatial-Temporal Features Using Deep Neural Networks to
    Improve Intrusion Detection", section III.C; notes 000, part 8.
    """

    def __init__(self, outputs: int = 10, channels: int = 16, hidden: int = 32) -> None:
        super().__init__()
        self.spatial = nn.Sequential(
            nn.Conv1d(1, channels, 5, padding=2),  # (n · packets, 1, size) -> (n · packets, channels, size)
            nn.ReLU(),
            nn.MaxPool1d(2),  # -> size // 2
            nn.Conv1d(channels, 2 * channels, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveMaxPool1d(1),  # -> (n · packets, 2 · channels, 1)
            nn.Flatten(),
        )
        self.temporal = Recurrent(Cell.LSTM, 2 * channels, hidden, both_ways=False, recurrent_dropout=0.0)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Packets to outputs: (n, packets, size) -> (n, outputs); packets of zeros at the end are padding."""
        rows, packets, size = x.shape
        each: Tensor = self.spatial(x.reshape(rows * packets, 1, size))  # (n · packets, 2 · channels)
        _, last = self.temporal(each.reshape(rows, packets, each.shape[1]), lengths(x))  # (n, hidden)
        logits: Tensor = self.head(last)
        return logits


class ConvolutionalRecurrent(nn.Module):
    """A convolution over neighbouring packets, and an LSTM over what it found.

    Source: Lopez-Martin et al. 2017, "Network Traffic Classifier With Convolutional and Recurrent Neural Networks for
    Internet of Things", model CNN+RNN-2.
    """

    def __init__(self, features: int = 2, outputs: int = 10, channels: int = 16, hidden: int = 32) -> None:
        super().__init__()
        self.spatial = nn.Sequential(nn.Conv1d(features, channels, 3, padding=1), nn.ReLU())
        self.temporal = Recurrent(Cell.LSTM, channels, hidden, both_ways=False, recurrent_dropout=0.0)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Sequences to outputs: (n, steps, features) -> (n, outputs); steps of zeros at the end are padding."""
        maps: Tensor = self.spatial(x.transpose(1, 2))  # (n, features, steps) -> (n, channels, steps)
        _, last = self.temporal(maps.transpose(1, 2), lengths(x))  # (n, hidden)
        logits: Tensor = self.head(last)
        return logits
