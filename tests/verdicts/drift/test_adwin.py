"""Adaptive windows: as the paper's algorithm says, one stream at a time and plainly written."""

import math

import numpy as np
import pytest

from oddflow.verdicts.drift.adwin import CLOCK, LEAST_VALUES, MOST_BUCKETS, Adwin


def plain_cut(values, delta):
    """The newest part of a list of numbers that ADWIN without buckets keeps: the twin (Bifet & Gavaldà, figure 1)."""
    values = list(values)
    while True:
        n = len(values)
        variance = np.var(values)
        for at in range(LEAST_VALUES, n - LEAST_VALUES + 1):
            older, newer = values[:at], values[at:]
            inverse = 1 / len(older) + 1 / len(newer)
            chance = math.log(2 * math.log(max(n, math.e)) / delta)
            allowed = math.sqrt(2 * inverse * variance * chance) + 2 / 3 * inverse * chance
            if abs(np.mean(older) - np.mean(newer)) > allowed:
                values = values[1:]
                break
        else:
            return values


@pytest.mark.parametrize("step", [0.0, 0.3, 0.6])
def test_while_buckets_are_single_the_window_is_that_of_the_plain_algorithm(step):
    window = Adwin(1, delta=0.5)
    chance = np.random.default_rng(0)
    # five buckets of each size: of the first five values each has one of its own
    values = np.clip(np.concatenate([chance.normal(0.2, 0.01, 60), chance.normal(0.2 + step, 0.01, 60)]), 0, 1)
    for place, value in enumerate(values):
        window.add(np.array([value]), place)
    kept = len(plain_cut(values, 0.5))
    was_cut = kept < len(values)
    assert (window.values[0] < len(values)) == was_cut
    assert abs(window.values[0] - kept) <= 16  # it drops whole buckets


def test_each_stream_has_its_own_window_and_carries_what_is_in_it():
    window = Adwin(2, (2, 3))
    chance = np.random.default_rng(1)
    for place in range(1_200):
        moved = 0.3 if place >= 800 else 0.0
        values = np.clip(chance.normal([0.4 + moved, 0.4], 0.05), 0, 1)
        window.add(values, place, np.ones((2, 3)))
    assert list(window.values < 600) == [True, False]
    assert abs(window.changed_ns[0] - 800) < 20
    assert window.since_ns[1] == 0
    assert np.array_equal(window.carried()[:, 0], window.values)
    assert window.means == pytest.approx([0.69, 0.4], abs=0.03)


def test_nothing_is_cut_where_nothing_changes_and_memory_stays():
    window, cuts = Adwin(20), 0
    chance = np.random.default_rng(2)
    for place in range(4_000):
        cuts += window.add(chance.beta(2, 5, 20), place).sum()
    assert cuts == 0
    assert len(window._sizes) <= MOST_BUCKETS
    assert (window.values == 4_000).all()


def test_constant_streams_are_never_cut():
    window = Adwin(3)
    assert not any(window.add(np.array([0.0, 0.5, 1.0]), place).any() for place in range(50 * CLOCK))
