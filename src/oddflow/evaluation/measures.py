"""How well scores tell attacks from normal rows, and how sure that figure is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Truth = NDArray[np.bool_]
Measure = Callable[[Scores, Truth], float]

ROUNDS = 200
LEVEL = 0.95


def roc_area(scores: Scores, is_attack: Truth) -> float:
    """How often an attack scores above a normal row, (n,), (n,) -> 0 to 1; a tie counts half.

    Source: Mann & Whitney 1947; Hanley & McNeil 1982, "The Meaning and Use of the Area under a ROC Curve".

    >>> roc_area(np.float32([1, 2, 2, 3]), np.array([False, False, True, True]))
    0.875
    """
    normal, attacks = np.sort(scores[~is_attack]), scores[is_attack]
    below = np.searchsorted(normal, attacks, "left") + np.searchsorted(normal, attacks, "right")
    return float(below.mean() / 2 / len(normal))


def average_precision(scores: Scores, is_attack: Truth) -> float:
    """The mean precision down the ranking, weighed by what each place adds to recall: (n,), (n,) -> 0 to 1.

    Rows of equal score are taken together. By chance it is the share of attacks.

    Source: Davis & Goadrich 2006, "The Relationship Between Precision-Recall and ROC Curves" (no interpolation).

    >>> round(average_precision(np.float32([4, 3, 2, 1]), np.array([True, False, True, False])), 4)
    0.8333
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(is_attack[order])
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)  # the last row of each score
    found = hits[ends]
    return float(np.sum(found / (ends + 1) * np.diff(found, prepend=0)) / found[-1])


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure, and the interval in which it lies in 95 of 100 samples of such rows."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, measure: Measure, scores: Scores, is_attack: Truth, *, seed: int = 0) -> "Figure":
        """Measures scores (n,), then 200 samples of them, as many of each kind as there are, drawn with replacement.

        The interval tells what other rows of this kind would do to the figure, not what another seed of learning would.

        Source: Efron 1979, "Bootstrap Methods: Another Look at the Jackknife" (percentiles).
        """
        chance = np.random.default_rng(seed)
        kinds = (np.flatnonzero(~is_attack), np.flatnonzero(is_attack))
        truth = np.repeat([False, True], [len(rows) for rows in kinds])
        drawn = [
            measure(scores[np.concatenate([chance.choice(rows, len(rows)) for rows in kinds])], truth)
            for _ in range(ROUNDS)
        ]
        low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return cls(measure(scores, is_attack), float(low), float(high))

    def __str__(self) -> str:
        """0.948 (0.945–0.951)."""
        return f"{self.value:.3f} ({self.low:.3f}–{self.high:.3f})"
