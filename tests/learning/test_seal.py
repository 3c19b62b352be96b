import numpy as np
import pytest

from oddflow.detectors.base import Detector, Exportable
from oddflow.detectors.robust_pca import RobustPca
from oddflow.errors import LearningFailed
from oddflow.learning.seal import seal_detector
from oddflow.models.graph import GraphBuilder
from oddflow.models.manifest import schema_sha256, sealed_features
from tests.checks.problem import FEATURES, normal_rows
from tests.models.make import NOTHING, manifest

ROWS = normal_rows(300, 0)


class Stub(Detector):
    """Scores the sum of magnitudes; its graph gives that times `factor`, plus `extra` for rows far out."""

    name = "stub"

    def __init__(self, features, *, factor=1.0, extra=0.0):
        self.features = features
        self.factor = factor
        self.extra = extra

    def _fit(self, x, validation, y):
        pass

    def _contributions(self, x):
        return np.minimum(np.abs(x), np.float32(1e6))

    def _score_of(self, contributions):
        return contributions.sum(axis=1)

    def weights(self):
        return {}

    def _graph(self):
        builder = GraphBuilder(self.width_)
        parts = builder.add("Min", builder.add("Abs", builder.x), builder.constant(1e6))
        score = builder.add("Mul", builder.row_sum(parts), builder.constant(self.factor))
        far = builder.add("Cast", builder.add("Greater", builder.row_sum(parts), builder.constant(9e5)), to=1)
        score = builder.add("Add", score, builder.add("Mul", far, builder.constant(self.extra)))
        return builder.finish(score=score, contributions=parts)


class ForEvaluation(Stub):
    exportable = Exportable.NONE


def document():
    features = sealed_features(FEATURES)
    ranges = [NOTHING] * len(features)
    return manifest(rows=len(ROWS), features=FEATURES, feature_schema_sha256=schema_sha256(features), ranges=ranges)


def sealed(detector, rows=ROWS):
    detector.fit(rows)
    return seal_detector(detector, document(), detector.decision_function(ROWS), rows)


def test_a_graph_that_agrees_is_sealed_with_its_difference():
    assert sealed(Stub(FEATURES)).manifest.metrics["graph_difference"] < 1e-5


def test_a_graph_that_disagrees_is_refused_with_the_difference():
    with pytest.raises(LearningFailed, match=r"the sealed stub scores differently .* by 0\.01, at most 0\.001"):
        sealed(Stub(FEATURES, factor=1.01))


def test_a_graph_that_disagrees_only_far_out_is_refused():
    with pytest.raises(LearningFailed, match="scores differently"):
        sealed(Stub(FEATURES, extra=1e6))


def test_a_graph_that_gives_no_number_is_refused():
    with pytest.raises(LearningFailed, match=r"the sealed stub cannot score: .*no finite numbers"):
        sealed(Stub(FEATURES, factor=float("nan")))


def test_a_detector_for_evaluation_only_is_not_sealed():
    with pytest.raises(LearningFailed, match="evaluation only"):
        sealed(ForEvaluation(FEATURES))


def test_what_the_manifest_measured_before_is_kept():
    detector = RobustPca(FEATURES).fit(ROWS)
    before = document().model_copy(update={"metrics": {"auc": 0.9}})
    metrics = seal_detector(detector, before, detector.decision_function(ROWS), ROWS).manifest.metrics
    assert metrics.keys() == {"auc", "graph_difference"}


def test_held_back_scores_are_rounded_as_scores_are():
    archive = sealed(RobustPca(FEATURES))
    assert all(float(f"{score:.5g}") == pytest.approx(score, rel=1e-7) for score in archive.held_back.tolist())


def test_one_row_is_enough_to_compare_with():
    detector = RobustPca(FEATURES).fit(ROWS)
    assert seal_detector(detector, document(), detector.decision_function(ROWS), ROWS[:1])


def test_rows_at_the_edge_of_float32_can_be_sealed():
    rows = ROWS.copy()
    rows[:, 1] = np.float32(3e38)
    assert sealed(RobustPca(FEATURES), rows).manifest.metrics["graph_difference"] < 1e-3
