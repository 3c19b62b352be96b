"""Live traffic on its way through many machines, in slices of time: rings, cores, partitions, replicas, store.

Each place has a backlog, in seconds of its own work. What a ring cannot hold is lost; all other backlogs are kept (a
stream is durable) and delay what comes after. A slice is long against a packet, so that packets are a fluid, and short
against the delay that is allowed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from oddflow.bench.simulation.costs import Costs
from oddflow.bench.simulation.demand import Demand, bursts, shares

SLICE_S = 0.01
RING_PACKET_BYTES = 82
"""What the kernel puts before a packet in its ring, with the gap to the next."""


class Stage(StrEnum):
    """Where the work is done, in the order of the road."""

    SENSORS = "sensors"
    BROKERS = "brokers"
    REPLICAS = "replicas"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class System:
    """What there is of each.

    Attributes:
        sensors: Cores that capture and meter, each with a ring of its own.
        partitions: Of the stream.
        brokers: Machines that keep it.
        replicas: Cores that score, each for some of the partitions.
        store: Cores that write the flows away.
        ring_bytes: Of each sensor core.
        broker_bytes_per_s: What a broker takes in and keeps, with the copies of others.
        copies: How often the stream is kept.
    """

    sensors: int
    partitions: int
    brokers: int
    replicas: int
    store: int
    ring_bytes: float = 64 * 2**20
    broker_bytes_per_s: float = 100e6
    copies: int = 3


@dataclass(frozen=True, slots=True)
class Passed:
    """What came of some time of traffic.

    Attributes:
        packets: That came.
        lost: Of them, what no ring could hold.
        delay_s: Of flow records, from their end to the store: the median, 99 of 100, and the most.
        stage_delay_s: The same of each stage by itself, 99 of 100.
        busy: The share of its time that the busiest place of each stage worked.
        waiting_s: How long the work that is left at the end would take each stage's busiest place.
    """

    packets: float
    lost: float
    delay_s: tuple[float, float, float]
    stage_delay_s: dict[Stage, float]
    busy: dict[Stage, float]
    waiting_s: dict[Stage, float]


@dataclass
class Places:
    """Places of one stage, all alike: what waits at each, and how long each has worked.

    Attributes:
        count: How many.
        room_s: Seconds of work that each can keep waiting.
    """

    count: int
    room_s: float = float("inf")

    def __post_init__(self) -> None:
        """Nothing waits."""
        self.waiting_s = np.zeros(self.count)
        self.worked_s = np.zeros(self.count)

    def take(self, work_s: NDArray[np.float64], slice_s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A slice of time in which so much work comes: what is done of all that waits, and what is lost."""
        done = np.minimum(self.waiting_s + work_s, slice_s)
        left = self.waiting_s + work_s - done
        lost = np.maximum(left - self.room_s, 0.0)
        self.waiting_s = left - lost
        self.worked_s += done
        return done, lost


def packet_s(costs: Costs, demand: Demand) -> float:
    """Of a sensor's core for a packet, with its part of its flow's record, which is sent away."""
    own = costs.packet_s + costs.ring_packet_s + costs.kernel_packet_s + costs.byte_s * demand.packet_bytes
    return (own + (costs.flow_s + costs.ship_flow_s) / demand.packets_per_flow) / costs.busy_speed


def scored_s(costs: Costs) -> float:
    """Of a replica's core for a flow."""
    return (costs.take_flow_s + costs.score_flow_s) / costs.busy_speed


def stored_s(costs: Costs) -> float:
    """Of the store's core for a flow."""
    return costs.store_flow_s / costs.busy_speed


def kept_bytes(costs: Costs, system: System) -> float:
    """Bytes of a flow on all brokers."""
    return costs.ship_flow_bytes * system.copies


