"""The recurrent autoencoder as a detector of odd sequences of packets."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from oddflow.detectors.drawing import LIMITS, DrawingDetector
from oddflow.features.feature import Feature
from oddflow.features.representation import Reads
from oddflow.models.packets import PacketScaler
from oddflow.models.rows import Floats
from oddflow.networks.autoencoder import noised
from oddflow.networks.inputs import RowsAsSequence, SequenceAsRows, lengths
from oddflow.networks.recurrent import Cell
from oddflow.networks.recurrent_autoencoder import RecurrentAutoencoder, is_before
from oddflow.training.loop import EpochTold, History, Schedule, fit_network


class Memory(StrEnum):
    """What remembers: a simple network, an LSTM, or a GRU."""

    RNN = "rnn"
    LSTM = "lstm"
    GRU = "gru"

    @property
    def cell(self) -> Cell:
        """Its layers' cell."""
        return Cell.SIMPLE if self is Memory.RNN else Cell(self.value)


@final
class RecurrentAutoencoderDetector(DrawingDetector):
    """Reads a flow's packets into a narrow code and draws them from it; packets that come out wrong are odd.

    Padding is neither read nor drawn nor counted: a flow of two packets is judged by two.

    Source: Malhotra et al. 2016, "LSTM-based Encoder-Decoder for Multi-sensor Anomaly Detection"; Srivastava et al.
    2015, "Unsupervised Learning of Video Representations using LSTMs".

    Args:
        features: As many lengths as gaps: the columns of a sequence.
        network: What remembers: rnn, lstm or gru.
        bidirectional: The encoder reads backwards, too.
        layers: Layers above each other, in encoder and decoder each.
        hidden: Units of a layer in one direction.
        code: Numbers in the narrow middle.
        recurrent_dropout: Share of the units whose state is dropped from step to step (Gal & Ghahramani 2016).
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        noise: Standard deviation of the noise that it learns to take away, in scaled units.
        seed: Of the first weights, the order of rows and the noise.
        told: Told of each epoch.
    """

    name: ClassVar[str] = "recurrent-autoencoder"
    summary: ClassVar[str] = "a recurrent autoencoder on the lengths and gaps of packets"
    good_at: ClassVar[str] = "sizes and rhythms that belong together over many packets; encrypted traffic"
    bad_at: ClassVar[str] = "learning time; floods and scans of usual packets; what stops too early"
    paper: ClassVar[str] = "Malhotra et al. 2016; Srivastava et al. 2015"
    needs: ClassVar[str] = "train"
    reads: ClassVar[Reads] = Reads.SEQUENCE
    scaling: ClassVar[type[PacketScaler]] = PacketScaler
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LIMITS,
        "layers": (1, 8),
        "hidden": (1, 512),
        "code": (1, 512),
        "recurrent_dropout": (0, 0.9),
        "noise": (0, 100),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {"network": Memory}

    history_: History

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        network: str = Memory.GRU.value,
        bidirectional: bool = False,
        layers: int = 1,
        hidden: int = 32,
        code: int = 12,
        recurrent_dropout: float = 0.0,
        epochs: int = 40,
        batch_rows: int = 64,
        learning_rate: float = 5e-3,
        patience: int = 8,
        noise: float = 0.05,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.network = network
        self.bidirectional = bidirectional
        self.layers = layers
        self.hidden = hidden
        self.code = code
        self.recurrent_dropout = recurrent_dropout
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.noise = noise
        self.seed = seed
        self.told = told

    def _learn(self, scaled: Floats, validation: Floats) -> None:
        schedule = Schedule(self.epochs, self.batch_rows, self.learning_rate, self.patience, self.seed)
        generator = torch.Generator().manual_seed(self.seed)
        steps = scaled.shape[1] // 2
        sequence = RowsAsSequence(steps, 2)

        def loss(network: nn.Module, rows: Tensor) -> Tensor:
            packets = sequence(rows)  # (b, steps, 2)
            there = is_before(lengths(packets), steps).repeat(1, 2)  # (b, 2 · steps), as rows are
            given = noised(rows, self.noise, generator) * there if network.training and self.noise else rows
            missed = nn.functional.smooth_l1_loss(network(given), rows, reduction="none") * there
            return missed.sum(dim=1) / there.sum(dim=1).clamp(min=1)

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            body = RecurrentAutoencoder(
                2,
                steps,
                self.hidden,
                self.code,
                self.layers,
                cell=Memory(self.network).cell,
                both_ways=self.bidirectional,
                recurrent_dropout=self.recurrent_dropout,
            )
            self.network_ = nn.Sequential(sequence, body, SequenceAsRows())
            rows, held = torch.from_numpy(scaled), torch.from_numpy(validation)
            self.history_ = fit_network(self.network_, loss, rows, held, schedule, self.told)
