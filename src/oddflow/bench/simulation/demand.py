"""The traffic that is to be watched: what is assumed of it, and how it comes in bursts and in unequal shares."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import UsageError

WIRE_BYTES = 24
"""What a frame takes on the wire beside the bytes that a capture has: check sum, preamble, gap (IEEE 802.3)."""
SOURCES, PARETO, LEAST_SLICES = 32, 1.5, 2
SHARES = 100_000
"""So many hosts, or pairs of hosts, have a share of the traffic that is reckoned with by itself."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Traffic, by what counts for its cost.

    Attributes:
        bits_per_s: On the wire, on average over a busy hour.
        packet_bytes: Of a packet, on average, as captured whole.
        packets_per_flow: Of both directions.
        day_share: The average of a day over that of the busy hour.
        busiest_pair: The share of all packets that the two hosts have that say most to each other: they are metered
            by one core.
        busiest_host: The share of all flows that the host has that has most: they are scored by one core.
    """

    bits_per_s: float
    packet_bytes: float = 800.0
    packets_per_flow: float = 40.0
    day_share: float = 0.5
    busiest_pair: float = 0.001
    busiest_host: float = 0.005

    def __post_init__(self) -> None:
        """Refuses what no traffic is like."""
        if not 1e3 <= self.bits_per_s <= 1e16:
            raise UsageError(f"{self.bits_per_s:g} bits a second; expected 1e3 to 1e16")
        if not 40 <= self.packet_bytes <= 65_535 or not 1 <= self.packets_per_flow <= 1e9:
            raise UsageError(
                f"packets of {self.packet_bytes:g} bytes, {self.packets_per_flow:g} a flow; expected 40 to 65,535 "
                "bytes, and 1 to 1e9 a flow"
            )
        for name in ("day_share", "busiest_pair", "busiest_host"):
            if not (least := 0.0 if name == "day_share" else 1 / SHARES) <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is {getattr(self, name):g}; expected {least:g} to 1")

    @property
    def packets_per_s(self) -> float:
        """Of the busy hour."""
        return self.bits_per_s / 8 / (self.packet_bytes + WIRE_BYTES)

    @property
    def flows_per_s(self) -> float:
        """That begin, and that end, in a second of the busy hour."""
        return self.packets_per_s / self.packets_per_flow


def bursts(rng: np.random.Generator, slices: int, links: int) -> NDArray[np.float64]:
    """The traffic of each slice of time over the average, on each of so many links: (slices, links).

    Each is the sum of sources that send and are silent by turns for times of a Pareto distribution, which makes traffic
    that has bursts on all scales of time (Taqqu, Willinger and Sherman 1997).
    """
    found = np.empty((slices, links))
    mean = LEAST_SLICES * PARETO / (PARETO - 1)
    turns = int(4 * slices / mean) + 32
    for link in range(links):
        lasts = np.ceil(LEAST_SLICES * (1 - rng.random((SOURCES, turns))) ** (-1 / PARETO))
        ends = np.minimum(lasts.cumsum(axis=1) - rng.integers(0, slices, SOURCES)[:, None], slices).clip(0)
        sends = (np.arange(turns) + rng.integers(0, 2, SOURCES)[:, None]) % 2
        change = np.where(sends[:, 1:] > sends[:, :-1], 1.0, -1.0)
        steps = np.bincount(ends[:, :-1].astype(np.int64).ravel(), change.ravel(), slices + 1)[:slices]
        count = sends[:, 0].sum() + steps.cumsum()
        found[:, link] = count / (SOURCES / 2)
    even: NDArray[np.float64] = found / found.mean(axis=0)
    return even


def shares(rng: np.random.Generator, busiest: float, places: int) -> NDArray[np.float64]:
    """How much of the traffic comes to each place, (places,), where hosts or pairs are dealt out by a hash.

    Their shares fall with a power of their rank (Zipf), such that the busiest has its own.
    """
    low, high = 0.0, 20.0
    ranks = np.arange(1, SHARES + 1, dtype=np.float64)
    for _ in range(60):
        power = (low + high) / 2
        low, high = (low, power) if 1 / (ranks**-power).sum() > busiest else (power, high)
    weights = ranks**-high
    dealt: NDArray[np.float64] = np.bincount(rng.integers(0, places, SHARES), weights, places) / weights.sum()
    return dealt
