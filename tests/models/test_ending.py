"""What the kernel at a graph's end gives is what the graph gives; other ends are left to the graph."""

import numpy as np
import onnx
import pytest

from oddflow.features.feature import Scale
from oddflow.models.ending import Ending
from oddflow.models.graph import GraphBuilder
from oddflow.models.sealed import _Graph
from oddflow.models.tails import Tails
from tests.models.test_tails import by_numpy, fitted

LOG, LINEAR, CATEGORY = Scale.LOG, Scale.LINEAR, Scale.CATEGORY
KINDS = {
    "numbers": [LINEAR] * 7,
    "services": [LOG, LINEAR, CATEGORY, LINEAR, LOG, LINEAR, LINEAR],
    "categories": [CATEGORY, CATEGORY, LINEAR, CATEGORY, LOG, LINEAR],
}


def sealed(scaler, tails, *, most=None):
    builder = GraphBuilder(scaler.width)
    scaled, groups = scaler.write(builder)
    drawn = builder.add("Mul", scaled, builder.constant(0.0))
    score, contributions = tails.write(builder, scaled, drawn, groups)
    if most:
        score = builder.add("Min", score, builder.constant(most))
    return builder.finish(score=score, contributions=contributions)


@pytest.mark.parametrize("scales", KINDS.values(), ids=KINDS)
def test_the_kernel_gives_what_the_graph_gives(scales):
    scaler, tails, x = fitted(scales)
    model = sealed(scaler, tails)
    ending = Ending.of(model)
    graph = _Graph(model.SerializeToString(), len(scales))
    rows = np.concatenate([x, x * 1_000, -x])
    short, (whole, _) = graph.run(["score"], rows)[0], graph.run(["score", "contributions"], rows)
    assert ending is not None
    assert len(ending.outputs) == 2 + (CATEGORY in scales)
    np.testing.assert_allclose(short, whole, rtol=1e-6)
    np.testing.assert_allclose(short, by_numpy(scaler, tails, rows)[0], rtol=1e-4, atol=1e-4)


def test_middles_are_taken_off():
    scaler, tails, x = fitted([LINEAR] * 8)
    middles = np.linspace(-1, 1, 8, dtype=np.float32)
    moved = Tails(tails.values, tails.misses, tails.owners, tails.width, middles)
    graph = _Graph(sealed(scaler, moved).SerializeToString(), 8)
    np.testing.assert_array_equal(graph._short[1].middles, middles)
    np.testing.assert_allclose(graph.run(["score"], x)[0], graph.run(["score", "contributions"], x)[0], rtol=1e-6)


@pytest.mark.parametrize("scales", [[LINEAR] * 5, [LINEAR] * 6])
def test_another_end_is_left_to_the_graph(scales):
    scaler, tails, x = fitted(scales)
    model = sealed(scaler, tails, most=2.0 if len(scales) == 6 else None)
    graph = _Graph(model.SerializeToString(), len(scales))
    assert graph._short is None
    np.testing.assert_array_equal(graph.run(["score"], x)[0], graph.run(["score", "contributions"], x)[0])


def test_a_changed_constant_is_no_longer_known():
    scaler, tails, _ = fitted(KINDS["categories"])
    model = sealed(scaler, tails)
    assert Ending.of(model) is not None
    (to_feature,) = [node for node in model.graph.node if "contributions" in node.output]
    (table,) = [one for one in model.graph.initializer if one.name == to_feature.input[1]]
    values = onnx.numpy_helper.to_array(table).copy()
    values[0] *= 2
    table.CopyFrom(onnx.numpy_helper.from_array(values, table.name))
    assert Ending.of(model) is None


def test_what_is_no_number_is_left_to_the_graph():
    scaler, tails, x = fitted([LINEAR] * 7)
    ending = Ending.of(sealed(scaler, tails))
    scaled = scaler.transform(x)
    assert ending.scores(scaled, scaled) is not None
    for place in (0, 6):
        drawn = scaled.copy()
        drawn[3, place] = np.nan
        assert ending.scores(scaled, drawn) is None
        assert ending.scores(drawn, scaled) is None
    assert ending.scores(scaled, scaled[:, :1]) is None
    assert ending.scores(scaled, scaled, np.ones(len(scaled), np.int64)) is None
