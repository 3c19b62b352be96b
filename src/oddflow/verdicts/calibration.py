"""Scores to p-values: how often a normal flow scores as high, here and in its context."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from oddflow.models.held_back import Circumstances, HeldBack
from oddflow.verdicts.blocks import design_effect
from oddflow.verdicts.contexts import REFERENCE_SHARE, Contexts
from oddflow.verdicts.counts import Interval, count_interval, rate_interval
from oddflow.verdicts.tail import Tail

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """What held-back normal flows say of scores.

    If a new normal flow is exchangeable with the n held-back ones, P(p ≤ α) ≤ α for the p-value p = (k + 1) / (n + 1),
    where k of them score as high or higher (Vovk et al. 2005, "Algorithmic Learning in a Random World", proposition
    4.1). This is exact, for any n. Beyond the sample, and by context, p-values are estimates.
    """

    held_back: HeldBack
    _effects: dict[int, float] = field(default_factory=dict, repr=False)
    _rates: dict[int, Interval] = field(default_factory=dict, repr=False)

    def conformal(self, scores: NDArray[np.float32]) -> Numbers:
        """(k + 1) / (n + 1) of scores (m,)."""
        known = self.held_back.scores
        as_high = len(known) - np.searchsorted(known, scores, side="left")
        return np.asarray((as_high + 1) / (len(known) + 1), np.float64)

    def p_values(self, scores: NDArray[np.float32], of: Circumstances | None = None) -> Numbers:
        """Of scores (m,); in their context where `of` tells it.

        Within the sample they are conformal. Beyond it they are the upper end of the tail's 95 % interval, and never
        above 1 / (n + 1).
        """
        found = self.conformal(scores)
        beyond = scores > self.held_back.scores[-1]
        if beyond.any() and self.tail is not None:
            found[beyond] = np.minimum(found[beyond], self.tail.chance(scores[beyond].astype(np.float64)).high)
        return found if of is None else self.contexts.drawn_to(found, scores, of)

    def intervals(self, scores: NDArray[np.float32]) -> tuple[Numbers, Numbers]:
        """Between what chances a normal flow scores as high, without its context: (m,) -> (m,), (m,).

        Within the sample the interval is that of a share of dependent flows; beyond it the tail's, and where there is
        none, from 0 to what a sample without such a flow allows.
        """
        known = self.held_back.scores
        n = len(known)
        low, high = np.empty(len(scores)), np.empty(len(scores))
        as_high = n - np.searchsorted(known, scores, side="left")
        for over in np.unique(as_high):
            here = as_high == over
            within = self.rate(int(over))
            low[here], high[here] = within.low if over else 0.0, within.high
        beyond = as_high == 0
        if beyond.any() and self.tail is not None:
            chance = self.tail.chance(scores[beyond].astype(np.float64))
            low[beyond], high[beyond] = chance.low, np.maximum(chance.low, np.minimum(chance.high, high[beyond]))
        return low, high

    def rate(self, over: int) -> Interval:
        """Between what shares of normal flows score as high as the `over` highest of them."""
        if over not in self._rates:
            n = len(self.held_back.scores)
            self._rates[over] = rate_interval(min(over, n), n, self.effect(over))
        return self._rates[over]

    def false_alarms(self, threshold: float, flows: int) -> Interval:
        """How many of so many normal flows a threshold shows."""
        n = len(self.held_back.scores)
        over = n - int(np.searchsorted(self.held_back.scores, np.float32(threshold), side="left"))
        return count_interval(over, n, flows, self.effect(over))

    def effect(self, over: int) -> float:
        """The design effect of the `over` highest flows: see `design_effect`."""
        if over not in self._effects:
            self._effects[over] = design_effect(self.held_back, over)
        return self._effects[over]

    @cached_property
    def tail(self) -> Tail | None:
        """Beyond the sample."""
        return Tail.of(self.held_back)

    @cached_property
    def contexts(self) -> Contexts:
        """By service, role and hour."""
        return Contexts.of(self.held_back, self.effect(int(REFERENCE_SHARE * len(self.held_back.scores))))
