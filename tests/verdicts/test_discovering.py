import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.verdicts.discovering import OnlineDiscovery, _gamma


def twin(p_values, share):
    """LORD++ as the paper writes it, test by test."""
    times, found = [], []
    gamma = _gamma(np.arange(1, len(p_values) + 1, dtype=np.float64))
    for test, p in enumerate(p_values, start=1):
        level = gamma[test - 1] * share / 2
        for place, time in enumerate(times):
            level += gamma[test - time - 1] * (share / 2 if place == 0 else share)
        found.append(p <= level)
        if found[-1]:
            times.append(test)
    return np.array(found)


def mixed(seed, count=3_000, odd=0.05):
    chance = np.random.default_rng(seed)
    is_odd = chance.random(count) < odd
    return np.where(is_odd, chance.random(count) ** 12, chance.random(count)), is_odd


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_wrong_share_is_refused(share):
    with pytest.raises(UsageError, match="false discovery rate"):
        OnlineDiscovery(share)


def test_what_is_spent_on_all_tests_is_no_more_than_was_earned():
    assert _gamma(np.arange(1, 2_000_000, dtype=np.float64)).sum() <= 1.0


@pytest.mark.parametrize("batch", [1, 7, 3_000])
def test_it_finds_what_the_paper_finds_however_flows_are_batched(batch):
    p, _ = mixed(1)
    discovery = OnlineDiscovery(0.2)
    found = [discovery.shown(p[start : start + batch]) for start in range(0, len(p), batch)]
    assert np.concatenate(found).tolist() == twin(p, 0.2).tolist()
    assert discovery.found == twin(p, 0.2).sum() > 20


def test_of_those_shown_no_larger_share_is_normal_on_average():
    shares = []
    for seed in range(40):
        p, is_odd = mixed(seed)
        shown = OnlineDiscovery(0.1).shown(p)
        shares.append((shown & ~is_odd).sum() / max(1, shown.sum()))
    assert np.mean(shares) <= 0.1


def test_normal_flows_alone_are_hardly_ever_shown():
    runs = [OnlineDiscovery(0.1).shown(np.random.default_rng(seed).random(2_000)).any() for seed in range(100)]
    assert np.mean(runs) <= 0.1
