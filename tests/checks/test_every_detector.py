"""What every detector of the registry must do."""

from functools import cache

import numpy as np
import pytest

from oddflow.detectors import registry
from oddflow.detectors.base import Exportable
from oddflow.errors import UsageError
from oddflow.learning.seal import MOST_DIFFERENCE, seal_detector
from oddflow.models.format import pack
from oddflow.models.manifest import schema_sha256, sealed_features
from oddflow.models.sealed import SealedModel, score_graph
from tests.models.make import NOTHING, manifest

from .problem import FEATURES, PLANTED, area_under_curve, normal_rows, odd_rows

NAMES = [name for name in registry.names() if registry.installed(name)]
FAST = {"autoencoder": {"epochs": 30}}
TRAIN, NORMAL, ODD = normal_rows(1_500, 0), normal_rows(300, 1), odd_rows(300, 2)


def fresh(name, seed=0):
    return registry.create(name, FEATURES, seed=seed, **FAST.get(name, {}))


@cache
def fitted(name):
    return fresh(name).fit(TRAIN)


@cache
def sealed(name):
    held_back = fitted(name).decision_function(NORMAL)
    features = sealed_features(FEATURES)
    document = manifest(
        rows=len(held_back),
        features=FEATURES,
        feature_schema_sha256=schema_sha256(features),
        ranges=[NOTHING] * len(features),
        detector=name,
    )
    return pack(seal_detector(fitted(name), document, held_back, TRAIN))


def extreme_rows():
    """Rows far beyond what was learnt, and services that were never seen."""
    far = np.concatenate([NORMAL * 1_000, -NORMAL, np.full((1, 10), 1e9), np.zeros((1, 10))])
    return far.astype(np.float32)


pytestmark = pytest.mark.parametrize("name", NAMES)


def test_it_finds_rows_that_no_column_alone_tells(name):
    scores = fitted(name).decision_function
    assert area_under_curve(scores(ODD), scores(NORMAL)) > 0.8


def test_higher_is_more_anomalous(name):
    far = NORMAL.copy()
    far[:, 1:5] *= 1_000
    scores = fitted(name).decision_function
    assert np.median(scores(far)) > scores(NORMAL).max()


def test_the_same_seed_gives_the_same_scores(name):
    first, second = (fresh(name, seed=3).fit(TRAIN[:400]).decision_function(NORMAL) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_fitting_again_forgets_the_first_time(name):
    detector = fresh(name)
    detector.fit(TRAIN[:400] * np.float32(3))
    again = detector.fit(TRAIN[:400]).decision_function(NORMAL)
    np.testing.assert_array_equal(again, fresh(name).fit(TRAIN[:400]).decision_function(NORMAL))


def test_it_leaves_its_input_alone(name):
    x = TRAIN[:200].copy()
    detector = fresh(name).fit(x)
    detector.decision_function(x)
    detector.contributions(x)
    np.testing.assert_array_equal(x, TRAIN[:200])


def test_chance_outside_is_not_touched(name):
    np.random.seed(5)  # noqa: NPY002  (the global state is what is checked)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fresh(name).fit(TRAIN[:100])
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (np.full((5, 10), np.nan), r"column 0 \(service\) holds nan"),
        (np.full((5, 10), np.inf), "holds inf"),
        (np.empty((0, 10)), "0 given"),
        (TRAIN[:1], "1 given"),
        (TRAIN[:5, :9], "10 columns.*9 given"),
        (TRAIN[0], "shape"),
    ],
)
def test_rows_that_nothing_can_be_learnt_from_are_refused(name, rows, words):
    with pytest.raises(UsageError, match=words):
        fresh(name).fit(rows)


@pytest.mark.parametrize("rows", [np.full((5, 10), np.nan), np.full((1, 10), -np.inf), TRAIN[:5, :9], TRAIN[0]])
def test_rows_that_cannot_be_scored_are_refused(name, rows):
    with pytest.raises(UsageError):
        fitted(name).decision_function(rows)


def test_scoring_before_fitting_is_refused(name):
    with pytest.raises(UsageError, match="fit"):
        fresh(name).decision_function(NORMAL)


def test_two_rows_are_enough_to_fit_and_one_to_score(name):
    scores = fresh(name).fit(TRAIN[:2]).decision_function(TRAIN[:1])
    assert scores.shape == (1,)
    assert np.isfinite(scores).all()


def test_a_constant_baseline_is_learnt(name):
    detector = fresh(name).fit(np.tile(TRAIN[:1], (60, 1)))
    same, other = detector.decision_function(np.concatenate([TRAIN[:1], TRAIN[:1] * np.float32(50)]))
    assert np.isfinite(other)
    assert other > same


def test_a_batch_scores_as_its_rows_do(name):
    stream = np.concatenate([fitted(name).decision_function(row[None]) for row in NORMAL[:50]])
    np.testing.assert_allclose(stream, fitted(name).decision_function(NORMAL[:50]), rtol=1e-4, atol=1e-5)


def test_scores_are_finite_float32(name):
    scores = fitted(name).decision_function(extreme_rows())
    assert scores.dtype == np.float32
    assert scores.shape == (len(extreme_rows()),)
    assert np.isfinite(scores).all()


def test_contributions_are_not_negative_and_name_a_planted_feature(name):
    rows = NORMAL[:50].copy()
    rows[:, PLANTED] = 300
    contributions = fitted(name).contributions(rows)
    assert contributions.shape == rows.shape
    assert contributions.min() >= 0
    assert (contributions.argmax(axis=1) == PLANTED).all()


def test_the_sealed_model_scores_as_the_fitted_one(name):
    detector = fitted(name)
    if detector.exportable is not Exportable.ONNX:
        pytest.skip(f"{name} is sealed as {detector.exportable}")
    rows = np.concatenate([NORMAL, ODD, extreme_rows()])
    scores, contributions = score_graph(detector.graph().SerializeToString(), rows)
    np.testing.assert_allclose(scores, detector.decision_function(rows), rtol=MOST_DIFFERENCE, atol=1e-4)
    expected = detector.contributions(rows)
    np.testing.assert_allclose(contributions, expected, rtol=5e-3, atol=1e-3)


def test_a_saved_model_scores_as_before(name, tmp_path):
    model = SealedModel.from_bytes(sealed(name))
    model.write(tmp_path / "a.oddflow")
    loaded = SealedModel.load(tmp_path / "a.oddflow")
    np.testing.assert_array_equal(loaded.score(ODD)[0], model.score(ODD)[0])
    np.testing.assert_allclose(loaded.scores(ODD), fitted(name).decision_function(ODD), rtol=2e-3, atol=1e-4)


def test_it_describes_itself(name):
    entry = next(entry for entry in registry.describe() if entry["name"] == name)
    assert all(entry[key] for key in ("summary", "good_at", "bad_at", "paper", "exportable"))
