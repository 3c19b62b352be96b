"""How much of everything some traffic needs, what that costs, and what gives way first when there is more of it."""

import math
from dataclasses import dataclass, replace

from oddflow.bench.simulation.costs import Costs
from oddflow.bench.simulation.demand import SHARES, Demand
from oddflow.bench.simulation.road import Passed, Stage, System, kept_bytes, packet_s, run, scored_s, stored_s
from oddflow.errors import UsageError

DAY_S, MONTH_H = 86_400, 730
ROUNDS, GROWTH = 60, 1.1
STRIDE, STEP = 1.3, 1.02
MOST_TIMES = 8.0
MIN_PARTITIONS_PER_REPLICA = 4
"""Replicas can be added up to so many times without another number of partitions."""
MOST_CORES = 20_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a system must keep to.

    Attributes:
        busy: The most of its time that a core may be at work on average, so that bursts find room.
        delay_s: From a flow's end to its place in the store, 99 of 100.
        lost: The most of all packets that may be lost.
        seconds: So much traffic is simulated.
        seed: Of its bursts.
    """

    busy: float = 0.6
    delay_s: float = 2.0
    lost: float = 0.0
    seconds: float = 20.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Prices:
    """What is paid, in dollars: assumptions, none of them measured.

    Attributes:
        core_hour: A core with 4 GB of memory for an hour.
        disk_month: A gigabyte of a broker's disk for a month.
        store_month: A gigabyte of the object store for a month.
    """

    core_hour: float = 0.04
    disk_month: float = 0.08
    store_month: float = 0.023


@dataclass(frozen=True, slots=True)
class Kept:
    """How long flows are kept.

    Attributes:
        days: In the store.
        stream_hours: In the stream, so that replicas may be away.
    """

    days: float = 30.0
    stream_hours: float = 24.0


@dataclass(frozen=True, slots=True)
class Needs:
    """What some traffic needs.

    Attributes:
        demand: The traffic.
        system: What there must be.
        passed: What the simulation of it found.
        fails: What gives way first when there is more traffic.
        fails_at: Times the traffic at which it does.
        why: In words, what happens then.
        day_bytes: Flows that a day adds to the store.
        stream_bytes: What the stream holds, with its copies.
        month_dollars: For all of it.
    """

    demand: Demand
    system: System
    passed: Passed
    fails: Stage
    fails_at: float
    why: str
    day_bytes: float
    stream_bytes: float
    month_dollars: float

    @property
    def cores(self) -> int:
        """Of sensors, replicas and store; a broker is reckoned with four."""
        return cores_of(self.system)


def cores_of(system: System) -> int:
    """All cores of a system."""
    return system.sensors + system.replicas + system.store + BROKER_CORES * system.brokers


BROKER_CORES = 4


def first_guess(demand: Demand, costs: Costs, wanted: Wanted) -> System:
    """As much of each as the averages need.

    Raises:
        UsageError: No system within reason takes so much.
    """
    flows = demand.flows_per_s
    sensors = _ceil(demand.packets_per_s * packet_s(costs, demand) / wanted.busy)
    replicas = _ceil(flows * scored_s(costs) / wanted.busy)
    store = _ceil(flows * stored_s(costs) / wanted.busy)
    plain = System(1, 1, 1, 1, 1)
    brokers = max(plain.copies, _ceil(flows * kept_bytes(costs, plain) / plain.broker_bytes_per_s / wanted.busy))
    if max(sensors, replicas, store, brokers) > MOST_CORES:
        raise UsageError(
            f"{demand.bits_per_s / 1e9:,.0f} Gbit/s would need more than {MOST_CORES:,} cores of one stage; "
            "plan a part of it"
        )
    return System(sensors, _partitions(replicas), brokers, replicas, store)


def size(demand: Demand, costs: Costs, wanted: Wanted | None = None) -> tuple[System, Passed]:
    """A system that the simulation finds enough, grown from the first guess where it is not; and what it found.

    A stage that no growth helps, because one host or pair has too large a share, is left as it is: `failing` names it.
    """
    wanted = wanted or Wanted()
    system = first_guess(demand, costs, wanted)
    for _ in range(ROUNDS):
        passed = run(demand, costs, system, seconds=wanted.seconds, seed=wanted.seed)
        stage = too_small(passed, wanted)
        if stage is None or not _can_grow(stage, demand, costs, system):
            break
        system = grown(system, stage)
    return system, passed


def too_small(passed: Passed, wanted: Wanted) -> Stage | None:
    """The stage that keeps a system from what is wanted, if one does."""
    if passed.lost > wanted.lost * passed.packets:
        return Stage.SENSORS
    behind = max(passed.waiting_s, key=lambda stage: passed.waiting_s[stage])
    if passed.delay_s[1] > wanted.delay_s or passed.waiting_s[behind] > wanted.delay_s:
        return max(passed.stage_delay_s, key=lambda stage: max(passed.stage_delay_s[stage], passed.waiting_s[stage]))
    return None


def grown(system: System, stage: Stage) -> System:
    """The same with a tenth more of one stage, one at least."""
    more = _ceil(getattr(system, stage) * GROWTH)
    system = replace(system, **{stage.value: max(more, getattr(system, stage) + 1)})
    return replace(system, partitions=max(system.partitions, _partitions(system.replicas)))


def largest_s(demand: Demand, costs: Costs) -> dict[Stage, float]:
    """Cores' worth of the work that no stage can part: of the busiest pair, and of the busiest host."""
    return {
        Stage.SENSORS: demand.busiest_pair * demand.packets_per_s * packet_s(costs, demand),
        Stage.REPLICAS: demand.busiest_host * demand.flows_per_s * scored_s(costs),
    }


