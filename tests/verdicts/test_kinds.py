"""By itself, for its place, or as a group."""

import numpy as np
import pytest

from oddflow.features.feature import Feature, Scale
from oddflow.verdicts.kinds import AnomalyKind, kind_of

FEATURES = (
    Feature("duration_s", "s", Scale.LOG, ""),
    Feature("forward_payload", "bytes", Scale.LOG, ""),
    Feature("pair_ports_10s", "ports", Scale.LOG, ""),
    Feature("service", "", Scale.CATEGORY, ""),
)
NORMAL = np.zeros(4), np.array([100.0, 1_000.0, 3.0, 1.0])
GROUP = np.zeros(4), np.array([1.0, 10.0, 3.0, 1.0])


@pytest.mark.parametrize(
    ("row", "parts", "group", "expected"),
    [
        ([500, 1, 1, 1], [1, 0, 0, 0], GROUP, AnomalyKind.POINT),
        ([50, 1, 1, 1], [1, 0, 0, 0], GROUP, AnomalyKind.CONTEXTUAL),
        ([50, 1, 1, 1], [1, 0, 0, 0], None, AnomalyKind.POINT),
        ([1, 1, 99, 1], [0, 0, 1, 0], GROUP, AnomalyKind.CONTEXTUAL),
        ([500, 1, 99, 1], [0.6, 0, 0.4, 0], GROUP, AnomalyKind.POINT),
        ([1, 1, 1, 9], [0, 0, 0, 1], GROUP, AnomalyKind.POINT),
        ([1, 1, 1, 1], [0, 0, 0, 0], GROUP, AnomalyKind.POINT),
    ],
)
def test_what_carries_most_of_the_score_decides(row, parts, group, expected):
    assert kind_of(np.float32(row), np.float32(parts), FEATURES, NORMAL, group) is expected


def test_rows_that_are_of_many_flows_are_odd_as_groups():
    row, parts = np.float32([1, 1, 1, 1]), np.float32([1, 0, 0, 0])
    assert kind_of(row, parts, FEATURES, NORMAL, None, "traffic-matrix-1") is AnomalyKind.COLLECTIVE
