import numpy as np
import pytest

from oddflow.datasets.rows import Label, LabelledRows, Split
from oddflow.errors import UsageError
from oddflow.evaluation.comparing import compare, thinned
from oddflow.evaluation.rows import without_repeats
from oddflow.schema import AttackCategory
from tests.checks.problem import FEATURES, normal_rows, odd_rows

LABELS = (
    Label("normal", AttackCategory.NORMAL),
    Label("dos", AttackCategory.DOS),
    Label("probe", AttackCategory.OTHER),
)


def rows_of(x, y, **more):
    return LabelledRows("office", x, FEATURES, LABELS, np.asarray(y, np.int16), **more)


@pytest.fixture(scope="module")
def rows():
    x = np.concatenate([normal_rows(600, 0), odd_rows(100, 5), normal_rows(200, 1), odd_rows(100, 2)])
    return rows_of(x, np.repeat([0, 1, 0, 1], [600, 100, 200, 100]))


SPLIT = Split("by hand", np.arange(700), np.arange(700, 1_000))


def test_a_detector_is_sealed_and_found_as_good_as_it_is(rows):
    result = compare("robust-pca", rows, SPLIT)
    assert (result.detector, result.supervised, result.learnt) == ("robust-pca", False, 600)
    assert result.area.low > 0.8
    assert result.graph_bytes > 1_000
    assert result.cells()[:2] == ["robust-pca", "normal rows"]


def test_supervised_detectors_learn_the_attacks_too_and_options_are_taken(rows):
    pytest.importorskip("sklearn")
    result = compare("random-forest:trees=30", rows, SPLIT)
    assert (result.detector, result.supervised, result.learnt) == ("random-forest:trees=30", True, 700)
    assert result.area.low > 0.6


def test_what_cannot_be_sealed_is_compared_all_the_same(rows):
    pytest.importorskip("pyod")
    result = compare("pyod:LOF", rows, SPLIT)
    assert result.area.low > 0.8
    assert result.graph_bytes is None
    assert result.cells()[-1] == "no"


def test_rows_to_test_on_must_be_of_both_kinds(rows):
    with pytest.raises(UsageError, match="of 200 rows to test on 0 are attacks; both are needed"):
        compare("robust-pca", rows, Split("none", np.arange(600), np.arange(700, 900)))


def test_of_many_rows_some_of_each_kind_are_learnt_and_all_are_tested_on(rows):
    few = thinned(SPLIT, rows, 80, seed=2)
    assert np.bincount(rows.y[few.train]).tolist() == [80, 80]
    assert set(few.train) <= set(SPLIT.train)
    assert (np.diff(few.train) > 0).all()
    np.testing.assert_array_equal(few.test, SPLIT.test)
    np.testing.assert_array_equal(few.train, thinned(SPLIT, rows, 80, seed=2).train)
    assert set(few.train) != set(thinned(SPLIT, rows, 80, seed=3).train)


def test_repeats_are_left_out_and_so_are_rows_of_two_classes():
    a, b, c = normal_rows(3, 0)
    kept = without_repeats(rows_of(np.stack([a, b, a, c, b]), [0, 1, 0, 2, 2], times_ns=np.arange(5)))
    np.testing.assert_array_equal(kept.x, np.stack([a, c]))
    assert kept.y.tolist() == [0, 2]
    assert kept.times_ns.tolist() == [0, 3]
