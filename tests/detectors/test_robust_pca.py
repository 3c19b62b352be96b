import numpy as np

from oddflow.detectors.robust_pca import RobustPca
from tests.checks.problem import FEATURES, area_under_curve, normal_rows


def scan_rows(count):
    """Flows of one scan: nearly the same, to a service each, with a count that is never there otherwise."""
    rng = np.random.default_rng(7)
    rows = normal_rows(count, 3)
    rows[:, 0] = rng.permutation(60_000)[:count]
    rows[:, 1:5] = np.exp(rng.normal(0, 0.05, (count, 4)))
    rows[:, 9] = rng.integers(50, 400, count)
    return rows


def test_a_core_keeps_a_fifth_of_attacks_from_passing_as_normal():
    normal, scan = normal_rows(1_600, 0), scan_rows(400)
    mixed = np.random.default_rng(0).permutation(np.concatenate([normal, scan]))
    scores = RobustPca(FEATURES, core=0.75).fit(mixed).decision_function
    assert area_under_curve(scores(scan), scores(normal_rows(500, 5))) > 0.95


def test_all_variance_leaves_nothing_undrawn():
    rows = normal_rows(300, 0)
    detector = RobustPca(FEATURES, variance=1.0).fit(rows)
    scaled = detector.scaler_.transform(rows)
    np.testing.assert_allclose(detector._reconstruct(scaled), scaled, atol=1e-3)
