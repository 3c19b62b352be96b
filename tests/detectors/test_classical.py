"""Sealed or not, the classical detectors say what scikit-learn says."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.ensemble import IsolationForest as Theirs
from sklearn.mixture import GaussianMixture as TheirMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.svm import OneClassSVM
from threadpoolctl import threadpool_limits

from oddflow.detectors import registry
from oddflow.detectors.bayesian_network import dependence_tree
from oddflow.detectors.wrapped import wrap
from oddflow.errors import LearningFailed, UsageError
from oddflow.features.feature import Feature, Scale
from oddflow.learning.learn import learn
from oddflow.learning.seal import seal_detector
from tests.checks.problem import FEATURES, area_under_curve, normal_rows, odd_rows
from tests.learning.make import gathered
from tests.models.make import manifest

LINEAR = tuple(Feature(name, "", Scale.LINEAR, "{value}") for name in "abcd")
X = np.random.default_rng(0).normal(size=(400, 4)).astype(np.float32)
X[:, 1] += X[:, 0]
NEW = np.random.default_rng(1).normal(size=(100, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 2] > 0.3).astype(int)


def same_order(ours, theirs):
    np.testing.assert_array_equal(
        np.argsort(np.round(ours, 4), kind="stable"), np.argsort(np.round(theirs, 4), kind="stable")
    )


def test_an_isolation_forest_scores_as_scikit_learn_does_inside_the_range():
    inside = np.clip(NEW, X.min(axis=0), X.max(axis=0))
    theirs = Theirs(n_estimators=30, max_samples=256, random_state=3).fit(X)
    ours = registry.create("isolation-forest", LINEAR, trees=30, seed=3).fit(X)
    np.testing.assert_allclose(ours.decision_function(inside), -theirs.score_samples(inside), rtol=1e-5)


def test_beyond_the_range_an_isolation_forest_scores_higher_the_farther():
    detector = registry.create("isolation-forest", LINEAR).fit(X)
    rows = np.tile(X[:1], (4, 1))
    rows[:, 3] = X[:, 3].max() + np.array([0, 1, 10, 1000])
    scores = detector.decision_function(rows)
    assert (np.diff(scores) > 0).all()


def test_a_random_forest_gives_the_probability_of_scikit_learn():
    options = {"n_estimators": 20, "min_samples_leaf": 2, "max_leaf_nodes": 2_048}
    theirs = RandomForestClassifier(**options, class_weight="balanced", random_state=3).fit(X, Y)
    ours = registry.create("random-forest", LINEAR, trees=20, seed=3).fit(X, Y)
    expected = -np.log(np.clip(theirs.predict_proba(NEW)[:, 0], 1e-3, 1 - 1e-3))
    np.testing.assert_allclose(ours.decision_function(NEW), expected, rtol=1e-4, atol=1e-5)


def test_gradient_boosting_gives_the_odds_of_scikit_learn():
    with threadpool_limits(1):
        theirs = HistGradientBoostingClassifier(
            max_iter=20, l2_regularization=1.0, early_stopping=False, class_weight="balanced", random_state=3
        ).fit(X, Y)
        expected = np.logaddexp(0, theirs.decision_function(NEW))
    ours = registry.create("gradient-boosting", LINEAR, trees=20, seed=3).fit(X, Y)
    np.testing.assert_allclose(ours.decision_function(NEW), expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["gaussian-mixture", "one-class-svm", "naive-bayes", "nearest-neighbours"])
def test_what_sees_scaled_columns_orders_rows_as_scikit_learn_does(name):
    ours = registry.create(name, LINEAR, seed=3).fit(X, Y)
    scaled, new = (ours.scaler_.transform(rows).astype(np.float64) for rows in (X, NEW))
    if name == "gaussian-mixture":
        theirs = -TheirMixture(2, reg_covar=1e-2, max_iter=200, random_state=3).fit(scaled).score_samples(new)
    elif name == "one-class-svm":
        theirs = -OneClassSVM(gamma=ours.gamma_, nu=0.05).fit(scaled.astype(np.float32)).decision_function(new)
    elif name == "naive-bayes":
        proba = GaussianNB(priors=[0.5, 0.5], var_smoothing=1e-3).fit(scaled, Y).predict_log_proba(new)
        np.testing.assert_allclose(ours.decision_function(NEW), -proba[:, 0], rtol=1e-3)
        return
    else:
        theirs = NearestNeighbors(n_neighbors=5).fit(scaled).kneighbors(new)[0].mean(axis=1)
    found = ours.decision_function(NEW)
    assert np.corrcoef(np.argsort(np.argsort(found)), np.argsort(np.argsort(theirs)))[0, 1] > 0.999


def test_lof_is_that_of_scikit_learn_but_for_the_least_distance():
    ours = registry.create("nearest-neighbours", LINEAR, measure="lof", neighbours=10).fit(X)
    theirs = LocalOutlierFactor(n_neighbors=10, novelty=True).fit(ours.points_)
    expected = -theirs.score_samples(ours.scaler_.transform(NEW))
    np.testing.assert_allclose(ours.decision_function(NEW), expected, rtol=0.02)


@pytest.mark.parametrize("measure", ["farthest", "mean", "lof"])
def test_every_measure_of_neighbours_is_sealed(measure):
    archive = learn(gathered(), detector="nearest-neighbours", measure=measure)
    assert archive.manifest.metrics["graph_difference"] < 1e-4


def test_a_word_that_is_no_measure_lists_them():
    with pytest.raises(UsageError, match="farthest, mean, lof; 'median' given"):
        registry.create("nearest-neighbours", LINEAR, measure="median").fit(X)


def test_a_dependence_tree_joins_the_columns_that_tell_of_each_other():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 4, 500)
    codes = np.stack([first, rng.integers(0, 4, 500), (first + 1) % 4, rng.integers(0, 4, 500)], axis=1)
    parents = dependence_tree(codes, 4)
    assert parents[0] == 0
    assert parents[2] == 0


def test_entropy_says_nothing_of_what_is_usual_for_a_service():
    rows = normal_rows(600, 0)
    rows[:, 5] = np.where(rows[:, 0] == 53, 1.0, np.where(rows[:, 0] == 22, 2.0, 3.0))
    scores = registry.create("entropy", FEATURES).fit(rows).contributions
    wrong = rows[:20].copy()
    wrong[:, 5] = np.where(rows[:20, 5] == 1.0, 3.0, 1.0)
    assert scores(wrong)[:, 5].min() > scores(rows)[:, 5].max()


def test_learned_rules_are_told_in_words_the_weightiest_first():
    detector = registry.create("learned-rules", LINEAR, trees=10).fit(X, Y)
    weights = [abs(weight) for weight, _ in detector.rules_]
    assert weights == sorted(weights, reverse=True)
    assert all(any(f"{name} " in words for name in "abcd") for _, words in detector.rules_)
    odds = np.full(len(NEW), detector.base_)
    for weight, words in detector.rules_:
        conditions = [condition.split() for condition in words.split(" and ")]
        holds = np.ones(len(NEW), bool)
        for name, sign, number in conditions:
            column = NEW[:, "abcd".index(name)]
            holds &= column <= float(number) if sign == "<=" else column > float(number)
        odds += weight * holds
    np.testing.assert_allclose(detector.decision_function(NEW), np.logaddexp(0, odds), rtol=1e-3)


@pytest.mark.parametrize("combination", ["rank", "probability"])
def test_an_ensemble_is_sealed_and_finds_what_its_members_find(combination):
    members = ("principal-components", "histograms")
    archive = learn(gathered(600), detector="ensemble", members=members, combination=combination)
    assert archive.manifest.options["members"] == list(members)
    detector = registry.create("ensemble", FEATURES, members=members, combination=combination).fit(
        normal_rows(1_000, 0)
    )
    assert area_under_curve(*(detector.decision_function(rows(300, 1)) for rows in (odd_rows, normal_rows))) > 0.8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"members": ("robust-pca",)}, "two names or more"),
        ({"members": "robust-pca"}, "two names or more"),
        ({"members": ("robust-pca", "magic")}, "no detector 'magic'"),
        ({"members": ("robust-pca", "ensemble")}, "cannot be a member"),
        ({"members": ("robust-pca", "random-forest")}, "cannot be a member"),
        ({"combination": "vote"}, "rank or probability; 'vote' given"),
    ],
)
def test_an_ensemble_of_what_cannot_be_is_refused(options, words):
    with pytest.raises(UsageError, match=words):
        registry.create("ensemble", FEATURES, **options).fit(normal_rows(50, 0))


def test_any_estimator_comes_in_to_be_compared_and_cannot_be_sealed():
    odd, normal = odd_rows(200, 5), normal_rows(200, 6)
    for estimator in (LocalOutlierFactor(novelty=True), OneClassSVM()):
        detector = wrap(estimator, FEATURES).fit(normal_rows(500, 0))
        assert area_under_curve(detector.decision_function(odd), detector.decision_function(normal)) > 0.8
        assert not hasattr(estimator, "n_features_in_")  # a copy was fitted
    with pytest.raises(LearningFailed, match="evaluation only"):
        seal_detector(detector, manifest(), np.zeros(3, np.float32), normal)
    with pytest.raises(UsageError, match="no graph"):
        detector.graph()


def test_a_classifier_comes_in_with_labels():
    x = np.concatenate([normal_rows(300, 0), odd_rows(300, 1)])
    with pytest.raises(UsageError, match="wrapped-classifier learns from labelled rows"):
        wrap(RandomForestClassifier(10, random_state=0), FEATURES).fit(x)
    detector = wrap(RandomForestClassifier(10, random_state=0), FEATURES).fit(x, np.repeat([0, 1], 300))
    assert area_under_curve(*(detector.decision_function(rows(200, 7)) for rows in (odd_rows, normal_rows))) > 0.8


def test_a_detector_of_pyod_comes_in():
    hbos = pytest.importorskip("pyod.models.hbos")
    detector = wrap(hbos.HBOS(), FEATURES).fit(normal_rows(300, 0))
    far = normal_rows(50, 1)
    far[:, 1:5] *= 100
    assert area_under_curve(detector.decision_function(far), detector.decision_function(normal_rows(50, 2))) > 0.9


def test_what_is_no_estimator_is_refused():
    for wrong in (OneClassSVM, 3, None):
        with pytest.raises(UsageError, match="expected an estimator"):
            wrap(wrong, FEATURES)
