import numpy as np
import pytest
from scipy.stats import spearmanr

from oddflow.verdicts.alerting import Judged
from oddflow.verdicts.shadow.comparing import MOST_TOLD, SAMPLE, _Run, spearman
from tests.verdicts.make import alert


@pytest.mark.parametrize("seed", range(4))
def test_the_rank_correlation_is_that_of_scipy(seed):
    draw = np.random.default_rng(seed)
    one = draw.integers(0, 20, 300).astype(np.float32)  # with ties
    other = (one + draw.normal(0, 5, 300)).astype(np.float32)
    assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)


def test_a_constant_has_no_rank_correlation():
    ones = np.ones(5, np.float32)
    assert np.isnan(spearman(ones, np.arange(5, dtype=np.float32)))
    assert np.isnan(spearman(ones[:1], ones[:1]))


def judged(scores, cut, names=None):
    scores = np.asarray(scores, np.float32)
    over = scores >= cut
    alerts = [alert(id=f"{place:012x}", score=float(score)) for place, score in enumerate(scores) if score >= cut]
    return Judged(None, scores, over, alerts, names)


def test_alerts_are_told_apart_and_the_strongest_kept():
    run = _Run(np.random.default_rng(0))
    active, candidate = [1, 5, 5, 2], [9, 1, 9, 1]
    run.add(judged(active, 4, ["", "scan", "scan", ""]), judged(candidate, 4, None))
    assert dict(run.over) == {(False, True): 1, (True, False): 1, (True, True): 1, (False, False): 1}
    assert [[one.id for _, _, one in kept] for kept in run.told] == [["000000000001"], ["000000000000"]]
    known = run.known()
    assert (known.benign_flows, known.active_false, known.candidate_false) == (2, 0, 1)
    assert [(one.what, one.flows, one.active, one.candidate) for one in known.attacks] == [("scan", 2, 2, 1)]
    run.add(judged(np.arange(100) + 10, 4, [""] * 100), judged(np.zeros(100), 4))
    assert sorted(score for score, _, _ in run.told[0]) == [float(score) for score in range(60, 110)]
    assert len(run.told[0]) == MOST_TOLD


def test_the_sample_is_uniform_and_bounded():
    run = _Run(np.random.default_rng(0))
    for start in range(0, 5 * SAMPLE, 1_000):
        numbers = np.arange(start, start + 1_000)
        run.add(judged(numbers, 1e9), judged(-numbers, 1e9))
    assert run.flows == 5 * SAMPLE
    np.testing.assert_array_equal(run.sample[:, 0], -run.sample[:, 1])
    assert len(np.unique(run.sample[:, 0])) == SAMPLE
    fifths = np.bincount((run.sample[:, 0] // SAMPLE).astype(int), minlength=5)
    assert abs(fifths - SAMPLE / 5).max() < 5 * np.sqrt(SAMPLE / 5)
