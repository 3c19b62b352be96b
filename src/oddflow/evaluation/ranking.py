"""What a ranking tells: curves over all thresholds, and areas under them. Rows of equal score are taken together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.evaluation.measure import Measure
from oddflow.evaluation.measures import Scores, Truth

Values = NDArray[np.float64]
LOW_RATE = 0.01
"""A network has so many normal flows that no one looks at more false alarms than these."""
COSTS = 101
MOST_THRESHOLDS = 1_024


@dataclass(frozen=True, slots=True)
class Ranking:
    """n rows in descending order of score.

    Attributes:
        order: Places of rows, (n,).
        is_attack: Which of them are attacks, in that order.
        ends: The last row of each score, (g,).
    """

    order: NDArray[np.int64]
    is_attack: Truth
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, scores: Scores, is_attack: Truth) -> "Ranking":
        """Ranks scores (n,)."""
        order = np.argsort(-scores, kind="stable")
        ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
        return cls(order, is_attack[order], ends)

    def counts(self) -> tuple[Values, Values]:
        """Attacks and normal rows at or above each score, the highest first: (g,), (g,)."""
        attacks = np.cumsum(self.is_attack)[self.ends]
        return attacks.astype(np.float64), (self.ends + 1 - attacks).astype(np.float64)

    def groups(self, most: int) -> NDArray[np.uint16]:
        """The group of each row in its own order, 0 the highest scores: equal scores stay together, (n,)."""
        ends = self.ends
        if len(ends) > most:
            wanted = np.linspace(0, len(self.order) - 1, most)
            ends = ends[np.unique(np.searchsorted(ends, wanted))]
        found = np.empty(len(self.order), np.uint16)
        found[self.order] = np.searchsorted(ends, np.arange(len(self.order)))
        return found

    def measured(self, measures: tuple[Measure, ...]) -> Values:
        """Several measures at once: (m,)."""
        found, alarms = self.counts()
        return np.array([OF_COUNTS[measure](found, alarms) for measure in measures])


def area(found: Values, alarms: Values) -> float:
    """How often an attack scores above a normal row; a tie counts half (Hanley & McNeil 1982).

    Args:
        found: Attacks at or above each score, ascending, (g,); the last is all.
        alarms: Normal rows, likewise.
    """
    before = np.concatenate([[0.0], found[:-1]])
    return float((np.diff(alarms, prepend=0.0) * (found + before)).sum() / (2 * found[-1] * alarms[-1]))


def precision(found: Values, alarms: Values) -> float:
    """Average precision (Davis & Goadrich 2006), arguments as of `area`."""
    shares = found / np.maximum(found + alarms, 1)
    return float((np.diff(found, prepend=0.0) * shares).sum() / found[-1])


def partial_area(found: Values, alarms: Values, most: float = LOW_RATE) -> float:
    """The area up to a false-alarm rate of `most`, standardised: 0.5 is chance, 1 is all; arguments as of `area`.

    Source: McClish 1989, "Analyzing a Portion of the ROC Curve".

    >>> round(partial_area(np.array([0.0, 1, 2]), np.array([1.0, 1, 2]), most=0.5), 4)
    0.3333
    """
    x = np.concatenate([[0.0], alarms / alarms[-1]])
    y = np.concatenate([[0.0], found / found[-1]])
    inside = int(np.searchsorted(x, most, "right"))
    edge = np.interp(most, x[inside - 1 : inside + 1], y[inside - 1 : inside + 1]) if inside < len(x) else y[-1]
    whole = float(np.trapezoid(np.append(y[:inside], edge), np.append(x[:inside], most)))
    least = most**2 / 2
    return 0.5 * (1 + (whole - least) / (most - least))


def cost_curve(found: Values, alarms: Values) -> tuple[Values, Values]:
    """The least expected cost at each probability cost, 0 to 1 by hundredths: (101,), (101,).

    A probability cost is the share of attacks, weighed by what each kind of error costs; a cost of 0.5 at 0.5 is that
    of a constant. Of more than 1,024 scores evenly placed ones are taken.

    Source: Drummond & Holte 2006, "Cost curves: An improved method for visualizing classifier performance", eq. 5.
    """
    thin = np.unique(np.linspace(0, len(found) - 1, min(len(found), MOST_THRESHOLDS)).astype(np.int64))
    missed = 1 - np.concatenate([[0.0], found[thin] / found[-1]])
    alarmed = np.concatenate([[0.0], alarms[thin] / alarms[-1]])
    share = np.linspace(0, 1, COSTS)
    return share, (missed[:, None] * share + alarmed[:, None] * (1 - share)).min(axis=0)


def cost(found: Values, alarms: Values) -> float:
    """The area under the cost curve: the mean cost where nothing is known of shares and costs; at most 0.25."""
    share, least = cost_curve(found, alarms)
    return float(np.trapezoid(least, share))


OF_COUNTS = {
    Measure.ROC_AUC: area,
    Measure.AVERAGE_PRECISION: precision,
    Measure.PARTIAL_AUC: partial_area,
    Measure.COST: cost,
}
