"""A small sealed model for tests: its score is the sum of squares."""

import numpy as np

from oddflow.features.feature import Feature, Scale
from oddflow.models.format import Archive, seal
from oddflow.models.graph import GraphBuilder
from oddflow.models.manifest import Calibration, Manifest, Range, Training, schema_sha256, sealed_features

FEATURES = (
    Feature("service", "", Scale.CATEGORY, "service {value}"),
    Feature("duration_s", "s", Scale.LOG, "lasted {value}"),
    Feature("balance", "", Scale.LINEAR, "balance {value}"),
)
NOTHING = Range(minimum=0, q001=0, q01=0, median=0, q99=0, q999=0, maximum=0)


def graph(width=3):
    builder = GraphBuilder(width)
    squares = builder.add("Mul", builder.x, builder.x)
    return builder.finish(score=builder.row_sum(squares), contributions=squares)


def manifest(*, rows=3, features=FEATURES, **changes):
    sealed = sealed_features(features)
    values = {
        "format_version": 1,
        "created": "2026-01-01T00:00:00Z",
        "oddflow_version": "0",
        "detector": "robust-pca",
        "features": sealed,
        "feature_schema_version": "tabular-1",
        "feature_schema_sha256": schema_sha256(sealed),
        "ranges": [NOTHING] * len(sealed),
        "training": Training(fit_rows=3),
        "calibration": Calibration(rows=rows, flows_per_s=2.5),
    }
    return Manifest(**(values | changes))


def archive(*, content=None, held_back=(3.0, 1.0, 2.0), weights=None, **changes) -> Archive:
    given = graph().SerializeToString() if content is None else content
    scores = np.array(held_back, np.float32)
    return seal(manifest(rows=max(1, len(scores)), **changes), given, scores, weights)
