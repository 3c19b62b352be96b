import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddflow.errors import UsageError
from oddflow.verdicts.budget import Budget, rarity, set_threshold, tail_threshold

HELD_BACK = np.arange(1, 1001, dtype=np.float32)


@pytest.mark.parametrize("text", ["", "10", "ten/day", "0/day", "-1/day", "10/fortnight", "10/day; rm"])
def test_a_wrong_budget_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match="10/day"):
        Budget.parse(text)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_wrong_rate_is_refused(share):
    with pytest.raises(UsageError):
        Budget.of_share(share)


def test_a_share_shows_that_share_of_the_held_back_flows():
    threshold = set_threshold(HELD_BACK, Budget.of_share(0.01), 1.0)
    assert (threshold.score <= HELD_BACK).sum() == 10
    assert threshold.promise == "1 in 100 normal flows is shown by mistake"


def test_a_budget_a_day_is_a_share_of_the_networks_flows():
    # 1,000 flows a day: 10 a day are 1 %
    threshold = set_threshold(HELD_BACK, Budget.parse("10/day"), 1000 / 86_400)
    assert (threshold.score <= HELD_BACK).sum() == 10


def test_a_budget_beyond_the_sample_is_above_all_and_promises_no_more_than_it_can():
    threshold = set_threshold(HELD_BACK, Budget.parse("1/week"), 100.0)
    assert threshold.score > HELD_BACK.max()
    assert "1,000 normal flows held back can prove no less" in threshold.promise
    assert threshold.expected_false == pytest.approx(1 / 1001)


@given(st.floats(0.0005, 0.9), st.integers(1, 400))
def test_no_more_than_the_allowed_share_of_exchangeable_flows_is_shown(share, n):
    scores = np.sort(np.random.default_rng(n).random(n).astype(np.float32))
    threshold = set_threshold(scores, Budget.of_share(share), 1.0)
    assert (scores >= threshold.score).sum() <= share * (n + 1)


def test_rarity_counts_flows_that_score_as_high():
    assert rarity(991, HELD_BACK) == "1 in 91 normal flows"
    assert rarity(1000, HELD_BACK) == "1 in 500 normal flows"


def test_rarity_beyond_the_sample_gives_no_number_of_its_own():
    assert rarity(1001, HELD_BACK) == "rarer than all 1,000 normal flows"


def test_an_exponential_tail_is_followed_beyond_the_sample():
    scores = np.sort(np.random.default_rng(1).exponential(1.0, 20_000).astype(np.float32))
    # P(X > t) = exp(-t): one in a million is at 13.8
    assert tail_threshold(scores, 1e-6) == pytest.approx(13.8, rel=0.15)


def test_few_peaks_make_the_threshold_careful():
    many = np.sort(np.random.default_rng(1).exponential(1.0, 100_000).astype(np.float32))
    few = many[::100]
    assert tail_threshold(few, 1e-6) > 1.2 * tail_threshold(many, 1e-6)


def test_a_tighter_budget_never_lowers_the_threshold():
    scores = np.sort(np.random.default_rng(2).exponential(1.0, 500).astype(np.float32))
    wanted = ["100/hour", "10/hour", "10/day", "1/day", "1/week"]
    found = [set_threshold(scores, Budget.parse(text), 7.0).score for text in wanted]
    assert found == sorted(found)


def test_scores_that_are_all_equal_have_a_threshold_just_above():
    scores = np.full(100, 2.0, np.float32)
    assert 2.0 < set_threshold(scores, Budget.parse("1/week"), 10.0).score < 2.001
