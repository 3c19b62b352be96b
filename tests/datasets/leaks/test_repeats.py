"""Exact repeats: hashes that are equal where rows are, and counts that a dictionary confirms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import integers, sampled_from
from tests.datasets.make import halves, noise, rows_of

from oddflow.datasets.leaks import Severity
from oddflow.datasets.leaks.repeats import exact_repeats, row_hashes
from oddflow.datasets.rows import Split

FEW = sampled_from([0.0, -0.0, 1.0, 2.5, np.nan, np.inf, -np.inf])
SMALL = arrays(np.float32, (12, 2), elements=FEW)


def same(value):
    """What equal values have in common."""
    return "nan" if np.isnan(value) else float(value) + 0.0


@given(SMALL)
def test_rows_have_one_hash_exactly_where_they_are_equal(x):
    hashes = row_hashes(x)
    keys = [tuple(same(value) for value in row) for row in x]
    for one in range(len(x)):
        for other in range(len(x)):
            assert (hashes[one] == hashes[other]) == (keys[one] == keys[other])


def test_a_hash_does_not_depend_on_the_block(monkeypatch):
    x = noise(50)
    whole = row_hashes(x)
    monkeypatch.setattr("oddflow.datasets.leaks.repeats.BLOCK_ROWS", 7)
    assert (row_hashes(x) == whole).all()


@given(SMALL, arrays(np.int16, 12, elements=integers(0, 1)))
def test_counts_are_those_of_a_dictionary(x, y):
    rows = rows_of(x, y)
    across, within, labels = exact_repeats(rows, halves(rows))
    keys = [tuple(same(value) for value in row) for row in x]
    assert across.figures["in_train"] == sum(key in keys[:6] for key in keys[6:])
    assert within.figures["repeats"] == len(keys) - len(set(keys))
    assert within.figures["same_label"] == len(keys) - len(set(zip(keys, y.tolist(), strict=True)))
    several = {key for key in keys if len({int(y[i]) for i, k in enumerate(keys) if k == key}) > 1}
    assert labels.figures["inputs"] == len(several)
    assert labels.figures["rows"] == sum(key in several for key in keys)


def test_rows_that_never_repeat_are_clean():
    rows = rows_of(noise())
    assert {finding.severity for finding in exact_repeats(rows, halves(rows))} == {Severity.CLEAN}


@pytest.mark.parametrize(("copied", "severity"), [(1, Severity.NOTE), (10, Severity.WARNING), (100, Severity.SEVERE)])
def test_repeats_across_the_split_weigh_by_their_share(copied, severity):
    x = noise()
    x[500 : 500 + copied] = x[:copied]
    rows = rows_of(x)
    across, within, _ = exact_repeats(rows, halves(rows))
    assert (across.severity, across.figures["in_train"]) == (severity, copied)
    assert within.figures["repeats"] == copied
    assert f"{copied:,} of 500 test rows" in across.what


def test_rows_outside_the_split_are_in_no_count_of_labels():
    x = noise(4)
    x[3] = x[0]
    rows = rows_of(x, [0, 0, 0, 1])
    without = Split("some", np.array([0, 1]), np.array([2]))
    assert exact_repeats(rows, without)[2].severity is Severity.CLEAN
    assert exact_repeats(rows, halves(rows))[2].figures["rows_normal_and_attack"] == 2
