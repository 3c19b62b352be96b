"""Curves and areas under them, and how well probabilities hold, against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddflow.evaluation.calibration import Reliability, brier
from oddflow.evaluation.measure import Measure
from oddflow.evaluation.ranking import Ranking, cost, cost_curve, partial_area

metrics = pytest.importorskip("sklearn.metrics")

MEASURES = (Measure.ROC_AUC, Measure.AVERAGE_PRECISION, Measure.PARTIAL_AUC)
PAIRS = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: 0 < sum(hit for _, hit in rows) < len(rows)
)


def ranked(count=4_000, seed=0, digits=9):
    chance = np.random.default_rng(seed)
    truth = chance.random(count) < 0.3
    return np.round(chance.normal(size=count) + truth, digits).astype(np.float32), truth


@pytest.mark.parametrize("digits", [9, 1])
def test_areas_are_those_of_scikit_learn(digits):
    scores, truth = ranked(digits=digits)
    expected = [
        metrics.roc_auc_score(truth, scores),
        metrics.average_precision_score(truth, scores),
        metrics.roc_auc_score(truth, scores, max_fpr=0.01),
    ]
    np.testing.assert_allclose(Ranking.of(scores, truth).measured(MEASURES), expected, rtol=1e-9)


@settings(max_examples=30)
@given(PAIRS, st.sampled_from([0.05, 0.3, 1.0]))
def test_a_part_of_the_area_is_that_of_scikit_learn(rows, most):
    scores, truth = (np.array(column) for column in zip(*rows, strict=True))
    counts = Ranking.of(scores.astype(np.float32), truth).counts()
    expected = metrics.roc_auc_score(truth, scores, max_fpr=None if most == 1 else most)
    assert partial_area(*counts, most=most) == pytest.approx(expected)


def test_groups_hold_what_neighbours_are_and_never_part_equal_scores():
    scores, truth = ranked(digits=2)
    groups = Ranking.of(scores, truth).groups(20)
    assert len(np.unique(groups)) <= 20
    order = np.argsort(-scores, kind="stable")
    assert (np.diff(groups[order].astype(int)) >= 0).all()
    assert not (np.diff(groups[order].astype(int))[np.diff(scores[order]) == 0]).any()


def test_the_cost_of_chance_and_of_what_is_always_right():
    right = (np.array([5.0, 5.0]), np.array([0.0, 5.0]))
    assert cost(*right) == 0
    chance = (np.array([5.0]), np.array([5.0]))
    assert cost(*chance) == pytest.approx(0.25)
    share, least = cost_curve(*chance)
    np.testing.assert_allclose(least, np.minimum(share, 1 - share))


def test_the_cost_is_the_least_of_all_thresholds():
    scores, truth = ranked(300)
    share, least = cost_curve(*Ranking.of(scores, truth).counts())
    at = 30  # a probability cost of 0.3
    by_hand = min(
        0.3 * (scores[truth] < edge).mean() + 0.7 * (scores[~truth] >= edge).mean() for edge in [*scores, np.inf]
    )
    assert share[at] == pytest.approx(0.3)
    assert least[at] == pytest.approx(by_hand)


def test_probabilities_are_measured_as_scikit_learn_does():
    chance = np.random.default_rng(1)
    told = chance.random(2_000)
    came = chance.random(2_000) < told**2
    assert brier(told, came) == pytest.approx(metrics.brier_score_loss(came, told))
    was, said = pytest.importorskip("sklearn.calibration").calibration_curve(came, told, n_bins=10)
    found = Reliability.of(told, came)
    np.testing.assert_allclose(found.said, said)
    np.testing.assert_allclose(found.was, was)
    assert found.error == pytest.approx(np.average(np.abs(said - was), weights=found.rows))
    assert found.error > 0.1


def test_probabilities_that_hold_have_no_error():
    told = np.repeat([0.0, 0.25, 1.0], 4)
    came = np.array([0] * 4 + [1, 0, 0, 0] + [1] * 4, bool)
    assert Reliability.of(told, came).error == 0
