"""Policies beside other ways to choose, on the same queues, with intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddflow.models.policy import SealedPolicy
from oddflow.triage.choosing import Chooser, at_random, by_score, by_score_per_minute, most_possible, shift_of
from oddflow.triage.environment import Seen, TriageEnvironment
from oddflow.triage.queues import Labelled, Mixer, Queue, as_recorded, dealt

ROUNDS = 2_000
POLICY, PLAN, SCORE = "policy", "policy, told nothing of what looks find", "score order"


@dataclass(frozen=True, slots=True)
class Line:
    """How one way to choose fares in shifts of one length.

    Attributes:
        name: Of the way.
        minutes: Of a shift.
        found: Incidents proved in a shift, the mean.
        low, high: Where 95 of 100 such means lie.
        per_hour: Incidents proved for each hour of the shift.
        gain: How many more than score order proves, on the same queues, the mean.
        gain_low, gain_high: Where 95 of 100 such gains lie.
    """

    name: str
    minutes: float
    found: float
    low: float
    high: float
    per_hour: float
    gain: float
    gain_low: float
    gain_high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """All ways at all lengths.

    Attributes:
        kind: What the queues are, in words.
        queues: How many.
        incidents: Incidents in a queue, the mean.
        candidates: Candidates in a queue, the mean.
        policies: How many policies, each learnt with another seed.
        lines: One for each way and length.
    """

    kind: str
    queues: int
    incidents: float
    candidates: float
    policies: int
    lines: tuple[Line, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        names = Line.__slots__
        told: dict[str, Any] = {name: getattr(self, name) for name in Comparison.__slots__ if name != "lines"}
        return told | {"lines": [{name: getattr(line, name) for name in names} for line in self.lines]}


def compare(
    policies: Sequence[SealedPolicy],
    captures: Sequence[Labelled],
    *,
    minutes: Sequence[float],
    queues: int = 200,
    seed: int = 0,
    told: Callable[[int, int], object] | None = None,
) -> list[Comparison]:
    """Compares policies with score order on captures as they were recorded, and on queues drawn from them.

    Intervals are percentiles of a bootstrap that draws queues, and seeds of policies, anew (Efron 1979).

    Args:
        policies: Each learnt with another seed.
        captures: None of which a policy was learnt on.
        minutes: Lengths of shifts.
        queues: So many are drawn.
        seed: Of the drawing.
        told: Told of the queues done, and of all.
    """
    chance = np.random.default_rng([seed, 13])
    mixer = Mixer(captures)
    grounds = {
        "captures as they were recorded": as_recorded(captures),
        "queues mixed of these captures, attacks made quieter": _with_incidents(mixer, queues, chance),
    }
    total, done = sum(map(len, grounds.values())), 0
    found = []
    for kind, dealt_queues in grounds.items():
        kept = [queue for queue in dealt_queues if queue.incidents]
        table: dict[tuple[str, float], list[list[float]]] = {}
        for queue in kept:
            for length in minutes:
                for name, proved in _shifts(policies, queue, length, seed).items():
                    table.setdefault((name, length), []).append(proved)
            done += 1
            if told:
                told(done, total)
        lines = tuple(_line(name, length, table, chance) for name, length in table)
        incidents = float(np.mean([len(queue.incidents) for queue in kept]))
        candidates = float(np.mean([len(queue.candidates) for queue in kept]))
        found.append(Comparison(kind, len(kept), incidents, candidates, len(policies), lines))
    return found


def _with_incidents(mixer: Mixer, count: int, chance: np.random.Generator) -> list[Queue]:
    """So many queues that hold an incident each; the captures must hold one."""
    drawn: list[Queue] = []
    while len(drawn) < count:
        queue = mixer(chance)
        drawn += [queue] if queue.incidents else []
    return drawn


def _shifts(policies: Sequence[SealedPolicy], queue: Queue, minutes: float, seed: int) -> dict[str, list[float]]:
    """Incidents that each way proves: of a policy, one number for each seed of it."""
    environment = TriageEnvironment(dealt([queue]))
    choosers = [_chooser(policy) for policy in policies]

    def prove(choose: Chooser, *, hidden: bool = False) -> float:
        return shift_of(environment, queue, minutes, choose, hidden=hidden)

    return {
        POLICY: [prove(choose) for choose in choosers],
        PLAN: [prove(choose, hidden=True) for choose in choosers],
        SCORE: [prove(by_score)],
        "score per minute": [prove(by_score_per_minute)],
        "random": [prove(at_random(seed))],
        "upper bound": [float(most_possible(queue, minutes))],
    }


def _chooser(policy: SealedPolicy) -> Chooser:
    def choose(seen: Seen) -> int:
        return policy.best(seen[:, 1:], seen[:, 0] > 0)[0]

    return choose


def _line(
    name: str, minutes: float, table: dict[tuple[str, float], list[list[float]]], chance: np.random.Generator
) -> Line:
    own, score = np.array(table[name, minutes]), np.array(table[SCORE, minutes])  # (queues, seeds), (queues, 1)
    means, gains = _drawn(own, score, chance)
    low, high, gain_low, gain_high = (float(q) for x in (means, gains) for q in np.quantile(x, [0.025, 0.975]))
    found = float(own.mean())
    return Line(name, minutes, found, low, high, 60 * found / minutes, found - float(score.mean()), gain_low, gain_high)


def _drawn(
    own: NDArray[np.float64], score: NDArray[np.float64], chance: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means of own and of own − score over queues and seeds drawn anew, (ROUNDS,) each."""
    queues, seeds = own.shape
    rows = chance.integers(queues, size=(ROUNDS, queues))
    columns = chance.integers(seeds, size=(ROUNDS, seeds))
    means = np.array([own[row][:, column].mean() for row, column in zip(rows, columns, strict=True)])
    return means, means - score[rows, 0].mean(axis=1)
