"""What is inside models whose answers are known beforehand."""

import base64
import re

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from oddflow.detectors import registry
from oddflow.errors import UsageError
from oddflow.features.image import Image
from oddflow.inspection.answers import activations, answers
from oddflow.inspection.codes import Codes
from oddflow.inspection.differentiable import Differentiable
from oddflow.inspection.excitation import Span, excite
from oddflow.inspection.heat import heat
from oddflow.inspection.looking import look, weight_picture
from oddflow.learning.learn import learn
from oddflow.models.graph import GraphBuilder
from oddflow.models.sealed import SealedModel
from oddflow.reports.inside import render
from oddflow.training.export import to_onnx
from tests.checks.problem import FEATURES, labelled_problem_for, normal_rows
from tests.learning.make import gathered


@pytest.fixture(scope="module", name="drawing")
def drawing_of():
    detector = registry.create("autoencoder", FEATURES, hidden=(16, 3), epochs=25, seed=1)
    return Differentiable(detector.fit(normal_rows(1_500, 0)).graph().SerializeToString())


def span_of(rows):
    median, low, high = np.median(rows, axis=0), rows.min(axis=0), rows.max(axis=0)
    low[0] = high[0] = median[0]  # a category
    return Span(median, low, high)


def test_layers_are_those_of_the_network(drawing):
    assert [layer.name for layer in drawing.layers] == ["encoder.0", "encoder.2", "decoder.0", "decoder.2"]
    assert drawing.weight(drawing.layers[1]).shape == (3, 16)
    assert drawing.logits is None


def test_activations_are_what_the_layers_compute(drawing):
    rows = normal_rows(50, 1)
    middle = activations(drawing, drawing.layers[1], rows)
    names = {weight: layer for layer in drawing.layers for weight in [layer.weight]}
    first = activations(drawing, drawing.layers[0], rows)
    constants = {c.name: numpy_helper.to_array(c) for c in drawing._graph.initializer}
    weight = drawing.layers[1].weight
    by_hand = first @ constants[weight].T + constants[weight.replace(".weight", ".bias")]
    assert names[weight] is drawing.layers[1]
    np.testing.assert_allclose(middle, by_hand, atol=1e-4)
    told = answers(drawing, rows)[1]
    assert told.units == 3
    assert told.mean == pytest.approx(float(middle.mean()), abs=1e-5)
    assert told.activations.sum() == middle.size


def test_a_unit_that_answers_nothing_is_silent():
    builder = GraphBuilder(2)
    weight = np.array([[1.0, 0.0], [0.0, 0.0]], np.float32)
    network = torch.nn.Linear(2, 2, bias=False)
    network.weight.data = torch.from_numpy(weight)
    (drawn,) = builder.include(to_onnx(network, 2), builder.x)
    score = builder.row_sum(drawn)
    graph = Differentiable(builder.finish(score=score, contributions=drawn).SerializeToString())
    (told,) = answers(graph, np.random.default_rng(0).random((20, 2), np.float32))
    assert told.silent == 0.5


def test_slopes_are_those_of_finite_differences(drawing):
    row = torch.from_numpy(normal_rows(1, 2)).double().float().requires_grad_()
    scores = drawing.run({"x": row}, ["score"])["score"]
    (slopes,) = torch.autograd.grad(scores.sum(), row)
    step = torch.zeros_like(row)
    step[0, 2] = 4.0  # bytes
    with torch.no_grad():
        above, below = (drawing.run({"x": row + sign * step}, ["score"])["score"] for sign in (1, -1))
    assert float(slopes[0, 2]) == pytest.approx(float((above - below) / 8), rel=0.1, abs=1e-4)


def test_excitement_climbs_within_bounds_and_is_what_the_row_gives(drawing):
    rows = normal_rows(500, 3)
    span = span_of(rows)
    middle = drawing.layers[1].output
    found = excite(drawing, [("score", 0), (middle, 1)], span, steps=60)
    for one in found:
        assert one.after > one.before
        assert (one.row >= span.low - 1e-3).all()
        assert (one.row <= span.high * 1.0001 + 1e-3).all()
        assert one.row[0] == span.median[0]  # a category
    given = activations(drawing, drawing.layers[1], found[1].row[None])
    assert given[0, 1] == pytest.approx(found[1].after, rel=1e-3)


