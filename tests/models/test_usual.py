"""Bins of a baseline: they hold what they say, and hostile ones are refused."""

import numpy as np
import pytest
from safetensors.numpy import load, save

from oddflow.errors import NotAModel
from oddflow.models.usual import BINS, Usual, read_usual, stability, usual_part

ROWS = np.random.default_rng(0).lognormal(size=(4_000, 3)).astype(np.float32)
ROWS[:, 2] = 7
SCORES = ROWS[:, 0]


def test_bins_hold_the_shares_of_the_quantiles():
    usual = Usual.of(ROWS)
    assert usual.shares[0] == pytest.approx([0.01, 0.09, 0.1, 0.15, 0.15, 0.15, 0.15, 0.1, 0.05, 0.04, 0.01], abs=2e-3)
    assert list(usual.shares[2][:2]) == [1, 0]  # a constant is in the first bin, and what is above it in others
    assert usual.counts(ROWS + 1)[2, 1] == 4_000
    assert (usual.wander < 0.1).all()


def test_stability_is_that_of_the_formula_less_its_chance():
    shares = np.full((1, BINS), 1 / BINS)
    counts = np.arange(1, BINS + 1, dtype=float)[None] * 100
    actual = counts[0] / counts.sum()
    expected = sum((a - 1 / BINS) * np.log(a * BINS) for a in actual) - (BINS - 1) / counts.sum()
    assert stability(counts, shares)[0] == pytest.approx(expected)
    assert stability(shares * 1_000, shares)[0] == 0


def test_what_is_sealed_comes_back():
    rows, scores = read_usual(usual_part(ROWS, SCORES), 3)
    assert np.array_equal(rows.knots, Usual.of(ROWS).knots)
    assert scores.knots.shape == (1, BINS - 1)


def changed(name, change):
    tensors = load(usual_part(ROWS, SCORES))
    tensors[name] = np.ascontiguousarray(change(tensors[name]))
    return save(tensors)


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ",
        changed("knots", lambda a: a[:, ::-1]),
        changed("knots", lambda a: a * np.float32("nan")),
        changed("knots", lambda a: a[:2]),
        changed("shares", lambda a: a - 1),
        changed("shares", lambda a: a.astype(np.float64)),
        changed("score_wander", lambda a: a + np.float32("inf")),
        save({"knots": np.zeros((3, BINS - 1), np.float32)}),
    ],
)
def test_what_is_no_such_thing_is_refused(part):
    with pytest.raises(NotAModel):
        read_usual(part, 3)
