"""Whether traffic is still like that which the threshold was set on: p-values of normal flows are uniform."""

import numpy as np
from numpy.typing import NDArray

from oddflow.verdicts.calibration import Calibration

LEVELS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
"""p-values at which shares are compared."""
FEWEST_FLOWS = 100
FAR = 3.5
"""Standard deviations, where twelve dependent shares are looked at."""
PSI_SHIFTED = 0.1
"""From here on a population has shifted, from 0.25 on much (Siddiqi 2006, "Credit Risk Scorecards", chapter 6)."""


class Uniformity:
    """Counts flows by their p-values, in fixed memory, and tells when these are no longer uniform.

    Flows over the threshold are left out on both sides: attacks are no drift.

    Args:
        calibration: What normal flows score.
        threshold: The score from which on flows are shown.
        remembered: Of an endless stream, so many flows or more count, the latest the most; all of them unless given.
    """

    def __init__(self, calibration: Calibration, threshold: float, remembered: int | None = None) -> None:
        known = calibration.held_back.scores
        self._calibration = calibration
        self._remembered = remembered
        self._threshold = np.float32(threshold)
        under = known[known < self._threshold]
        n = len(under)
        self._known = n
        places = sorted({n - 1 - int(level * n) for level in LEVELS if n and level * n >= 1})
        self._edges = np.unique(under[places]) if n else under
        self._shares = 1 - np.searchsorted(under, self._edges, side="right") / max(1, n)
        self._counts = np.zeros(len(self._edges) + 1, np.int64)

    def add(self, scores: NDArray[np.float32]) -> None:
        """Adds flows by their scores, (n,)."""
        under = scores[scores < self._threshold]
        # a score that equals an edge is not over it
        self._counts += np.bincount(np.searchsorted(self._edges, under), minlength=len(self._counts))
        while self._remembered is not None and self.flows > 2 * self._remembered:
            self._counts //= 2

    @property
    def flows(self) -> int:
        """Flows counted."""
        return int(self._counts.sum())

    @property
    def psi(self) -> float:
        """The population stability index of the shares between levels: Σ (q - p) ln (q / p); 0 for none counted."""
        if not self.flows or not len(self._edges):
            return 0.0
        expected = -np.diff(np.concatenate([[1.0], self._shares, [0.0]]))
        seen = (self._counts + 0.5) / (self.flows + 0.5 * len(self._counts))
        wanted = (expected * self._known + 0.5) / (self._known + 0.5 * len(expected))
        return float(((seen - wanted) * np.log(seen / wanted)).sum())

    def furthest(self) -> tuple[float, float, float]:
        """The level where shares differ most: the share expected over it, the share seen, and how many standard
        deviations they are apart.

        As the statistic of Kolmogorov and Smirnov at fixed levels, with the variance of each share by its own design
        effect: (q - p) / √(p (1 - p) D (1 / n + 1 / m)).
        """
        if not self.flows or not len(self._edges):
            return 0.0, 0.0, 0.0
        seen = self._counts[::-1].cumsum()[::-1][1:] / self.flows
        shares = self._shares
        effects = np.array([self._calibration.effect(max(1, round(share * self._known))) for share in shares])
        scale = np.sqrt(np.maximum(shares * (1 - shares), 1e-9) * effects * (1 / self._known + 1 / self.flows))
        apart = (seen - shares) / scale
        worst = int(np.abs(apart).argmax())
        return float(shares[worst]), float(seen[worst]), float(apart[worst])

    def told(self) -> str | None:
        """In words, that traffic has drifted away from the calibration; None where nothing says so."""
        if self.flows < FEWEST_FLOWS:
            return None
        share, seen, apart = self.furthest()
        psi = self.psi
        if abs(apart) < FAR or psi < PSI_SHIFTED:
            return None
        more = "higher" if apart > 0 else "lower"
        return (
            f"scores here are {more} than those that the threshold was set on: {seen:.1%} of the flows that are not "
            f"shown pass a score that {share:.1%} of the held-back ones passed (population stability index {psi:.2f}); "
            "the network has changed, or is another, and the expected number of false alarms does not hold: "
            "learn anew on traffic of now"
        )