def test_codes_go_back_to_rows_and_arithmetic_moves_what_it_should(drawing):
    rows = normal_rows(800, 4)
    codes = Codes.of(drawing, span_of(rows))
    assert codes.middle.name == "encoder.2"
    assert codes.encode(rows).shape == (800, 3)
    of_service = rows[rows[:, 0] == 53]
    drawn = codes.decode(codes.encode(of_service[:50]), of_service[0])
    sizes = of_service[:50, 1:5]
    assert np.corrcoef(np.log(sizes[:, 0]), np.log1p(drawn[:, 1].clip(0)))[0, 1] > 0.9
    small, large = (part[part[:, 0] == 53] for part in (rows[rows[:, 1] < 300], rows[rows[:, 1] > 600]))
    moved = codes.arithmetic(small[0], small, large)
    assert moved[1:5].mean() > 1.5 * small[0, 1:5].mean()
    way = codes.between(small[0], large[0], steps=5)
    assert (np.diff(way[:, 1]) >= -1e-3).all()


def test_a_model_that_draws_nothing_has_no_codes():
    problem = labelled_problem_for(registry.find("feed-forward-network").reads)
    detector = registry.create("feed-forward-network", problem.features, epochs=1).fit(problem.x, problem.y)
    graph = Differentiable(detector.graph().SerializeToString())
    assert graph.logits is not None
    with pytest.raises(UsageError, match="draws no rows"):
        Codes.of(graph, span_of(problem.x))
    with pytest.raises(UsageError, match="no pictures"):
        heat(graph, problem.x[:5], side=28)


def bright_graph():
    """Counts bright 4 × 4 patches of a picture: what raises the score is where it is bright."""
    kernel = torch.nn.Conv2d(1, 1, 4, stride=4, bias=False)
    kernel.weight.data.fill_(1.0)
    network = torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 28, 28)),
        kernel,
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(49, 1, bias=False),
    )
    network[4].weight.data.fill_(1.0)
    builder = GraphBuilder(784)
    (drawn,) = builder.include(to_onnx(network, 784), builder.x)
    model = builder.finish(score=builder.row_sum(drawn), contributions=builder.add("Abs", builder.x))
    onnx.checker.check_model(model)
    return Differentiable(model.SerializeToString())


def test_heat_lies_where_the_score_is_from():
    picture = np.zeros((2, 28, 28), np.float32)
    picture[0, 4:8, 20:24] = 1
    picture[1, 24:28, 0:4] = 1
    found = heat(bright_graph(), picture.reshape(2, -1), side=28)
    assert found.shape == (2, 28, 28)
    for one, (top, left) in zip(found, ((4, 20), (24, 0)), strict=True):
        assert one.max() == pytest.approx(1)
        assert one[top : top + 4, left : left + 4].mean() > 0.5
        assert one.mean() < 0.1


def test_weights_of_any_shape_become_a_picture():
    for shape in ((3, 5), (600, 400), (6, 1, 5, 5), (1, 12, 8), (700, 1)):
        picture = weight_picture(np.random.default_rng(0).normal(size=shape).astype(np.float32))
        assert picture.ndim == 3
        assert max(picture.shape) <= 128 * 2


def test_trees_have_no_layers():
    detector = registry.create("isolation-forest", FEATURES, samples=64).fit(normal_rows(100, 0))
    with pytest.raises(UsageError, match="trees"):
        Differentiable(detector.graph().SerializeToString())


def test_a_model_of_bytes_is_shown_whole():
    rows = np.random.default_rng(0).random((60, 784), np.float32)
    rows[:, 400:] = 0
    options = {"epochs": 1, "width": 2, "code": 4}
    archive = learn(gathered(x=rows, features=Image().features), detector="convolutional-autoencoder", **options)
    page = render(look(SealedModel(archive), "<m>.oddflow", rows, "flows of <script>alert(1)"))
    assert "Where it looks" in page
    assert "Codes" in page
    assert "<script>alert" not in page
    assert page.count("data:image/png;base64,") > 10


def test_pictures_in_the_page_are_whole():
    rows = normal_rows(300, 5)
    archive = learn(gathered(x=rows, features=FEATURES), detector="autoencoder", epochs=1, hidden=(200, 4))
    page = render(look(SealedModel(archive), "m", rows, "rows"))
    for content in re.findall(r'data:image/png;base64,([^"]*)"', page):
        assert base64.b64decode(content, validate=True).endswith(b"IEND\xaeB`\x82")
