"""What every detector of the registry must do; one that is added there is checked here."""

import inspect
from functools import cache

import numpy as np
import pytest

from oddflow.detectors import registry
from oddflow.detectors.base import Exportable
from oddflow.errors import UsageError
from oddflow.learning.seal import MOST_DIFFERENCE, seal_detector
from oddflow.models.format import pack
from oddflow.models.manifest import schema_sha256, sealed_features
from oddflow.models.sealed import SealedModel, score_graph, score_state
from oddflow.models.state import state_part
from tests.models.make import NOTHING, manifest

from .problem import FEATURES, PAIR, PLANTED, area_under_curve, normal_rows, odd_rows, pair_rows

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


def what_is_sealed(detector):
    return detector.graph() if detector.exportable is Exportable.ONNX else detector.state()


def extreme_rows():
    """Rows far beyond what was learnt, and services that were never seen."""
    far = np.concatenate([NORMAL * 1_000, -NORMAL, np.full((1, 10), 1e9), np.zeros((1, 10))])
    return far.astype(np.float32)


pytestmark = pytest.mark.parametrize("name", NAMES)


def test_it_finds_rows_that_no_column_alone_tells(name):
    scores = fitted(name).decision_function
    assert area_under_curve(scores(ODD), scores(NORMAL)) > 0.8


def test_it_finds_two_features_that_part_which_went_together(name):
    detector = registry.create(name, PAIR).fit(pair_rows(1_500, 0), validation=pair_rows(300, 1))
    odd, normal = pair_rows(500, 2, sign=-1), pair_rows(500, 3)
    assert area_under_curve(detector.decision_function(odd), detector.decision_function(normal)) > 0.8


def test_higher_is_more_anomalous(name):
    far = NORMAL.copy()
    far[:, 1:5] *= 1_000
    scores = fitted(name).decision_function
    assert np.median(scores(far)) > scores(NORMAL).max()


def test_the_same_seed_gives_the_same_scores(name):
    first, second = (fresh(name, seed=3).fit(TRAIN[:400]).decision_function(NORMAL) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_order_of_rows_does_not_matter_where_that_is_claimed(name):
    if registry.find(name).order_matters:
        pytest.skip(f"{name} claims no such thing")
    order = np.random.default_rng(0).permutation(400)
    first = fresh(name).fit(TRAIN[:400], validation=TRAIN[400:500])
    second = fresh(name).fit(TRAIN[:400][order], validation=TRAIN[400:500][::-1])
    np.testing.assert_allclose(first.decision_function(ODD), second.decision_function(ODD), rtol=1e-4)


def test_fitting_again_forgets_the_first_time(name):
    detector = fresh(name)
    detector.fit(TRAIN[:400] * np.float32(3))
    again = detector.fit(TRAIN[:400]).decision_function(NORMAL)
    np.testing.assert_array_equal(again, fresh(name).fit(TRAIN[:400]).decision_function(NORMAL))


def test_it_leaves_its_input_alone(name):
    x, validation = TRAIN[:200].copy(), TRAIN[200:250].copy()
    for rows in (x, validation):
        rows.setflags(write=False)  # writing into it would raise
    detector = fresh(name).fit(x, validation=validation)
    detector.decision_function(x)
    detector.contributions(x)
    what_is_sealed(detector)


def test_rows_of_another_type_or_layout_score_the_same(name):
    expected = fitted(name).decision_function(NORMAL[:20])
    for rows in (NORMAL[:20].astype(np.float64), np.asfortranarray(NORMAL[:20]), NORMAL[:20].tolist()):
        np.testing.assert_array_equal(fitted(name).decision_function(rows), expected)


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
        (TRAIN[0], r"\(n, d\).*\(10,\) given"),
        ([["tcp"] * 10] * 3, "'tcp'"),
        (None, r"\(n, d\)"),
    ],
)
def test_rows_that_nothing_can_be_learnt_from_are_refused(name, rows, words):
    with pytest.raises(UsageError, match=words):
        fresh(name).fit(rows)


def test_validation_rows_are_checked_too(name):
    for rows, words in ((TRAIN[:5, :9], "9 given"), (np.empty((0, 10)), "0 given"), (TRAIN[:5] * np.nan, "nan")):
        with pytest.raises(UsageError, match=words):
            fresh(name).fit(TRAIN[:50], validation=rows)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (np.full((5, 10), np.nan), r"column 0 \(service\) holds nan in row 0"),
        (np.full((1, 10), -np.inf), "holds -inf"),
        (TRAIN[:5, :9], "10 columns.*9 given"),
        (TRAIN[0], r"\(10,\) given"),
        ([["tcp"] * 10], "'tcp'"),
    ],
)
def test_rows_that_cannot_be_scored_are_refused(name, rows, words):
    with pytest.raises(UsageError, match=words):
        fitted(name).decision_function(rows)
    with pytest.raises(UsageError, match=words):
        fitted(name).contributions(rows)


