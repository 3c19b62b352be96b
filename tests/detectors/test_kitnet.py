"""KitNET: as its plain twin, and as Kitsune-py, learn and score."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddflow.detectors._kitnet_kernels import learn
from oddflow.detectors.kitnet import KitNetDetector, correlation_distances, groups_of
from oddflow.errors import LearningFailed, UsageError
from oddflow.features.feature import Feature, Scale
from oddflow.models.kitnet import Autoencoder, KitNet, KitNetScorer
from tests.detectors.twin_kitnet import KitNet as Twin
from tests.detectors.twin_kitnet import clusters
from tests.detectors.twin_kitnet import correlation_distances as distances_of_twin

# packets for the map and packets to learn, of each capture
KITSUNE = {"moving_two_files_modbus_6RTU": (501, 1_500), "benign-syn": (301, 700)}


def features(width):
    return [Feature(f"f{number}", "", Scale.LINEAR, "{value}") for number in range(width)]


def fresh(groups, seed=1234):
    def one(width):
        return Autoencoder.fresh(width, math.ceil(width * 0.75), seed)

    return KitNet(tuple(np.array(g) for g in groups), tuple(one(len(g)) for g in groups), one(len(groups)))


def golden(shared, name):
    with np.load(shared / "kitsune" / f"{name}.npz", allow_pickle=False) as kitsune:
        found = {key: np.ascontiguousarray(kitsune[key]) for key in ("features", "scores", "groups", "map")}
    return found["features"], found["scores"], np.split(found["map"], np.cumsum(found["groups"])[:-1])


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 12), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_it_learns_and_scores_as_the_twin(seed, sizes):
    chance = np.random.default_rng(seed)
    width = sum(sizes)
    groups = np.split(chance.permutation(width), np.cumsum(sizes)[:-1])
    rows = chance.normal(size=(60, width)) * chance.uniform(0.1, 1_000, width)
    rows[:, chance.integers(width)] = 3.0  # one never moves
    net = fresh(groups).net()
    learn(rows[:40], net, 0.1)
    learnt = fresh(groups).learnt(net)
    twin = Twin(groups)
    for row in rows[:40]:
        twin.learn(row)
    for ours, theirs in zip((*learnt.members, learnt.output), (*twin.members, twin.output), strict=True):
        np.testing.assert_allclose(ours.weights, theirs.weights, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(ours.hidden_bias, theirs.hidden_bias, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(ours.visible_bias, theirs.visible_bias, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose([ours.low, ours.high], [theirs.low, theirs.high])
    scorer = KitNetScorer(learnt)
    given_rows = rows[40:].astype(np.float32)
    found = scorer.score_of(scorer.contributions(given_rows))
    np.testing.assert_allclose(found, [twin.score(row) for row in given_rows.astype(np.float64)], rtol=1e-4)


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_columns_are_grouped_as_the_twin_groups_them(seed, width, most):
    chance = np.random.default_rng(seed)
    rows = (chance.normal(size=(50, 4)) @ chance.normal(size=(4, width)) + chance.normal(size=(50, width))).astype(
        np.float32
    )
    wide = rows.astype(np.float64)
    np.testing.assert_allclose(
        np.triu(correlation_distances(rows), 1), np.triu(distances_of_twin(wide), 1), rtol=1e-9, atol=1e-12
    )
    found = groups_of(correlation_distances(rows), most)
    assert {frozenset(group) for group in found} == {frozenset(g) for g in clusters(distances_of_twin(wide), most)}
    assert sorted(column for group in found for column in group) == list(range(width))
    assert max(map(len, found)) <= most


def test_columns_that_never_move_are_grouped_too():
    groups = groups_of(correlation_distances(np.ones((5, 23), np.float32)), 10)
    assert sorted(column for group in groups for column in group) == list(range(23))


@pytest.mark.parametrize("name", KITSUNE)
def test_the_map_is_that_of_kitsune_py(shared, name):
    rows, _, groups = golden(shared, name)
    found = groups_of(distances_of_twin(rows[: KITSUNE[name][0]]), 10)
    assert found == [group.tolist() for group in groups]  # in the same order, too
    single = groups_of(correlation_distances(rows[: KITSUNE[name][0]].astype(np.float32)), 10)
    assert {frozenset(group) for group in single} == {frozenset(group.tolist()) for group in groups}


@pytest.mark.parametrize("name", KITSUNE)
def test_scores_are_those_of_kitsune_py_on_its_map(shared, name):
    rows, scores, groups = golden(shared, name)
    for_map, for_learning = KITSUNE[name]
    net = fresh(groups).net()
    learn(rows[for_map : for_map + for_learning], net, 0.1)
    rest = slice(for_map + for_learning, None)
    assert not scores[: rest.start].any()
    scorer = KitNetScorer(fresh(groups).learnt(net))
    found = scorer.score_of(scorer.contributions(rows[rest].astype(np.float32)))
    np.testing.assert_allclose(found, scores[rest], rtol=5e-4)


@pytest.mark.parametrize("name", KITSUNE)
def test_the_detector_as_a_whole_scores_as_kitsune_py(shared, name):
    rows, scores, _ = golden(shared, name)
    for_map, for_learning = KITSUNE[name]
    known = for_map + for_learning
    detector = KitNetDetector(features(100), map_rows=for_map, least_rows=0).fit(rows[:known])
    # columns of a group come in another order where float32 makes two distances equal: so do their first weights
    np.testing.assert_allclose(detector.decision_function(rows[known:]), scores[known:], rtol=5e-3)


def test_a_short_baseline_is_gone_through_again():
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(90, 6)).astype(np.float32)
    thrice = KitNetDetector(features(6), map_rows=30, least_rows=180).fit(rows)
    once = KitNetDetector(features(6), map_rows=30, least_rows=0).fit(np.concatenate([rows, rows[30:], rows[30:]]))
    np.testing.assert_array_equal(thrice.decision_function(rows), once.decision_function(rows))


def test_weights_that_are_no_numbers_are_refused(monkeypatch):
    def diverge(rows, net, rate):
        net.members.weights[:] = np.nan

    monkeypatch.setattr("oddflow.detectors.kitnet.learn", diverge)
    detector = KitNetDetector(features(6))
    with pytest.raises(LearningFailed, match=r"kitnet diverged.*learning_rate is 0\.1"):
        detector.fit(np.zeros((40, 6)))
    with pytest.raises(UsageError, match="not fitted"):
        detector.decision_function(np.zeros((4, 6)))
