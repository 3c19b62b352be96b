"""Networks over a flow's first packets as detectors."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, final

from torch import nn

from oddflow.detectors.classifying import ClassifyingDetector
from oddflow.detectors.registry import registered
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.features.representation import Reads
from oddflow.networks.attention import TransformerEncoder
from oddflow.networks.convolutional_recurrent import ConvolutionalRecurrent
from oddflow.networks.inputs import RowsAsSequence
from oddflow.networks.recurrent import Cell, RecurrentNetwork
from oddflow.networks.recursive import RecursiveNetwork
from oddflow.networks.sequence_convolutional import SequenceConvolutions

HEADS = 4
"""Of a transformer, whose width is a multiple of it."""


class Reader(StrEnum):
    """How packets are read: one after the other, through windows, all at once, or as a tree."""

    RNN = "rnn"
    LSTM = "lstm"
    GRU = "gru"
    CONVOLUTIONAL = "convolutional"
    CONVOLUTIONAL_RECURRENT = "convolutional-recurrent"
    TRANSFORMER = "transformer"
    RECURSIVE = "recursive"


CELLS = {Reader.RNN: Cell.SIMPLE, Reader.LSTM: Cell.LSTM, Reader.GRU: Cell.GRU}
LAYERED = frozenset({*CELLS, Reader.CONVOLUTIONAL, Reader.TRANSFORMER})
"""Those whose layers are a choice."""


@registered
@final
class SequenceNetworkDetector(ClassifyingDetector):
    """Reads the lengths and gaps of a flow's first packets and says how likely an attack is.

    Source: Yin et al. 2017, "A Deep Learning Approach for Intrusion Detection Using Recurrent Neural Networks" (rnn);
    Hochreiter & Schmidhuber 1997 (lstm); Cho et al. 2014 (gru); Kim 2014 (convolutional); Lopez-Martin et al. 2017
    (convolutional-recurrent); Vaswani et al. 2017 (transformer); Socher et al. 2011 (recursive: packets to bursts,
    bursts to the flow).

    Args:
        features: As many lengths as gaps: the columns of a sequence.
        network: rnn, lstm, gru, convolutional, convolutional-recurrent, transformer or recursive.
        hidden: Units of a layer; of a transformer the width, a multiple of 4.
        layers: Layers above each other; of rnn, lstm, gru, convolutional and transformer.
        bidirectional: Whether packets are read backwards, too; of rnn, lstm and gru.
        recurrent_dropout: Share of the units whose state is dropped from step to step; of rnn, lstm and gru (Gal &
            Ghahramani 2016).
        shared: See `ClassifyingDetector`; dropout is between the layers of rnn, lstm, gru and transformer, activation
            and normalisation are each network's own.
    """

    name: ClassVar[str] = "sequence-network"
    needs: ClassVar[str] = "train"
    summary: ClassVar[str] = "a recurrent, convolutional, attentive or recursive network on packets; learns from labels"
    good_at: ClassVar[str] = "attacks that show in the rhythm and size of packets; encrypted traffic"
    bad_at: ClassVar[str] = "attacks that were not learnt; floods and scans of usual packets"
    paper: ClassVar[str] = "Yin et al. 2017; Lopez-Martin et al. 2017; Vaswani et al. 2017; Socher et al. 2011"
    reads: ClassVar[Reads] = Reads.SEQUENCE
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **ClassifyingDetector.limits,
        "hidden": (1, 512),
        "layers": (1, 8),
        "recurrent_dropout": (0, 0.9),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {**ClassifyingDetector.choices, "network": Reader}

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        network: str = Reader.LSTM,
        hidden: int = 32,
        layers: int = 1,
        bidirectional: bool = False,
        recurrent_dropout: float = 0.0,
        batch_rows: int = 64,
        learning_rate: float = 5e-3,
        **shared: Any,
    ) -> None:
        super().__init__(features, batch_rows=batch_rows, learning_rate=learning_rate, **shared)
        self.network = network
        self.hidden = hidden
        self.layers = layers
        self.bidirectional = bidirectional
        self.recurrent_dropout = recurrent_dropout

    def _network(self, width: int, outputs: int) -> nn.Module:
        steps, left = divmod(width, 2)
        if left:
            raise UsageError(f"{self.name} reads as many lengths as gaps; {width} columns given")
        reader = Reader(self.network)
        if reader not in CELLS and (self.bidirectional or self.recurrent_dropout):
            raise UsageError(f"bidirectional and recurrent_dropout are of {', '.join(sorted(CELLS))}, not of {reader}")
        if reader not in LAYERED and self.layers != 1:
            raise UsageError(f"layers are of {', '.join(sorted(LAYERED))}, not of {reader}; leave them out")
        return nn.Sequential(RowsAsSequence(steps, 2), self._body(reader, steps, outputs))

    def _body(self, reader: Reader, steps: int, outputs: int) -> nn.Module:
        match reader:
            case Reader.CONVOLUTIONAL:
                return SequenceConvolutions(2, outputs, (self.hidden,) * (1 + self.layers))
            case Reader.CONVOLUTIONAL_RECURRENT:
                return ConvolutionalRecurrent(2, outputs, max(1, self.hidden // 2), self.hidden)
            case Reader.TRANSFORMER:
                if self.hidden % HEADS:
                    raise UsageError(f"hidden of a transformer is a multiple of {HEADS}; {self.hidden} given")
                return TransformerEncoder(
                    2, outputs, steps=steps, width=self.hidden, heads=HEADS, layers=self.layers, dropout=self.dropout
                )
            case Reader.RECURSIVE:
                return RecursiveNetwork(2, outputs, self.hidden)
        return RecurrentNetwork(
            2,
            outputs,
            self.hidden,
            self.layers,
            cell=CELLS[reader],
            both_ways=self.bidirectional,
            dropout=self.dropout,
            recurrent_dropout=self.recurrent_dropout,
        )
