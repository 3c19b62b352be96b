import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddflow.errors import UnknownFormat, UsageError
from oddflow.models.sketches.packed import pack
from oddflow.models.sketches.products import Products, projected
from tests.models.sketches.make import merged, parted, sent

SCALED = st.floats(-30, 30, width=32)


def of(x):
    products = Products(x.shape[1])
    products.update(x)
    return products


@settings(max_examples=30, deadline=None)
@given(parted(SCALED, width=3))
def test_any_partition_gives_the_same_bits_near_the_true_ones(given_rows):
    x, parts = given_rows
    whole, found = of(x), merged(lambda part: sent(of(x[part])), parts)
    assert np.array_equal(found.mean(), whole.mean())
    assert np.array_equal(found.covariance(), whole.covariance())
    wide = x.astype(np.float64)
    np.testing.assert_allclose(whole.mean(), wide.mean(axis=0), atol=2**-25)
    np.testing.assert_allclose(whole.covariance(), np.cov(wide.T, bias=True), atol=60 * 2**-23)


def test_blocks_of_rows_add_up_to_the_same():
    x = np.random.default_rng(0).normal(0, 3, (10_000, 5)).astype(np.float32)
    assert np.array_equal(of(x).covariance(), merged(of, np.split(x, [17, 5_001, 5_002])).covariance())


def test_a_row_is_drawn_alike_whatever_stands_beside_it():
    rng = np.random.default_rng(1)
    x, mean = rng.normal(0, 5, (5_000, 70)).astype(np.float32), rng.normal(0, 1, 70).astype(np.float32)
    kept, _ = np.linalg.qr(rng.normal(size=(70, 9)))
    projection = (kept @ kept.T).astype(np.float32)
    whole = projected(x, mean, projection)
    for start, stop in ((0, 1), (7, 9), (4_090, 4_103), (4_999, 5_000)):
        assert np.array_equal(projected(x[start:stop], mean, projection), whole[start:stop])
    expected = (x - mean).astype(np.float64) @ projection + mean
    np.testing.assert_allclose(whole, expected, atol=1e-5)


@pytest.mark.parametrize("value", [2_000.0, -2_000.0, np.inf, np.nan])
def test_values_that_no_scaling_leaves_are_refused(value):
    with pytest.raises(UsageError, match="must lie within"):
        of(np.array([[0.0, value]], np.float32))


@pytest.mark.parametrize(
    "content",
    [
        b"\x00" * 9,
        pack("products", count=np.ones(2, np.int64), sums=np.zeros((1, 8), np.uint8),
             products=np.zeros((1, 1, 8), np.uint8)),
        pack("products", count=np.ones(1, np.int64), sums=np.zeros((2, 8), np.uint8),
             products=np.zeros((1, 1, 8), np.uint8)),
        pack("products", count=np.ones(1), sums=np.zeros((1, 8), np.uint8), products=np.zeros((1, 1, 8), np.uint8)),
    ],
)  # fmt: skip
def test_other_bytes_are_refused(content):
    with pytest.raises(UnknownFormat, match="hold no products"):
        Products.from_bytes(content)
