"""Captures to flow batches: the road from a source's bytes to its flows."""

import time
from collections.abc import Iterable, Iterator

import pyarrow as pa

from oddflow.capture.blocks import BLOCK_BYTES
from oddflow.capture.capture_set import CaptureSet
from oddflow.capture.following import Following
from oddflow.capture.merging import Watch, merged_packets, unwatched
from oddflow.capture.packets import PacketBatch
from oddflow.capture.reader import read_packets
from oddflow.capture.stream import ByteStream
from oddflow.flows.meter import Companion, Meter
from oddflow.flows.settings import MeterSettings
from oddflow.losses import Ledger

Shard = tuple[int, int]
WHOLE: Shard = (0, 1)
"""The shard of all flows by key that is metered, and how many there are."""


def meter_capture(
    stream: ByteStream,
    first: bytes,
    name: str,
    ledger: Ledger,
    *,
    settings: MeterSettings | None = None,
    shard: Shard = WHOLE,
    block_bytes: int = BLOCK_BYTES,
    companion: Companion | None = None,
) -> Iterator[pa.RecordBatch]:
    """Meters a capture.

    Args:
        stream: Its plain bytes from the start; `first` are the first of them.
        name: What to call it in messages.
        ledger: Told of each packet and of flows ended early.
        settings: How flows are cut.
        shard: Which of how many shards of the flows is metered.
        block_bytes: How much is read at a time.
        companion: Sees the packets, too.

    Yields:
        Flow batches of at most 8,192 rows, in the order in which flows ended.
    """
    meter = Meter(settings, shard, companion=companion)
    tunnels = meter.settings.tunnels
    packets = read_packets(stream, first, name, ledger, block_bytes=block_bytes, tunnels=tunnels)
    yield from meter_packets(packets, meter, ledger)


def meter_captures(
    captures: CaptureSet,
    ledger: Ledger,
    *,
    settings: MeterSettings | None = None,
    shard: Shard = WHOLE,
    watch: Watch = unwatched,
    companion: Companion | None = None,
) -> Iterator[pa.RecordBatch]:
    """Meters several captures as one; flows cross from file to file.

    Yields:
        As `meter_capture`; the column `capture` names the file of each flow's first packet.
    """
    meter = Meter(settings, shard, captures=captures.names, companion=companion)
    packets = merged_packets(captures, ledger, watch=watch, tunnels=meter.settings.tunnels)
    yield from meter_packets(packets, meter, ledger)


def meter_following(
    following: Following, ledger: Ledger, *, settings: MeterSettings | None = None, companion: Companion | None = None
) -> Iterator[pa.RecordBatch]:
    """Meters a capture that grows, until the following ends; then all flows that are still open end, too.

    While no packets come, flows are exported by the clock: the time of the last packet, and what has passed since it
    was read. So a capture that is written late, or on a machine whose clock differs, is metered as it should be.

    Yields:
        As `meter_capture`.
    """
    meter = Meter(settings, captures=following.captures, companion=companion)
    latest_ns, read_at_s = 0, 0.0
    for packets in following.batches():
        if packets.count:
            yield from meter.add(packets)
            latest_ns, read_at_s = int(packets.field("time_ns")[-1]), time.monotonic()
        if latest_ns:
            yield from meter.advance(latest_ns + round((time.monotonic() - read_at_s) * 1e9))
    yield from meter.close()
    meter.tell(ledger)


def meter_packets(batches: Iterable[PacketBatch], meter: Meter, ledger: Ledger) -> Iterator[pa.RecordBatch]:
    """Puts packets through a meter, to the end of both."""
    for packets in batches:
        yield from meter.add(packets)
    yield from meter.close()
    meter.tell(ledger)
