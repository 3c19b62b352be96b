import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.learning.alone import BLOCKS, learn_alone
from oddflow.learning.learn import FEWEST_ROWS
from tests.checks.problem import normal_rows

from .make import SECOND_NS, START_NS, gathered

COUNT = 800


def with_a_burst():
    """A tenth of the time holds one odd flow, over and over."""
    rows = normal_rows(COUNT, 0)
    burst = slice(420, 480)
    rows[burst] = rows[burst.start]
    rows[burst, 1:5] *= 1_000
    rows[burst, 9] = 300
    return rows, burst


def test_a_burst_is_judged_by_traffic_that_does_not_hold_it():
    rows, burst = with_a_burst()
    base = gathered(x=rows)
    scores, contributions = learn_alone(base).score(base.x, base.times_ns)
    normal = np.delete(scores, np.r_[burst])
    assert scores[burst].min() > np.quantile(normal, 0.999)
    assert contributions.shape == rows.shape


def test_each_row_is_scored_by_the_model_of_its_time():
    base = gathered(COUNT)
    panel = learn_alone(base)
    scores, contributions = panel.score(base.x, base.times_ns)
    for place in range(0, COUNT, 97):
        model = panel.model_at(int(base.times_ns[place]))
        score, parts = model.score(base.x[[place]])
        assert scores[place] == pytest.approx(score[0], rel=1e-4)
        np.testing.assert_allclose(contributions[place], parts[0], rtol=1e-3, atol=1e-5)


def test_no_model_learnt_from_the_rows_that_it_judges():
    # every row of a stretch carries the stretch's number as its service: its own model must not know it
    base = gathered(COUNT)
    base.x[:, 0] = np.arange(COUNT) * BLOCKS // COUNT
    panel = learn_alone(base)
    for place in range(0, COUNT, 50):
        known = {group.value for group in panel.model_at(int(base.times_ns[place])).manifest.groups}
        assert float(base.x[place, 0]) not in known
        assert len(known) == BLOCKS - 1


def test_times_before_and_after_belong_to_the_nearest_stretch():
    panel = learn_alone(gathered(COUNT))
    assert panel.model_at(0) is panel.models[0]
    assert panel.model_at(START_NS + 10 * COUNT * SECOND_NS) is panel.models[-1]


def test_rows_may_come_in_any_order():
    base = gathered(COUNT)
    order = np.random.default_rng(0).permutation(COUNT)
    straight, _ = learn_alone(base).score(base.x, base.times_ns)
    shuffled, _ = learn_alone(gathered(x=base.x[order], times_ns=base.times_ns[order])).score(base.x, base.times_ns)
    np.testing.assert_allclose(straight, shuffled, rtol=1e-4)


def test_all_flows_of_one_moment_are_judged_among_themselves():
    base = gathered(100, times_ns=np.full(100, START_NS))
    scores, _ = learn_alone(base).score(base.x, base.times_ns)
    assert np.isfinite(scores).all()


def test_the_whole_says_how_flows_scored_that_it_did_not_learn_from():
    base = gathered(COUNT)
    panel = learn_alone(base)
    scores, _ = panel.score(base.x, base.times_ns)
    np.testing.assert_allclose(panel.whole.held_back, np.sort(scores), rtol=1e-4)
    assert panel.whole.manifest.calibration.rows == COUNT


def test_too_few_flows_are_refused_with_their_count():
    with pytest.raises(UsageError, match=f"{FEWEST_ROWS - 1} flows are too few"):
        learn_alone(gathered(FEWEST_ROWS - 1))
