"""What every detector must do that learns from labels; one that is added to the registry is checked here."""

import inspect
from functools import cache

import numpy as np
import pytest

from oddflow.detectors import registry
from oddflow.errors import UsageError
from oddflow.learning.seal import MOST_DIFFERENCE, seal_detector
from oddflow.models.format import pack
from oddflow.models.manifest import schema_sha256, sealed_features
from oddflow.models.sealed import SealedModel, score_graph
from tests.models.make import NOTHING, manifest

from .problem import FEATURES, PLANTED, area_under_curve, normal_rows, odd_rows
from .test_every_detector import extreme_rows

NAMES = [name for name in registry.names() if registry.installed(name) and registry.find(name).supervised]
X = np.concatenate([normal_rows(900, 0), odd_rows(100, 5)])
Y = np.repeat([0, 1], [900, 100])
NORMAL, ODD = normal_rows(300, 1), odd_rows(300, 2)

pytestmark = pytest.mark.parametrize("name", NAMES)


@cache
def fitted(name):
    return registry.create(name, FEATURES, seed=1).fit(X, Y)


def far_attacks(count, seed):
    rows = normal_rows(count, seed)
    rows[:, 1:3] *= 30
    return rows


def test_it_finds_attacks_like_those_that_it_learnt(name):
    scores = fitted(name).decision_function
    if registry.find(name).relations:
        assert area_under_curve(scores(ODD), scores(NORMAL)) > 0.8
    learnt = registry.create(name, FEATURES).fit(
        np.concatenate([X[:900], far_attacks(30, 8)]), np.repeat([0, 1], [900, 30])
    )
    scores = learnt.decision_function
    assert area_under_curve(scores(far_attacks(200, 9)), scores(NORMAL)) > 0.9


def test_rare_attacks_weigh_as_much_as_normal_rows(name):
    many = registry.create(name, FEATURES).fit(
        np.concatenate([X[:900], far_attacks(9, 8)]), np.repeat([0, 1], [900, 9])
    )
    assert np.median(many.decision_function(far_attacks(100, 9))) > np.log(2)  # likelier an attack than not
    assert np.median(many.decision_function(NORMAL)) < np.log(2)


def test_the_same_seed_gives_the_same_scores(name):
    again = registry.create(name, FEATURES, seed=1).fit(X, Y).decision_function(ODD)
    np.testing.assert_array_equal(again, fitted(name).decision_function(ODD))


def test_chance_outside_and_its_input_are_left_alone(name):
    x, y = X.copy(), Y.copy()
    x.setflags(write=False)
    y.setflags(write=False)
    np.random.seed(5)  # noqa: NPY002  (the global state is what is checked)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    registry.create(name, FEATURES).fit(x, y)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, "--labels"),
        (np.zeros(1_000), "of 1000 rows 0 are attacks"),
        (np.ones(1_000), "of 1000 rows 1000 are attacks"),
        (Y[:-1], "1000 times 0"),
        (Y * 2, "1000 times 0"),
        (np.full(1_000, np.nan), "1000 times 0"),
    ],
)
def test_labels_that_nothing_can_be_learnt_from_are_refused(name, y, words):
    with pytest.raises(UsageError, match=words):
        registry.create(name, FEATURES).fit(X, y)


def test_rows_that_are_no_numbers_are_refused(name):
    for rows in (np.full((1_000, 10), np.nan), X[:, :9]):
        with pytest.raises(UsageError):
            registry.create(name, FEATURES).fit(rows, Y)
        with pytest.raises(UsageError):
            fitted(name).decision_function(rows)


def test_one_row_of_each_kind_is_enough(name):
    scores = registry.create(name, FEATURES).fit(np.stack([X[0], X[-1]]), np.array([0, 1])).decision_function(X[:5])
    assert np.isfinite(scores).all()


def test_an_option_out_of_its_limits_names_them(name):
    limits = registry.find(name).limits
    assert set(limits) <= set(inspect.signature(registry.find(name)).parameters)
    for option, (least, greatest) in limits.items():
        for wrong in (least - 1, np.nan, "many", None, greatest * 2):
            with pytest.raises(UsageError, match=f"{option} of {name} must be from .* given"):
                registry.create(name, FEATURES, **{option: wrong}).fit(X, Y)


def test_scores_are_finite_and_a_batch_scores_as_its_rows_do(name):
    scores = fitted(name).decision_function(extreme_rows(name))
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert scores.min() >= 0
    stream = np.concatenate([fitted(name).decision_function(row[None]) for row in NORMAL[:30]])
    np.testing.assert_allclose(stream, fitted(name).decision_function(NORMAL[:30]), rtol=1e-4, atol=1e-5)


def test_parts_sum_to_the_score_and_name_a_planted_feature(name):
    rows = NORMAL[:50].copy()
    rows[:, PLANTED] = 300
    contributions = fitted(name).contributions(rows)
    assert contributions.min() >= 0
    np.testing.assert_allclose(contributions.sum(axis=1), fitted(name).decision_function(rows), rtol=1e-4)
    assert (contributions.argmax(axis=1) == PLANTED).mean() >= 0.95


def test_the_sealed_model_scores_as_the_fitted_one(name):
    detector = fitted(name)
    rows = np.concatenate([NORMAL, ODD, extreme_rows(name)])
    scores, contributions = score_graph(detector.graph().SerializeToString(), rows)
    np.testing.assert_allclose(scores, detector.decision_function(rows), rtol=MOST_DIFFERENCE, atol=1e-4)
    np.testing.assert_allclose(contributions, detector.contributions(rows), rtol=5e-3, atol=1e-3)


def test_a_saved_model_scores_as_before(name, tmp_path):
    held_back = fitted(name).decision_function(NORMAL)
    features = sealed_features(FEATURES)
    document = manifest(
        rows=len(held_back),
        features=FEATURES,
        feature_schema_sha256=schema_sha256(features),
        ranges=[NOTHING] * len(features),
        detector=name,
    )
    model = SealedModel.from_bytes(pack(seal_detector(fitted(name), document, held_back, X)))
    model.write(tmp_path / "a.oddflow")
    loaded = SealedModel.load(tmp_path / "a.oddflow")
    np.testing.assert_array_equal(loaded.score(ODD)[0], model.score(ODD)[0])
    np.testing.assert_allclose(loaded.scores(ODD), fitted(name).decision_function(ODD), rtol=2e-3, atol=1e-4)


def test_it_describes_itself(name):
    entry = next(entry for entry in registry.describe() if entry["name"] == name)
    assert all(entry[key] for key in ("summary", "good_at", "bad_at", "paper", "exportable"))
    assert "Source:" in inspect.getdoc(registry.find(name))
    assert "labels" in entry["summary"]
