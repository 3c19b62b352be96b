"""The scaler and its ONNX nodes are twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddflow.features.feature import Feature, Scale
from oddflow.models.categories import Categories, Table
from oddflow.models.graph import GraphBuilder
from oddflow.models.numbers import KNOTS, Scaling
from oddflow.models.scaling import BOUND, MOST_CATEGORIES, Scaler

onnxruntime = pytest.importorskip("onnxruntime")

SCALES = [Scale.LOG, Scale.LINEAR, Scale.CATEGORY]
NUMBERS = st.floats(-1e9, 1e9, width=32)


def features_of(scales):
    return [Feature(f"f{i}", "s" if i % 2 else "", scale, "{value}") for i, scale in enumerate(scales)]


def by_graph(scaler, x):
    builder = GraphBuilder(scaler.width)
    scaled, groups = scaler.write(builder)
    groups = groups or builder.constant(np.zeros(len(x), np.int64))  # no services: one group, which is not written
    model = builder.finish(score=groups, contributions=scaled)
    for output, kind, shape in zip(model.graph.output, (7, 1), (1, 2), strict=True):
        output.type.tensor_type.elem_type = kind
        del output.type.tensor_type.shape.dim[shape - 1 :]
        output.type.tensor_type.ClearField("shape")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(["contributions", "score"], {"x": x})


@pytest.mark.parametrize("way", list(Scaling))
def test_samples_become_rows_again(way):
    features = [Feature("service", "", Scale.CATEGORY, ""), Feature("gap", "s", Scale.LOG, "")]
    features += [Feature("size", "bytes", Scale.LOG, ""), Feature("balance", "", Scale.LINEAR, "")]
    chance = np.random.default_rng(0)
    x = np.stack([chance.choice([22, 53, 443], 200), *chance.normal(0, 3, (3, 200))], axis=1).astype(np.float32)
    x[:, 2] = np.exp(x[:, 2] ** 2 / 2)
    scaler = Scaler.fit(x, features, way)
    widest = np.abs(x).max(axis=0)  # what no logarithm is taken of is as exact as its greatest value
    np.testing.assert_allclose(scaler.inverse(scaler.transform(x)) / widest, x / widest, rtol=1e-3, atol=1e-6)
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


def vectors_of(scales):
    """Vectors of half of the values that the tables of these tests hold."""
    values = np.arange(0, 40, 2, dtype=np.float32)
    vectors = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    return [Table(place, values, vectors) for place, scale in enumerate(scales) if scale is Scale.CATEGORY]


@settings(max_examples=60)
@given(tables(), st.sampled_from(list(Scaling)), st.sampled_from(list(Categories)))
def test_the_graph_scales_as_numpy_does(table, scaling, categories):
    scales, x = table
    tables = vectors_of(scales) if categories is Categories.EMBEDDING else []
    scaler = Scaler.fit(x[:5], features_of(scales), scaling, categories, buckets=7, tables=tables)
    scaled, groups = by_graph(scaler, np.ascontiguousarray(x))
    np.testing.assert_allclose(scaled, scaler.transform(x), rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(groups, scaler.groups(x))


@settings(max_examples=60)
@given(tables(), st.sampled_from(list(Scaling)))
def test_scaled_columns_are_bounded_and_owned(table, scaling):
    scales, x = table
    scaler = Scaler.fit(x[:5], features_of(scales), scaling)
    scaled = scaler.transform(x)
    assert np.isfinite(scaled).all()
    assert np.abs(scaled).max() <= BOUND
    assert scaled.shape[1] == len(scaler.owners)
    assert set(scaler.owners) == set(range(len(scales)))
    assert len(scaler.owners) == len(scaler.known) == len(scaler.middles) == len(scaler.units)
    assert (scaler.units > 0).all()


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


NUMBER = [Scale.LINEAR]
FIVE = np.array([[1.0], [2.0], [3.0], [5.0], [9.0]], np.float32)


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        (Scaling.MIN_MAX, (FIVE - 1) / 8),
        (Scaling.MAXIMUM, FIVE / 9),
        (Scaling.Z_SCORE, (FIVE - 4) / np.sqrt(8)),
        (Scaling.LOG, (FIVE - 4) / np.sqrt(8)),
        (Scaling.QUANTILE, np.array([[0.0], [0.25], [0.5], [0.75], [1.0]])),
    ],
)
def test_each_scaling_is_as_by_hand(scaling, expected):
    scaled = Scaler.fit(FIVE, features_of(NUMBER), scaling).transform(FIVE)
    np.testing.assert_allclose(scaled, expected, atol=0.03 if scaling is Scaling.QUANTILE else 1e-6)


def test_only_the_logarithm_is_scaled_where_that_is_asked_for():
    x = np.expm1(FIVE)
    scaled = Scaler.fit(x, features_of([Scale.LOG]), Scaling.LOG).transform(x)
    np.testing.assert_allclose(scaled, (FIVE - 4) / np.sqrt(8), rtol=1e-5)


@pytest.mark.parametrize(
    ("scaling", "least", "greatest"),
    [(Scaling.MIN_MAX, -1, 2), (Scaling.MAXIMUM, -2, 2), (Scaling.Z_SCORE, -30, 30), (Scaling.QUANTILE, -1, 2)],
)
def test_values_far_beyond_what_was_learnt_are_cut(scaling, least, greatest):
    far = np.array([[-3e38], [-1e9], [1e9], [3e38]], np.float32)
    scaled = Scaler.fit(FIVE, features_of(NUMBER), scaling).transform(far)
    assert scaled.ravel().tolist() == [least, least, greatest, greatest]


def test_a_value_a_little_beyond_goes_on_in_the_same_line():
    scaler = Scaler.fit(FIVE, features_of(NUMBER), Scaling.QUANTILE)
    assert scaler.transform(np.array([[-3.0], [11.0]], np.float32)).ravel().tolist() == [-0.5, 1.25]


@pytest.mark.parametrize("scaling", list(Scaling))
def test_jitter_of_a_constant_column_is_no_news_and_a_multiple_is(scaling):
    x = np.full((100, 2), 1_000, np.float32)
    scaler = Scaler.fit(x, features_of([Scale.LOG, Scale.LINEAR]), scaling)
    usual, jittered, far = scaler.transform(np.outer([1, 1.0001, 4], x[0]).astype(np.float32))
    assert (np.abs(jittered - usual) < 0.01 * scaler.units).all()
    assert (np.abs(far - usual) > 0.9 * scaler.units).all()


def test_half_of_the_rows_that_share_a_value_count_as_below_it():
    x = np.array([0.0] * 80 + list(np.linspace(1, 20, 20)), np.float32)[:, None]
    scaler = Scaler.fit(x, features_of(NUMBER), Scaling.QUANTILE)
    assert scaler.transform(np.zeros((1, 1), np.float32))[0, 0] == pytest.approx(0.4, abs=1 / KNOTS)
    assert scaler.transform(x).max() == 1


def test_hashed_values_share_a_fixed_number_of_columns_and_any_value_has_one():
    x = np.arange(1_000, dtype=np.float32)[:, None]
    scaler = Scaler.fit(x[:10], features_of([Scale.CATEGORY]), categories=Categories.HASHING, buckets=16)
    scaled = scaler.transform(np.concatenate([x, [[-5.5], [1e30], [6 * 65_536 + 443]]]).astype(np.float32))
    assert scaled.shape == (1_003, 16)
    assert (scaled.sum(axis=1) == 1).all()
    assert scaled[:1_000].sum(axis=0).min() > 40  # 62 on average


def test_a_value_without_a_vector_is_zeros_and_told():
    table = Table(0, np.array([3.0, 7.0], np.float32), np.array([[1.0, 2.0], [-1.0, 0.5]], np.float32))
    x = np.array([[7.0], [5.0], [3.0]], np.float32)
    scaler = Scaler.fit(x, features_of([Scale.CATEGORY]), tables=[table])
    assert scaler.transform(x).tolist() == [[-1, 0.5, 0], [0, 0, 1], [1, 2, 0]]
    assert scaler.known.tolist() == [True, True, False]
