"""Whatever was learnt, scaling and tails in NumPy and in ONNX Runtime are twins, on rows that nobody expects."""

from functools import cache

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from oddflow.detectors.robust_pca import RobustPca
from oddflow.features.feature import Feature, Scale
from oddflow.models.sealed import score_graph
from tests.examples import some

L, N, C = Scale.LOG, Scale.LINEAR, Scale.CATEGORY
SHAPES = ((C, L, L, N, N), (L, N, L), (C, C), (C,), (N,), (L,), (L, C, N, C, L, N, L, N), (N, C))
MOST = float(np.finfo(np.float32).max)
NUMBERS = st.floats(-MOST, MOST, width=32) | st.sampled_from(
    [0.0, -0.0, 1.0, 5.0, 7.0, 1e-45, -1e-38, 1e9, 16_777_216.0, MOST, -MOST, 1e30, 3e35]
)


@cache
def learnt(scales, constant):
    """Robust PCA on 200 rows; with `constant`, half of the columns never vary."""
    rng = np.random.default_rng(len(scales))
    x = np.exp(rng.normal(2, 1, (200, len(scales))))
    for place, scale in enumerate(scales):
        if scale is C:
            x[:, place] = rng.choice(
                [0, 5, 7, 11, 22, 53, 80, 443], 200, p=[0.3, 0.3, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05]
            )
        if constant and place % 2 == 0:
            x[:, place] = 5
    names = [Feature(f"f{place}", "s" if place % 2 else "", scale, "{value}") for place, scale in enumerate(scales)]
    detector = RobustPca(names).fit(x.astype(np.float32))
    return detector, detector.graph().SerializeToString()


def rows_of(width):
    return arrays(np.float32, st.tuples(st.integers(1, 6), st.just(width)), elements=NUMBERS)


CASES = st.sampled_from(SHAPES).flatmap(lambda scales: st.tuples(st.just(scales), st.booleans(), rows_of(len(scales))))


@settings(max_examples=some(300))
@given(CASES)
@example(((C, L, L, N, N), False, np.full((1, 5), MOST, np.float32)))
@example(((C, L, L, N, N), True, np.full((1, 5), -MOST, np.float32)))
@example(((C, C), True, np.array([[5, 5], [9_999, 5], [5, 9_999], [-1, -1]], np.float32)))
@example(((L, N, L), False, np.zeros((2, 3), np.float32)))
def test_the_graph_gives_the_scores_and_parts_of_numpy(case):
    scales, constant, x = case
    detector, graph = learnt(scales, constant)
    scores, contributions = score_graph(graph, x)
    np.testing.assert_allclose(scores, detector.decision_function(x), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(contributions, detector.contributions(x), rtol=1e-3, atol=1e-3)


@settings(max_examples=some(100))
@given(CASES)
def test_scores_and_parts_are_finite_not_negative_and_bounded(case):
    scales, constant, x = case
    detector, _ = learnt(scales, constant)
    contributions = detector.contributions(x)
    assert contributions.min() >= 0
    assert contributions.max() <= 400
    assert detector.decision_function(x).max() <= 20
