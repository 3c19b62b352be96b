"""A small sealed model for tests: its score is the sum of squares."""

import numpy as np

from oddflow.features.feature import Feature, Scale
from oddflow.models.format import Archive, seal
from oddflow.models.graph import GraphBuilder
from oddflow.models.manifest import (
    FORMAT_VERSION,
    Calibration,
    Manifest,
    Range,
    Training,
    schema_sha256,
    sealed_features,
)
from oddflow.models.tokens import Tokeniser

FEATURES = (
    Feature("service", "", Scale.CATEGORY, "service {value}"),
    Feature("duration_s", "s", Scale.LOG, "lasted {value}"),
    Feature("balance", "", Scale.LINEAR, "balance {value}"),
)
STEPS = 5
TOKENISER = Tokeniser(STEPS)
NOTHING = Range(minimum=0, q001=0, q01=0, median=0, q99=0, q999=0, maximum=0)


def graph(width=3):
    builder = GraphBuilder(width)
    squares = builder.add("Mul", builder.x, builder.x)
    return builder.finish(score=builder.row_sum(squares), contributions=squares)


def manifest(*, rows=3, features=FEATURES, **changes):
    sealed = sealed_features(features)
    values = {
        "format_version": FORMAT_VERSION,
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


def packet_rows(draw, count):
    """Lengths, then gaps, at and about the borders of words: (count, 10)."""
    rng = np.random.default_rng(draw)
    lengths = rng.choice([0, 40, 63, 64, -64, 127, -128, 700, -1500, 1e9, -1e9], (count, STEPS))
    gaps = rng.choice([0, 1e-5, 1e-4, 9.9e-4, 1e-3, 0.5, 1, 70, 1e9, -3], (count, STEPS))
    return np.concatenate([lengths, gaps], axis=1).astype(np.float32)
