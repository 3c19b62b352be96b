"""Scores to p-values: how often a normal flow scores as high, here and in its context."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from oddflow.models.held_back import Circumstances, HeldBack
from oddflow.verdicts.blocks import design_effect
from oddflow.verdicts.contexts import REFERENCE_SHARE, Contexts
from oddflow.verdicts.counts import Interval, rate_interval
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

    def chance_of(self, score: float) -> tuple[float, Interval]:
        """How likely a normal flow scores as high, and between what, without its context.

        Within the sample the interval is that of a share of dependent flows; beyond it, the tail's, or between 0 and
        what no flow of the sample allows.
        """
        n = len(self.held_back.scores)
        over = n - int(np.searchsorted(self.held_back.scores, np.float32(score), side="left"))
        conformal = (over + 1) / (n + 1)
        within = rate_interval(over, n, self.effect(over))
        if over or self.tail is None:
            return conformal, Interval(0.0 if not over else within.low, within.high)
        chance = self.tail.chance(np.array([score], np.float64))
        low, high = float(chance.low[0]), float(chance.high[0])
        return min(conformal, high), Interval(low, max(low, min(high, within.high)))

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
