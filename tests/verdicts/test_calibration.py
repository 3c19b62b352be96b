import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddflow.models.held_back import Circumstances, HeldBack, Origins
from oddflow.verdicts.blocks import design_effect
from oddflow.verdicts.calibration import Calibration
from oddflow.verdicts.counts import count_interval, rate_interval
from oddflow.verdicts.uniformity import Uniformity

BLOCK_NS = 3_600_000_000_000


def sample(scores, *, size=1, services=None, hosts=None):
    """Scores of flows that came in blocks of so many, an hour each."""
    n = len(scores)
    of = Circumstances(
        np.zeros(n, np.int32) if services is None else services, np.zeros(n, np.uint8), np.zeros(n, np.uint8)
    )
    times_ns = np.arange(n) // size * BLOCK_NS
    numbers = np.zeros(n, np.uint32) if hosts is None else hosts
    return HeldBack.of(np.asarray(scores, np.float32), Origins.of(numbers, times_ns, 3_600.0, of), 3_600.0)


def blocky(chance, blocks, size):
    """Flows of a block score nearly the same."""
    return np.repeat(chance.exponential(1, blocks), size) + 1e-3 * chance.random(blocks * size)


class TestDesignEffect:
    def test_independent_flows_tell_what_they_are(self):
        assert design_effect(sample(np.random.default_rng(0).random(4_000)), 400) < 1.6

    @pytest.mark.parametrize("size", [5, 20])
    def test_flows_that_come_together_tell_as_much_as_one(self, size):
        scores = blocky(np.random.default_rng(1), 400, size)
        assert design_effect(sample(scores, size=size), len(scores) // 10) == pytest.approx(size, rel=0.35)

    def test_hosts_that_are_odd_for_an_hour_are_blocks(self):
        chance = np.random.default_rng(3)
        hosts = np.tile(np.arange(10, dtype=np.uint32), 400)
        per_block = chance.exponential(1, (40, 10))
        scores = np.tile(per_block, (1, 10)).reshape(-1)
        assert design_effect(sample(scores, size=100, hosts=hosts), 200) > 5

    def test_without_origins_nothing_is_known(self):
        assert design_effect(HeldBack.of(np.arange(100, dtype=np.float32)), 10) == 1.0

    def test_as_counted_by_hand(self):
        # forty flows in twenty hours of two; the highest twenty, half of all, are ten whole hours
        scores = np.repeat(np.arange(20.0), 2)
        # residuals are ±½, so sums ±1: 20 / 19 · 20 / 10; and t / z at 19 degrees of freedom is 2.093 / 1.960
        assert design_effect(sample(scores, size=2), 20) == pytest.approx(20 / 19 * 2 * (2.093 / 1.960) ** 2, rel=1e-3)

    def test_days_are_blocks_of_a_long_baseline(self):
        per_day = np.random.default_rng(4).exponential(1, 30)
        scores = np.repeat(per_day, 24 * 5) + 1e-3 * np.random.default_rng(4).random(30 * 24 * 5)
        assert design_effect(sample(scores, size=5), 360) > 60


class TestIntervals:
    def test_a_rate_is_jeffreys_interval(self):
        # Brown et al. 2001, table for x = 5, n = 50 at 95 %: 0.039 to 0.206
        found = rate_interval(5, 50)
        assert (found.low, found.high) == (pytest.approx(0.039, abs=0.003), pytest.approx(0.206, abs=0.006))

    def test_ten_thousand_independent_flows_at_one_in_a_hundred_tell_it_within_a_factor_of_two(self):
        assert rate_interval(100, 10_000).ratio < 1.55
        assert count_interval(100, 10_000, 10_000).ratio < 1.9

    def test_clusters_widen_it(self):
        assert count_interval(100, 10_000, 10_000, 4.0).ratio > 1.5 * count_interval(100, 10_000, 10_000).ratio

    @pytest.mark.parametrize(("over", "flows"), [(0, 1_000), (10, 0), (10, 3), (1_000, 1_000)])
    @pytest.mark.parametrize("effect", [1.0, 2.5, 50.0])
    def test_a_count_is_between_none_and_all(self, over, flows, effect):
        found = count_interval(over, 1_000, flows, effect)
        assert 0 <= found.low <= found.high <= flows

    @pytest.mark.parametrize("size", [1, 10])
    def test_as_many_new_flows_are_over_as_it_says(self, size):
        chance = np.random.default_rng(5)
        within = 0
        for _ in range(100):
            known, new = blocky(chance, 200, size), blocky(chance, 200, size)
            calibration = Calibration(sample(known, size=size))
            threshold = float(np.sort(known)[-len(known) // 20])
            within += int((new.astype(np.float32) >= np.float32(threshold)).sum()) in calibration.false_alarms(
                threshold, len(new)
            )
        assert within >= 90  # of 100; 95 are expected, and 88 come once in 250 times


class TestPValues:
    @given(st.integers(1, 200), st.integers(0, 2**32))
    def test_a_new_exchangeable_flow_is_as_rare_as_said(self, n, seed):
        scores = np.random.default_rng(seed).random(n).astype(np.float32)
        found = Calibration(HeldBack.of(scores)).conformal(scores)
        # the sample's own flows: exactly k of them have p ≤ (k + 1) / (n + 1)
        assert np.allclose(np.sort(found), (np.arange(1, n + 1) + 1) / (n + 1))

    def test_beyond_the_sample_it_goes_on_falling_and_stays_in_its_interval(self):
        known = sample(np.random.default_rng(6).exponential(1, 5_000), size=5)
        calibration = Calibration(known)
        scores = np.linspace(known.scores[-1] + 0.01, 60, 50).astype(np.float32)
        p, (low, high) = calibration.p_values(scores), calibration.intervals(scores)
        assert (np.diff(p) <= 0).all()
        assert p[0] <= 1 / 5_001
        assert ((low <= p) & (p <= high)).all()
        # P(X > 15) of an exponential is 3e-7
        assert low[12] < np.exp(-scores[12]) < high[12]

    def test_a_short_sample_gives_no_tail(self):
        known = HeldBack.of(np.arange(100, dtype=np.float32))
        calibration = Calibration(known)
        assert calibration.tail is None
        assert calibration.p_values(np.array([1e9], np.float32)) == pytest.approx(1 / 101)

    def test_a_service_whose_flows_always_score_high_is_less_surprising(self):
        chance = np.random.default_rng(7)
        services = chance.integers(0, 2, 20_000).astype(np.int32)
        scores = chance.exponential(1 + 2 * services)
        calibration = Calibration(sample(scores, size=100, services=services))
        at = np.full(2, 6.0, np.float32)
        of = Circumstances(np.array([0, 1], np.int32), np.zeros(2, np.uint8), np.zeros(2, np.uint8))
        p, here = calibration.p_values(at), calibration.p_values(at, of)
        assert here[0] < p[0] / 3
        assert here[1] == pytest.approx(np.exp(-2), rel=0.1)  # 6 at a mean of 3

    def test_services_that_do_not_differ_have_the_chance_of_all(self):
        chance = np.random.default_rng(8)
        services = chance.integers(0, 5, 10_000).astype(np.int32)
        calibration = Calibration(sample(chance.exponential(1, 10_000), size=50, services=services))
        at = np.array([1.0, 3.0, 6.0], np.float32)
        of = Circumstances(np.array([1, 2, 3], np.int32), np.zeros(3, np.uint8), np.zeros(3, np.uint8))
        assert calibration.p_values(at, of) == pytest.approx(calibration.p_values(at), rel=0.3)

    def test_a_service_that_was_never_seen_has_the_chance_of_all(self):
        calibration = Calibration(sample(np.random.default_rng(9).random(5_000), size=50))
        at = np.array([0.99], np.float32)
        of = Circumstances(np.array([77], np.int32), np.zeros(1, np.uint8), np.zeros(1, np.uint8))
        assert calibration.p_values(at, of) == calibration.p_values(at)


class TestUniformity:
    known = sample(np.random.default_rng(10).exponential(1, 5_000), size=10)

    def told(self, scores, *, remembered=None):
        watched = Uniformity(Calibration(self.known), 4.6, remembered)
        watched.add(scores.astype(np.float32))
        return watched.told()

    def test_traffic_of_the_same_kind_is_uniform(self):
        assert self.told(np.random.default_rng(11).exponential(1, 3_000)) is None

    @pytest.mark.parametrize(("factor", "word"), [(1.8, "higher"), (0.5, "lower")])
    def test_traffic_that_drifted_away_is_told_with_its_direction(self, factor, word):
        assert f"scores here are {word}" in self.told(np.random.default_rng(12).exponential(factor, 3_000))

    def test_attacks_over_the_threshold_are_no_drift(self):
        scores = np.concatenate([np.random.default_rng(13).exponential(1, 3_000), np.full(3_000, 50.0)])
        assert self.told(scores) is None

    def test_a_few_flows_tell_nothing(self):
        assert self.told(np.full(99, 4.0)) is None

    def test_a_stream_that_drifts_late_is_told(self):
        watched = Uniformity(Calibration(self.known), 4.6, 1_000)
        chance = np.random.default_rng(14)
        for _ in range(100):
            watched.add(chance.exponential(1, 1_000).astype(np.float32))
        assert watched.told() is None
        for _ in range(3):
            watched.add(chance.exponential(1.8, 1_000).astype(np.float32))
        assert watched.told() is not None
