"""A Markov chain over the characters of names as a detector: the baseline of the language model."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

from oddflow.detectors.chain import ChainDetector
from oddflow.detectors.registry import registered
from oddflow.detectors.words import all_named, characters_of
from oddflow.features.feature import Feature
from oddflow.features.representation import Reads
from oddflow.models.tokens import Tokens, Words


@registered
@final
class NameMarkovChain(ChainDetector):
    """Counts which character follows which in names; one is odd whose characters rarely followed each other.

    Source: Yadav, Reddy, Reddy & Ranjan 2010, "Detecting Algorithmically Generated Malicious Domain Names" (bigrams of
    names); Born & Gustafson 2010, "Detecting DNS Tunnels Using Character Frequency Analysis".

    Args:
        features: The characters of a name.
        unseen: What is added to each count, so that no pair is impossible (Laplace).
        seed: Unused: there is no chance in it; every detector has one.
    """

    name: ClassVar[str] = "name-markov-chain"
    summary: ClassVar[str] = "which character follows which in names that flows ask for"
    good_at: ClassVar[str] = "generated names; DNS tunnels; a few hundred names; needs no torch"
    bad_at: ClassVar[str] = "flows without a name, which score 0; attacks on usual names; numbers in names"
    paper: ClassVar[str] = "Yadav et al. 2010; Born & Gustafson 2010"
    reads: ClassVar[Reads] = Reads.NAMES
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"unseen": (1e-6, 1e6)}

    def __init__(self, features: Sequence[Feature], *, unseen: float = 0.1, seed: int = 0) -> None:
        self.features = features
        self.unseen = unseen
        self.seed = seed

    def _words(self, width: int) -> Words:
        return characters_of(width)

    def _learn(self, tokens: Tokens, validation: Tokens) -> None:
        self._count(all_named(tokens, validation, self.name))
