"""How normal flows of one service, role or hour differ from all: chances that are drawn towards those of all."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddflow.models.held_back import HOURS, Circumstances, HeldBack

REFERENCE_SHARE = 0.05
"""How far contexts differ is told from so many of the highest flows."""
LEAST_WEIGHT = 5.0
"""A context that is expected to have so many independent flows over a score is half believed, at the most."""
STRETCHES = 4
"""Of time: what differs in one of them alone is no habit."""
WEEK_S = 604_800
FEWEST_WEEKS = 2
"""An hour of the week that was seen once is a time, and no habit."""
FEWEST_FLOWS = 50
"""Contexts of fewer are not kept: of these one flow in twenty is expected over the reference."""

Numbers = NDArray[np.float64]
Keys = NDArray[np.int64]


def _by_service(of: Circumstances) -> Keys:
    return of.services.astype(np.int64)


def _by_role(of: Circumstances) -> Keys:
    return _by_service(of) << 8 | of.roles


def _by_hour(of: Circumstances) -> Keys:
    return _by_role(of) * HOURS + of.hours


LEVELS = (_by_service, _by_role, _by_hour)
"""Each is a part of the one before: a service; a service in a role (into, out of, within the home networks); that in an
hour of the week."""


@dataclass(frozen=True, slots=True)
class _Level:
    """Contexts of one level.

    Attributes:
        scores: Of each context, ascending, by its key.
        half: How many flows must be expected over a score for a context to be half believed; infinite where contexts
            do not differ more than chance makes them.
    """

    scores: dict[int, NDArray[np.float32]]
    half: float


@dataclass(frozen=True, slots=True)
class Contexts:
    """Chances by context.

    A context of n_c held-back flows is expected to have m = n_c · p of them at a score or over it, where p is the
    chance without the context, and has k. Its chance is p · (k + K) / (m + K): by the credibility formula, p times
    Z · k / m + (1 - Z) with Z = m / (m + K) (Bühlmann and Straub 1970; as the mean of a gamma-distributed ratio given a
    Poisson count: Klugman et al. 2012, "Loss Models", section 18.5). K = D / τ², where D is the design effect and τ² is
    by how much the ratios k / m differ between contexts and keep doing so: over the highest 5 % of scores in four
    stretches i of time, τ² = Σ_c Σ_{i ≠ j} (k_ci - m_ci) (k_cj - m_cj) / Σ_c Σ_{i ≠ j} m_ci m_cj. What comes in one
    stretch alone is no habit and adds nothing. K is 5 D at the least, and infinite where τ² is not above 0. Where
    little is known, m is small and the chance is that of all: far out, too.
    Levels go from wide to narrow, each drawn towards the one before.
    """

    levels: tuple[_Level, ...]

    @classmethod
    def of(cls, held_back: HeldBack, effect: float) -> "Contexts":
        """None of them where origins are not known; `effect` is the design effect at the reference."""
        if held_back.origins is None:
            return cls(())
        scores, n = held_back.scores, len(held_back.scores)
        reference = scores[max(0, n - 1 - int(REFERENCE_SHARE * n))]
        expected = float((scores > reference).mean())
        found: list[_Level] = []
        outer = np.full(n, expected)
        # pauses do not count
        windows = np.unique(held_back.origins.windows, return_inverse=True)[1]
        stretches = windows * STRETCHES // (int(windows.max()) + 1)
        for keys_of in LEVELS if _weeks(held_back) >= FEWEST_WEEKS else LEVELS[:-1]:
            keys = keys_of(held_back.origins.circumstances)
            named, places, counts = np.unique(keys, return_inverse=True, return_counts=True)
            kept = counts >= FEWEST_FLOWS
            # (contexts, stretches of time)
            cells, shape = places * STRETCHES + stretches, (len(named), STRETCHES)
            over_then = np.bincount(cells, scores > reference, minlength=len(named) * STRETCHES).reshape(shape)
            wanted_then = np.bincount(cells, outer, minlength=len(named) * STRETCHES).reshape(shape)
            spread = _between_times((over_then - wanted_then)[kept])
            half = effect * max(LEAST_WEIGHT, _between_times(wanted_then[kept]) / spread) if spread > 0 else np.inf
            over, wanted = over_then.sum(axis=1), wanted_then.sum(axis=1)
            # keys of `places` stay in the order of scores: each part ascends
            order = np.argsort(places, kind="stable")
            parts = np.split(scores[order], np.cumsum(counts)[:-1])
            one = {int(key): part for key, part, is_kept in zip(named, parts, kept, strict=True) if is_kept}
            found.append(_Level(one, float(half)))
            if np.isfinite(half):
                ratio = np.where(kept, (over + half) / (wanted + half), 1.0)
                outer = outer * ratio[places]
        return cls(tuple(found))

    def drawn_to(self, chances: Numbers, scores: NDArray[np.float32], of: Circumstances) -> Numbers:
        """Chances (n,) of scores (n,) without contexts -> in theirs."""
        found = chances
        for level, keys_of in zip(self.levels, LEVELS, strict=False):
            if not np.isfinite(level.half):
                continue
            keys = keys_of(of)
            inner = found.copy()
            for key in np.unique(keys):
                known = level.scores.get(int(key))
                if known is None:
                    continue
                here = keys == key
                over = len(known) - np.searchsorted(known, scores[here], side="left")
                expected = len(known) * found[here]
                inner[here] = found[here] * (over + level.half) / (expected + level.half)
            found = inner
        return np.minimum(1.0, found)


def _weeks(held_back: HeldBack) -> float:
    """How long the baseline lasted."""
    assert held_back.origins is not None  # noqa: S101  (asked only where they are known)
    return (int(held_back.origins.windows.max(initial=0)) + 1) * held_back.block_s / WEEK_S


def _between_times(of: NDArray[Any]) -> float:
    """Sum over contexts, and over pairs of different stretches, of the products: (c, stretches) -> a number."""
    return float((of.sum(axis=1) ** 2 - (of**2).sum(axis=1)).sum())
