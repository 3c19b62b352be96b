"""What every detector must do that learns from labels; one that is added to the registry is checked here."""

import inspect
from functools import cache

import numpy as np
import pytest

from oddflow.detectors import registry
from oddflow.errors import UsageError
from oddflow.learning.seal import MOST_DIFFERENCE, seal_detector
from oddflow.models.format import GRAPH, pack, unpack
from oddflow.models.manifest import schema_sha256, sealed_features
from oddflow.models.sealed import SealedModel, score_graph
from tests.models.make import NOTHING, manifest

from .graphs import agree_in_torch
from .problem import PLANTED, area_under_curve, labelled_problem_for
from .test_every_detector import extreme_rows, only_tabular

NAMES = [name for name in registry.names() if registry.installed(name) and registry.find(name).supervised]
FAST = {
    "attack-localiser": {"epochs": 8},
    "convolutional-network": {"epochs": 8},
    "cross-modal-network": {"epochs": 20, "width": 16, "learning_rate": 0.01},
    "deep-belief-classifier": {"hidden": (32,), "machine_epochs": 2, "batch_rows": 32, "learning_rate": 0.02},
    "feed-forward-network": {"epochs": 40},
    "hybrid": {"classifier": "random-forest", "oddness": "principal-components"},
    "matrix-segmentation": {"epochs": 8, "network": "fcn", "widths": (4, 8), "batch_rows": 16, "learning_rate": 5e-3},
    "packet-segmentation": {"epochs": 12, "widths": (8, 8, 8), "batch_rows": 32, "learning_rate": 5e-3},
    "rnn-ids": {"epochs": 60, "learning_rate": 0.01, "patience": 20},
    "sequence-network": {"network": "convolutional", "hidden": 16, "epochs": 40, "patience": 15},
}
QUICK = {"epochs": 1}
"""Where it need not detect."""

pytestmark = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(name="problem")
def problem_of(name):
    return labelled_problem_for(registry.find(name).reads)


def fresh(name, **more):
    known = registry.options(name)
    options = FAST.get(name, {}) | {key: value for key, value in more.items() if key in known}
    return registry.create(name, labelled_problem_for(registry.find(name).reads).features, **options)


@cache
def fitted(name):
    problem = labelled_problem_for(registry.find(name).reads)
    return fresh(name, seed=1).fit(problem.x, problem.y)


@cache
def sealed(name):
    """The one export of a detector, which costs seconds."""
    problem = labelled_problem_for(registry.find(name).reads)
    held_back = fitted(name).decision_function(problem.normal)
    features = sealed_features(problem.features)
    document = manifest(
        rows=len(held_back),
        features=problem.features,
        feature_schema_sha256=schema_sha256(features),
        ranges=[NOTHING] * len(features),
        detector=name,
        classes=[f"kind {kind}" for kind in fitted(name).kinds()],
    )
    return pack(seal_detector(fitted(name), document, held_back, problem.x))


def sealed_graph(name):
    return unpack(sealed(name)).parts[GRAPH]


def with_far_attacks(problem, count):
    """The normal rows and so many attacks that are plain to see."""
    normal = problem.x[problem.y == 0]
    return np.concatenate([normal, problem.far[:count]]), np.repeat([0, 1], [len(normal), count])


def test_it_finds_attacks_like_those_that_it_learnt(name, problem):
    scores = fitted(name).decision_function
    if registry.find(name).relations:
        assert area_under_curve(scores(problem.odd), scores(problem.normal)) > 0.8
    scores = fresh(name).fit(*with_far_attacks(problem, 30)).decision_function
    assert area_under_curve(scores(problem.far[30:]), scores(problem.normal)) > 0.9


def test_rare_attacks_weigh_as_much_as_normal_rows(name, problem):
    learnt = fresh(name).fit(*with_far_attacks(problem, 9))
    assert np.median(learnt.decision_function(problem.far[30:])) > np.log(2)  # likelier an attack than not
    assert np.median(learnt.decision_function(problem.normal)) < np.log(2)


def test_kinds_of_attack_may_be_told_apart(name, problem):
    x = np.concatenate([problem.x, problem.far[:30]])
    y = np.concatenate([3 * problem.y, np.full(30, 5)])
    scores = fresh(name).fit(x, y).decision_function
    assert area_under_curve(scores(problem.far[30:]), scores(problem.normal)) > 0.9


