"""How sure a figure is: over seeds of learning, over rows that might have been others, and over both.

Rows are drawn by kind, as many of each as there are. What several seeds or detectors said of the same rows is drawn
together: their errors hang together, and differences are surer than the figures that they are of.

Source: Efron 1979, "Bootstrap Methods: Another Look at the Jackknife" (percentiles); for pairs and for seeds,
Bouthillier et al. 2021, "Accounting for Variance in Machine Learning Benchmarks".
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from oddflow.evaluation.confusion import Matrix
from oddflow.evaluation.measure import Measure
from oddflow.evaluation.measures import Scores, Truth
from oddflow.evaluation.ranking import OF_COUNTS, Ranking

Values = NDArray[np.float64]
ROUNDS = 1_000
LEVEL = 0.95
BLOCK = 50
MOST_GROUPS = 8_192

STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Of Student's distribution the 97.5 % point for 1 to 30 degrees of freedom; 1.96 stands for more."""


class Estimate(BaseModel):
    """A mean over seeds, and where it may lie.

    Attributes:
        value: The mean.
        low, high: Where 95 of 100 such means lie, of other seeds and other rows of this kind.
        seeds: What each seed gave.
        seeds_low, seeds_high: Where 95 of 100 means over seeds lie, on these rows (Student 1908); None of one seed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float
    low: float
    high: float
    seeds: tuple[float, ...]
    seeds_low: float | None = None
    seeds_high: float | None = None

    @classmethod
    def of(cls, seeds: Values, drawn: Values) -> "Estimate":
        """Of what each seed gave, (s,), and of what each gave in each of r rounds, (r, s)."""
        means = over_seeds(drawn)
        low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        ends = student(seeds)
        told = {} if ends is None else {"seeds_low": ends[0], "seeds_high": ends[1]}
        mean = float(seeds.mean())
        return cls(value=mean, low=float(low), high=float(high), seeds=tuple(map(float, seeds)), **told)


def student(seeds: Values) -> tuple[float, float] | None:
    """The interval of a mean of s values by Student's distribution; None of one value.

    >>> low, high = student(np.array([1.0, 2.0, 3.0]))
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    if len(seeds) < 2:
        return None
    point = STUDENT[len(seeds) - 2] if len(seeds) - 2 < len(STUDENT) else 1.96
    half = point * float(seeds.std(ddof=1)) / len(seeds) ** 0.5
    return float(seeds.mean()) - half, float(seeds.mean()) + half


def over_seeds(drawn: Values, seed: int = 0) -> Values:
    """Means of seeds that are drawn again in each round: (r, s) -> (r,)."""
    rounds, seeds = drawn.shape
    chosen = np.random.default_rng([seed, 9]).integers(0, seeds, (rounds, seeds))
    return np.asarray(np.take_along_axis(drawn, chosen, axis=1).mean(axis=1))


def drawn_confusions(
    truth: NDArray[np.int64],
    predicted: Sequence[NDArray[np.int16]],
    classes: int,
    *,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Matrix:
    """Confusion matrices of s predictions of the same rows, drawn r times: (n,), s times (n,) -> (r, s, k, k).

    Rows about which all is the same are counted once, and their counts drawn: it takes no longer for many rows.
    """
    stacked = np.stack([truth, *predicted]).astype(np.int64)
    keys = np.zeros(len(truth), np.int64)
    for line in stacked:  # numbers the patterns anew each time, so that they stay small
        keys = np.unique(keys * classes + line, return_inverse=True)[1]
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    patterns = stacked[:, first]  # (1 + s, p)
    chance = np.random.default_rng([seed, 10])
    found = np.zeros((rounds, len(predicted), classes * classes), np.int64)
    for kind in np.unique(truth):
        mine = patterns[0] == kind
        total = int(counts[mine].sum())
        for start in range(0, rounds, BLOCK):
            drawn = chance.multinomial(total, counts[mine] / total, size=min(BLOCK, rounds - start))  # (b, p)
            for place, line in enumerate(patterns[1:, mine]):
                cells = np.zeros((mine.sum(), classes * classes))
                cells[np.arange(mine.sum()), kind * classes + line] = 1
                found[start : start + BLOCK, place] += (drawn @ cells).astype(np.int64)
    return found.reshape(rounds, len(predicted), classes, classes)


def drawn_rankings(
    scores: Sequence[Scores], is_attack: Truth, measures: tuple[Measure, ...], *, rounds: int = ROUNDS, seed: int = 0
) -> Values:
    """Measures of s rankings of the same rows, drawn r times: s times (n,), (n,) -> (r, s, m).

    Of more than 8,192 different scores, neighbours are taken together while rows are drawn; what that changes in the
    figure of the rows as they are is taken away again.
    """
    rankings = [Ranking.of(one, is_attack) for one in scores]
    groups = [ranking.groups(MOST_GROUPS) for ranking in rankings]
    kinds = [np.flatnonzero(~is_attack), np.flatnonzero(is_attack)]
    chance = np.random.default_rng([seed, 11])
    found = np.empty((rounds, len(scores), len(measures)))
    grouped = [[group[rows] for rows in kinds] for group in groups]  # of each ranking: normal rows, attacks
    for place in range(rounds):
        drawn = [chance.integers(0, len(rows), len(rows), dtype=np.uint32) for rows in kinds]
        for which, sides in enumerate(grouped):
            found[place, which] = _of_groups([side[d] for side, d in zip(sides, drawn, strict=True)], measures)
    for which, (ranking, sides) in enumerate(zip(rankings, grouped, strict=True)):
        found[:, which] += ranking.measured(measures) - _of_groups(sides, measures)
    return found


def _of_groups(sides: Sequence[NDArray[np.uint16]], measures: tuple[Measure, ...]) -> Values:
    """Measures of normal rows and attacks by the group of each, the highest scores first: (m,)."""
    most = max(int(side.max()) for side in sides) + 1
    alarms, found = (np.cumsum(np.bincount(side, minlength=most)).astype(np.float64) for side in sides)
    return np.array([OF_COUNTS[measure](found, alarms) for measure in measures])
