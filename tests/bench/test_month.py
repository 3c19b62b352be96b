"""A month of a service, made of the examples."""

import numpy as np
import pytest

from oddflow.bench.month import incident_sizes


@pytest.mark.parametrize("alerts", [1, 10, 999, 100_000])
def test_incidents_have_all_alerts(alerts: int) -> None:
    sizes = incident_sizes(alerts, np.random.default_rng(1))
    assert sum(sizes) == alerts
    assert min(sizes) >= 1
    assert max(sizes) <= 5_000