def test_no_rows_have_no_scores(name):
    assert fitted(name).decision_function(TRAIN[:0]).shape == (0,)
    assert fitted(name).contributions(TRAIN[:0]).shape == (0, 10)


def test_nothing_is_had_of_it_before_fitting(name):
    for method in ("decision_function", "contributions"):
        with pytest.raises(UsageError, match=f"{name} was not fitted; call fit"):
            getattr(fresh(name), method)(NORMAL)
    with pytest.raises(UsageError, match=f"{name} was not fitted; call fit"):
        what_is_sealed(fresh(name))


def test_a_fit_that_was_refused_leaves_it_unfitted(name):
    detector = fresh(name)
    with pytest.raises(UsageError):
        detector.fit(TRAIN * np.float32(np.nan))
    with pytest.raises(UsageError, match="not fitted"):
        detector.decision_function(NORMAL)


def test_the_constructor_only_stores(name):
    options = [option for option in inspect.signature(registry.find(name)).parameters if option != "features"]
    given = {option: object() for option in options}
    detector = registry.create(name, FEATURES, **given)
    assert vars(detector) == {"features": FEATURES, **given}


def test_what_fit_learns_ends_in_an_underscore(name):
    learnt = set(vars(fitted(name))) - set(vars(fresh(name)))
    assert learnt
    assert all(attribute.endswith("_") for attribute in learnt)


def test_an_unknown_option_lists_those_it_has(name):
    with pytest.raises(UsageError, match=rf"{name} has no option depths; it has .*seed"):
        registry.create(name, FEATURES, depths=3)


def test_an_option_out_of_its_limits_names_them(name):
    limits = registry.find(name).limits
    assert set(limits) <= set(inspect.signature(registry.find(name)).parameters)
    for option, (least, greatest) in limits.items():
        for wrong in (least - 1, np.nan, "many", None, greatest * 2 if greatest else 1):
            with pytest.raises(UsageError, match=f"{option} of {name} must be from .* given"):
                registry.create(name, FEATURES, **{option: wrong}).fit(TRAIN[:50])


def test_a_missing_extra_says_what_to_install(name, monkeypatch):
    extra = registry.find(name).needs
    monkeypatch.setattr(registry, "find_spec", lambda module: None)
    if not extra:
        assert registry.find(name)
        return
    with pytest.raises(UsageError, match=rf"{name} needs .*pip install 'oddflow\[{extra}\]'"):
        registry.create(name, FEATURES)


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


def test_a_sealed_batch_scores_as_its_rows_do_to_five_digits(name):
    model = SealedModel.from_bytes(sealed(name))
    stream = np.concatenate([model.scores(row[None]) for row in ODD[:50]])
    np.testing.assert_allclose(stream, model.scores(ODD[:50]), rtol=1e-4)


def test_scores_are_finite_float32(name):
    scores = fitted(name).decision_function(extreme_rows())
    assert scores.dtype == np.float32
    assert scores.shape == (len(extreme_rows()),)
    assert np.isfinite(scores).all()


def test_contributions_are_not_negative_and_name_a_planted_feature(name):
    rows = NORMAL[:100].copy()
    rows[:, PLANTED] = 300
    contributions = fitted(name).contributions(rows)
    assert contributions.shape == rows.shape
    assert contributions.min() >= 0
    assert (contributions.argmax(axis=1) == PLANTED).mean() >= 0.95


def test_a_number_out_of_range_is_the_greatest_contribution_whichever_it_is(name):
    rows, places = NORMAL[:100].copy(), 1 + np.arange(100) % 9
    span = TRAIN.max(axis=0) - TRAIN.min(axis=0)
    rows[np.arange(100), places] += 20 * np.maximum(span, 20)[places]
    assert (fitted(name).contributions(rows).argmax(axis=1) == places).mean() >= 0.95


def test_the_sealed_model_scores_as_the_fitted_one(name):
    detector = fitted(name)
    rows = np.concatenate([NORMAL, ODD, extreme_rows()])
    if detector.exportable is Exportable.ONNX:
        scores, contributions = score_graph(detector.graph().SerializeToString(), rows)
    else:
        scores, contributions = score_state(state_part(detector.state()), rows)
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
    assert entry["needs"] == (registry.find(name).needs or "nothing more")
    assert "Source:" in inspect.getdoc(registry.find(name))