def _can_grow(stage: Stage, demand: Demand, costs: Costs, system: System) -> bool:
    whole = largest_s(demand, costs).get(stage, 0.0)
    return whole < 1 and getattr(system, stage) < min(MOST_CORES, SHARES)


def failing(demand: Demand, costs: Costs, system: System, wanted: Wanted | None = None) -> tuple[Stage, float, str]:
    """What gives way first as the traffic grows, at how many times of it, and what happens then."""
    wanted = wanted or Wanted()

    def at(times: float) -> tuple[Stage | None, Passed]:
        more = replace(demand, bits_per_s=demand.bits_per_s * times)
        passed = run(more, costs, system, seconds=wanted.seconds, seed=wanted.seed)
        return too_small(passed, wanted), passed

    holds, times = 0.0, 1.0
    while (found := at(times))[0] is None and times < MOST_TIMES:
        holds, times = times, times * STRIDE
    while holds and times / holds > STEP:
        middle = math.sqrt(holds * times)
        if (tried := at(middle))[0] is None:
            holds = middle
        else:
            times, found = middle, tried
    stage, passed = found
    stage = stage or max(passed.busy, key=lambda one: passed.busy[one])
    more = replace(demand, bits_per_s=demand.bits_per_s * times)
    return stage, times, _why(stage, more, costs, passed)


def _why(stage: Stage, demand: Demand, costs: Costs, passed: Passed) -> str:
    alone = largest_s(demand, costs).get(stage, 0.0)
    if stage is Stage.SENSORS:
        told = f"rings overflow: {passed.lost / passed.packets:.2%} of packets are lost, and counted"
        return told + (f"; the busiest pair alone needs {alone:.1f} cores, and has one" if alone >= 1 else "")
    if stage is Stage.REPLICAS:
        told = f"the stream lags: {passed.waiting_s[stage]:.0f} s behind at the end; nothing is lost, alerts are late"
        return told + (f"; the busiest host alone needs {alone:.1f} cores, and has one" if alone >= 1 else "")
    if stage is Stage.BROKERS:
        return "brokers write more slowly than flows come: sensors keep them on their own disks, alerts are late"
    return "flows are written more slowly than they come: searches see them late"


def needs(
    demand: Demand,
    costs: Costs,
    *,
    wanted: Wanted | None = None,
    prices: Prices | None = None,
    kept: Kept | None = None,
) -> Needs:
    """All that some traffic needs.

    Args:
        demand: The traffic.
        costs: What each step costs, as measured.
        wanted: What is to be kept to.
        prices: What is paid for it.
        kept: How long flows are.
    """
    prices, kept = prices or Prices(), kept or Kept()
    system, passed = size(demand, costs, wanted)
    fails, fails_at, why = failing(demand, costs, system, wanted)
    flows_a_day = demand.flows_per_s * demand.day_share * DAY_S
    day_bytes = flows_a_day * costs.store_flow_bytes
    stream_bytes = flows_a_day / 24 * kept.stream_hours * kept_bytes(costs, system)
    month = (
        cores_of(system) * MONTH_H * prices.core_hour
        + stream_bytes / 1e9 * prices.disk_month
        + day_bytes * kept.days / 1e9 * prices.store_month
    )
    return Needs(demand, system, passed, fails, fails_at, why, day_bytes, stream_bytes, month)


def _partitions(replicas: int) -> int:
    return 1 << math.ceil(math.log2(MIN_PARTITIONS_PER_REPLICA * max(replicas, 1)))


def _ceil(value: float) -> int:
    return max(1, math.ceil(value - 1e-9))
