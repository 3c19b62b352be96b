"""A Markov chain over packets as a detector: the baseline of the language model."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np

from oddflow.detectors.perplexity import PerplexityDetector
from oddflow.detectors.registry import registered
from oddflow.features.feature import Feature
from oddflow.features.representation import Reads
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.tokens import Tokens
from oddflow.networks.markov import MarkovChain


@registered
@final
class PacketMarkovChain(PerplexityDetector):
    """Counts which packet follows which; a flow is odd where its packets rarely followed each other.

    Source: Ye 2000, "A Markov Chain Model of Temporal Behavior for Anomaly Detection".

    Args:
        features: As many lengths as gaps: the columns of a sequence.
        unseen: What is added to each count, so that no pair is impossible (Laplace).
        seed: Unused: there is no chance in it; every detector has one.
    """

    name: ClassVar[str] = "packet-markov-chain"
    summary: ClassVar[str] = "which packet follows which, by size, direction and gap"
    good_at: ClassVar[str] = "protocols in a wrong order; encrypted traffic; a few hundred flows; needs no torch"
    bad_at: ClassVar[str] = "what only shows over many packets; floods and scans of usual packets"
    paper: ClassVar[str] = "Ye 2000"
    reads: ClassVar[Reads] = Reads.SEQUENCE
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"unseen": (1e-6, 1e6)}
    stops_early: ClassVar[bool] = False
    order_matters: ClassVar[bool] = False

    chain_: MarkovChain

    def __init__(self, features: Sequence[Feature], *, unseen: float = 0.1, seed: int = 0) -> None:
        self.features = features
        self.unseen = unseen
        self.seed = seed

    def _learn(self, tokens: Tokens, validation: Tokens) -> None:
        chain = MarkovChain(self.tokeniser_.vocabulary, unseen=self.unseen)
        self.chain_ = chain.fit(np.concatenate([tokens, validation]))

    def _log_chances(self, tokens: Tokens) -> Floats:
        return self._table()[self.tokeniser_.before(tokens)]

    def weights(self) -> dict[str, Floats]:
        """The chances of each word after each, (vocabulary + 1, vocabulary)."""
        return {"chances": self.chain_.chances_.astype(np.float32)}

    def _write_log_chances(self, builder: GraphBuilder, before: str) -> str:
        return builder.add("Gather", builder.constant(self._table()), before, axis=0)

    def _table(self) -> Floats:
        return np.log(self.chain_.chances_).astype(np.float32)
