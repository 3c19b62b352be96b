from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddflow.errors import UnknownFormat
from oddflow.models.sketches.moments import Moments
from oddflow.models.sketches.packed import pack
from tests.models.sketches.make import merged, parted, sent


def of(x, groups, count=3):
    moments = Moments(count, x.shape[1])
    moments.update(x, groups)
    return moments


def by_fractions(values):
    """The float64 next to the true mean and variance."""
    exact = [Fraction(float(value)) for value in values]
    if not exact:
        return 0.0, 0.0
    mean = sum(exact) / len(exact)
    return float(mean), float(sum((value - mean) ** 2 for value in exact) / len(exact))


@settings(max_examples=30, deadline=None)
@given(parted(), st.integers(0, 3))
def test_any_partition_gives_the_numbers_next_to_the_true_ones(given_rows, seed):
    x, parts = given_rows
    groups = np.random.default_rng(seed).integers(0, 3, len(x))
    found = merged(lambda part: sent(of(x[part], groups[part])), parts)
    for group in range(3):
        for column in range(2):
            mean, variance = by_fractions(x[groups == group, column])
            assert found.means()[group, column] == mean
            assert found.variances()[group, column] == variance
    assert (found.mean()[0], found.variance()[0]) == by_fractions(x[:, 0])


def test_what_cancels_leaves_no_rounding():
    x = np.array([[1e30], [1.0], [-1e30], [2.0**-149]], np.float32)
    assert of(x, np.zeros(4, np.int64)).mean()[0] == 0.25


def test_many_rows_are_added_block_by_block():
    x = np.full((1 << 21, 1), 0.1, np.float32)
    found = of(x, np.zeros(len(x), np.int64), 1)
    assert found.mean()[0] == float(np.float32(0.1))
    assert found.variance()[0] == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no tensors",
        pack("products", counts=np.zeros(1, np.int64)),
        pack("moments", counts=np.zeros(2, np.int64), sums=np.zeros((1, 1, 8), np.uint8),
             squares=np.zeros((1, 1, 8), np.uint8)),
        pack("moments", counts=-np.ones(1, np.int64), sums=np.zeros((1, 1, 8), np.uint8),
             squares=np.zeros((1, 1, 8), np.uint8)),
        pack("moments", counts=np.ones(1, np.int64), sums=np.zeros((1, 1, 8), np.uint8),
             squares=np.full((1, 1, 8), 255, np.uint8)),
        pack("moments", counts=np.ones(1, np.int64), sums=np.zeros((1, 1, 4_096), np.uint8),
             squares=np.zeros((1, 1, 8), np.uint8)),
    ],
)  # fmt: skip
def test_other_bytes_are_refused(content):
    with pytest.raises(UnknownFormat, match="hold no moments"):
        Moments.from_bytes(content)
