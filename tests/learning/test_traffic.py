"""Flows as another sensor would have seen them: possible ones, that are what they were."""

import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.features.full import FULL
from oddflow.features.homes import HomeNetworks
from oddflow.features.image import PIXELS, Image
from oddflow.features.sequence import Sequence
from oddflow.features.tabular import Tabular
from oddflow.learning.traffic import Strengths, changed, cut_bytes, cut_packets, jittered, missed, offered, padded
from tests.checks.problem import FEATURES, image_rows, packet_rows

NOTHING = Strengths(loss=0, jitter=0, truncate=0, pad=0)
TABULAR = Tabular(HomeNetworks(), kind=FULL).features


def chance(seed=0):
    return np.random.default_rng(seed)


def packets(count=200):
    lengths, gaps_s = np.split(packet_rows(count, 0).astype(np.float64), 2, axis=1)
    return lengths, np.round(gaps_s * 1e6) / 1e6


def counts(lengths):
    return (lengths != 0).sum(axis=1)


def test_packets_that_were_missed_leave_a_longer_gap():
    lengths = np.array([[60.0, -60, 300, -1460, 0]])
    gaps_s = np.array([[0.0, 0.1, 0.2, 0.4, 0]])
    for seed in range(20):
        left, gaps = missed(lengths, gaps_s, 0.5, chance(seed))
        kept = [place for place in range(4) if lengths[0, place] in left[0]]
        assert left[0, : len(kept)].tolist() == lengths[0, kept].tolist()
        times = np.cumsum(gaps_s[0])[kept]
        np.testing.assert_allclose(np.cumsum(gaps[0])[: len(kept)], times)
        assert kept[0] == 0
        assert not left[0, len(kept) :].any()
        assert not gaps[0, len(kept) :].any()
    assert (missed(lengths, gaps_s, 0.9, chance())[0] != 0).sum() < 4


def test_as_many_packets_are_missed_as_was_asked_for():
    lengths, gaps_s = packets(2_000)
    left = counts(missed(lengths, gaps_s, 0.3, chance())[0])
    behind_the_first = counts(lengths) - 1
    assert 1 - (left - 1).sum() / behind_the_first.sum() == pytest.approx(0.3, abs=0.01)


def test_a_flow_that_is_cut_is_the_beginning_of_itself():
    lengths, gaps_s = packets()
    left, gaps = cut_packets(lengths, gaps_s, 0.5, chance())
    kept = counts(left)
    for row, count in enumerate(kept):
        np.testing.assert_array_equal(left[row, :count], lengths[row, :count])
        np.testing.assert_array_equal(gaps[row, :count], gaps_s[row, :count])
        assert not gaps[row, count:].any()
    assert kept.min() >= 1
    assert 0.4 < (kept < counts(lengths)).mean() < 0.6


def test_times_waver_and_keep_their_order():
    _, gaps_s = packets()
    gaps = jittered(gaps_s, 0.5, chance())
    assert gaps.min() >= 0
    assert not gaps[:, 0].any()
    there = gaps_s > 1e-3
    assert np.log(gaps[there] / gaps_s[there]).std() == pytest.approx(0.5, rel=0.05)


def test_packets_are_padded_and_headers_are_not():
    lengths = np.array([[60.0, -80, 81, -1490, 1500, 9000, 0]] * 50)
    longer = padded(lengths, 40, chance())
    np.testing.assert_array_equal(longer[:, [0, 1, 4, 5, 6]], lengths[:, [0, 1, 4, 5, 6]])
    assert set(np.unique(longer[:, 2])) <= set(range(81, 122))
    assert len(np.unique(longer[:, 2])) > 10
    assert longer[:, 3].min() == -1500
    assert longer[:, 3].max() <= -1490


def test_whole_rows_of_packets_are_possible_ones():
    rows = packet_rows(300, 1)
    made = changed(rows, Sequence.features, Strengths(), chance())
    lengths, gaps_s = np.split(made, 2, axis=1)
    there = lengths != 0
    assert (np.diff(there.astype(int), axis=1) <= 0).all()  # no packet behind the last
    assert not gaps_s[~there].any()
    assert not gaps_s[:, 0].any()
    assert (lengths == np.round(lengths)).all()
    assert (np.sign(lengths[:, 0]) == np.sign(rows[:, 0])).all()
    assert not np.array_equal(made, rows)


@pytest.mark.parametrize(
    ("features", "rows"), [(Sequence.features, packet_rows(50, 0)), (Image().features, image_rows(50, 0))]
)
def test_by_nothing_nothing_changes(features, rows):
    np.testing.assert_allclose(changed(rows, features, NOTHING, chance()), rows, atol=1e-6)


def test_of_a_flow_that_is_cut_the_last_bytes_are_not_there():
    rows = image_rows(100, 0)
    rows[0] = 0
    left = cut_bytes(rows, 1.0, chance())
    is_same = left == rows
    sizes = np.where(left.any(axis=1), PIXELS - (left != 0)[:, ::-1].argmax(axis=1), 0)
    for row, size in enumerate(sizes):
        assert is_same[row, :size].all()
        assert not left[row, size:].any()
    assert (sizes[1:] < 400).all()
    assert sizes[0] == 0
    both = np.concatenate([rows, rows], axis=1)
    assert changed(both, Image().features * 2, Strengths(truncate=1), chance()).shape == both.shape


def tabular_rows(count):
    """Flows whose rates are those of their packets, bytes and duration; all else is 1."""
    names = [feature.name for feature in TABULAR]
    rng = chance(3)
    x = np.ones((count, len(names)), np.float32)
    duration = 10 ** rng.uniform(-5, 2, count)
    packet_count, byte_count = rng.integers(2, 90, count), rng.integers(100, 90_000, count)
    x[:, names.index("duration_s")] = duration
    x[:, names.index("gap_max_s")] = duration / 2
    for name, total in (("packets_per_s", packet_count), ("bytes_per_s", byte_count)):
        x[:, names.index(name)] = total / np.maximum(1e-3, duration)
    return x, names, packet_count


def test_of_statistics_times_alone_are_stretched_and_rates_follow():
    x, names, packet_count = tabular_rows(300)
    made = changed(x, TABULAR, Strengths(jitter=1), chance())
    duration, gap, rate = (names.index(name) for name in ("duration_s", "gap_max_s", "packets_per_s"))
    np.testing.assert_allclose(made[:, gap] / made[:, duration], 0.5, rtol=1e-4)
    np.testing.assert_allclose(made[:, rate] * np.maximum(1e-3, made[:, duration]), packet_count, rtol=1e-4)
    assert np.log(made[:, duration] / x[:, duration]).std() == pytest.approx(1, rel=0.1)
    times = {"duration_s", "gap_max_s", "packets_per_s", "bytes_per_s"}
    others = [place for place, name in enumerate(names) if name not in times]
    np.testing.assert_array_equal(made[:, others], x[:, others])


def test_only_what_a_row_can_follow_is_offered():
    assert offered(TABULAR) == ("jitter",)
    assert offered(Image().features) == ("truncate",)
    with pytest.raises(UsageError, match="columns of a data set's own do not say"):
        offered(FEATURES)
    with pytest.raises(UsageError, match="offers jitter, not loss, pad"):
        changed(np.ones((2, len(TABULAR)), np.float32), TABULAR, Strengths(loss=0.1, pad=3), chance())
    with pytest.raises(UsageError, match="truncate of traffic must be from 0 to 1; 2 given"):
        Strengths(truncate=2)
