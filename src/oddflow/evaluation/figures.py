"""Runs of several seeds to figures with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.evaluation.calibration import Reliability, brier
from oddflow.evaluation.confusion import confusion, measured
from oddflow.evaluation.intervals import ROUNDS, Estimate, drawn_confusions, drawn_rankings
from oddflow.evaluation.measure import OF_ONE_CLASS, OF_SCORES, Asked, Measure
from oddflow.evaluation.operation import FirstAlerts
from oddflow.evaluation.problem import Problem
from oddflow.evaluation.ranking import Ranking
from oddflow.evaluation.result import Part
from oddflow.evaluation.running import Tested

RANKINGS = 300
"""Rounds for rankings, which take longer."""
RANKED = tuple(sorted(OF_SCORES))

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seeded:
    """What one seed said of a test part.

    Attributes:
        problem: The rows.
        places: Those of the part.
        tested: What was said of them.
    """

    problem: Problem
    places: NDArray[np.int64]
    tested: Tested

    @property
    def truth(self) -> NDArray[np.int64]:
        """The classes, (n,)."""
        return self.problem.codes[self.places]

    @property
    def is_attack(self) -> NDArray[np.bool_]:
        """Which rows are attacks, (n,)."""
        return self.problem.is_attack[self.truth]


def part_of(seeds: Sequence[Seeded], *, flows_a_day: float) -> Part:
    """All figures of an entry on a test part."""
    problem = seeds[0].problem
    classes = len(problem.names)
    matrices = np.stack([confusion(one.truth, one.tested.predicted, classes) for one in seeds])
    found = {}
    drawn = _drawn_matrices(seeds, classes)
    for asked in asked_of_classes(problem):
        own, others = (
            measured(asked, some, problem.names, problem.is_attack, flows_a_day=flows_a_day)
            for some in (matrices, drawn)
        )
        found[str(asked)] = Estimate.of(own, others)
    found |= _of_scores(seeds) | _of_probabilities(seeds)
    return Part(figures=found, confusion=matrices.mean(axis=0).tolist(), first_alert=_first_alert(seeds))


def asked_of_classes(problem: Problem) -> list[Asked]:
    """All measures that a confusion matrix tells; those of single classes where there are more than two."""
    found = [Asked(measure) for measure in Measure if measure.of_classes]
    if len(problem.names) > 2:
        found += [Asked(measure, name) for measure in sorted(OF_ONE_CLASS) for name in problem.names]
    return found


def difference(one: Sequence[Seeded], other: Sequence[Seeded], asked: Asked, *, flows_a_day: float) -> Estimate:
    """How much more of a measure one entry has than another, with an interval from the same rows and seeds."""
    own = [
        _of_seed(asked, mine, flows_a_day) - _of_seed(asked, yours, flows_a_day)
        for mine, yours in zip(one, other, strict=True)
    ]
    if _same_rows(one):
        drawn = _drawn(asked, [*one, *other], flows_a_day)
        return Estimate.of(np.array(own), drawn[:, : len(one)] - drawn[:, len(one) :])
    pairs = [_drawn(asked, [mine, yours], flows_a_day) for mine, yours in zip(one, other, strict=True)]
    return Estimate.of(np.array(own), np.stack([pair[:, 0] - pair[:, 1] for pair in pairs], axis=1))


def _of_seed(asked: Asked, one: Seeded, flows_a_day: float) -> float:
    if asked.measure in OF_SCORES:
        return float(Ranking.of(one.tested.scores, one.is_attack).measured((asked.measure,))[0])
    matrix = confusion(one.truth, one.tested.predicted, len(one.problem.names))
    names, is_attack = one.problem.names, one.problem.is_attack
    return float(measured(asked, matrix, names, is_attack, flows_a_day=flows_a_day))


def _drawn(asked: Asked, seeds: Sequence[Seeded], flows_a_day: float) -> Values:
    """A measure of several that speak of the same rows, drawn together: (r, s)."""
    first = seeds[0]
    if asked.measure in OF_SCORES:
        scores = [one.tested.scores for one in seeds]
        return np.asarray(drawn_rankings(scores, first.is_attack, (asked.measure,), rounds=RANKINGS)[..., 0])
    classes = len(first.problem.names)
    drawn = drawn_confusions(first.truth, [one.tested.predicted for one in seeds], classes, rounds=ROUNDS)
    names, is_attack = first.problem.names, first.problem.is_attack
    return measured(asked, drawn, names, is_attack, flows_a_day=flows_a_day)


def _same_rows(seeds: Sequence[Seeded]) -> bool:
    return all(np.array_equal(one.places, seeds[0].places) for one in seeds)


def _drawn_matrices(seeds: Sequence[Seeded], classes: int) -> NDArray[np.int64]:
    """(r, s, k, k): together where all speak of the same rows, else each by itself."""
    groups = [seeds] if _same_rows(seeds) else [[one] for one in seeds]
    drawn = [
        drawn_confusions(group[0].truth, [one.tested.predicted for one in group], classes, seed=place)
        for place, group in enumerate(groups)
    ]
    return np.concatenate(drawn, axis=1)


def _of_scores(seeds: Sequence[Seeded]) -> dict[str, Estimate]:
    if any(not 0 < one.is_attack.sum() < len(one.places) for one in seeds):
        return {}
    own = np.stack([Ranking.of(one.tested.scores, one.is_attack).measured(RANKED) for one in seeds])  # (s, m)
    drawn = _drawn_scores(seeds)
    return {str(measure): Estimate.of(own[:, place], drawn[..., place]) for place, measure in enumerate(RANKED)}


def _drawn_scores(seeds: Sequence[Seeded]) -> Values:
    """(r, s, m); what several seeds said alike is drawn once."""
    if not _same_rows(seeds):
        one_by_one = [
            drawn_rankings([one.tested.scores], one.is_attack, RANKED, rounds=RANKINGS, seed=place)
            for place, one in enumerate(seeds)
        ]
        return np.concatenate(one_by_one, axis=1)
    several = [one.tested.scores for one in seeds]
    which = [next(i for i, known in enumerate(several) if np.array_equal(known, one)) for one in several]
    distinct = sorted(set(which))
    drawn = drawn_rankings([several[place] for place in distinct], seeds[0].is_attack, RANKED, rounds=RANKINGS)
    return np.asarray(drawn[:, [distinct.index(place) for place in which]])


def _of_probabilities(seeds: Sequence[Seeded]) -> dict[str, Estimate]:
    """Of P(attack) where two classes are told apart, else of the class that was said; intervals are over seeds."""
    told = [said for one in seeds if (said := probability_of(one)) is not None]
    if len(told) < len(seeds):
        return {}
    scores = np.array([[brier(p, came), Reliability.of(p, came).error] for p, came in told])  # (s, 2)
    measures = (Measure.BRIER, Measure.CALIBRATION_ERROR)
    repeated = np.repeat(scores[None], RANKINGS, axis=0)
    return {str(m): Estimate.of(scores[:, place], repeated[..., place]) for place, m in enumerate(measures)}


def probability_of(one: Seeded) -> tuple[Values, NDArray[np.bool_]] | None:
    """What was said to be how likely, (n,), and what came true, (n,); None where no probabilities are told."""
    if one.tested.attack is None or one.tested.confidence is None:
        return None
    if len(one.problem.names) == 2:
        return one.tested.attack.astype(np.float64), one.is_attack
    return one.tested.confidence.astype(np.float64), one.tested.predicted == one.truth


def _first_alert(seeds: Sequence[Seeded]) -> dict[str, float | None] | None:
    rows = seeds[0].problem.rows
    if rows.times_ns is None:
        return None
    told = [
        FirstAlerts.of(
            rows.times_ns[one.places],
            rows.y[one.places],
            one.is_attack,
            one.problem.is_attack[one.tested.predicted.astype(np.int64)],
        )
        for one in seeds
    ]
    waits = [one.median_s for one in told if one.median_s is not None]
    return {
        "campaigns": float(np.mean([one.campaigns for one in told])),
        "found": float(np.mean([one.found for one in told])),
        "median_s": float(np.mean(waits)) if waits else None,
    }
