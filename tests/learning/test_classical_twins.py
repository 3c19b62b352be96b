"""The classical detectors in NumPy and in ONNX Runtime are twins, on rows that nobody expects."""

from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings

from oddflow.detectors import registry
from oddflow.features.feature import Feature
from oddflow.models.sealed import score_graph

from .test_twins import MOST, C, L, N, rows_of

SCALES = (C, L, L, N, N)
QUICK = {"isolation-forest": {"trees": 10}, "random-forest": {"trees": 10}, "gradient-boosting": {"trees": 10}}
NAMES = [
    "bayesian-network", "decision-tree", "ensemble", "entropy", "fuzzy-rules", "gaussian-mixture", "gradient-boosting",
    "histograms", "isolation-forest", "k-means", "learned-rules", "naive-bayes", "nearest-neighbours",
    "one-class-svm", "principal-components", "random-forest", "support-vectors",
]  # fmt: skip


@cache
def learnt(name, constant):
    rng = np.random.default_rng(0)
    x = np.exp(rng.normal(2, 1, (200, 5))).astype(np.float32)
    x[:, 0] = rng.choice([0, 5, 7, 53], 200)
    x[::9, 3] *= -1e6
    if constant:
        x[:, [1, 3]] = 5
    features = [Feature(f"f{place}", "s" if place == 1 else "", scale, "{value}") for place, scale in enumerate(SCALES)]
    detector = registry.create(name, features, **QUICK.get(name, {})).fit(x, np.arange(200) % 3 // 2)
    return detector, detector.graph().SerializeToString()


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(x=rows_of(5))
@example(x=np.full((1, 5), MOST, np.float32))
@example(x=np.full((1, 5), -MOST, np.float32))
def test_the_graph_gives_finite_scores_and_parts_of_numpy(name, constant, x):
    detector, graph = learnt(name, constant)
    expected, parts = detector.decision_function(x), detector.contributions(x)
    assert np.isfinite(expected).all()
    assert np.isfinite(parts).all()
    assert parts.min() >= 0
    scores, contributions = score_graph(graph, x)
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(contributions, parts, rtol=5e-3, atol=1e-2)
