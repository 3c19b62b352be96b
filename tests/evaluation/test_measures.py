import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddflow.evaluation.measures import Figure, average_precision, roc_area

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=40).filter(
    lambda rows: 0 < sum(hit for _, hit in rows) < len(rows)
)


@given(PAIRS)
def test_the_area_counts_pairs(rows):
    scores, truth = (np.array(column) for column in zip(*rows, strict=True))
    wins = [(a > b) + 0.5 * (a == b) for a in scores[truth] for b in scores[~truth]]
    assert roc_area(scores.astype(np.float32), truth) == pytest.approx(np.mean(wins))


@given(PAIRS)
def test_average_precision_steps_down_the_ranking(rows):
    scores, truth = (np.array(column) for column in zip(*rows, strict=True))
    found, total = 0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        above = scores >= threshold
        hits = (above & truth).sum()
        total += hits / above.sum() * (hits - found) / truth.sum()
        found = hits
    assert average_precision(scores.astype(np.float32), truth) == pytest.approx(total)


def test_the_interval_holds_the_figure_and_shrinks_with_the_rows():
    chance = np.random.default_rng(0)

    def figure(count):
        truth = np.arange(count) % 2 == 0
        return Figure.of(roc_area, (chance.normal(size=count) + truth).astype(np.float32), truth, seed=1)

    few, many = figure(60), figure(6_000)
    assert few.low < few.value < few.high
    assert many.high - many.low < (few.high - few.low) / 4
    assert many.low < 0.7602 < many.high  # Φ(1/√2): two normal distributions, a deviation apart


def test_the_same_seed_gives_the_same_interval():
    truth = np.arange(50) % 5 == 0
    scores = np.random.default_rng(1).normal(size=50).astype(np.float32)
    assert Figure.of(average_precision, scores, truth, seed=3) == Figure.of(average_precision, scores, truth, seed=3)
    assert Figure.of(average_precision, scores, truth, seed=3) != Figure.of(average_precision, scores, truth, seed=4)


def test_a_figure_is_said_with_its_interval():
    assert str(Figure(0.9484, 0.9401, 0.9519)) == "0.948 (0.940–0.952)"
