"""A language model over packets as a detector."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

from oddflow.detectors.drawing import LIMITS
from oddflow.detectors.language_model import LanguageModelDetector
from oddflow.detectors.registry import registered
from oddflow.detectors.words import packets_of
from oddflow.features.feature import Feature
from oddflow.features.representation import Reads
from oddflow.models.tokens import Tokens, Words
from oddflow.training.loop import EpochTold


@registered
@final
class PacketLanguageModelDetector(LanguageModelDetector):
    """An LSTM that foretells each packet from all before it; a flow is odd where it is surprised.

    Source: Mikolov et al. 2010, "Recurrent neural network based language model"; Radford, Richardson & Davis 2018,
    "Sequence Aggregation Rules for Anomaly Detection in Computer Network Traffic" (flows as sentences).

    Args:
        features: As many lengths as gaps: the columns of a sequence.
        embedding: Numbers that stand for a word.
        hidden: Units of the LSTM.
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        seed: Of the first weights and the order of rows.
        told: Told of each epoch.
    """

    name: ClassVar[str] = "packet-language-model"
    summary: ClassVar[str] = "an LSTM that foretells each packet by size, direction and gap"
    good_at: ClassVar[str] = "protocols in a wrong order; what only shows over many packets; encrypted traffic"
    bad_at: ClassVar[str] = "learning time; floods and scans of usual packets"
    paper: ClassVar[str] = "Mikolov et al. 2010; Radford et al. 2018"
    needs: ClassVar[str] = "train"
    reads: ClassVar[Reads] = Reads.SEQUENCE
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {**LIMITS, "embedding": (1, 512), "hidden": (1, 512)}

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        embedding: int = 16,
        hidden: int = 48,
        epochs: int = 30,
        batch_rows: int = 64,
        learning_rate: float = 5e-3,
        patience: int = 6,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.embedding = embedding
        self.hidden = hidden
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.seed = seed
        self.told = told

    def _words(self, width: int) -> Words:
        return packets_of(width, self.name)

    def _learn(self, tokens: Tokens, validation: Tokens) -> None:
        self._teach(tokens, validation)
