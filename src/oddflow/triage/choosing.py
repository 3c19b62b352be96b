"""Ways to choose what to look at next that a policy is compared with, and the bound that none can pass."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from oddflow.triage.environment import PROOF_SHARE, Seen, TriageEnvironment
from oddflow.triage.queues import Queue
from oddflow.verdicts.triage.shift import FEATURES, WINDOW

Chooser = Callable[[Seen], int]
"""What is seen of each action, (WINDOW + 1, 1 + WIDTH), "may be taken" first -> an action that may be taken."""

_NAMES = [feature.name for feature in FEATURES]
_SCORE, _MINUTES = (1 + _NAMES.index(name) for name in ("score_over_median", "minutes"))


def by_score(seen: Seen) -> int:
    """The highest score that still fits into the shift."""
    return int(np.flatnonzero(seen[:WINDOW, 0])[0])


def by_score_per_minute(seen: Seen) -> int:
    """The highest score for each minute of its look; both columns are logarithms."""
    worth = np.where(seen[:WINDOW, 0] > 0, seen[:WINDOW, _SCORE] - seen[:WINDOW, _MINUTES], -np.inf)
    return int(np.argmax(worth))


def at_random(seed: int) -> Chooser:
    """Any look that may be taken, each as likely."""
    chance = np.random.default_rng(seed)
    return lambda seen: int(chance.choice(np.flatnonzero(seen[:WINDOW, 0])))


def shift_of(environment: TriageEnvironment, queue: Queue, minutes: float, choose: Chooser, *, hidden: bool) -> float:
    """Incidents that one shift over a queue proves."""
    seen, over = environment.begin(queue, minutes, hidden=hidden), environment.shift.is_over
    proved = 0.0
    while not over:
        seen, reward, over, _, _ = environment.step(np.int64(choose(seen)))
        proved += reward
    return proved


def most_possible(queue: Queue, minutes: float) -> int:
    """Incidents that somebody who knew the truth could prove at most, seeing the whole queue.

    An incident costs at least what its cheapest evidence does, were rows divisible; the cheapest incidents come first.
    Rows that hold several incidents count in full for each, at their cost once shared: so it is an upper bound.
    """
    shared = np.maximum(1, (queue.evidence > 0).sum(axis=1))
    cost = np.array([candidate.minutes for candidate in queue.candidates]) / shared
    costs = np.sort([_cheapest(queue.evidence[:, j], cost) for j in range(queue.evidence.shape[1])])
    return int((np.cumsum(costs) <= minutes + 1e-6).sum())


def _cheapest(evidence: NDArray[np.int64], cost: NDArray[np.float64]) -> float:
    """Minutes for PROOF_SHARE of the evidence, by the cheapest evidence first (fractional knapsack, Dantzig 1957)."""
    rows = np.flatnonzero(evidence)
    needed, spent = PROOF_SHARE * evidence.sum(), 0.0
    for row in rows[np.argsort(cost[rows] / evidence[rows], kind="stable")]:
        used = min(1.0, needed / evidence[row])
        spent += used * cost[row]
        needed -= used * evidence[row]
        if needed <= 1e-9:
            break
    return float(spent)
