import numpy as np
import pytest

from oddflow.detectors.robust_pca import RobustPca
from oddflow.features.feature import Feature, Scale
from tests.checks.problem import FEATURES, area_under_curve, normal_rows

NORMAL = normal_rows(1_600, 0)
THREE = tuple(Feature(name, "", Scale.LINEAR, "{value}") for name in "abc")


def scan_rows(count):
    """Flows of one scan: nearly the same, to a service each, with a count that is never there otherwise."""
    rng = np.random.default_rng(7)
    rows = normal_rows(count, 3)
    rows[:, 0] = rng.permutation(60_000)[:count]
    rows[:, 1:5] = np.exp(rng.normal(0, 0.05, (count, 4)))
    rows[:, 9] = rng.integers(50, 400, count)
    return rows


def same_rows(count):
    """A dense cluster far from all normal rows: one flow, over and over."""
    row = normal_rows(1, 3)
    row[0, 1:5] *= [1e4, 1e-3, 1e4, 1e-3]
    row[0, 9] = 300
    return np.tile(row, (count, 1))


def mixed(normal, odd):
    return np.random.default_rng(0).permutation(np.concatenate([normal, odd]))


def rank(variance):
    return round(float(np.trace(RobustPca(THREE, variance=variance).fit(three_directions()).projection_)))


def three_directions():
    """Variances 6, 3 and 1, unscaled, along three oblique directions; scaled they differ little."""
    rng = np.random.default_rng(4)
    hidden = rng.normal(0, 1, (2_000, 3)) * np.sqrt([6.0, 3.0, 1.0])
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return (hidden @ rotation).astype(np.float32)


def test_a_core_keeps_a_fifth_of_attacks_from_passing_as_normal():
    scan = scan_rows(400)
    scores = RobustPca(FEATURES, core=0.75).fit(mixed(NORMAL, scan)).decision_function
    assert area_under_curve(scores(scan), scores(normal_rows(500, 5))) > 0.95


def test_a_dense_cluster_of_one_fifth_scores_above_nearly_all_normal_rows():
    cluster = same_rows(400)
    scores = RobustPca(FEATURES, core=0.8).fit(mixed(NORMAL, cluster)).decision_function
    assert scores(cluster).min() > np.quantile(scores(NORMAL), 0.99)


def test_without_a_core_that_cluster_passes_as_normal():
    cluster = same_rows(400)
    scores = RobustPca(FEATURES).fit(mixed(NORMAL, cluster)).decision_function
    assert scores(cluster).min() < np.quantile(scores(NORMAL), 0.99)


def test_a_core_of_clean_rows_still_finds_what_is_odd():
    far = normal_rows(200, 6)
    far[:, 1:5] *= 1_000
    scores = RobustPca(FEATURES, core=0.8).fit(NORMAL).decision_function
    assert area_under_curve(scores(far), scores(normal_rows(500, 5))) > 0.99


def test_a_core_counts_each_row_once():
    # 30 rows a service are too few for tails of their own, 60 are enough
    for count, own in ((30, False), (60, True)):
        rows = np.repeat(normal_rows(count, 0), 2, axis=0)
        rows[::2, 0], rows[1::2, 0] = 22, 53
        rows[1::2, 1:5] *= 100
        tails = RobustPca(FEATURES, core=0.999).fit(rows, validation=rows[:1]).tails_
        assert (not np.array_equal(tails.values[0], tails.values[-1])) is own


def test_all_variance_leaves_nothing_undrawn():
    rows = normal_rows(300, 0)
    detector = RobustPca(FEATURES, variance=1.0).fit(rows)
    scaled = detector.scaler_.transform(rows)
    np.testing.assert_allclose(detector._reconstruct(scaled), scaled, atol=1e-3)


@pytest.mark.parametrize(("variance", "directions"), [(0.0, 1), (0.3, 1), (1.0, 3)])
def test_as_many_directions_are_kept_as_explain_the_variance(variance, directions):
    assert rank(variance) == directions


def test_more_variance_keeps_no_fewer_directions():
    ranks = [rank(variance) for variance in (0.1, 0.5, 0.7, 0.9, 0.99, 1.0)]
    assert ranks == sorted(ranks)
    assert ranks[0] < ranks[-1]


def test_what_is_drawn_lies_in_the_kept_directions():
    detector = RobustPca(THREE, variance=0.5).fit(three_directions())
    projection = detector.projection_
    np.testing.assert_allclose(projection @ projection, projection, atol=1e-5)
    np.testing.assert_allclose(projection, projection.T, atol=1e-6)
