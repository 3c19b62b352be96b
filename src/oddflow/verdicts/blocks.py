"""How much less held-back flows tell than as many independent ones would."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from oddflow.models.held_back import HeldBack, Origins

FEWEST_BLOCKS = 10
"""Fewer blocks do not tell how blocks differ."""
FEWEST_OVER = 30
"""Where fewer flows are over a threshold, how they cluster is told from so many of the highest."""


def design_effect(held_back: HeldBack, over: int) -> float:
    """How many times the variance of a count of flows over a threshold is that of independent flows; at least 1.

    The `over` highest flows (30 at least) are counted by blocks. With z = 1 for a flow among them and 0 for others, p
    their share and e_b the sum of z - p over block b of B, the effect is B / (B - 1) · Σ e_b² / Σ (z - p)²: the
    variance of a ratio under cluster sampling over that of simple random sampling (Kish 1965, "Survey Sampling",
    section 8.2; linearised as in Särndal et al. 1992, equation 8.6.5).

    Blocks are those of a host and a stretch of time; then stretches of time with all their hosts, once, twice, four
    times, … as long while there are ten or more. The greatest of these effects counts: where flows depend on each other
    for longer than a block lasts, it goes on growing with the block (Flyvbjerg and Petersen 1989, "Error estimates on
    averages of correlated data").

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
    for blocks in _blockings(held_back.origins):
        sums = np.bincount(blocks, residuals)
        used = len(np.unique(blocks))
        if used >= FEWEST_BLOCKS:
            found.append(used / (used - 1) * float((sums**2).sum()) / whole)
    return max(found)


def host_blocks(origins: Origins) -> NDArray[np.int64]:
    """The number of each flow's block of host and time, dense from 0, (n,)."""
    pairs = origins.hosts.astype(np.uint64) << np.uint64(32) | origins.windows
    return np.asarray(np.unique(pairs, return_inverse=True)[1], np.int64)


def _blockings(origins: Origins) -> Iterator[NDArray[np.int64]]:
    yield host_blocks(origins)
    times = np.unique(origins.windows, return_inverse=True)[1].astype(np.int64)
    while times.max(initial=0) + 1 >= FEWEST_BLOCKS:
        yield times
        times = times // 2
