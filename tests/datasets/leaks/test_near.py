"""Near repeats: neighbours as brute force finds them, bursts found, independent rows left alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import floats, integers
from tests.datasets.make import halves, noise, rows_of, shuffled

from oddflow.datasets.leaks import Severity
from oddflow.datasets.leaks.near import FARTHEST, Space, near_repeats, nearest
from oddflow.features.feature import Scale

NUMBERS = floats(-8, 8, width=32)


def bursts(count=200, of=10, spread=0.001, seed=3):
    """Rows that come in bursts of nearly the same, in the order of time."""
    random = np.random.default_rng(seed)
    centres = np.repeat(random.normal(size=(count, 5)), of, axis=0)
    return (centres + spread * random.normal(size=centres.shape)).astype(np.float32)


@given(arrays(np.float32, (5, 3), elements=NUMBERS), arrays(np.float32, (9, 3), elements=NUMBERS), integers(1, 10))
def test_the_nearest_is_that_of_brute_force(points, others, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("oddflow.datasets.leaks.near.BLOCK_ROWS", block)
        found = nearest(points, others)
    wanted = np.linalg.norm(points[:, None].astype(np.float64) - others[None], axis=2).min(axis=1)
    assert found == pytest.approx(wanted, abs=0.01)


def test_a_random_split_of_bursts_is_found():
    rows = rows_of(bursts(), times_ns=np.arange(2_000))
    (finding,) = near_repeats(rows, shuffled(rows))
    assert finding.severity is Severity.SEVERE
    assert finding.figures["share"] > 0.9
    assert "split by time" in finding.advice


def test_a_split_by_time_of_bursts_is_clean():
    rows = rows_of(bursts(), times_ns=np.arange(2_000))
    (finding,) = near_repeats(rows, halves(rows))
    assert finding.severity is Severity.CLEAN
    assert finding.figures["share"] < 0.3


def test_time_tells_stretches_even_where_rows_are_in_another_order():
    rows = rows_of(bursts(), times_ns=np.arange(2_000))
    order = np.random.default_rng(0).permutation(2_000)
    mixed = rows_of(rows.x[order], rows.y[order], times_ns=order)
    assert near_repeats(mixed, shuffled(mixed))[0].severity is Severity.SEVERE


def test_independent_rows_are_clean_however_they_are_split():
    rows = rows_of(noise(3_000))
    assert near_repeats(rows, shuffled(rows))[0].severity is Severity.CLEAN


def test_exact_repeats_are_no_near_ones():
    x = np.concatenate([noise(1_000)] * 2)
    rows = rows_of(x)
    assert near_repeats(rows, halves(rows))[0].severity is Severity.NOT_CHECKED


def test_the_same_seed_gives_the_same():
    rows = rows_of(bursts(600), times_ns=np.arange(6_000))
    one, two = (near_repeats(rows, shuffled(rows), 5)[0].as_dict() for _ in range(2))
    assert one == two


def test_one_huge_value_does_not_hide_the_others():
    x = bursts()
    x[0, 0] = 1e30
    x[1, 1] = np.nan
    x[2, 2] = np.inf
    rows = rows_of(x, times_ns=np.arange(2_000))
    assert near_repeats(rows, shuffled(rows))[0].severity is Severity.SEVERE


def test_a_space_is_bounded_and_words_are_apart():
    x = np.array([[0, 1e9, 7], [1, 0, 7], [2, 5, 8], [np.nan, 3, 9]], np.float32)
    rows = rows_of(x, scales=[Scale.LINEAR, Scale.LOG, Scale.CATEGORY])
    space = Space.of(rows, np.arange(4))
    points = space.points(x)
    assert points.shape == (4, space.width) == (4, 5)
    assert np.isfinite(points).all()
    assert np.abs(points).max() <= FARTHEST
    assert np.linalg.norm(points[0, 2:] - points[2, 2:]) == pytest.approx(1)
