"""Surprise and its ONNX nodes are twins; few extreme features are not diluted."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from oddflow.features.feature import Feature, Scale
from oddflow.models.graph import GraphBuilder
from oddflow.models.scaling import Scaler
from oddflow.models.sealed import score_graph
from oddflow.models.tails import MOST_SURPRISE, Tails

CATEGORY, LOG, LINEAR = Scale.CATEGORY, Scale.LOG, Scale.LINEAR


def fitted(scales, *, rows=400, seed=0):
    """A scaler and tails of a reconstruction that draws every scaled column as zero."""
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 1, (rows, len(scales)))
    for place, scale in enumerate(scales):
        if scale is CATEGORY:
            x[:, place] = rng.integers(0, 4, rows)
    x = x.astype(np.float32)
    scaler = Scaler.fit(x, [Feature(f"f{i}", "", scale, "{value}") for i, scale in enumerate(scales)])
    scaled = scaler.transform(x)
    tails = Tails.fit(
        scaled,
        np.zeros_like(scaled),
        scaler.groups(x),
        group_count=scaler.group_count,
        owners=scaler.owners,
        silent=scaler.known,
        width=x.shape[1],
    )
    return scaler, tails, x


def by_numpy(scaler, tails, x):
    scaled = scaler.transform(x)
    contributions = tails.contributions(scaled, np.zeros_like(scaled), scaler.groups(x))
    return tails.score(contributions), contributions


def by_graph(scaler, tails, x):
    builder = GraphBuilder(scaler.width)
    scaled, groups = scaler.write(builder)
    drawn = builder.add("Mul", scaled, builder.constant(0.0))
    score, contributions = tails.write(builder, scaled, drawn, groups)
    return score_graph(builder.finish(score=score, contributions=contributions).SerializeToString(), x)


@settings(max_examples=30)
@given(st.lists(st.sampled_from([CATEGORY, LOG, LINEAR]), min_size=1, max_size=9), st.integers(0, 1_000))
def test_the_graph_scores_as_numpy_does(scales, seed):
    scaler, tails, x = fitted(scales, rows=60, seed=seed)
    rows = np.concatenate([x[:20], x[:20] * 1_000, -x[:5]])
    for ours, theirs in zip(by_graph(scaler, tails, rows), by_numpy(scaler, tails, rows), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_three_extreme_features_of_sixty_stand_far_above_normal():
    scaler, tails, x = fitted([LINEAR] * 60)
    odd = x[:1].copy()
    odd[0, [5, 20, 40]] += 15
    scores, contributions = by_numpy(scaler, tails, odd)
    normal, _ = by_numpy(scaler, tails, x)
    assert scores[0] > 2 * normal.max()
    assert set(np.argsort(contributions[0])[-3:]) == {5, 20, 40}


def test_contributions_are_not_negative_and_bounded():
    scaler, tails, x = fitted([CATEGORY, LOG, LINEAR])
    _, contributions = by_numpy(scaler, tails, x * np.float32(1e6))
    assert contributions.min() >= 0
    assert contributions.max() <= MOST_SURPRISE**2


def test_a_known_category_alone_is_no_surprise_and_an_unknown_one_is():
    scaler, tails, x = fitted(seed=5, rows=400, scales=[CATEGORY, LINEAR])
    strange = x[:2].copy()
    strange[1, 0] = 99
    _, contributions = by_numpy(scaler, tails, strange)
    scaled = scaler.transform(strange)
    drawn_well = tails.contributions(scaled, scaled, scaler.groups(strange))
    assert drawn_well[0, 0] < 1e-6
    assert contributions[1, 0] > 0.5