def run(
    demand: Demand,
    costs: Costs,
    system: System,
    *,
    seconds: float = 20.0,
    seed: int = 1,
    told: Callable[[float], None] | None = None,
) -> Passed:
    """Lets so many seconds of bursty traffic pass through a system.

    Args:
        demand: The traffic.
        costs: What each step costs.
        system: What there is.
        seconds: How long.
        seed: Of the bursts, and of which host comes to which place.
        told: Told of the share of the time that has passed, now and then.
    """
    rng = np.random.default_rng(seed)
    slices = max(1, round(seconds / SLICE_S))
    came = _bursts(seed, slices, system.sensors) * shares(rng, demand.busiest_pair, system.sensors)
    came *= demand.packets_per_s * SLICE_S
    each_s, flow_s, row_s = packet_s(costs, demand), scored_s(costs), stored_s(costs)
    room_s = system.ring_bytes / (demand.packet_bytes + RING_PACKET_BYTES) * each_s
    sensors, brokers = Places(system.sensors, room_s), Places(system.brokers)
    replicas, store = Places(system.replicas), Places(system.store)
    of_partition = shares(rng, demand.busiest_host, system.partitions)
    partition = np.arange(system.partitions)
    to_broker = np.bincount(partition % system.brokers, of_partition, system.brokers)
    to_replica = np.bincount(partition % system.replicas, of_partition, system.replicas).astype(np.float64)
    copied_s = kept_bytes(costs, system) / system.broker_bytes_per_s
    delays = np.empty((slices, 4))
    paths = np.empty((slices, system.replicas))
    lost = 0.0
    for number in range(slices):
        done, gone = sensors.take(came[number] * each_s, SLICE_S)
        lost += gone.sum() / each_s
        flows = done.sum() / each_s / demand.packets_per_flow
        kept, _ = brokers.take(flows * to_broker * copied_s, SLICE_S)
        flows = kept.sum() / copied_s
        judged, _ = replicas.take(flows * to_replica * flow_s, SLICE_S)
        flows = judged.sum() / flow_s
        store.take(np.full(system.store, flows / system.store * row_s), SLICE_S)
        waits = (np.average(sensors.waiting_s, weights=came[number] + 1e-12), brokers.waiting_s @ to_broker,
                 replicas.waiting_s @ to_replica, store.waiting_s[0])  # fmt: skip
        delays[number] = waits
        paths[number] = waits[0] + waits[1] + waits[3] + replicas.waiting_s
        if told is not None and number % 100 == 0:
            told(number / slices)
    stages = dict(zip(Stage, (sensors, brokers, replicas, store), strict=True))
    return _passed(came, lost, delays, paths, to_replica, stages)


@lru_cache(maxsize=1)
def _bursts(seed: int, slices: int, links: int) -> NDArray[np.float64]:
    """The same bursts, for the same system under more and more traffic."""
    return bursts(np.random.default_rng([seed, 1]), slices, links)


def _passed(
    came: NDArray[np.float64], lost: float, delays: NDArray[np.float64], paths: NDArray[np.float64],
    weights: NDArray[np.float64], stages: dict[Stage, Places],
) -> Passed:  # fmt: skip
    seconds = len(came) * SLICE_S
    order = np.argsort(paths, axis=None)
    below = np.broadcast_to(weights, paths.shape).ravel()[order].cumsum()
    sorted_s = paths.ravel()[order]
    at = np.searchsorted(below, np.array([0.5, 0.99]) * below[-1])
    median, most_of = sorted_s[np.minimum(at, len(sorted_s) - 1)]
    return Passed(
        packets=float(came.sum()),
        lost=float(lost),
        delay_s=(float(median), float(most_of), float(sorted_s[-1])),
        stage_delay_s={stage: float(np.quantile(delays[:, place], 0.99)) for place, stage in enumerate(stages)},
        busy={stage: float(places.worked_s.max()) / seconds for stage, places in stages.items()},
        waiting_s={stage: float(places.waiting_s.max()) for stage, places in stages.items()},
    )
