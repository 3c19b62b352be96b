"""What every detector of the registry must do; one that is added there is checked here."""

import inspect
from functools import cache

import numpy as np
import pytest

from oddflow.detectors import registry
from oddflow.detectors.base import Exportable
from oddflow.errors import UsageError
from oddflow.features.representation import Reads
from oddflow.learning.seal import MOST_DIFFERENCE, seal_detector
from oddflow.models.format import GRAPH, pack, unpack
from oddflow.models.manifest import schema_sha256, sealed_features
from oddflow.models.sealed import SealedModel, score_graph
from tests.models.make import NOTHING, manifest

from .graphs import agree_in_torch
from .problem import PAIR, PLANTED, area_under_curve, pair_rows, problem_for

NAMES = [name for name in registry.names() if registry.installed(name) and not registry.find(name).supervised]
FAST = {
    "autoencoder": {"epochs": 30},
    "adversarial-autoencoder": {"epochs": 20, "learning_rate": 4e-3},
    "convolutional-autoencoder": {"epochs": 8, "width": 2, "code": 8},
    "deep-belief-network": {"epochs": 80, "pretraining": 5},
    "deep-boltzmann-machine": {"epochs": 30},
    "restricted-boltzmann-machine": {"epochs": 20},
    "isolation-forest": {"samples": 1_024},
    "generative-adversarial-network": {"epochs": 30, "encoding": 30, "batch_rows": 64},
    "image-generative-adversarial-network": {
        "width": 2,
        "latent": 16,
        "batch_rows": 16,
        "learning_rate": 3e-3,
        "epochs": 10,
        "encoding": 12,
    },
    "name-language-model": {"epochs": 4, "hidden": 16, "learning_rate": 2e-2},
    "packet-language-model": {"epochs": 12, "hidden": 16},
    "recurrent-autoencoder": {"epochs": 8, "hidden": 8},
    "statistics-image-autoencoder": {"epochs": 30, "learning_rate": 5e-3},
    "variational-autoencoder": {"epochs": 30},
}
QUICK = {"epochs": 2, "encoding": 2}
"""Where it need not detect."""


def of(name):
    return problem_for(registry.find(name).reads)


def fresh(name, seed=0, **more):
    known = registry.options(name)
    options = FAST.get(name, {}) | {key: value for key, value in more.items() if key in known}
    return registry.create(name, of(name).features, seed=seed, **options)


@pytest.fixture(name="problem")
def problem_of(name):
    return of(name)


def only_tabular(name):
    if registry.find(name).reads not in {Reads.TABULAR, Reads.PACKETS}:
        pytest.skip(f"{name} reads {registry.find(name).reads}")


def only_sealed(name):
    if registry.find(name).exportable is not Exportable.ONNX:
        pytest.skip(f"{name} is sealed as {registry.find(name).exportable}")


def only_related(name):
    if not registry.find(name).relations:
        pytest.skip(f"{name} looks at each column by itself")


@cache
def fitted(name):
    return fresh(name).fit(of(name).train)


@cache
def sealed(name):
    held_back = fitted(name).decision_function(of(name).normal)
    features = sealed_features(of(name).features)
    document = manifest(
        rows=len(held_back),
        features=of(name).features,
        feature_schema_sha256=schema_sha256(features),
        ranges=[NOTHING] * len(features),
        detector=name,
    )
    return pack(seal_detector(fitted(name), document, held_back, of(name).train))


def sealed_graph(name):
    """The one export of a detector, which costs seconds: of the model, so what is checked is what a file holds."""
    return unpack(sealed(name)).parts[GRAPH]


def what_is_sealed(detector):
    return detector.graph() if detector.exportable is Exportable.ONNX else detector.state()


def extreme_rows(name):
    """Rows far beyond what was learnt, and services that were never seen."""
    normal = of(name).normal
    far = np.concatenate([normal * 1_000, -normal, np.full_like(normal[:1], 1e9), np.zeros_like(normal[:1])])
    return far.astype(np.float32)


pytestmark = pytest.mark.parametrize("name", NAMES)


