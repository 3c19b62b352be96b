"""Names by statistics: what kind of talk a flow is, from its counts, sizes and times alone."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.flows.naming import _talk_kernels as talk
from oddflow.flows.naming.names import name_array

NUMBERS = Path(__file__).with_name("statistics.toml")
KINDS = (
    "failed", "one-way", "media", "beacon", "bulk-download", "bulk-upload", "lookup", "interactive", "request-response",
)  # fmt: skip
"""By number, as `_talk_kernels` gives them; in the order in which they are tried."""
FIELDS = ("packets", "payload_packets", "payload_bytes", "gap_sum_us", "gap_squares_us2")
"""What is looked at of a direction, as `_talk_kernels` numbers it."""


@cache
def shipped_numbers() -> dict[str, dict[str, Any]]:
    """The thresholds that come with Oddflow."""
    with NUMBERS.open("rb") as file:
        return tomllib.load(file)


def _limits(numbers: dict[str, dict[str, Any]]) -> NDArray[np.float64]:
    """The thresholds as `_talk_kernels` numbers them, (THRESHOLDS,)."""
    media, beacon, bulk = numbers["media"], numbers["beacon"], numbers["bulk"]
    lookup, interactive = numbers["lookup"], numbers["interactive"]
    limits = np.empty(talk.THRESHOLDS)
    limits[talk.MEDIA_PACKETS], limits[talk.MEDIA_PER_S] = media["least_packets"], media["least_per_s"]
    limits[talk.MEDIA_LEAST_BYTES], limits[talk.MEDIA_MOST_BYTES] = media["payload_bytes"]
    limits[talk.MEDIA_VARIATION] = media["most_variation"]
    limits[talk.BEACON_PACKETS], limits[talk.BEACON_GAP_S] = beacon["least_packets"], beacon["least_gap_s"]
    limits[talk.BEACON_VARIATION], limits[talk.BEACON_BYTES] = beacon["most_variation"], beacon["most_payload_bytes"]
    limits[talk.BULK_BYTES], limits[talk.BULK_SHARE] = bulk["least_bytes"], bulk["least_share"]
    limits[talk.BULK_MEAN_BYTES] = bulk["least_mean_bytes"]
    limits[talk.LOOKUP_PACKETS], limits[talk.LOOKUP_BYTES] = lookup["most_packets"], lookup["most_bytes"]
    limits[talk.INTERACTIVE_PACKETS] = interactive["least_packets"]
    limits[talk.INTERACTIVE_MEAN_BYTES] = interactive["most_mean_bytes"]
    limits[talk.INTERACTIVE_GAP_S] = interactive["least_gap_s"]
    return limits


def names_by_statistics(batch: pa.RecordBatch, numbers: dict[str, dict[str, Any]] | None = None) -> pa.DictionaryArray:
    """What kind of talk each flow is, (n,), one of KINDS; null where its packets were not metered.

    Args:
        batch: n flows with the packet, payload and gap columns of both directions, start, end and protocol.
        numbers: The thresholds, by default the shipped ones (`statistics.toml`).
    """
    ways = np.empty((2, talk.WAY_FIELDS, batch.num_rows))
    for way, direction in zip(ways, ("forward", "reverse"), strict=True):
        for values, field in zip(way, FIELDS, strict=True):
            values[:] = batch.column(f"{direction}_{field}").fill_null(0).to_numpy(zero_copy_only=False)
    protocols = np.array(batch.column("protocol").fill_null(0).to_numpy(zero_copy_only=False), np.uint8)
    names = np.empty(batch.num_rows, np.int16)
    talk.name_talks(protocols, ways, _limits(numbers or shipped_numbers()), names)
    if batch.column("forward_packets").null_count:
        names[batch.column("forward_packets").is_null().to_numpy(zero_copy_only=False)] = talk.UNNAMED
    return name_array(names, KINDS)
