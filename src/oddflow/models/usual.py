"""How the numbers of a baseline are spread, coarsely: what the drift of later traffic is measured against.

usual.safetensors       optional; float32
    knots     (d, 10)   bin b holds what is above b of a row's knots; a row ends in +inf where fewer are needed
    shares    (d, 11)   of the baseline's rows in each bin
    wander    (d,)      the population stability index that eighths of the baseline themselves reach
    …and the same of the scores of held-back rows: score_knots (10,), score_shares (11,), score_wander ()
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from oddflow.errors import NotAModel
from oddflow.models.rows import Floats

QUANTILES = (0.01, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99)
BINS = len(QUANTILES) + 1
LEAST_SHARE = 1e-3
"""A bin that is rarer is taken to hold this much: one flow in a thousand is no drift."""
STRETCHES = 8
MOST_ROWS = 40_000
_BLOCK = 4_096

Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """Bins of k columns, the shares of the baseline in them, and how far those wander by themselves.

    Attributes:
        knots: Ascending, (k, BINS - 1) float32.
        shares: (k, BINS) float32; rows sum to 1.
        wander: (k,) float32.
    """

    knots: Floats
    shares: Floats
    wander: Floats

    @classmethod
    def of(cls, x: Floats) -> "Usual":
        """Of rows in the order of time: (n, k)."""
        rows = x[np.linspace(0, len(x) - 1, min(len(x), MOST_ROWS)).astype(np.int64)]
        found = np.quantile(rows, QUANTILES, axis=0, method="lower").T.astype(np.float32)
        knots = np.full(found.shape, np.inf, np.float32)  # safetensors writes arrays as they lie in memory
        for place, row in enumerate(found):
            distinct = np.unique(row)
            knots[place, : len(distinct)] = distinct
        bare = cls(knots, np.zeros((len(knots), BINS), np.float32), np.zeros(len(knots), np.float32))
        parts = [bare.counts(part) for part in np.array_split(rows, STRETCHES) if len(part)]
        whole = np.sum(parts, axis=0)
        shares = whole / whole.sum(axis=1, keepdims=True)
        wander = np.max([stability(part, shares) for part in parts], axis=0)
        return cls(knots, shares.astype(np.float32), wander.astype(np.float32))

    def places(self, x: Floats) -> NDArray[np.int64]:
        """The bin of each number: (n, k) -> (n, k)."""
        found = np.empty(x.shape, np.int64)
        for start in range(0, len(x), _BLOCK):
            block = x[start : start + _BLOCK]
            found[start : start + _BLOCK] = (block[:, :, None] > self.knots[None]).sum(axis=2)
        return found

    def counts(self, x: Floats) -> Counts:
        """Rows in each bin: (n, k) -> (k, BINS)."""
        return counted(self.places(x))

    @property
    def ranks(self) -> NDArray[np.float64]:
        """The middle rank among the baseline of what is in each bin, 0 to 1: (k, BINS)."""
        shares = self.shares.astype(np.float64)
        return np.cumsum(shares, axis=1) - shares / 2

    def beside(self, other: "Usual") -> "Usual":
        """The columns of both."""
        return Usual(
            np.concatenate([self.knots, other.knots]),
            np.concatenate([self.shares, other.shares]),
            np.concatenate([self.wander, other.wander]),
        )


def counted(places: NDArray[np.int64]) -> Counts:
    """Rows in each bin, given the bin of each number: (n, k) -> (k, BINS)."""
    width = places.shape[1]
    flat = np.bincount((places + BINS * np.arange(width)).ravel(), minlength=BINS * width)
    return flat.reshape(width, BINS).astype(np.float64)


def stability(counts: Counts, shares: NDArray[np.floating]) -> NDArray[np.float64]:
    """The population stability index of each column, less what chance alone gives: (k, BINS), (k, BINS) -> (k,).

    Source: Siddiqi 2006, "Credit Risk Scorecards", chapter 9: Σ (actual - expected) ln(actual / expected); below 0.1
    little has changed, above 0.25 much. Of n rows in b bins it is (b - 1) / n on average where nothing has changed
    (Yurdakul 2018, "Statistical Properties of Population Stability Index", theorem 3.1).
    """
    n = np.maximum(1.0, counts.sum(axis=1, keepdims=True))
    expected = np.maximum(shares.astype(np.float64), LEAST_SHARE)
    actual = np.maximum(counts / n, LEAST_SHARE)
    used = ((shares > 0) | (counts > 0)).sum(axis=1)
    index = ((actual - expected) * np.log(actual / expected)).sum(axis=1)
    return np.asarray(np.maximum(0.0, index - (used - 1) / n[:, 0]))


def usual_part(x: Floats, scores: Floats) -> bytes:
    """The part of a sealed file: of rows (n, d) and scores of held-back rows (m,), both in the order of time."""
    rows, of_scores = Usual.of(x), Usual.of(scores[:, None].astype(np.float32))
    return save(
        {
            "knots": rows.knots,
            "shares": rows.shares,
            "wander": rows.wander,
            "score_knots": of_scores.knots,
            "score_shares": of_scores.shares,
            "score_wander": of_scores.wander,
        }
    )


def read_usual(part: bytes, width: int) -> tuple[Usual, Usual]:
    """Of the d features and of scores.

    Raises:
        NotAModel: It holds something else.
    """
    try:
        tensors = load(part)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotAModel(f"its usual values hold no tensors ({error}); learn it again") from None
    if len(tensors) != 6:
        raise NotAModel(f"its usual values hold {len(tensors)} tensors, and 6 are needed; learn it again")
    return _checked(tensors, "", width), _checked(tensors, "score_", 1)


def _checked(tensors: dict[str, Floats], prefix: str, columns: int) -> Usual:
    shapes = {"knots": (columns, BINS - 1), "shares": (columns, BINS), "wander": (columns,)}
    for name, shape in shapes.items():
        found = tensors.get(prefix + name)
        if found is None or found.shape != shape or found.dtype != np.float32:
            raise NotAModel(f"its usual {prefix}{name} are no float32 numbers of shape {shape}; learn it again")
    usual = Usual(*(tensors[prefix + name] for name in shapes))
    is_sane = (
        not np.isnan(usual.knots).any()
        and (usual.knots[:, 1:] >= usual.knots[:, :-1]).all()
        and (usual.shares >= 0).all()
        and np.allclose(usual.shares.sum(axis=1), 1, atol=1e-3)
        and np.isfinite(usual.wander).all()
    )
    if not is_sane:
        raise NotAModel("its usual values are no shares of ascending bins; learn it again")
    return usual
