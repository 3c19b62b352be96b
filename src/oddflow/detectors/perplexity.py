"""What detectors share that tell how little a flow's packets, or the characters of its name, were to be expected."""

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors.base import Detector
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.tokens import Tokens, Words

if TYPE_CHECKING:
    import onnx

_BATCH_ROWS = 1_024


class PerplexityDetector(Detector):
    """Takes rows as words; the score is the mean surprise of a word, the logarithm of the perplexity; of names, see
    `models/name_tokens.py`.

    Subclasses implement `_words`, `_learn`, `_log_chances`, `_write_log_chances` and `weights`.
    """

    tokeniser_: Words

    @abstractmethod
    def _words(self, width: int) -> Words:
        """How rows of so many columns become words; raises UsageError where they cannot."""

    @abstractmethod
    def _learn(self, tokens: Tokens, validation: Tokens) -> None:
        """Learns which words follow which: (n, steps) and (v, steps)."""

    @abstractmethod
    def _log_chances(self, tokens: Tokens) -> Floats:
        """Of each word at each place, given those before it: (n, steps) -> (n, steps, vocabulary)."""

    @abstractmethod
    def _write_log_chances(self, builder: GraphBuilder, before: str) -> str:
        """Adds the same as nodes, from the word before each place, (n, steps) int64."""

    def _fit(self, x: Floats, validation: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        self.tokeniser_ = self._words(x.shape[1])
        self._learn(self.tokeniser_.transform(x), self.tokeniser_.transform(validation))

    def _contributions(self, x: Floats) -> Floats:
        parts = np.empty_like(x)
        for start in range(0, len(x), _BATCH_ROWS):
            tokens = self.tokeniser_.transform(x[start : start + _BATCH_ROWS])
            parts[start : start + _BATCH_ROWS] = self.tokeniser_.surprises(self._log_chances(tokens), tokens)
        return parts

    def _score_of(self, contributions: Floats) -> Floats:
        return np.asarray(contributions.sum(axis=1), np.float32)

    def _graph(self) -> "onnx.ModelProto":
        builder = GraphBuilder(self.width_)
        tokens = self.tokeniser_.write(builder)
        log_chances = self._write_log_chances(builder, self.tokeniser_.write_before(builder, tokens))
        contributions = self.tokeniser_.write_surprises(builder, log_chances, tokens)
        return builder.finish(score=builder.row_sum(contributions), contributions=contributions)