def test_it_finds_rows_that_no_column_alone_tells(name, problem):
    only_related(name)
    scores = fitted(name).decision_function
    assert area_under_curve(scores(problem.odd), scores(problem.normal)) > 0.8


def test_it_finds_rows_that_one_column_tells(name, problem):
    only_tabular(name)
    rows, places = problem.normal.copy(), 1 + np.arange(len(problem.normal)) % 8
    rows[np.arange(len(rows)), places] += np.where(places < 5, 50_000, 8)
    scores = fitted(name).decision_function
    assert area_under_curve(scores(rows), scores(problem.normal)) > 0.8


def test_it_finds_two_features_that_part_which_went_together(name):
    only_tabular(name)
    only_related(name)
    detector = registry.create(name, PAIR, **FAST.get(name, {})).fit(pair_rows(1_500, 0), validation=pair_rows(300, 1))
    odd, normal = pair_rows(500, 2, sign=-1), pair_rows(500, 3)
    assert area_under_curve(detector.decision_function(odd), detector.decision_function(normal)) > 0.8


def test_higher_is_more_anomalous(name, problem):
    scores = fitted(name).decision_function
    assert np.median(scores(problem.far)) > scores(problem.normal).max()


def test_the_same_seed_gives_the_same_scores(name, problem):
    first, second = (
        fresh(name, seed=3, **QUICK).fit(problem.train[:400]).decision_function(problem.normal) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_the_order_of_rows_does_not_matter_where_that_is_claimed(name, problem):
    if registry.find(name).order_matters:
        pytest.skip(f"{name} claims no such thing")
    order = np.random.default_rng(0).permutation(400)
    first = fresh(name, **QUICK).fit(problem.train[:400], validation=problem.train[400:500])
    second = fresh(name, **QUICK).fit(problem.train[:400][order], validation=problem.train[400:500][::-1])
    np.testing.assert_allclose(first.decision_function(problem.odd), second.decision_function(problem.odd), rtol=1e-4)


def test_fitting_again_forgets_the_first_time(name, problem):
    detector = fresh(name, **QUICK)
    detector.fit(problem.train[:400] * np.float32(3))
    again = detector.fit(problem.train[:400]).decision_function(problem.normal)
    np.testing.assert_array_equal(
        again, fresh(name, **QUICK).fit(problem.train[:400]).decision_function(problem.normal)
    )


def test_it_leaves_its_input_alone(name, problem):
    x, validation = problem.train[:200].copy(), problem.train[200:250].copy()
    for rows in (x, validation):
        rows.setflags(write=False)  # writing into it would raise
    detector = fresh(name, **QUICK).fit(x, validation=validation)
    detector.decision_function(x)
    detector.contributions(x)
    np.testing.assert_array_equal(x, problem.train[:200])


def test_sealing_leaves_the_rows_it_learnt_from_alone(name, problem):
    if registry.find(name).exportable is Exportable.NONE:
        pytest.skip(f"{name} is sealed as none")
    before = problem.train.copy()
    assert not problem.train.flags.writeable  # writing into it would raise
    assert sealed(name)
    np.testing.assert_array_equal(problem.train, before)


def test_rows_of_another_type_or_layout_score_the_same(name, problem):
    expected = fitted(name).decision_function(problem.normal[:20])
    for rows in (
        problem.normal[:20].astype(np.float64),
        np.asfortranarray(problem.normal[:20]),
        problem.normal[:20].tolist(),
    ):
        np.testing.assert_array_equal(fitted(name).decision_function(rows), expected)


def test_chance_outside_is_not_touched(name, problem):
    np.random.seed(5)  # noqa: NPY002  (the global state is what is checked)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fresh(name, **QUICK).fit(problem.train[:100])
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def unusable(problem):
    """Rows that nothing can be made of, and what is said of them."""
    width, first = problem.train.shape[1], problem.features[0].name
    return [
        (np.full((5, width), np.nan), rf"column 0 \({first}\) holds nan in row 0"),
        (np.full((5, width), -np.inf), "holds -inf"),
        (problem.train[:5, :9], f"{width} columns.*9 given"),
        (problem.train[0], rf"\(n, d\).*\({width},\) given"),
        ([["tcp"] * width] * 3, "'tcp'"),
        (None, r"\(n, d\)"),
    ]


def test_rows_that_nothing_can_be_learnt_from_are_refused(name, problem):
    few = [(problem.train[:0], "0 given"), (problem.train[:1], "1 given")]
    for rows, words in [*unusable(problem), *few]:
        with pytest.raises(UsageError, match=words):
            fresh(name).fit(rows)


def test_validation_rows_are_checked_too(name, problem):
    for rows, words in (
        (problem.train[:5, :9], "9 given"),
        (problem.train[:0], "0 given"),
        (problem.train[:5] * np.nan, "nan"),
    ):
        with pytest.raises(UsageError, match=words):
            fresh(name).fit(problem.train[:50], validation=rows)


def test_rows_that_cannot_be_scored_are_refused(name, problem):
    for rows, words in unusable(problem):
        with pytest.raises(UsageError, match=words):
            fitted(name).decision_function(rows)
        with pytest.raises(UsageError, match=words):
            fitted(name).contributions(rows)


def test_no_rows_have_no_scores(name, problem):
    assert fitted(name).decision_function(problem.train[:0]).shape == (0,)
    assert fitted(name).contributions(problem.train[:0]).shape == (0, problem.train.shape[1])


def test_nothing_is_had_of_it_before_fitting(name, problem):
    for method in ("decision_function", "contributions"):
        with pytest.raises(UsageError, match=f"{name} was not fitted; call fit"):
            getattr(fresh(name), method)(problem.normal)
    with pytest.raises(UsageError, match=f"{name} was not fitted; call fit"):
        what_is_sealed(fresh(name))


def test_a_fit_that_was_refused_leaves_it_unfitted(name, problem):
    detector = fresh(name, **QUICK)
    with pytest.raises(UsageError):
        detector.fit(problem.train * np.float32(np.nan))
    with pytest.raises(UsageError, match="not fitted"):
        detector.decision_function(problem.normal)


def test_the_constructor_only_stores(name, problem):
    options = [option for option in inspect.signature(registry.find(name)).parameters if option != "features"]
    given = {option: object() for option in options}
    detector = registry.create(name, problem.features, **given)
    assert vars(detector) == {"features": problem.features, **given}


def test_what_fit_learns_ends_in_an_underscore(name):
    learnt = set(vars(fitted(name))) - set(vars(fresh(name)))
    assert learnt
    assert all(attribute.endswith("_") for attribute in learnt)


def test_an_unknown_option_lists_those_it_has(name, problem):
    with pytest.raises(UsageError, match=rf"{name} has no option depths; it has .*seed"):
        registry.create(name, problem.features, depths=3)


def test_an_option_out_of_its_limits_names_them(name, problem):
    limits = registry.find(name).limits
    assert set(limits) <= set(inspect.signature(registry.find(name)).parameters)
    for option, (least, greatest) in limits.items():
        for wrong in (least - 1, np.nan, "many", None, greatest * 2 if greatest else 1):
            with pytest.raises(UsageError, match=f"{option} of {name} must be from .* given"):
                registry.create(name, problem.features, **{option: wrong}).fit(problem.train[:50])


def test_a_word_that_an_option_does_not_know_is_refused(name, problem):
    for option, words in registry.find(name).choices.items():
        for wrong in ("many", None, 3):
            with pytest.raises(UsageError, match=f"{option} of {name} must be one of {', '.join(words)}; .* given"):
                registry.create(name, problem.features, **{option: wrong}).fit(problem.train[:50])


def test_a_missing_extra_says_what_to_install(name, problem, monkeypatch):
    extra = registry.find(name).needs
    monkeypatch.setattr(registry, "find_spec", lambda module: None)
    if not extra:
        assert registry.find(name)
        return
    with pytest.raises(UsageError, match=rf"{name} needs .*pip install 'oddflow\[{extra}\]'"):
        registry.create(name, problem.features)


def test_two_rows_are_enough_to_fit_and_one_to_score(name, problem):
    scores = fresh(name, **QUICK).fit(problem.train[:2]).decision_function(problem.train[:1])
    assert scores.shape == (1,)
    assert np.isfinite(scores).all()


def test_a_constant_baseline_is_learnt(name, problem):
    detector = fresh(name).fit(np.tile(problem.train[:1], (60, 1)))
    same, other = detector.decision_function(np.concatenate([problem.train[:1], problem.train[:1] * np.float32(50)]))
    assert np.isfinite(other)
    assert other > same


def test_a_batch_scores_as_its_rows_do(name, problem):
    stream = np.concatenate([fitted(name).decision_function(row[None]) for row in problem.normal[:50]])
    np.testing.assert_allclose(stream, fitted(name).decision_function(problem.normal[:50]), rtol=1e-4, atol=1e-5)


def test_a_sealed_batch_scores_as_its_rows_do_to_five_digits(name, problem):
    only_sealed(name)
    model = SealedModel.from_bytes(sealed(name))
    stream = np.concatenate([model.scores(row[None]) for row in problem.odd[:50]])
    np.testing.assert_allclose(stream, model.scores(problem.odd[:50]), rtol=1e-4)


def test_scores_are_finite_float32(name):
    scores = fitted(name).decision_function(extreme_rows(name))
    assert scores.dtype == np.float32
    assert scores.shape == (len(extreme_rows(name)),)
    assert np.isfinite(scores).all()


def test_contributions_are_not_negative_and_name_a_planted_feature(name, problem):
    only_tabular(name)
    rows = problem.normal[:100].copy()
    rows[:, PLANTED] = 300
    contributions = fitted(name).contributions(rows)
    assert contributions.shape == rows.shape
    assert contributions.min() >= 0
    assert (contributions.argmax(axis=1) == PLANTED).mean() >= 0.95


def test_a_number_out_of_range_is_the_greatest_contribution_whichever_it_is(name, problem):
    only_tabular(name)
    rows, places = problem.normal[:100].copy(), 1 + np.arange(100) % 9
    span = problem.train.max(axis=0) - problem.train.min(axis=0)
    rows[np.arange(100), places] += 20 * np.maximum(span, 20)[places]
    assert (fitted(name).contributions(rows).argmax(axis=1) == places).mean() >= 0.95


def test_the_sealed_model_scores_as_the_fitted_one(name, problem):
    only_sealed(name)
    detector = fitted(name)
    rows = np.concatenate([problem.normal, problem.odd, extreme_rows(name)])
    scores, contributions = score_graph(sealed_graph(name), rows)
    np.testing.assert_allclose(scores, detector.decision_function(rows), rtol=MOST_DIFFERENCE, atol=1e-4)
    expected = detector.contributions(rows)
    np.testing.assert_allclose(contributions, expected, rtol=5e-3, atol=1e-3)


def test_a_saved_model_scores_as_before(name, problem, tmp_path):
    only_sealed(name)
    model = SealedModel.from_bytes(sealed(name))
    model.write(tmp_path / "a.oddflow")
    loaded = SealedModel.load(tmp_path / "a.oddflow")
    np.testing.assert_array_equal(loaded.score(problem.odd)[0], model.score(problem.odd)[0])
    np.testing.assert_allclose(
        loaded.scores(problem.odd), fitted(name).decision_function(problem.odd), rtol=2e-3, atol=1e-4
    )


def test_it_describes_itself(name):
    entry = next(entry for entry in registry.describe() if entry["name"] == name)
    assert all(entry[key] for key in ("summary", "good_at", "bad_at", "paper", "exportable"))
    assert entry["needs"] == (registry.find(name).needs or "nothing more")
    assert "Source:" in inspect.getdoc(registry.find(name))


def test_torch_computes_what_is_sealed(name, problem):
    only_sealed(name)
    agree_in_torch(sealed_graph(name), problem.normal[:50])
