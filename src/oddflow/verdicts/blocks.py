"""How much less held-back flows tell than as many independent ones would."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from oddflow.models.held_back import HeldBack, Origins

FEWEST_BLOCKS = 10
"""Fewer blocks do not tell how blocks differ."""
DAY_S = 86_400
FEWEST_OVER = 30
"""Where fewer flows are over a threshold, how they cluster is told from so many of the highest."""


def design_effect(held_back: HeldBack, over: int) -> float:
    """How many times the variance of a count of flows over a threshold is that of independent flows; at least 1.

    The `over` highest flows (30 at least) are counted by blocks. With z = 1 for a flow among them and 0 for others, p
    their share and e_b the sum of z - p over block b of B, the effect is B / (B - 1) · Σ e_b² / Σ (z - p)²: the
    variance of a ratio under cluster sampling over that of simple random sampling (Kish 1965, "Survey Sampling",
    section 8.2; linearised as in Särndal et al. 1992, equation 8.6.5).

    Blocks are those of a host and a stretch of time; then stretches of time with all their hosts; then days; each where
    there are ten or more. The greatest of these effects counts. As few blocks do not tell well how they differ, each is
    widened by (t / z)², Student's quantile of B - 1 degrees of freedom over the normal one (Cameron and Miller 2015, "A
    Practitioner's Guide to Cluster-Robust Inference", section VI.D).

    Without origins nothing is known of blocks, and the effect is 1.
    """
    if held_back.origins is None:
        return 1.0
    n = len(held_back.scores)
    counted = min(max(over, FEWEST_OVER), n // 2)
    if not counted:
        return 1.0
    is_over = np.zeros(n)
    is_over[n - counted :] = 1.0
    residuals = is_over - counted / n
    whole = float((residuals**2).sum())
    found = [1.0]
    for blocks in _blockings(held_back.origins, held_back.block_s):
        sums = np.bincount(blocks, residuals)
        used = len(np.unique(blocks))
        if used >= FEWEST_BLOCKS:
            found.append(_widened(used - 1) * used / (used - 1) * float((sums**2).sum()) / whole)
    return max(found)


def _widened(freedom: int) -> float:
    """(t / z)² at 97.5 %, by Abramowitz and Stegun 1964, formula 26.7.5; 5 degrees of freedom or more.

    >>> round(1.959964 * _widened(9) ** 0.5, 2)
    2.26
    """
    z = 1.959964
    t = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return (t / z) ** 2


def host_blocks(origins: Origins) -> NDArray[np.int64]:
    """The number of each flow's block of host and time, dense from 0, (n,)."""
    pairs = origins.hosts.astype(np.uint64) << np.uint64(32) | origins.windows
    return np.asarray(np.unique(pairs, return_inverse=True)[1], np.int64)


def _blockings(origins: Origins, block_s: float) -> Iterator[NDArray[np.int64]]:
    yield host_blocks(origins)
    yield _dense(origins.windows)
    yield _dense(origins.windows // max(1, round(DAY_S / block_s)))


def _dense(numbers: NDArray[np.uint32]) -> NDArray[np.int64]:
    return np.asarray(np.unique(numbers, return_inverse=True)[1], np.int64)
