import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddflow.errors import UsageError
from oddflow.evaluation.measure import Measure
from oddflow.evaluation.operation import FirstAlerts
from oddflow.evaluation.thresholds import best_threshold, rate_threshold

SCORES = st.lists(st.integers(0, 20), min_size=10, max_size=60).map(lambda found: np.array(found, np.float32))


@settings(max_examples=30)
@given(SCORES, st.floats(0.1, 0.9))
def test_at_most_the_share_that_was_asked_for_lies_above(normal, rate):
    threshold = rate_threshold(normal, rate)
    assert (normal > threshold).mean() <= rate
    lower = normal[normal < threshold]
    if len(lower):  # and no lower one would do
        assert (normal > lower.max()).mean() > rate - 1e-9


@settings(max_examples=30)
@given(SCORES, SCORES)
def test_the_best_threshold_is_the_best_of_all(normal, attacks):
    def balanced(edge):
        return (attacks > edge).mean() - (normal > edge).mean()

    best = best_threshold(normal, attacks, Measure.BALANCED_ACCURACY)
    assert balanced(best) == pytest.approx(max(balanced(edge) for edge in np.arange(-1, 22) + 0.5))


def test_other_measures_choose_other_thresholds():
    normal, attacks = np.arange(100, dtype=np.float32), np.float32([60, 70, 80, 120])
    assert best_threshold(normal, attacks, Measure.ACCURACY) > 99
    assert best_threshold(normal, attacks, Measure.F1) > 99
    assert best_threshold(normal, attacks, Measure.BALANCED_ACCURACY) < 60


def test_of_too_few_rows_the_highest_is_the_threshold():
    assert rate_threshold(np.float32([3, 1, 2]), 0.01) == 3


def test_what_cannot_be_told_is_refused():
    with pytest.raises(UsageError, match="needs held-back normal rows, and there are none"):
        rate_threshold(np.ones(0, np.float32), 0.01)
    with pytest.raises(UsageError, match="needs held-back normal rows and attacks"):
        best_threshold(np.ones(10, np.float32), np.ones(0, np.float32), Measure.F1)


def test_campaigns_are_parted_by_pauses_and_found_when_they_raise_an_alert():
    times_ns = np.array([0, 10, 20, 9_000, 9_005, 5]) * 10**9
    labels = np.array([1, 1, 1, 1, 1, 0])
    is_attack = labels > 0
    alerts = np.array([False, False, True, False, False, True])
    found = FirstAlerts.of(times_ns, labels, is_attack, alerts)
    assert (found.campaigns, found.found, found.median_s) == (2, 1, 20.0)
    assert FirstAlerts.of(times_ns, labels, is_attack, ~is_attack).median_s is None
