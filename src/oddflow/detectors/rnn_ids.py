"""RNN-IDS as a detector."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, final

from torch import nn

from oddflow.detectors.classifying import ClassifyingDetector
from oddflow.detectors.recurrent_autoencoder import Memory
from oddflow.detectors.registry import registered
from oddflow.features.feature import Feature
from oddflow.networks.feature_recurrent import FeatureRecurrent
from oddflow.networks.initialisation import Initialiser


@registered
@final
class RnnIdsDetector(ClassifyingDetector):
    """Reads the scaled features of a flow in pieces, one after the other, and says how likely an attack is.

    Source: Yin et al. 2017, "A Deep Learning Approach for Intrusion Detection Using Recurrent Neural Networks", IEEE
    Access 5. There a row is one step, and 80 units did best. Whether their state passes from one row to the next their
    algorithm leaves open; here it does not: a flow's score must not hang on which flow came before.

    Args:
        features: The columns of a row.
        network: What remembers: rnn, lstm or gru.
        hidden: Units.
        pieces: Steps that a row is cut into; 1 is the whole row at once. More than scaled columns is one for each.
        shared: See `ClassifyingDetector`; activation, normalisation and dropout are not used.
    """

    name: ClassVar[str] = "rnn-ids"
    needs: ClassVar[str] = "train"
    summary: ClassVar[str] = "a recurrent network on the features of a flow; learns from labels"
    good_at: ClassVar[str] = "many labelled rows; to compare with the literature on NSL-KDD"
    bad_at: ClassVar[str] = "attacks that were not learnt; features have no order that a memory could use"
    paper: ClassVar[str] = "Yin et al. 2017"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **ClassifyingDetector.limits,
        "hidden": (1, 1_024),
        "pieces": (1, 4_096),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {**ClassifyingDetector.choices, "network": Memory}

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        network: str = Memory.RNN,
        hidden: int = 80,
        pieces: int = 1,
        initialiser: str = Initialiser.XAVIER_UNIFORM,
        **shared: Any,
    ) -> None:
        super().__init__(features, initialiser=initialiser, **shared)
        self.network = network
        self.hidden = hidden
        self.pieces = pieces

    def _network(self, width: int, outputs: int) -> nn.Module:
        return FeatureRecurrent(width, outputs, self.hidden, self.pieces, cell=Memory(self.network).cell)
