"""A learnt policy to a sealed file, which must agree with it."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from pydantic import JsonValue

from oddflow import __version__
from oddflow.errors import LearningFailed
from oddflow.models.format import Archive, seal
from oddflow.models.graph import GraphBuilder
from oddflow.models.manifest import (
    FORMAT_VERSION,
    Calibration,
    Manifest,
    Provenance,
    Range,
    Source,
    Training,
    schema_sha256,
    sealed_features,
)
from oddflow.models.policy import DETECTOR
from oddflow.models.rows import Floats, five_digits
from oddflow.models.sealed import score_graph
from oddflow.networks.queue import ActionPreference, weights_of
from oddflow.verdicts.triage.shift import FEATURES, VERSION, WIDTH

MOST_DIFFERENCE = 1e-4
_QUANTILES = (0, 0.001, 0.01, 0.5, 0.99, 0.999, 1)


def graph_of(network: ActionPreference) -> onnx.ModelProto:
    """Rows to logits, and to what speaks for the action: the positive part of input × gradient, in spreads."""
    w = weights_of(network)
    graph = GraphBuilder(WIDTH)
    z = graph.add("Div", graph.add("Sub", graph.x, graph.constant(w["mean"])), graph.constant(w["spread"]))
    body = graph.add("MatMul", z, graph.constant(np.ascontiguousarray(w["weight"].T)))
    h = graph.add("Tanh", graph.add("Add", body, graph.constant(w["bias"])))
    weighed = graph.add("Mul", h, graph.constant(w["head"]))
    logits = graph.add("Add", graph.row_sum(weighed), graph.constant(w["head_bias"]))
    slope = graph.add("Sub", graph.constant(1.0), graph.add("Mul", h, h))  # of tanh
    pulled = graph.add("Mul", slope, graph.constant(w["head"]))
    gradient = graph.add("MatMul", pulled, graph.constant(np.ascontiguousarray(w["weight"])))
    parts = graph.add("Relu", graph.add("Mul", z, gradient))
    return graph.finish(score=logits, contributions=parts)


def seal_policy(
    network: ActionPreference,
    rows: Floats,
    *,
    sources: Sequence[Source],
    options: dict[str, JsonValue],
    known: Sequence[str],
    returns: Sequence[float],
    seed: int,
    duration_s: float,
) -> Archive:
    """Seals a policy with what it was learnt on.

    Args:
        network: Learnt.
        rows: Rows of actions that were met, (n, WIDTH).
        sources: Files of alerts.
        options: What it was learnt with.
        known: Marks of flows that it was learnt on, so that it is never judged on them.
        returns: The mean return of each batch of episodes, negated where a loss is told.
        seed: Of the learning.
        duration_s: Of the learning.

    Raises:
        LearningFailed: The graph does not prefer as the network does.
    """
    graph = graph_of(network).SerializeToString()
    with torch.no_grad():
        expected = network.preference(torch.from_numpy(rows)).numpy()
    logits, _ = score_graph(graph, rows)
    difference = float(np.max(np.abs(logits - expected)))
    if not difference <= MOST_DIFFERENCE:
        raise LearningFailed(f"the sealed policy differs from the learnt one by {difference:.2g}; please report it")
    features = sealed_features(FEATURES)
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        oddflow_version=__version__,
        detector=DETECTOR,
        options=options,
        features=features,
        feature_schema_version=VERSION,
        feature_schema_sha256=schema_sha256(features),
        ranges=_ranges(rows),
        context={"known_flows": list(known)},
        provenance=Provenance(sources=list(sources), seed=seed, durations_s={"learning": round(duration_s, 1)}),
        training=Training(fit_rows=len(rows), epochs=len(returns), fit_losses=[-value for value in returns]),
        calibration=Calibration(rows=len(rows), flows_per_s=0),
        metrics={"graph_difference": difference},
    )
    return seal(manifest, graph, five_digits(logits))


def _ranges(rows: NDArray[np.float32]) -> list[Range]:
    names = ("minimum", "q001", "q01", "median", "q99", "q999", "maximum")
    table = np.quantile(rows, _QUANTILES, axis=0, method="nearest").T
    return [Range(**dict(zip(names, map(float, row), strict=True))) for row in table]
