"""The scaler and its ONNX nodes are twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddflow.features.feature import Feature, Scale
from oddflow.models.graph import GraphBuilder
from oddflow.models.scaling import BOUND, MOST_CATEGORIES, Scaler

onnxruntime = pytest.importorskip("onnxruntime")

SCALES = [Scale.LOG, Scale.LINEAR, Scale.CATEGORY]
NUMBERS = st.floats(-1e9, 1e9, width=32)


def features_of(scales):
    return [Feature(f"f{i}", "s" if i % 2 else "", scale, "{value}") for i, scale in enumerate(scales)]


def by_graph(scaler, x):
    builder = GraphBuilder(scaler.width)
    scaled, groups = scaler.write(builder)
    model = builder.finish(score=groups, contributions=scaled)
    for output, kind, shape in zip(model.graph.output, (7, 1), (1, 2), strict=True):
        output.type.tensor_type.elem_type = kind
        del output.type.tensor_type.shape.dim[shape - 1 :]
        output.type.tensor_type.ClearField("shape")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(["contributions", "score"], {"x": x})


def test_samples_become_rows_again():
    features = [Feature("service", "", Scale.CATEGORY, ""), Feature("gap", "s", Scale.LOG, "")]
    features += [Feature("size", "bytes", Scale.LOG, ""), Feature("balance", "", Scale.LINEAR, "")]
    chance = np.random.default_rng(0)
    x = np.stack([chance.choice([22, 53, 443], 200), *chance.normal(0, 3, (3, 200))], axis=1).astype(np.float32)
    x[:, 2] = np.exp(x[:, 2] ** 2 / 2)
    scaler = Scaler.fit(x, features)
    np.testing.assert_allclose(scaler.inverse(scaler.transform(x)), x, rtol=1e-3, atol=1e-4)
    unsure = scaler.transform(x[:1]) * np.array([1, 1, 1, 0.2, 0.2, 0.2, 0.9], np.float32)
    assert scaler.inverse(unsure)[0, 0] == x[0, 0]  # the greatest of the known; no sample is of "others"


@st.composite
def tables(draw):
    scales = draw(st.lists(st.sampled_from(SCALES), min_size=1, max_size=5))
    columns = [
        draw(st.lists(st.integers(0, 40).map(float) if scale is Scale.CATEGORY else NUMBERS, min_size=8, max_size=8))
        for scale in scales
    ]
    return scales, np.array(columns, np.float32).T


@settings(max_examples=40)
@given(tables())
def test_the_graph_scales_as_numpy_does(table):
    scales, x = table
    scaler = Scaler.fit(x[:5], features_of(scales))
    scaled, groups = by_graph(scaler, np.ascontiguousarray(x))
    np.testing.assert_allclose(scaled, scaler.transform(x), rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(groups, scaler.groups(x))


@settings(max_examples=40)
@given(tables())
def test_scaled_columns_are_bounded_and_owned(table):
    scales, x = table
    scaler = Scaler.fit(x[:5], features_of(scales))
    scaled = scaler.transform(x)
    assert np.isfinite(scaled).all()
    assert np.abs(scaled).max() <= BOUND
    assert scaled.shape[1] == len(scaler.owners)
    assert set(scaler.owners) == set(range(len(scales)))


def test_a_count_that_was_always_zero_is_far_out_when_it_is_300():
    scaler = Scaler.fit(np.zeros((100, 1), np.float32), features_of([Scale.LOG]))
    assert scaler.transform(np.array([[300.0]], np.float32))[0, 0] == pytest.approx(np.log(301) / 0.25, rel=1e-5)


def test_jitter_of_a_constant_column_stays_near_its_centre():
    rng = np.random.default_rng(0)
    x = (1_000 + rng.normal(0, 1e-3, (200, 2))).astype(np.float32)
    scaler = Scaler.fit(x, features_of([Scale.LOG, Scale.LINEAR]))
    assert np.abs(scaler.transform(x * np.float32(1.0001))).max() < 0.01


def test_values_beyond_the_most_frequent_share_one_column():
    x = np.repeat(np.arange(MOST_CATEGORIES + 10, dtype=np.float32), 3)[:, None]
    scaled = Scaler.fit(x, features_of([Scale.CATEGORY])).transform(np.array([[0.0], [MOST_CATEGORIES + 1], [999.0]]))
    assert scaled.shape == (3, MOST_CATEGORIES + 1)
    assert scaled.sum(axis=1).tolist() == [1, 1, 1]
    assert scaled[:, -1].tolist() == [0, 1, 1]


def test_a_row_is_scaled_among_its_own_group():
    x = np.array([[22, 100.0]] * 100 + [[53, 1.0]] * 100, np.float32)
    scaler = Scaler.fit(x, features_of([Scale.CATEGORY, Scale.LINEAR]))
    own, strange = scaler.transform(np.array([[22, 100.0], [53, 100.0]], np.float32))[:, 0]
    assert abs(own) < 1 < abs(strange)
