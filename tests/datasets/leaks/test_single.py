"""One feature that tells the classes apart, and how well: counted again by plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists, tuples
from tests.datasets.make import LABELS, halves, noise, rows_of, shuffled

from oddflow.datasets.leaks import Severity
from oddflow.datasets.leaks.single import single_features
from oddflow.datasets.leaks.telling import tell
from oddflow.datasets.rows import Label
from oddflow.features.feature import Scale
from oddflow.schema import AttackCategory

CELLS = lists(tuples(integers(0, 90), integers(0, 90)), min_size=4, max_size=4)


@given(CELLS, CELLS)
def test_telling_is_what_plain_loops_tell(train, test):
    told = tell((np.array(train), np.array(test), 3))
    totals = [sum(cell[side] for cell in train) for side in (0, 1)]
    tested = [sum(cell[side] for cell in test) for side in (0, 1)]
    if min(*totals, *tested) < 30:
        assert told is None
        return
    right = [0, 0]
    for known, seen in zip(train, test, strict=True):
        side = int(known[1] / totals[1] > known[0] / totals[0])
        right[side] += seen[side]
    assert told.which == 3
    assert told.balanced == pytest.approx((right[0] / tested[0] + right[1] / tested[1]) / 2)
    assert told.accuracy == pytest.approx(sum(right) / sum(tested))
    assert told.majority == pytest.approx(max(tested) / sum(tested))


def leaking(strength, *, seed=2, count=2_000):
    """Rows of which f1 tells the class right this often."""
    x = noise(count)
    y = np.random.default_rng(seed).integers(0, 2, count)
    right = np.random.default_rng(seed + 1).random(count) < strength
    x[:, 1] = np.where(right, y, 1 - y) + 0.01 * noise(count)[:, 0]
    return rows_of(x, y)


@pytest.mark.parametrize(
    ("strength", "severity"), [(0.995, Severity.SEVERE), (0.95, Severity.WARNING), (0.7, Severity.CLEAN)]
)
def test_a_feature_that_tells_alone_is_named(strength, severity):
    rows = leaking(strength)
    of_attacks, _ = single_features(rows, shuffled(rows))
    assert (of_attacks.severity, of_attacks.figures["best"]) == (severity, "f1")
    assert of_attacks.figures["balanced_accuracy"] == pytest.approx(strength, abs=0.03)


def test_noise_tells_nothing():
    rows = rows_of(noise(4_000))
    of_attacks, by_class = single_features(rows, shuffled(rows))
    assert of_attacks.severity is by_class.severity is Severity.CLEAN
    assert of_attacks.figures["balanced_accuracy"] < 0.6


def test_what_holds_in_training_alone_is_not_believed():
    rows = leaking(1.0)
    rows.x[1_000:, 1] = noise()[:, 0]
    assert single_features(rows, halves(rows))[0].severity is Severity.CLEAN


def test_a_value_in_the_middle_is_found_as_one_at_the_end_is():
    rows = leaking(1.0)
    rows.x[:, 1] = np.where(rows.y == 1, 5, noise(2_000)[:, 0] + 5)
    assert single_features(rows, shuffled(rows))[0].severity is Severity.SEVERE


def test_missing_alone_may_tell():
    rows = leaking(0.5)
    rows.x[:, 2] = np.where(rows.y == 1, np.nan, rows.x[:, 2])
    assert single_features(rows, shuffled(rows))[0].figures["best"] == "f2"


def test_words_are_told_one_by_one():
    rows = leaking(0.5)
    words = np.random.default_rng(0).integers(0, 400, 2_000)
    rows = rows_of(np.column_stack([words, noise(2_000)]), words % 2, scales=[Scale.CATEGORY, *[Scale.LINEAR] * 4])
    assert single_features(rows, shuffled(rows))[0].figures["best"] == "f0"


def test_a_class_with_a_mark_of_its_own_is_noted():
    labels = (*LABELS, Label("scan", AttackCategory.PROBE))
    y = np.random.default_rng(0).integers(0, 3, 3_000)
    x = noise(3_000)
    x[:, 0] = np.where(y == 2, 77, x[:, 0])
    rows = rows_of(x, y, labels=labels)
    of_attacks, by_class = single_features(rows, shuffled(rows))
    assert of_attacks.severity is Severity.CLEAN
    assert by_class.severity is Severity.NOTE
    assert "scan by f0" in by_class.what


def test_without_attacks_nothing_is_told():
    rows = rows_of(noise(), np.zeros(1_000))
    assert single_features(rows, halves(rows))[0].severity is Severity.NOT_CHECKED


def test_more_rows_than_are_looked_at_are_sampled_alike(monkeypatch):
    monkeypatch.setattr("oddflow.datasets.leaks.single.MOST_ROWS", 500)
    rows = leaking(0.95)
    one, two = (single_features(rows, shuffled(rows), 9)[0].as_dict() for _ in range(2))
    assert one == two
