"""What is assumed of traffic: shares and bursts."""

import numpy as np
import pytest

from oddflow.bench.simulation.demand import Demand, bursts, shares
from oddflow.errors import UsageError


def test_packets_and_flows_follow_from_the_rate():
    demand = Demand(10e9, packet_bytes=1_226, packets_per_flow=50)
    assert demand.packets_per_s == 1e6
    assert demand.flows_per_s == 20_000


@pytest.mark.parametrize("places", [1, 7, 1_000])
def test_all_traffic_comes_somewhere_and_the_busiest_share_stays_whole(places):
    found = shares(np.random.default_rng(3), 0.02, places)
    assert found.sum() == pytest.approx(1.0)
    assert found.max() >= 0.02 - 1e-9
    assert len(found) == places


def test_where_all_have_the_same_share_places_are_nearly_alike():
    found = shares(np.random.default_rng(3), 1e-5, 10)
    assert found.max() < 0.11


def test_bursts_keep_the_average_and_vary_on_long_scales_too():
    found = bursts(np.random.default_rng(1), 20_000, 3)
    assert found.shape == (20_000, 3)
    assert found.mean(axis=0) == pytest.approx([1, 1, 1])
    assert found.min() >= 0
    # independent slices would have a fiftieth of the variance when 2,500 are averaged; these keep far more
    averaged = found[:, 0].reshape(-1, 250).mean(axis=1)
    assert averaged.var() > 5 * found[:, 0].var() / 250


@pytest.mark.parametrize(
    "given",
    [{"bits_per_s": 0}, {"packet_bytes": 10}, {"packets_per_flow": 0.5}, {"day_share": 1.5}, {"busiest_pair": 0.0},
     {"busiest_host": float("nan")}, {"bits_per_s": float("nan")}],
)  # fmt: skip
def test_what_no_traffic_is_like_is_refused(given):
    with pytest.raises(UsageError, match="expected"):
        Demand(**{"bits_per_s": 1e9} | given)
