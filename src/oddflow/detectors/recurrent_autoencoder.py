"""The recurrent autoencoder as a detector of odd sequences of packets."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from oddflow.detectors.base import Detector
from oddflow.detectors.drawing import LIMITS, run, schedule_of, state_of
from oddflow.detectors.registry import registered
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.features.representation import Reads
from oddflow.models.graph import GraphBuilder
from oddflow.models.plain import PlainScaler
from oddflow.models.rows import Floats
from oddflow.models.tails import MOST_SURPRISE, TAIL, strongest, write_strongest
from oddflow.networks.autoencoder import noised
from oddflow.networks.drawing_losses import DrawingLoss
from oddflow.networks.inputs import RowsAsSequence, SequenceAsRows, lengths
from oddflow.networks.recurrent import Cell
from oddflow.networks.recurrent_autoencoder import RecurrentAutoencoder, is_before
from oddflow.training.export import to_onnx
from oddflow.training.loop import EpochTold, History, fit_network

if TYPE_CHECKING:
    import onnx

BEND = 0.1
"""150 bytes of a packet: Huber's loss counts a farther miss by its size."""
LEAST_TAIL = 0.02
"""30 bytes of a packet, or a seventh of a gap: no smaller miss is told from another."""


class Memory(StrEnum):
    """What remembers: a simple network, an LSTM, or a GRU."""

    RNN = "rnn"
    LSTM = "lstm"
    GRU = "gru"

    @property
    def cell(self) -> Cell:
        """Its layers' cell."""
        return Cell.SIMPLE if self is Memory.RNN else Cell(self.value)


@registered
@final
class RecurrentAutoencoderDetector(Detector):
    """Reads a flow's packets into a narrow code and draws them from it; packets that come out wrong are odd.

    Padding is neither read nor drawn nor counted: a flow of two packets is judged by two. A number's surprise is how
    far it is missed, in units of what 1 in 1,000 normal flows miss it by; the score is the root mean square of the six
    greatest surprises.

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
        loss: What a miss costs: huber, mse or mae; one far-out row bends the network towards it the most by mse.
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
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LIMITS,
        "layers": (1, 8),
        "hidden": (1, 512),
        "code": (1, 512),
        "recurrent_dropout": (0, 0.9),
        "noise": (0, 100),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {"network": Memory, "loss": DrawingLoss}

    plain_: PlainScaler
    network_: nn.Module
    history_: History
    tails_: Floats
    """What one in a thousand normal flows misses each column by, (d,)."""

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
        noise: float = 0.02,
        loss: str = DrawingLoss.HUBER,
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
        self.loss = loss
        self.seed = seed
        self.told = told

    def _fit(self, x: Floats, validation: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        steps, left = divmod(x.shape[1], 2)
        if left:
            raise UsageError(f"{self.name} reads as many lengths as gaps; {x.shape[1]} columns given")
        self.plain_ = PlainScaler.of(self.features)
        rows, held = self.plain_.transform(x), self.plain_.transform(validation)
        self._learn(rows, held, steps)
        known = np.concatenate([rows, held])
        missed = np.abs(known - run(self.network_, known))
        self.tails_ = np.maximum(np.quantile(missed, TAIL, axis=0), LEAST_TAIL).astype(np.float32)

    def _learn(self, rows: Floats, held: Floats, steps: int) -> None:
        schedule = schedule_of(self)
        generator, drawing = torch.Generator().manual_seed(self.seed), DrawingLoss(self.loss)
        sequence = RowsAsSequence(steps, 2)

        def loss(network: nn.Module, rows: Tensor) -> Tensor:
            there = is_before(lengths(sequence(rows)), steps).repeat(1, 2)  # (b, 2 · steps), as rows are
            given = noised(rows, self.noise, generator) * there if network.training and self.noise else rows
            missed = drawing.missed(network(given), rows, bend=BEND) * there
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
            self.history_ = fit_network(
                self.network_,
                loss,
                torch.from_numpy(rows),
                torch.from_numpy(held),
                schedule,
                self.told,
                chance=(generator,),
            )

    def _contributions(self, x: Floats) -> Floats:
        rows = self.plain_.transform(x)
        surprise = np.abs(rows - run(self.network_, rows)) / self.tails_
        return np.asarray(np.minimum(surprise, np.float32(MOST_SURPRISE)) ** 2, np.float32)

    def _score_of(self, contributions: Floats) -> Floats:
        return strongest(contributions)

    def _graph(self) -> "onnx.ModelProto":
        builder = GraphBuilder(self.width_)
        rows = self.plain_.write(builder)
        (drawn,) = builder.include(to_onnx(self.network_, self.width_), rows)
        missed = builder.add("Abs", builder.add("Sub", rows, drawn))
        surprise = builder.add("Div", missed, builder.constant(self.tails_))
        surprise = builder.add("Min", surprise, builder.constant(MOST_SURPRISE))
        squared = builder.add("Mul", surprise, surprise)
        return builder.finish(score=write_strongest(builder, squared, self.width_), contributions=squared)

    def weights(self) -> dict[str, Floats]:
        """The network's state by torch's names."""
        return state_of(self.network_)
