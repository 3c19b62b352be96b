"""Traffic on its way: queues that are known by formulas, conservation, and where it is tight."""

from dataclasses import replace

import numpy as np
import pytest

from oddflow.bench.simulation.costs import Costs
from oddflow.bench.simulation.demand import Demand
from oddflow.bench.simulation.road import Places, Stage, System, packet_s, run, scored_s, stored_s
from oddflow.bench.simulation.sizing import Wanted, failing, first_guess, grown, needs, size, too_small

COSTS = Costs(
    packet_s=2e-7, byte_s=1e-10, flow_s=1e-6, ring_packet_s=3e-7, kernel_packet_s=5e-7, write_flow_s=3e-6,
    ship_flow_s=3e-6, ship_flow_bytes=500, take_flow_s=1e-6, score_flow_s=2e-5, store_flow_s=4e-6,
    store_flow_bytes=600, busy_speed=0.8,
)  # fmt: skip
DEMAND = Demand(10e9)
ENOUGH = System(sensors=10, partitions=64, brokers=3, replicas=8, store=4)
QUICK = Wanted(seconds=3.0)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_work_that_waits_is_that_of_a_queue_of_deterministic_services(load):
    """M/D/1 (Pollaczek 1930, Khinchine 1932): work in the system is load × service / 2 (1 − load), on average."""
    service_s, slice_s, slices = 0.01, 0.0005, 400_000
    rng = np.random.default_rng(5)
    places = Places(200)
    came = rng.poisson(load / service_s * slice_s, (slices // 200, 200)) * service_s
    waiting = []
    for number, work in enumerate(came):
        places.take(work, slice_s)
        if number > 400:
            waiting.append(places.waiting_s.mean())
    assert np.mean(waiting) == pytest.approx(load * service_s / (2 * (1 - load)), rel=0.1)


def test_all_work_is_done_or_waits_or_is_lost():
    rng = np.random.default_rng(1)
    places, lost, came = Places(5, room_s=0.02), 0.0, 0.0
    for _ in range(1_000):
        work = rng.exponential(0.011, 5)
        came += work.sum()
        lost += places.take(work, 0.01)[1].sum()
        assert (places.waiting_s <= 0.02 + 1e-12).all()
    assert places.worked_s.sum() + places.waiting_s.sum() + lost == pytest.approx(came)
    assert lost > 0


def test_what_is_enough_loses_nothing_and_is_busy_as_reckoned():
    passed = run(DEMAND, COSTS, ENOUGH, seconds=5.0)
    assert passed.lost == 0
    assert passed.packets == pytest.approx(5 * DEMAND.packets_per_s)
    assert passed.delay_s[0] <= passed.delay_s[1] <= passed.delay_s[2] < 2
    store = DEMAND.flows_per_s * stored_s(COSTS) / ENOUGH.store
    assert passed.busy[Stage.STORE] == pytest.approx(store, rel=0.05)
    assert passed.busy[Stage.REPLICAS] >= DEMAND.flows_per_s * scored_s(COSTS) / ENOUGH.replicas * 0.95


@pytest.mark.parametrize(
    ("scarce", "stage"),
    [({"sensors": 1}, Stage.SENSORS), ({"brokers": 1}, Stage.BROKERS), ({"replicas": 1}, Stage.REPLICAS),
     ({"store": 1}, Stage.STORE)],
)  # fmt: skip
def test_the_bottleneck_is_where_there_is_too_little(scarce, stage):
    few = replace(ENOUGH, broker_bytes_per_s=20e6, **scarce)
    costs = replace(COSTS, store_flow_s=4e-5, score_flow_s=4e-5)
    assert too_small(run(DEMAND, costs, few, seconds=20.0), Wanted()) is stage


def test_a_ring_overflows_by_what_a_core_cannot_do():
    demand = Demand(10e9, busiest_pair=1e-5)
    passed = run(demand, COSTS, replace(ENOUGH, sensors=1), seconds=20.0)
    can = 1 / packet_s(COSTS, demand) / demand.packets_per_s
    assert 1 - passed.lost / passed.packets == pytest.approx(can, abs=0.05)


@pytest.mark.parametrize("rate", [1e8, 1e10, 1e11])
def test_a_sized_system_keeps_up_and_more_traffic_needs_more(rate):
    system, passed = size(Demand(rate), COSTS, QUICK)
    assert too_small(passed, QUICK) is None
    larger = first_guess(Demand(10 * rate), COSTS, QUICK)
    assert larger.sensors >= system.sensors
    assert larger.replicas >= system.replicas / 2


def test_a_stage_that_grows_keeps_several_partitions_for_each_replica():
    system = grown(replace(ENOUGH, replicas=100, partitions=400), Stage.REPLICAS)
    assert (system.replicas, system.partitions) == (110, 512)


def test_what_gives_way_first_is_said_with_what_happens():
    stage, times, why = failing(DEMAND, COSTS, replace(ENOUGH, sensors=6), QUICK)
    assert stage is Stage.SENSORS
    assert times > 1
    assert "rings overflow" in why


def test_no_replicas_help_where_one_host_has_too_many_flows():
    demand = Demand(1e12, busiest_host=0.2)
    found = needs(demand, COSTS, wanted=QUICK)
    assert found.fails is Stage.REPLICAS
    assert found.fails_at == 1.0
    assert "busiest host alone needs" in found.why


def test_money_and_storage_follow_from_the_system():
    found = needs(Demand(1e9), COSTS, wanted=QUICK)
    assert found.day_bytes == pytest.approx(Demand(1e9).flows_per_s * 0.5 * 86_400 * 600)
    assert found.stream_bytes == pytest.approx(Demand(1e9).flows_per_s * 0.5 * 86_400 * 500 * 3)
    assert found.month_dollars > found.cores * 730 * 0.04
