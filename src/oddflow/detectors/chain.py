"""What detectors share that count which word follows which."""

from typing import ClassVar

import numpy as np

from oddflow.detectors.perplexity import PerplexityDetector
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.tokens import Tokens
from oddflow.networks.markov import MarkovChain


class ChainDetector(PerplexityDetector):
    """Counts pairs of words, each count with `unseen` added.

    Subclasses are final: they implement `_words` and `_learn`, which calls `_count`.
    """

    stops_early: ClassVar[bool] = False
    order_matters: ClassVar[bool] = False

    unseen: float
    chain_: MarkovChain

    def _count(self, tokens: Tokens) -> None:
        self.chain_ = MarkovChain(self.tokeniser_.vocabulary, unseen=self.unseen).fit(tokens)

    def _log_chances(self, tokens: Tokens) -> Floats:
        return self._table()[self.tokeniser_.before(tokens)]

    def weights(self) -> dict[str, Floats]:
        """The chances of each word after each, (vocabulary + 1, vocabulary)."""
        return {"chances": self.chain_.chances_.astype(np.float32)}

    def _write_log_chances(self, builder: GraphBuilder, before: str) -> str:
        return builder.add("Gather", builder.constant(self._table()), before, axis=0)

    def _table(self) -> Floats:
        return np.log(self.chain_.chances_).astype(np.float32)
