"""How well probabilities hold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
BINS = 10


@dataclass(frozen=True, slots=True)
class Reliability:
    """Rows by what was said of them, in ranges of equal width.

    Attributes:
        said: Mean probability of each range that has rows, (b,).
        was: The share of its rows that came true, (b,).
        rows: How many, (b,).
    """

    said: Values
    was: Values
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, probability: NDArray[np.floating], happened: NDArray[np.bool_], bins: int = BINS) -> "Reliability":
        """Of probabilities (n,) and what came true, (n,).

        Source: DeGroot & Fienberg 1983, "The Comparison and Evaluation of Forecasters".
        """
        places = np.minimum((probability * bins).astype(np.int64), bins - 1)
        rows = np.bincount(places, minlength=bins)
        there = rows > 0
        said = np.bincount(places, probability, bins)[there] / rows[there]
        was = np.bincount(places, happened, bins)[there] / rows[there]
        return cls(said, was, rows[there])

    @property
    def error(self) -> float:
        """The expected calibration error: the mean distance, weighed by rows.

        Source: Naeini, Cooper & Hauskrecht 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning".
        """
        return float((np.abs(self.said - self.was) * self.rows).sum() / self.rows.sum())


def brier(probability: NDArray[np.floating], happened: NDArray[np.bool_]) -> float:
    """The mean squared distance of probabilities (n,) from what came true, (n,): 0 is best.

    Source: Brier 1950, "Verification of Forecasts Expressed in Terms of Probability".

    >>> brier(np.array([1.0, 0.5]), np.array([True, False]))
    0.125
    """
    return float(np.mean((probability.astype(np.float64) - happened) ** 2))
