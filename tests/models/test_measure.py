"""Distances of rows, and rows that stand for all."""

import numpy as np
import pytest

from oddflow.errors import NotAModel
from oddflow.features.feature import Feature, Scale
from oddflow.models.measure import Measure, chosen
from oddflow.models.prototypes import MOST_PROTOTYPES, open_prototypes, prototypes_part

FEATURES = (
    Feature("service", "", Scale.CATEGORY, "service {value}"),
    Feature("sent", "bytes", Scale.LOG, "{value} sent"),
    Feature("balance", "", Scale.LINEAR, "balance {value}"),
)


def rows_of(count, seed=0):
    chance = np.random.default_rng(seed)
    return np.stack(
        [chance.choice([53.0, 80.0], count), chance.lognormal(5, 1, count), chance.uniform(-1, 1, count)], axis=1
    ).astype(np.float32)


def test_the_way_between_rows_is_by_the_logarithm_where_a_column_is():
    measure = Measure(FEATURES, np.array([0, 0, -1]), np.array([0, 1000, 1]))
    half = measure.between(np.array([0, 0, 0], np.float32), np.array([0, 99, 1], np.float32), 0.5)
    assert half[1] == pytest.approx(9.0, rel=1e-5)  # log(1 + 9) is half of log(1 + 99)
    assert half[2] == pytest.approx(0.5)


def test_categories_are_apart_or_not_and_no_column_counts_for_more_than_three():
    measure = Measure(FEATURES, np.array([0, 0, -1]), np.array([0, 1000, 1]))
    apart = measure.apart(np.array([[80, 1e15, 50]], np.float32), np.array([53, 0, 0], np.float32))
    assert apart[0].tolist() == pytest.approx([1.0, 3.0, 3.0])


def test_prototypes_are_rows_of_the_baseline_and_none_of_it_is_far_from_all():
    known = rows_of(3_000)
    known[7] = (80, 1e9, 1)
    found = chosen(known, FEATURES)
    assert len(found) <= MOST_PROTOTYPES
    assert {row.tobytes() for row in found} <= {row.tobytes() for row in known}
    assert known[7].tobytes() in {row.tobytes() for row in found}


def test_rows_of_bytes_are_never_kept():
    pixels = tuple(Feature(f"byte_{place:03}", "byte", Scale.LINEAR, "{value}") for place in range(3))
    assert chosen(rows_of(1_000), pixels) is None


def test_a_part_comes_back_as_it_was():
    rows = rows_of(20)
    np.testing.assert_array_equal(open_prototypes(prototypes_part(rows), 3), rows)


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"no tensors",
        prototypes_part(rows_of(20)[:, :2]),
        prototypes_part(rows_of(MOST_PROTOTYPES + 1)),
        prototypes_part(np.full((2, 3), np.nan, np.float32)),
        prototypes_part(rows_of(0)),
    ],
)
def test_another_part_is_refused(part):
    with pytest.raises(NotAModel, match="prototypes"):
        open_prototypes(part, 3)
