"""Marks and boxes, and their ONNX nodes, are twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import booleans, floats

from oddflow.models.boxes import Boxes, boxes_around
from oddflow.models.graph import GraphBuilder
from oddflow.models.marks import LIKELY, Marks

onnxruntime = pytest.importorskip("onnxruntime")

PARTS, WIDTH = 4, 6
MARKS = Marks(np.array([0, 2, 3, 5]), np.array([False, True, True, True]), WIDTH)
BOXES = Boxes(3, 4)
values = floats(-60, 60, width=32)
few = settings(max_examples=20, deadline=None)


def by_graph(twin, x, given):
    """Both outputs of a graph that reads x and, as further columns, what a network would give."""
    builder = GraphBuilder(x.shape[1] + given.shape[1])
    places = np.arange(builder.width)
    behind = builder.columns(builder.x, places[x.shape[1] :], width=builder.width)
    builder.x = builder.columns(builder.x, places[: x.shape[1]], width=builder.width)
    score, contributions = twin.write(builder, behind)
    model = builder.finish(score=score, contributions=contributions)
    model.graph.output[1].type.tensor_type.shape.dim[1].dim_value = x.shape[1]
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(["score", "contributions"], {"x": np.concatenate([x, given], axis=1)})


@few
@given(arrays(np.float32, (3, WIDTH), elements=values), arrays(np.float32, (3, PARTS), elements=values))
def test_the_graph_marks_as_numpy_does(x, odds):
    contributions = MARKS.contributions(MARKS.of(x, odds))
    score, shares = by_graph(MARKS, x, odds)
    np.testing.assert_allclose(score, MARKS.score(contributions), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(shares, contributions, rtol=1e-3, atol=1e-6)


@given(
    arrays(np.float32, (3, WIDTH), elements=values), arrays(np.float32, (3, PARTS), elements=floats(-8, 8, width=32))
)
def test_marks_come_back_from_contributions_where_a_deciding_part_is(x, odds):
    marks = MARKS.of(x, np.clip(odds, -8, 8))
    has_one = (marks * MARKS.deciding).any(axis=1)
    np.testing.assert_allclose(MARKS.marks(MARKS.contributions(marks))[has_one], marks[has_one], rtol=1e-3)


def test_the_worst_part_that_decides_makes_the_score():
    x, odds = np.ones((1, WIDTH), np.float32), np.array([[40, -3, 2, 0]], np.float32)
    marks = MARKS.of(x, odds)
    assert marks[0, 3] == pytest.approx(LIKELY)
    assert MARKS.score(MARKS.contributions(marks))[0] == pytest.approx(np.log1p(np.exp(2.0)))
    x[0, 3] = 0  # there is no such part
    assert MARKS.score(MARKS.contributions(MARKS.of(x, odds)))[0] == pytest.approx(LIKELY)


unit = floats(0, 1, width=32)


@few
@given(
    arrays(np.float32, (2, 12), elements=floats(0, 90, width=32)),
    arrays(np.float32, (2, 2), elements=values),
    arrays(np.float32, (2, 4), elements=unit),
)
def test_the_graph_boxes_as_numpy_does(x, logits, boxes):
    located = np.concatenate([logits, boxes], axis=1)
    contributions = BOXES.contributions(x, located)
    inside = BOXES.inside(boxes)
    assert inside.any(axis=1).all()
    assert ((contributions > 0) <= inside).all()
    score, shares = by_graph(BOXES, x, located)
    np.testing.assert_allclose(score, BOXES.score(contributions), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(shares, contributions, rtol=1e-3, atol=1e-5)


@given(arrays(np.bool_, (2, 3, 4), elements=booleans()))
def test_a_box_holds_all_marked_cells_and_no_smaller_one_does(marked):
    inside = BOXES.inside(boxes_around(marked)).reshape(marked.shape)
    for one, box in zip(marked, inside, strict=True):
        if one.any():
            assert not (one & ~box).any()
            rows, columns = np.flatnonzero(one.any(axis=1)), np.flatnonzero(one.any(axis=0))
            assert box.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
