"""Which flows to show as they stream by, so that of those shown only a share is normal: online FDR control."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import UsageError

MOST_REMEMBERED = 1_000
"""Discoveries that still earn something; of older ones each earns less than 1e-5 of the level."""

Numbers = NDArray[np.float64]


def _gamma(ages: Numbers) -> Numbers:
    """What of a level is spent on the t-th test after it was earned, (n,); sums to 1.

    γ_t = 0.07720838 · log(max(t, 2)) / (t · exp √log t): Javanmard and Montanari 2018, "Online rules for control of
    false discovery rate and false discovery exceedance", equation 31.
    """
    logs = np.log(ages)
    return np.asarray(0.07720838 * np.log(np.maximum(ages, 2)) / (ages * np.exp(np.sqrt(logs))))


class OnlineDiscovery:
    """LORD++: shows the flows whose p-values are at or under a level that falls with each test and rises when one is
    shown.

    α_t = γ_t w₀ + (α - w₀) γ_(t - τ₁) + α Σ_(j ≥ 2) γ_(t - τ_j), where τ_j is when the j-th was shown and w₀ = α / 2
    (Ramdas et al. 2017, "Online control of the false discovery rate with decaying memory", section 3.1). The expected
    share of normal flows among those shown is at most α where p-values are independent and valid. Flows are not
    independent, and p-values beyond the sample are extrapolated: this is a guide, not a guarantee. Leaving out what old
    discoveries earn only lowers the level.

    Args:
        share: α, above 0 and below 1.
    """

    def __init__(self, share: float) -> None:
        if not 0 < share < 1:
            raise UsageError(f"the false discovery rate is {share}; expected more than 0 and less than 1, like 0.1")
        self.share = share
        self.tests = 0
        self.found = 0
        self._first = 0
        self._later: deque[int] = deque(maxlen=MOST_REMEMBERED)

    def level(self, test: int) -> float:
        """α_t of a test to come, counted from 1."""
        start = self.share / 2
        level = start * float(_gamma(np.array([test], np.float64))[0])
        if self._first:
            level += (self.share - start) * float(_gamma(np.array([test - self._first], np.float64))[0])
        if self._later:
            level += self.share * float(_gamma(test - np.array(self._later, np.float64)).sum())
        return level

    def shown(self, p_values: Numbers) -> NDArray[np.bool_]:
        """Which of the next flows are shown, (n,), by their p-values (n,) in the order of time."""
        found = np.zeros(len(p_values), bool)
        # a level is never above the share itself
        for place in np.flatnonzero(p_values <= self.share):
            test = self.tests + int(place) + 1
            if p_values[place] <= self.level(test):
                found[place] = True
                self.found += 1
                if self._first:
                    self._later.append(test)
                else:
                    self._first = test
        self.tests += len(p_values)
        return found
