import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddflow.detectors import registry
from oddflow.errors import UsageError
from oddflow.features.feature import Feature, Scale
from oddflow.learning.learn import CROSS_AT_MOST, FEWEST_ROWS, STRETCHES, learn, splits
from oddflow.models.format import pack, unpack
from oddflow.models.rows import five_digits
from oddflow.models.sealed import SealedModel
from oddflow.models.tails import LEAST_GROUP
from tests.checks.problem import FEATURES, normal_rows, odd_rows

from .make import SECOND_NS, START_NS, gathered

NAMES = [name for name in ("autoencoder", "isolation-forest", "robust-pca") if registry.installed(name)]
"""One that learns in epochs, one of trees, and one of neither; what detectors do, tests/checks asks of all."""
FAST = {"autoencoder": {"epochs": 3}, "isolation-forest": {"trees": 20}}
THOROUGH = {"autoencoder": {"epochs": 30}, "isolation-forest": {"samples": 1_024}}


def numbered(count, order):
    """Rows that hold their own place in time, given in another order."""
    x = np.arange(count, dtype=np.float32)[order][:, None]
    return gathered(x=x, times_ns=START_NS + SECOND_NS * np.asarray(order), features=FEATURES[1:2])


@settings(max_examples=30)
@given(st.integers(FEWEST_ROWS, 200).flatmap(lambda count: st.permutations(range(count))))
def test_each_row_is_held_back_once_in_a_stretch_of_time(order):
    found = splits(numbered(len(order), list(order)))
    held_back = [split.held_back[:, 0] for split in found]
    np.testing.assert_array_equal(np.concatenate(held_back), np.arange(len(order)))
    for split in found:
        known = np.concatenate([split.fit[:, 0], split.validation[:, 0]])
        assert (np.diff(known) > 0).all()
        assert not set(known) & set(split.held_back[:, 0])
        assert len(known) + len(split.held_back) == len(order)


def test_stretches_have_their_shares():
    found = splits(gathered(400))
    assert [len(split.held_back) for split in found] == [100] * STRETCHES
    assert {(len(split.fit), len(split.validation)) for split in found} == {(255, 45)}


