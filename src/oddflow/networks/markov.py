"""Packets as a Markov chain: the baseline of the language model."""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.models.tokens import END

Tokens = NDArray[np.int64]
Chances = NDArray[np.float64]


class MarkovChain:
    """What a packet will be, from the one before it alone: counts of pairs.

    Source: Shannon 1948, "A Mathematical Theory of Communication", section 3; for intrusions, Ye 2000, "A Markov Chain
    Model of Temporal Behavior for Anomaly Detection"; notes 000, part 4 and 002, section 12.3.

    Args:
        vocabulary: Tokens that there are; `END` is one.
        unseen: What is added to each count, so that no pair is impossible (Laplace).
    """

    chances_: Chances
    """Of each token after each, the last row for the first packet: (vocabulary + 1, vocabulary)."""

    def __init__(self, vocabulary: int, *, unseen: float = 0.1) -> None:
        self.vocabulary = vocabulary
        self.unseen = unseen

    def fit(self, tokens: Tokens) -> Self:
        """Counts pairs: (n, t).

        Raises:
            UsageError: `unseen` is not above 0.
        """
        if not self.unseen > 0:
            raise UsageError(f"unseen must be above 0, or a new pair would be impossible; {self.unseen} given")
        before, counted = self._before(tokens), self._counted(tokens)
        counts = np.full((self.vocabulary + 1, self.vocabulary), self.unseen)
        np.add.at(counts, (before[counted], tokens[counted]), 1)
        self.chances_ = counts / counts.sum(axis=1, keepdims=True)
        return self

    def log_perplexity(self, tokens: Tokens) -> Chances:
        """The mean surprise of a token, in nats: (n, t) -> (n,)."""
        counted = self._counted(tokens)
        surprise = -np.log(self.chances_[self._before(tokens), tokens])
        mean: Chances = (surprise * counted).sum(axis=1) / counted.sum(axis=1)
        return mean

    def sample(self, rows: int, steps: int, generator: np.random.Generator, temperature: float = 1.0) -> Tokens:
        """Flows by chance: -> (rows, steps), `END` after each one's last packet."""
        sharpened = self.chances_ ** (1 / temperature)
        reached = np.cumsum(sharpened / sharpened.sum(axis=1, keepdims=True), axis=1)
        tokens = np.full((rows, steps), END, np.int64)
        last = np.full(rows, self.vocabulary)
        for step in range(steps):
            drawn = (generator.random(rows)[:, None] >= reached[last, :-1]).sum(axis=1)
            last = np.where(last == END, END, drawn)
            tokens[:, step] = last
        return tokens

    def _before(self, tokens: Tokens) -> Tokens:
        begin = np.full((len(tokens), 1), self.vocabulary)
        return np.concatenate([begin, tokens[:, :-1]], axis=1)

    def _counted(self, tokens: Tokens) -> NDArray[np.bool_]:
        counted: NDArray[np.bool_] = self._before(tokens) != END
        return counted
