"""A Markov chain over packets as a detector: the baseline of the language model."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np

from oddflow.detectors.chain import ChainDetector
from oddflow.detectors.registry import registered
from oddflow.detectors.words import packets_of
from oddflow.features.feature import Feature
from oddflow.features.representation import Reads
from oddflow.models.tokens import Tokens, Words


@registered
@final
class PacketMarkovChain(ChainDetector):
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

    def __init__(self, features: Sequence[Feature], *, unseen: float = 0.1, seed: int = 0) -> None:
        self.features = features
        self.unseen = unseen
        self.seed = seed

    def _words(self, width: int) -> Words:
        return packets_of(width, self.name)

    def _learn(self, tokens: Tokens, validation: Tokens) -> None:
        self._count(np.concatenate([tokens, validation]))