def test_the_same_seed_gives_the_same_scores(name, problem):
    first, second = (
        fresh(name, seed=1, **QUICK).fit(problem.x, problem.y).decision_function(problem.odd) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_chance_outside_and_its_input_are_left_alone(name, problem):
    x, y = problem.x.copy(), problem.y.copy()
    x.setflags(write=False)
    y.setflags(write=False)
    np.random.seed(5)  # noqa: NPY002  (the global state is what is checked)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fresh(name, **QUICK).fit(x, y)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (lambda y: None, "--labels"),
        (lambda y: 0 * y, "of {n} rows 0 are attacks"),
        (lambda y: 0 * y + 1, "of {n} rows {n} are attacks"),
        (lambda y: y[:-1], "{n} times 0"),
        (lambda y: -y, "{n} times 0"),
        (lambda y: y / 2, "{n} times 0"),
        (lambda y: y * 64, "{n} times 0"),
        (lambda y: y * np.nan, "{n} times 0"),
    ],
)
def test_labels_that_nothing_can_be_learnt_from_are_refused(name, problem, spoilt, words):
    with pytest.raises(UsageError, match=words.format(n=len(problem.y))):
        fresh(name).fit(problem.x, spoilt(problem.y))


def test_rows_that_are_no_numbers_are_refused(name, problem):
    for rows in (np.full_like(problem.x, np.nan), problem.x[:, :9]):
        with pytest.raises(UsageError):
            fresh(name).fit(rows, problem.y)
        with pytest.raises(UsageError):
            fitted(name).decision_function(rows)


def test_one_row_of_each_kind_is_enough(name, problem):
    detector = fresh(name, **QUICK).fit(problem.x[[0, -1]], np.array([0, 1]))
    assert np.isfinite(detector.decision_function(problem.x[:5])).all()


def test_no_rows_have_no_scores(name, problem):
    assert fitted(name).decision_function(problem.x[:0]).shape == (0,)


def test_an_option_out_of_its_limits_names_them(name, problem):
    limits = registry.find(name).limits
    assert set(limits) <= set(inspect.signature(registry.find(name)).parameters)
    for option, (least, greatest) in limits.items():
        for wrong in (least - 1, np.nan, "many", None, greatest * 2):
            with pytest.raises(UsageError, match=f"{option} of {name} must be from .* given"):
                fresh(name, **{option: wrong}).fit(problem.x, problem.y)


def test_a_word_that_an_option_does_not_know_is_refused(name, problem):
    for option, words in registry.find(name).choices.items():
        for wrong in ("many", None, 3):
            with pytest.raises(UsageError, match=f"{option} of {name} must be one of {', '.join(words)}; .* given"):
                fresh(name, **{option: wrong}).fit(problem.x, problem.y)


def test_scores_are_finite_and_a_batch_scores_as_its_rows_do(name, problem):
    scores = fitted(name).decision_function(extreme_rows(name))
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert scores.min() >= 0
    stream = np.concatenate([fitted(name).decision_function(row[None]) for row in problem.normal[:30]])
    np.testing.assert_allclose(stream, fitted(name).decision_function(problem.normal[:30]), rtol=1e-4, atol=1e-5)


def test_parts_sum_to_the_score(name, problem):
    contributions = fitted(name).contributions(problem.odd)
    assert contributions.min() >= 0
    np.testing.assert_allclose(contributions.sum(axis=1), fitted(name).decision_function(problem.odd), rtol=1e-4)


def test_parts_name_a_planted_feature(name, problem):
    only_tabular(name)
    rows = problem.normal[:50].copy()
    rows[:, PLANTED] = 300
    assert (fitted(name).contributions(rows).argmax(axis=1) == PLANTED).mean() >= 0.95


def test_the_sealed_model_scores_as_the_fitted_one(name, problem):
    detector = fitted(name)
    rows = np.concatenate([problem.normal, problem.odd, extreme_rows(name)])
    scores, contributions = score_graph(sealed_graph(name), rows)
    np.testing.assert_allclose(scores, detector.decision_function(rows), rtol=MOST_DIFFERENCE, atol=1e-4)
    np.testing.assert_allclose(contributions, detector.contributions(rows), rtol=5e-3, atol=1e-3)


def test_a_saved_model_scores_as_before(name, problem, tmp_path):
    model = SealedModel.from_bytes(sealed(name))
    model.write(tmp_path / "a.oddflow")
    loaded = SealedModel.load(tmp_path / "a.oddflow")
    np.testing.assert_array_equal(loaded.score(problem.odd)[0], model.score(problem.odd)[0])
    expected = fitted(name).decision_function(problem.odd)
    np.testing.assert_allclose(loaded.scores(problem.odd), expected, rtol=2e-3, atol=1e-4)


def test_it_describes_itself(name):
    entry = next(entry for entry in registry.describe() if entry["name"] == name)
    assert all(entry[key] for key in ("summary", "good_at", "bad_at", "paper", "exportable"))
    assert "Source:" in inspect.getdoc(registry.find(name))
    assert "labels" in entry["summary"]


def test_torch_computes_what_is_sealed(name, problem):
    agree_in_torch(sealed_graph(name), problem.x[:50])
