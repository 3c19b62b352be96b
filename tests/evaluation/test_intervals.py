"""Intervals: what is drawn quickly is what is drawn row by row."""

from time import process_time

import numpy as np
import pytest

from oddflow.evaluation.confusion import accuracy, confusion
from oddflow.evaluation.intervals import Estimate, drawn_confusions, drawn_rankings, over_seeds, student
from oddflow.evaluation.measure import Measure
from oddflow.evaluation.measures import roc_area


def said(count, seeds, right=0.8):
    chance = np.random.default_rng(0)
    truth = chance.integers(0, 3, count)
    return truth, [
        np.where(chance.random(count) < right, truth, chance.integers(0, 3, count)).astype(np.int16)
        for _ in range(seeds)
    ]


def row_by_row(measure, truth, columns, rounds=400):
    """The bootstrap as it is written down: rows drawn with replacement, of each kind as many as there are."""
    chance = np.random.default_rng(7)
    kinds = [np.flatnonzero(truth == kind) for kind in np.unique(truth)]
    drawn = []
    for _ in range(rounds):
        rows = np.concatenate([chance.choice(one, len(one)) for one in kinds])
        drawn.append([measure(truth[rows], column[rows]) for column in columns])
    return np.array(drawn)


def test_confusions_are_drawn_as_rows_are():
    truth, predicted = said(600, 3)
    quick = accuracy(drawn_confusions(truth, predicted, 3, rounds=1_000))
    slow = row_by_row(lambda t, p: (t == p).mean(), truth, predicted)
    np.testing.assert_allclose(quick.mean(axis=0), slow.mean(axis=0), atol=0.005)
    np.testing.assert_allclose(quick.std(axis=0), slow.std(axis=0), rtol=0.15)
    # what several said of the same rows hangs together
    np.testing.assert_allclose(np.cov(quick.T), np.cov(slow.T), atol=6e-5)


def test_each_drawn_matrix_has_the_rows_of_each_class():
    truth, predicted = said(200, 2)
    drawn = drawn_confusions(truth, predicted, 3, rounds=60)
    expected = np.bincount(truth)
    assert (drawn.sum(axis=-1) == expected).all()
    assert drawn.shape == (60, 2, 3, 3)
    assert np.abs(drawn.mean(axis=0) - [confusion(truth, one, 3) for one in predicted]).max() < 3


def test_rankings_are_drawn_as_rows_are_also_when_neighbours_go_together():
    chance = np.random.default_rng(2)
    count = 20_000  # more different scores than there are groups
    truth = chance.random(count) < 0.02
    scores = (chance.normal(size=count) + truth).astype(np.float32)
    quick = drawn_rankings([scores], truth, (Measure.ROC_AUC,), rounds=300)[:, 0, 0]
    slow = row_by_row(lambda t, s: roc_area(s, t), truth, [scores], rounds=150)[:, 0]
    assert quick.mean() == pytest.approx(roc_area(scores, truth), abs=0.003)
    assert quick.std() == pytest.approx(slow.std(), rel=0.2)


def test_differences_are_surer_than_what_they_are_of():
    chance = np.random.default_rng(3)
    truth = chance.random(1_500) < 0.3
    scores = chance.normal(size=1_500) + truth
    better = (scores + 0.3 * truth).astype(np.float32)
    drawn = drawn_rankings([scores.astype(np.float32), better], truth, (Measure.ROC_AUC,), rounds=200)[..., 0]
    assert (drawn[:, 1] - drawn[:, 0]).std() < drawn[:, 0].std() / 3


def test_hundreds_of_thousands_of_rows_take_seconds():
    chance = np.random.default_rng(4)
    truth = chance.random(300_000) < 0.4
    predicted = [np.where(chance.random(300_000) < 0.9, truth, ~truth).astype(np.int16)]
    began = process_time()
    drawn_confusions(truth.astype(np.int64), predicted, 2, rounds=1_000)
    assert process_time() - began < 3


def test_the_interval_of_seeds_is_students():
    stats = pytest.importorskip("scipy.stats")
    values = np.array([0.81, 0.84, 0.79, 0.83, 0.82])
    half = stats.t.ppf(0.975, 4) * stats.sem(values)
    np.testing.assert_allclose(student(values), [values.mean() - half, values.mean() + half], rtol=1e-4)
    assert student(values[:1]) is None


def test_an_estimate_holds_both_kinds_of_chance():
    chance = np.random.default_rng(5)
    rows_alone = Estimate.of(np.full(5, 0.5), 0.5 + 0.01 * chance.normal(size=(2_000, 1)) * np.ones(5))
    seeds = np.array([0.4, 0.45, 0.5, 0.55, 0.6])
    both = Estimate.of(seeds, seeds + 0.01 * chance.normal(size=(2_000, 1)))
    assert rows_alone.high - rows_alone.low == pytest.approx(2 * 1.96 * 0.01, rel=0.1)
    assert both.high - both.low > 3 * (rows_alone.high - rows_alone.low)
    assert both.value == pytest.approx(0.5)
    assert over_seeds(np.ones((10, 3))).tolist() == [1.0] * 10