def test_of_many_rows_the_last_quarter_alone_is_held_back():
    count = CROSS_AT_MOST + 4
    (split,) = splits(numbered(count, list(range(count))))
    np.testing.assert_array_equal(split.held_back[:, 0], np.arange(count * 3 // 4, count))
    assert split.validation[-1, 0] < split.held_back[0, 0]


def test_many_rows_are_sealed_as_they_were_split():
    base = gathered(CROSS_AT_MOST + 4)
    model = SealedModel(learn(base, detector="robust-pca"))
    held_back = splits(base)[0].held_back
    np.testing.assert_allclose(model.held_back, np.sort(model.scores(held_back)), rtol=1e-4)


def test_rows_of_one_time_keep_their_order():
    rows = normal_rows(100, 0)
    found = splits(gathered(x=rows, times_ns=np.full(100, START_NS)))
    np.testing.assert_array_equal(np.concatenate([split.held_back for split in found]), rows)


def test_too_few_rows_are_refused_with_their_count():
    with pytest.raises(UsageError, match=f"{FEWEST_ROWS - 1} flows are too few.*{FEWEST_ROWS} or more"):
        learn(gathered(FEWEST_ROWS - 1), detector="robust-pca")


def test_the_fewest_rows_are_enough():
    archive = learn(gathered(FEWEST_ROWS), detector="robust-pca")
    assert archive.manifest.training.fit_rows == 34
    assert len(archive.held_back) == FEWEST_ROWS


def test_an_unknown_detector_or_option_is_refused():
    with pytest.raises(UsageError, match="'magic'; there are"):
        learn(gathered(), detector="magic")
    with pytest.raises(UsageError, match="no option depth"):
        learn(gathered(), detector="robust-pca", depth=3)
    with pytest.raises(UsageError, match="variance of robust-pca must be from 0 to 1; 3 given"):
        learn(gathered(), detector="robust-pca", variance=3)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_and_rows_give_the_same_model(name):
    first, second = (learn(gathered(), detector=name, seed=4, **FAST.get(name, {})) for _ in range(2))
    assert first.parts == second.parts
    same = {"created", "provenance"}
    assert first.manifest.model_dump(exclude=same) == second.manifest.model_dump(exclude=same)


@pytest.mark.parametrize("name", NAMES)
def test_rows_in_another_order_of_the_same_times_give_the_same_model(name):
    base = gathered()
    order = np.random.default_rng(1).permutation(len(base.x))
    shuffled = gathered(x=base.x[order], times_ns=base.times_ns[order])
    options = FAST.get(name, {})
    assert learn(base, detector=name, **options).parts == learn(shuffled, detector=name, **options).parts


@pytest.mark.parametrize("name", NAMES)
def test_held_back_scores_are_those_of_the_rows_that_were_not_learnt_from(name):
    base = gathered()
    options = FAST.get(name, {})
    model = SealedModel(learn(base, detector=name, **options))
    expected = [
        registry.create(name, FEATURES, **options)
        .fit(split.fit, validation=split.validation)
        .decision_function(split.held_back)
        for split in splits(base)
    ]
    np.testing.assert_allclose(model.held_back, np.sort(np.concatenate(expected)), rtol=1e-4)
    np.testing.assert_array_equal(model.held_back, five_digits(model.held_back))


@pytest.mark.parametrize("name", NAMES)
def test_odd_rows_score_above_held_back_ones(name):
    if not registry.find(name).relations:
        pytest.skip(f"{name} looks at each column by itself")
    model = SealedModel(learn(gathered(1_200), detector=name, **THOROUGH.get(name, {})))
    assert np.median(model.scores(odd_rows(200, 9))) > np.quantile(model.held_back, 0.8)


@pytest.fixture(scope="module")
def manifest():
    return learn(gathered(), detector="robust-pca", seed=7, variance=0.8).manifest


def test_the_manifest_says_how_it_was_learnt(manifest):
    assert manifest.detector == "robust-pca"
    assert manifest.options == {"seed": 7, "variance": 0.8}
    assert (manifest.training.fit_rows, manifest.training.validation_rows) == (340, 60)
    assert manifest.calibration.rows == 400
    assert manifest.calibration.flows_per_s == pytest.approx(1.0)
    assert manifest.metrics["graph_difference"] < 1e-4


def test_the_manifest_says_what_it_was_learnt_from(manifest):
    made = manifest.provenance
    (source,) = made.sources
    assert (source.name, source.bytes, source.flows) == ("office.pcap", 5, 400)
    assert source.sha256 == hashlib.sha256(b"bytes").hexdigest()
    assert (made.start, made.end) == ("2023-11-14T22:13:20.000Z", "2023-11-14T22:20:00.000Z")
    assert made.seed == 7
    assert sum(made.losses.values()) == 2
    assert made.durations_s["learning"] >= 0
    assert manifest.home_networks == ["10.0.0.0/8"]
    assert manifest.meter["idle_timeout_s"] == 30.0
    assert manifest.context == {"windows_s": [2.0, 60.0]}


def test_ranges_are_the_quantiles_of_rows_that_were_learnt_from(manifest):
    known = gathered().x
    assert len(manifest.ranges) == len(FEATURES)
    for place, found in enumerate(manifest.ranges):
        assert found.minimum == known[:, place].min()
        assert found.maximum == known[:, place].max()
        assert found.median == pytest.approx(np.median(known[:, place]), rel=0.05, abs=0.05)
        ordered = [getattr(found, name) for name in ("minimum", "q001", "q01", "median", "q99", "q999", "maximum")]
        assert ordered == sorted(ordered)


def test_groups_are_the_services_most_frequent_first(manifest):
    known = gathered().x
    counts = [group.rows for group in manifest.groups]
    assert counts == sorted(counts, reverse=True)
    assert {group.value for group in manifest.groups} == {22.0, 53.0, 443.0}
    for group in manifest.groups:
        rows = known[known[:, 0] == group.value]
        assert group.rows == len(rows)
        np.testing.assert_allclose(group.high, rows.max(axis=0))
        assert (np.array(group.low) <= np.median(rows, axis=0)).all()


def test_a_service_with_few_rows_is_no_group():
    rows = normal_rows(400, 0)
    rows[:, 0] = 443
    rows[: LEAST_GROUP - 1, 0] = 22
    groups = learn(gathered(x=rows), detector="robust-pca").manifest.groups
    assert [group.value for group in groups] == [443.0]


def test_rows_without_a_service_have_no_groups():
    archive = learn(gathered(x=normal_rows(200, 0)[:, 1:], features=FEATURES[1:]), detector="robust-pca")
    assert archive.manifest.groups == []
    assert SealedModel(archive).scores(normal_rows(3, 1)[:, 1:]).shape == (3,)


def test_huge_numbers_and_constant_columns_can_be_learnt():
    rows = normal_rows(200, 0)
    rows[:, 1] = 3e38
    rows[::3, 2] = -3e38
    rows[:, 5] = -7
    model = SealedModel(learn(gathered(x=rows), detector="robust-pca"))
    assert np.isfinite(model.scores(rows)).all()


def test_what_was_learnt_survives_the_file():
    archive = learn(gathered(), detector="robust-pca")
    again = unpack(pack(archive))
    assert again.manifest == archive.manifest
    np.testing.assert_array_equal(
        SealedModel(again).scores(odd_rows(50, 1)), SealedModel(archive).scores(odd_rows(50, 1))
    )


@pytest.mark.skipif("autoencoder" not in NAMES, reason="torch is not installed")
def test_epochs_and_options_of_a_network_stand_in_the_manifest():
    told = []
    archive = learn(gathered(), detector="autoencoder", hidden=(6, 3), epochs=4, told=told.append)
    manifest = unpack(pack(archive)).manifest
    assert manifest.training.epochs == 4
    assert len(told) == 4 * (STRETCHES + 1)
    assert manifest.training.fit_losses == [epoch.train_loss for epoch in told[-4:]]
    assert manifest.training.validation_losses == [epoch.validation_loss for epoch in told[-4:]]
    assert manifest.options == {"hidden": [6, 3], "epochs": 4, "seed": 0}
    assert json.loads(manifest.model_dump_json())["options"]["hidden"] == [6, 3]


def test_a_moment_is_a_span_too():
    base = gathered()
    archive = learn(replace(base, end_ns=base.start_ns), detector="robust-pca")
    assert np.isfinite(archive.manifest.flows_per_s)


def test_one_feature_is_enough():
    features = (Feature("balance", "", Scale.LINEAR, "balance {value}"),)
    x = np.random.default_rng(0).normal(0, 1, (100, 1)).astype(np.float32)
    model = SealedModel(learn(gathered(x=x, features=features), detector="robust-pca"))
    near, far = model.scores([[0.1], [50.0]])
    assert far > near
