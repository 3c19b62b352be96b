"""A language model over the characters of names as a detector."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

from oddflow.detectors.drawing import LIMITS
from oddflow.detectors.language_model import LanguageModelDetector
from oddflow.detectors.registry import registered
from oddflow.detectors.words import characters_of, named
from oddflow.features.feature import Feature
from oddflow.features.representation import Reads
from oddflow.models.tokens import Tokens, Words
from oddflow.training.loop import EpochTold


@registered
@final
class NameLanguageModelDetector(LanguageModelDetector):
    """An LSTM that foretells each character of a name from all before it; a name is odd where it is surprised.

    Source: Woodbridge, Anderson, Ahuja & Grant 2016, "Predicting Domain Generation Algorithms with Long Short-Term
    Memory Networks", whose network learns from labels; Mikolov et al. 2010 (what comes next, without any).

    Args:
        features: The characters of a name.
        embedding: Numbers that stand for a character.
        hidden: Units of the LSTM.
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        seed: Of the first weights and the order of rows.
        told: Told of each epoch.
    """

    name: ClassVar[str] = "name-language-model"
    summary: ClassVar[str] = "an LSTM that foretells each character of names that flows ask for"
    good_at: ClassVar[str] = "generated names; DNS tunnels; what only shows over many characters"
    bad_at: ClassVar[str] = "learning time; flows without a name, which score 0; attacks on usual names"
    paper: ClassVar[str] = "Woodbridge et al. 2016; Mikolov et al. 2010"
    needs: ClassVar[str] = "train"
    reads: ClassVar[Reads] = Reads.NAMES
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
        return characters_of(width)

    def _learn(self, tokens: Tokens, validation: Tokens) -> None:
        self._teach(*named(tokens, validation, self.name))
