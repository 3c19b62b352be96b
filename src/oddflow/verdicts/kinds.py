"""The three kinds of anomaly: odd by itself, odd here and now, odd together.

Source: Chandola, Banerjee & Kumar 2009, "Anomaly Detection: A Survey", section 2.2.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from oddflow.features.feature import Feature, Scale

OF_CONTEXT = ("host_", "pair_", "service_", "repeats", "alike", "sent_")
"""How names of features begin that speak of what hosts and services did before, not of the flow."""
OF_GROUPS = ("traffic-matrix-", "rates-")
"""How versions of representations begin whose rows are windows of many flows."""


class AnomalyKind(StrEnum):
    """What makes an alert odd."""

    POINT = "point"
    CONTEXTUAL = "contextual"
    COLLECTIVE = "collective"


@lru_cache(maxsize=4_096)
def is_of_context(feature: Feature) -> bool:
    """Whether a feature speaks of what hosts and services did before, not of the flow itself."""
    return feature.name.startswith(OF_CONTEXT) and feature.scale is not Scale.CATEGORY


def kind_of(
    row: NDArray[np.float32],
    parts: NDArray[np.float32],
    features: Sequence[Feature],
    normal: tuple[NDArray[np.float64], NDArray[np.float64]],
    group: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
    version: str = "",
) -> AnomalyKind:
    """What kind a flow's oddness is, by what carries more than half of its score.

    Contextual are the parts of features that count what hosts and services did before; and those of the flow's own
    numbers that are in the range of all normal flows, but out of that of its service. All other parts are of the flow
    by itself.

    Args:
        row: Raw feature values, (d,).
        parts: Their parts of the score, (d,), not negative.
        features: The d columns.
        normal: What is normal for all flows, (d,) low and high.
        group: The same for its service, where that is known.
        version: Of the representation; of one whose rows are of many flows, all are collective.
    """
    if version.startswith(OF_GROUPS):
        return AnomalyKind.COLLECTIVE
    contextual = np.array([is_of_context(feature) for feature in features])
    if group is not None:
        is_usual = (row >= normal[0]) & (row <= normal[1])
        contextual |= is_usual & ((row < group[0]) | (row > group[1]))
    total = float(parts.sum())
    return AnomalyKind.CONTEXTUAL if total > 0 and float(parts[contextual].sum()) > total / 2 else AnomalyKind.POINT
