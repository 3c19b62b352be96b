"""The page of two models on the same traffic: what it says, and that nothing in it can act."""

import math

import numpy as np
import pytest
from tests.reports.factory import HOSTILE, alert, reason
from tests.reports.test_learning import NOW, ledger
from tests.reports.test_page import Outline
from tests.verdicts.shadow.test_advice import comparison, known, side

from oddflow.reports import shadow
from oddflow.reports.scatter import MOST_POINTS, scatter_chart
from oddflow.verdicts.shadow.advice import advise


def found(words="office@2", **changes):
    made = comparison(known=known((50, 0)), lost=2, candidate=side(words), **changes)
    made.sample = np.random.default_rng(0).gamma(2, 1, (500, 2)).astype(np.float32)
    made.sources = [words]
    made.lost = [alert(1, truth=words, reasons=(reason(text=words),)), alert(2, truth="")]
    made.remarks = [words]
    made.ledger = ledger(words)
    return made


def render(made):
    return shadow.render(made, advise(made), generated=NOW)


def test_it_says_what_to_do_and_why():
    text = Outline(render(found())).text
    for words in ("keep the active model", "The candidate misses attack 0", "2 only active", "Truth", "benign"):
        assert words in text


def test_no_word_of_others_acts():
    page = render(found(HOSTILE))
    outline = Outline(page)
    assert len(outline.every("script")) == 1
    assert not outline.every("img")
    assert "onerror=" not in page.replace("onerror=alert(1)&gt;", "")
    assert not [name for _, attributes in outline.elements for name in attributes if name.startswith("on")]


def test_a_flow_is_a_dot_coloured_by_who_shows_it():
    pairs = np.array([[1, 1], [9, 1], [1, 9], [9, 9], [math.inf, 1]], np.float32)
    dots = [one["class"] for one in Outline(str(scatter_chart(pairs, (5.0, 5.0), ("a", "b")))).every("circle")]
    assert sorted(dots) == ["point both", "point new", "point old", "point under"]


@pytest.mark.parametrize("pairs", [np.empty((0, 2)), np.zeros((3, 2)), np.full((5, 2), 1e-30), np.full((2, 2), 1e30)])
def test_scores_without_a_range_can_be_drawn(pairs):
    drawn = str(scatter_chart(pairs.astype(np.float32), (0.0, 2.0), ("a", "b")))
    assert "nan" not in drawn
    assert len(Outline(drawn).every("circle")) == len(pairs)


def test_of_many_flows_alerts_are_drawn_first():
    pairs = np.ones((50_000, 2), np.float32)
    pairs[::100] = 9
    dots = [one["class"] for one in Outline(str(scatter_chart(pairs, (5.0, 5.0), ("a", "b")))).every("circle")]
    assert len(dots) == MOST_POINTS
    assert dots.count("point both") == 500
