"""A budget of false alarms becomes a threshold, from the scores of held-back normal flows."""

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.verdicts.calibration import Calibration
from oddflow.verdicts.counts import Interval
from oddflow.verdicts.detection import Threshold

SECONDS_OF = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
DEFAULT_BUDGET = "10/day"


@dataclass(frozen=True, slots=True)
class Budget:
    """How many normal flows may be shown by mistake: a number in a time, or a share of the flows.

    Attributes:
        text: What was asked, in words.
        per_s: False alarms a second, or None where a share was asked.
        share: Share of normal flows, or None where a number in a time was asked.
    """

    text: str
    per_s: float | None = None
    share: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """Reads "10/day", "2/hour", "1/week".

        >>> Budget.parse("10/day").text
        '10 false alarms a day'
        """
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*/\s*(minute|hour|day|week)\s*", text)
        if not match or float(match[1]) <= 0:
            raise UsageError(f"the budget is {text!r}; expected a number in a time, like 10/day, 2/hour or 1/week")
        plural = "" if float(match[1]) == 1 else "s"
        per_s = float(match[1]) / SECONDS_OF[match[2]]
        return cls(f"{match[1]} false alarm{plural} a{'n' if match[2] == 'hour' else ''} {match[2]}", per_s=per_s)

    @classmethod
    def of_share(cls, share: float) -> "Budget":
        """A false-alarm rate: the share of normal flows that may be shown, above 0 and below 1."""
        if not 0 < share < 1:
            raise UsageError(f"the false-alarm rate is {share}; expected more than 0 and less than 1, like 0.001")
        return cls(f"{share:.3g} of the normal flows", share=share)

    def allowed_share(self, flows_per_s: float) -> float:
        """The share of normal flows that may be shown on a network with so many flows a second."""
        if self.share is not None:
            return self.share
        assert self.per_s is not None  # noqa: S101  (one of the two is always given)
        return self.per_s / max(flows_per_s, 1e-9)


TAIL_SHARE = 0.02
"""The highest scores that a tail is fitted to, as in Siffer et al. 2017."""


def set_threshold(
    held_back: NDArray[np.float32], budget: Budget, flows_per_s: float, calibration: Calibration | None = None
) -> Threshold:
    """The lowest score that keeps the budget, by split-conformal calibration.

    If a new normal flow is exchangeable with the n held-back ones, it scores above their k-th highest with
    probability at most k / (n + 1) (Vovk et al. 2005, "Algorithmic Learning in a Random World", proposition 4.1).
    Flows are not independent, so this is a guide, not a guarantee. A budget tighter than 1 / (n + 1) is beyond the
    sample: the threshold is then above all held-back scores, and as high as their tail says (`tail_threshold`);
    that is an extrapolation, and nothing is promised of it.

    Args:
        held_back: Scores of normal flows that nothing was fitted on, ascending, shape (n,).
        budget: What was asked.
        flows_per_s: Flows a second in the baseline, to turn a time into a share.
        calibration: Of the same flows, to tell an interval, too.
    """
    n = len(held_back)
    share = min(1.0, budget.allowed_share(flows_per_s))
    allowed = int(share * (n + 1))
    if allowed >= 1:
        # one above the (allowed + 1)-th highest: `allowed` of the held-back flows stay at or over the threshold
        score = float(np.nextafter(held_back[max(0, n - 1 - allowed)], np.float32(np.inf)))
        promise = f"1 in {round((n + 1) / allowed):,} normal flows is shown by mistake"
        if calibration is not None:
            promise += between(calibration.rate(allowed))
        return Threshold(score, budget.text, promise, allowed / (n + 1), n)
    score = max(tail_threshold(held_back, share), float(np.nextafter(held_back[-1], np.float32(np.inf))))
    per_day = flows_per_s * 86_400 / (n + 1)
    promise = (
        f"aimed at by extrapolation, for {n:,} normal flows held back can prove no less than {per_day:,.0f} a day "
        "on this network; learn on more traffic to be sure"
    )
    return Threshold(score, budget.text, promise, 1 / (n + 1), n)


def tail_threshold(scores: NDArray[np.float32], share: float) -> float:
    """The score that a share of normal flows passes at most, if the tail goes on as its highest 2 % fall off.

    Peaks over threshold with an exponential tail, the generalised Pareto distribution of shape 0: a few dozen peaks
    do not tell its shape (Siffer et al. 2017, "Anomaly Detection in Streams with Extreme Value Theory", eq. 1). Its
    mean is told from the median peak, median / log 2, which one odd flow cannot move, at the upper end of its 95 %
    interval, so that few peaks make it careful.

    Args:
        scores: Ascending, (n,).
        share: Of the flows, above 0.
    """
    start = float(np.quantile(scores, 1 - TAIL_SHARE))
    peaks = scores[scores > start]
    if not len(peaks):
        return start
    mean = float(np.median(peaks) - start) / math.log(2)
    # the standard deviation of a median of m exponential peaks is mean / √m, so that of this mean / (log 2 √m)
    careful = mean * (1 + 1.645 / (math.log(2) * math.sqrt(len(peaks))))
    return start + careful * max(0.0, math.log(len(peaks) / len(scores) / share))


def between(rate: Interval) -> str:
    """A rate in words, to stand behind another."""
    return f"; between 1 in {1 / rate.high:,.0f} and 1 in {1 / max(rate.low, 1e-9):,.0f} at 95 %, as flows cluster"


def by_discovery(held_back: NDArray[np.float32], share: float) -> Threshold:
    """Where flows are shown by their p-values as they stream by (`discovering.py`), and no score is the border."""
    promise = (
        f"online control of the false discovery rate; p-values rarer than 1 in {len(held_back):,} are extrapolated, so "
        "this is aimed at and not promised"
    )
    score = float(np.nextafter(held_back[-1], np.float32(np.inf)))
    return Threshold(score, f"{share:.3g} of the flows shown may be normal", promise, float("nan"), len(held_back))


FAR_OUT = 2.0


def far_out(flow_count: int) -> Threshold:
    """A threshold for a capture that is judged by itself, where nothing is known to be normal.

    Its six strangest numbers are on average twice as far out as 1 in 1,000 flows of the rest of the capture lie.
    It promises nothing.
    """
    promise = "nothing is known to be normal here, so how many of these are false cannot be promised"
    return Threshold(FAR_OUT, "twice as far out as 1 in 1,000 flows", promise, float("nan"), flow_count)


def rarity(score: float, held_back: NDArray[np.float32], population: str = "normal flows") -> str:
    """How rare a score is among normal flows; beyond the sample it gives no number.

    >>> rarity(9.0, np.array([1, 2, 3], np.float32)), rarity(2.0, np.array([1, 2, 3], np.float32))
    ('rarer than all 3 normal flows', '1 in 1.3 normal flows')
    """
    n = len(held_back)
    as_high = n - int(np.searchsorted(held_back, np.float32(score), side="left"))
    if as_high == 0:
        return f"rarer than all {n:,} {population}"
    odds = (n + 1) / (as_high + 1)
    return f"1 in {odds:,.0f} {population}" if odds >= 10 else f"1 in {odds:.1f} {population}"
