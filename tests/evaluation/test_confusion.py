"""Measures of confusion matrices, against scikit-learn."""

import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.evaluation.confusion import confusion, measured
from oddflow.evaluation.measure import Asked, Measure

metrics = pytest.importorskip("sklearn.metrics")

NAMES = ("normal", "dos", "probe")
ATTACKS = np.array([False, True, True])


@pytest.fixture(scope="module")
def said():
    chance = np.random.default_rng(0)
    truth = chance.integers(0, 3, 500)
    return truth, np.where(chance.random(500) < 0.7, truth, chance.integers(0, 3, 500))


def value(text, said):
    return float(measured(Asked.read(text), confusion(*said, 3), NAMES, ATTACKS, flows_a_day=1_000))


@pytest.mark.parametrize(
    ("measure", "theirs"),
    [
        ("accuracy", metrics.accuracy_score),
        ("balanced_accuracy", metrics.balanced_accuracy_score),
        ("macro_precision", lambda t, p: metrics.precision_score(t, p, average="macro")),
        ("macro_recall", lambda t, p: metrics.recall_score(t, p, average="macro")),
        ("macro_f1", lambda t, p: metrics.f1_score(t, p, average="macro")),
        ("weighted_f1", lambda t, p: metrics.f1_score(t, p, average="weighted")),
        ("precision[dos]", lambda t, p: metrics.precision_score(t == 1, p == 1)),
        ("recall[probe]", lambda t, p: metrics.recall_score(t == 2, p == 2)),
        ("f1[normal]", lambda t, p: metrics.f1_score(t == 0, p == 0)),
        ("precision", lambda t, p: metrics.precision_score(t > 0, p > 0)),
        ("detection_rate", lambda t, p: metrics.recall_score(t > 0, p > 0)),
        ("f1", lambda t, p: metrics.f1_score(t > 0, p > 0)),
        ("false_alarm_rate", lambda t, p: (p[t == 0] > 0).mean()),
        ("false_alarms_a_day", lambda t, p: 1_000 * (p[t == 0] > 0).mean()),
    ],
)
def test_measures_are_those_of_scikit_learn(said, measure, theirs):
    assert value(measure, said) == pytest.approx(theirs(*said))


def test_a_class_without_rows_does_not_count_in_means():
    matrix = np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    assert float(measured(Asked.read("macro_recall"), matrix, NAMES, ATTACKS)) == pytest.approx(0.875)


def test_many_matrices_are_measured_at_once(said):
    one = confusion(*said, 3)
    several = measured(Asked(Measure.MACRO_F1), np.stack([one, one.T]), NAMES, ATTACKS)
    assert several[0] == pytest.approx(value("macro_f1", said))
    assert several[1] == pytest.approx(value("macro_f1", said[::-1]))


def test_a_class_that_is_not_there_is_refused(said):
    with pytest.raises(UsageError, match="there is no class 'worm'; there are normal, dos, probe"):
        value("recall[worm]", said)


@pytest.mark.parametrize("text", ["magic", "accuracy[dos]", "recall[dos", ""])
def test_what_is_no_measure_is_refused(text):
    with pytest.raises(UsageError, match=r"measure|one class"):
        Asked.read(text)
