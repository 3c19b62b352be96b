"""What a set holds: counts that plain Python confirms, and spreads that hold every row."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import floats, sampled_from

from oddflow.datasets.loading import load
from oddflow.datasets.rows import Label
from oddflow.datasets.summary import BINS, MOST_WORDS, Summary
from oddflow.features.feature import Scale
from oddflow.schema import AttackCategory
from tests.datasets.make import LABELS, noise, rows_of

VALUES = floats(width=32) | sampled_from([0.0, 1.0, np.nan, np.inf, -np.inf, 3.4e38, -3.4e38])


@given(arrays(np.float32, (20, 1), elements=VALUES), sampled_from(list(Scale)))
def test_every_row_is_in_one_bin_or_missing(x, scale):
    (spread,) = Summary.of(rows_of(x, scales=[scale])).spreads
    assert sum(spread.normal) + sum(spread.attack) + spread.missing == 20
    assert spread.missing == int((~np.isfinite(x)).sum())
    assert len(spread.normal) == len(spread.attack)
    if spread.edges:
        assert len(spread.edges) == len(spread.normal) + 1
        assert np.isfinite(spread.edges).all()
        assert list(spread.quantiles) == sorted(spread.quantiles)
    json.dumps(Summary.of(rows_of(x, scales=[scale])).as_dict(), allow_nan=False)


def test_normal_rows_and_attacks_are_told_apart():
    x = np.where(np.arange(1_000) % 2, 5.0, noise()[:, 0])[:, None]
    (spread,) = Summary.of(rows_of(x)).spreads
    assert sum(spread.normal) == sum(spread.attack) == 500
    assert sum(rows > 0 for rows in spread.attack) == 1
    assert sum(rows > 0 for rows in spread.normal) > BINS // 2


def test_outliers_are_in_the_outermost_bins():
    x = noise(10_000)[:, :1]
    x[0], x[1] = 1e9, -1e9
    (spread,) = Summary.of(rows_of(x)).spreads
    assert -6 < spread.edges[0] < spread.edges[-1] < 6
    assert (spread.quantiles[0], spread.quantiles[-1]) == (-1e9, 1e9)


def test_amounts_are_cut_by_powers():
    x = np.logspace(0, 6, 1_000)[:, None]
    (spread,) = Summary.of(rows_of(x, scales=[Scale.LOG])).spreads
    widths = np.diff(spread.edges)
    assert widths[-1] > 1_000 * widths[0]


def test_words_are_counted_the_commonest_first():
    x = np.array([[0], [1], [1], [2], [1], [0]], np.float32)
    rows = rows_of(x, scales=[Scale.CATEGORY], names=["flag"], words={"flag": ("SF", "S0")})
    (spread,) = Summary.of(rows, lambda value, feature: f"{feature.name} {value:g}").spreads
    assert spread.words == ("S0", "SF", "flag 2")
    assert [sum(pair) for pair in zip(spread.normal, spread.attack, strict=True)] == [3, 2, 1]


def test_rarer_words_are_added_up():
    x = np.arange(40, dtype=np.float32)[:, None]
    (spread,) = Summary.of(rows_of(x, scales=[Scale.CATEGORY])).spreads
    assert len(spread.words) == MOST_WORDS + 1
    assert spread.words[-1] == f"{40 - MOST_WORDS} others"
    assert sum(spread.normal) + sum(spread.attack) == 40


def test_classes_parts_captures_and_times():
    labels = (*LABELS, Label("never met", AttackCategory.PROBE))
    rows = rows_of(
        noise(10), [0, 0, 0, 0, 0, 0, 1, 1, 1, 0], labels=labels, parts=("train", "test"),
        part=np.array([0] * 6 + [1] * 4, np.int8), times_ns=np.arange(10) * 1_000, captures=("a", "b"),
        capture=np.array([0] * 3 + [1] * 7, np.int32),
    )  # fmt: skip
    found = Summary.of(rows)
    assert [(one.label.name, one.rows, one.parts) for one in found.classes] == [
        ("benign", 7, (6, 1)),
        ("flood", 3, (0, 3)),
    ]
    assert (found.part_rows, found.attacks, found.span_ns) == ((6, 4), 3, (0, 9_000))
    assert found.captures == (("b", 7), ("a", 3))


def test_rows_that_lack_a_value_are_counted_once():
    x = noise(10)
    x[3] = np.nan
    x[4, 1] = np.inf
    found = Summary.of(rows_of(x))
    assert found.incomplete == 2
    assert [spread.missing for spread in found.spreads] == [1, 2, 1, 1]


def test_pictures_have_a_mean_for_each_class():
    x = np.zeros((4, 784))
    x[[1, 3]] = 200 / 255
    x[1, 0] = 100 / 255
    found = Summary.of(rows_of(x, names=[f"byte_{place:03d}" for place in range(784)]))
    assert [picture[:2] for picture in found.pictures] == [bytes([0, 0]), bytes([150, 200])]
    assert Summary.of(rows_of(x)).pictures == ()


@pytest.mark.parametrize(("name", "rows", "attacks"), [("nsl-kdd", 148_517, 71_463), ("unsw-nb15", 82_332, 45_332)])
def test_real_sets(shared, name, rows, attacks):
    found = Summary.of(load(name, data=shared))
    assert (found.rows, found.attacks) == (rows, attacks)
    assert sum(one.rows for one in found.classes) == rows
