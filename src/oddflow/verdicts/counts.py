"""From flows over a threshold among held-back ones to how many a source will have: intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

LEVEL = 0.95
_DRAWS = 20_000
_SEED = 7


@dataclass(frozen=True, slots=True)
class Interval:
    """A number is between `low` and `high`, both included, at 95 %."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        """Whether a number is within."""
        return self.low <= value <= self.high

    @property
    def ratio(self) -> float:
        """Upper over lower end; infinite where the lower is 0."""
        return self.high / self.low if self.low else float("inf")


def rate_interval(over: int, held_back: int, effect: float = 1.0) -> Interval:
    """Between what shares of normal flows a threshold shows, where it shows `over` of `held_back`.

    The middle 95 % of Beta(k / D + ½, (n - k) / D + ½), Jeffreys' interval (Brown et al. 2001, "Interval Estimation for
    a Binomial Proportion", section 4.3) for as many independent flows as n dependent ones are worth: D is their design
    effect.
    """
    return _middle(_rates(over, held_back, effect))


def count_interval(over: int, held_back: int, flows: int, effect: float = 1.0) -> Interval:
    """How many of `flows` new normal flows a threshold shows, where it shows `over` of `held_back`.

    The middle 95 % of a beta-binomial count: the rate is drawn as in `rate_interval`, and the new flows cluster as the
    held-back ones did, so that a count of mean m has the variance D · m (1 - m / flows).
    """
    rates = _rates(over, held_back, effect)
    chance = np.random.default_rng(_SEED + 1)
    if effect > 1 and flows > effect:
        # a beta-binomial of N trials has 1 + (N - 1) / (a + b + 1) times the variance of a binomial one
        weight = (flows - 1) / (effect - 1) - 1
        rates = chance.beta(np.maximum(rates * weight, 1e-12), np.maximum((1 - rates) * weight, 1e-12))
    return _middle(chance.binomial(flows, np.clip(rates, 0, 1)).astype(np.float64))


def _rates(over: int, held_back: int, effect: float) -> Numbers:
    chance = np.random.default_rng(_SEED)
    return chance.beta(over / effect + 0.5, (held_back - over) / effect + 0.5, _DRAWS)


def _middle(draws: Numbers) -> Interval:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
