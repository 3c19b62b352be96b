"""Names by statistics: what kind of talk a flow is, from its counts, sizes and times alone."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.flows.naming.names import name_array

NUMBERS = Path(__file__).with_name("statistics.toml")
KINDS = (
    "failed", "one-way", "media", "beacon", "bulk-download", "bulk-upload", "lookup", "interactive", "request-response",
)  # fmt: skip
"""In the order in which they are tried."""
TCP, UDP = 6, 17
Floats = NDArray[np.float64]


@cache
def shipped_numbers() -> dict[str, dict[str, Any]]:
    """The thresholds that come with Oddflow."""
    with NUMBERS.open("rb") as file:
        return tomllib.load(file)


def _number(batch: pa.RecordBatch, name: str) -> Floats:
    values: Floats = batch.column(name).cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False)
    return values


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of n flows, (n,) each."""

    packets: Floats
    payload_packets: Floats
    payload_bytes: Floats
    gap_mean_s: Floats
    gap_variation: Floats

    @property
    def mean_payload_bytes(self) -> Floats:
        """Payload of a packet that carries any."""
        mean: Floats = self.payload_bytes / np.maximum(self.payload_packets, 1)
        return mean


def _direction(batch: pa.RecordBatch, name: str) -> Direction:
    packets = _number(batch, f"{name}_packets")
    gaps = np.maximum(packets - 1, 1)
    mean_us = _number(batch, f"{name}_gap_sum_us") / gaps
    variance = np.maximum(_number(batch, f"{name}_gap_squares_us2") / gaps - mean_us**2, 0)
    return Direction(
        packets,
        _number(batch, f"{name}_payload_packets"),
        _number(batch, f"{name}_payload_bytes"),
        mean_us / 1e6,
        np.sqrt(variance) / np.maximum(mean_us, 1),
    )


def _is_media(way: Direction, numbers: dict[str, Any]) -> NDArray[np.bool_]:
    least, most = numbers["payload_bytes"]
    found: NDArray[np.bool_] = (
        (way.payload_packets >= numbers["least_packets"])
        & (way.gap_mean_s <= 1 / numbers["least_per_s"])
        & (way.mean_payload_bytes >= least)
        & (way.mean_payload_bytes <= most)
        & (way.gap_variation <= numbers["most_variation"])
    )
    return found


def _is_beacon(way: Direction, numbers: dict[str, Any]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (
        (way.payload_packets >= numbers["least_packets"])
        & (way.gap_mean_s >= numbers["least_gap_s"])
        & (way.gap_variation <= numbers["most_variation"])
        & (way.mean_payload_bytes <= numbers["most_payload_bytes"])
    )
    return found


def _is_bulk(way: Direction, other: Direction, numbers: dict[str, Any]) -> NDArray[np.bool_]:
    both = way.payload_bytes + other.payload_bytes
    found: NDArray[np.bool_] = (
        (way.payload_bytes >= numbers["least_bytes"])
        & (way.payload_bytes >= numbers["least_share"] * both)
        & (way.mean_payload_bytes >= numbers["least_mean_bytes"])
    )
    return found


def names_by_statistics(batch: pa.RecordBatch, numbers: dict[str, dict[str, Any]] | None = None) -> pa.DictionaryArray:
    """What kind of talk each flow is, (n,), one of KINDS; null where its packets were not metered.

    Args:
        batch: n flows with the packet, payload and gap columns of both directions, start, end and protocol.
        numbers: The thresholds, by default the shipped ones (`statistics.toml`).
    """
    numbers = numbers or shipped_numbers()
    up, down = _direction(batch, "forward"), _direction(batch, "reverse")
    protocol = _number(batch, "protocol")
    payload_packets = up.payload_packets + down.payload_packets
    lookup, interactive = numbers["lookup"], numbers["interactive"]
    is_kind = [
        (protocol == TCP) & (payload_packets == 0),
        (down.packets == 0) & (up.payload_packets < numbers["beacon"]["least_packets"]),
        (protocol == UDP) & (_is_media(up, numbers["media"]) | _is_media(down, numbers["media"])),
        _is_beacon(up, numbers["beacon"]),
        _is_bulk(down, up, numbers["bulk"]),
        _is_bulk(up, down, numbers["bulk"]),
        (up.payload_packets <= lookup["most_packets"])
        & (down.payload_packets <= lookup["most_packets"])
        & (up.payload_bytes + down.payload_bytes <= lookup["most_bytes"]),
        (up.payload_packets >= interactive["least_packets"])
        & (up.mean_payload_bytes <= interactive["most_mean_bytes"])
        & (up.gap_mean_s >= interactive["least_gap_s"]),
        down.packets > 0,
        up.packets > 0,
    ]
    chosen = [*range(len(KINDS)), KINDS.index("one-way")]
    found = np.select(is_kind, chosen, default=-1)
    unknown = batch.column("forward_packets").is_null().to_numpy(zero_copy_only=False)
    return name_array(np.where(unknown, -1, found).astype(np.int16), KINDS)
