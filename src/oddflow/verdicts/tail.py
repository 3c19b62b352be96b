"""How rare scores are beyond all that were held back: peaks over a threshold, with an interval."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.models.held_back import HeldBack
from oddflow.verdicts.blocks import host_blocks
from oddflow.verdicts.counts import LEVEL

TAIL_SHARE = 0.02
"""The highest scores that a tail is fitted to, as in Siffer et al. 2017."""
FEWEST_PEAKS = 10
MOST_PEAKS = 500
RESAMPLES = 200
LEAST_CHANCE = 1e-12
"""No tail is told below it."""

_PRIOR_SHAPE, _PRIOR_PEAKS = 0.5, 10
_SEED = 11
_AT_ONCE = 4_096

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pareto:
    """A generalised Pareto distribution of what peaks exceed their start by: `shape` ξ, `scale` σ > 0.

    P(peak > y) = (1 + ξ y / σ)^(-1 / ξ), or exp(-y / σ) where ξ is 0 (Pickands 1975, Theorem 7).
    """

    shape: float
    scale: float

    @classmethod
    def fit(cls, peaks: Numbers) -> "Pareto":
        """From peaks (m,) above 0, in any order; m ≥ 1.

        The estimate of Zhang and Stephens 2009, "A New and Efficient Estimation Method for the Generalized Pareto
        Distribution", section 3; its shape is drawn towards ½ as by ten peaks more (Vehtari et al. 2024, "Pareto
        Smoothed Importance Sampling", appendix G), for few peaks do not tell a heavy tail from a light one.
        """
        ordered = np.sort(peaks)
        count = len(ordered)
        steps = np.arange(1, 31 + math.isqrt(count))
        thetas = 1 / ordered[-1] + (1 - np.sqrt(len(steps) / (steps - 0.5))) / (3 * ordered[(count + 2) // 4 - 1])
        shapes = np.log1p(-thetas[:, None] * ordered).mean(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            likelihoods = count * (np.log(-thetas / shapes) - shapes - 1)
        # one θ may be 0 to rounding, where the ratio has no value
        likelihoods = np.where(np.isfinite(likelihoods), likelihoods, -np.inf)
        weights = np.exp(likelihoods - likelihoods.max())
        theta = float((thetas * weights).sum() / weights.sum())
        shape = float(np.log1p(-theta * ordered).mean())
        scale = -shape / theta if theta else float(ordered.mean())
        shape = (count * shape + _PRIOR_PEAKS * _PRIOR_SHAPE) / (count + _PRIOR_PEAKS)
        return cls(shape, max(scale, 1e-12))

    def chance(self, excess: Numbers) -> Numbers:
        """P(peak > excess), (n,) of excesses (n,) ≥ 0."""
        if abs(self.shape) < 1e-9:
            return np.exp(-excess / self.scale)
        with np.errstate(over="ignore", divide="ignore"):
            return np.maximum(0.0, 1 + self.shape * excess / self.scale) ** (-1 / self.shape)


@dataclass(frozen=True, slots=True)
class Chance:
    """How likely a normal flow scores as high, (n,), and the ends of its 95 % interval."""

    middle: Numbers
    low: Numbers
    high: Numbers


@dataclass(frozen=True, slots=True)
class Tail:
    """What lies beyond the held-back scores, if it goes on as their highest 2 % fall off.

    Attributes:
        start: Where peaks begin.
        share: Of flows above it.
        fitted: To the peaks.
        resampled: Share and distribution again, each time from as many blocks drawn with replacement: flows of a block
            come and go together (the block bootstrap: Davison and Hinkley 1997, section 8.2.3).
    """

    start: float
    share: float
    fitted: Pareto
    resampled: tuple[tuple[float, Pareto], ...]

    @classmethod
    def of(cls, held_back: HeldBack) -> "Tail | None":
        """None where there are too few peaks to tell."""
        scores = held_back.scores.astype(np.float64)
        n = len(scores)
        over = min(MOST_PEAKS, int(TAIL_SHARE * n))
        if over < FEWEST_PEAKS:
            return None
        start = float(scores[n - 1 - over])
        is_peak = scores > start
        peaks = scores[is_peak] - start
        if len(peaks) < FEWEST_PEAKS:
            return None
        blocks = host_blocks(held_back.origins) if held_back.origins is not None else np.arange(n)
        sizes = np.bincount(blocks)
        of_peaks = blocks[is_peak]
        chance = np.random.default_rng(_SEED)
        again = []
        for _ in range(RESAMPLES):
            drawn = np.bincount(chance.integers(0, len(sizes), len(sizes)), minlength=len(sizes))
            times = drawn[of_peaks]
            if times.sum() >= FEWEST_PEAKS:
                share = float(times.sum() / (drawn * sizes).sum())
                again.append((share, Pareto.fit(np.repeat(peaks, times))))
        return cls(start, len(peaks) / n, Pareto.fit(peaks), tuple(again)) if again else None

    def chance(self, scores: Numbers) -> Chance:
        """Of scores (n,) above the start."""
        excess = np.maximum(0.0, scores - self.start)
        middle = np.maximum(LEAST_CHANCE, self.share * self.fitted.chance(excess))
        ends = [self._ends(excess[begin : begin + _AT_ONCE]) for begin in range(0, max(1, len(excess)), _AT_ONCE)]
        low, high = np.maximum(LEAST_CHANCE, np.concatenate(ends, axis=1))
        return Chance(middle, np.minimum(low, middle), np.maximum(high, middle))

    def _ends(self, excess: Numbers) -> Numbers:
        drawn = np.array([share * pareto.chance(excess) for share, pareto in self.resampled])
        return np.asarray(np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0))
