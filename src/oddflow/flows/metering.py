"""Captures to flow batches: the road from a source's bytes to its flows."""

from collections.abc import Iterator

import pyarrow as pa

from oddflow.capture.blocks import BLOCK_BYTES
from oddflow.capture.reader import read_packets
from oddflow.capture.stream import ByteStream
from oddflow.flows.meter import Meter
from oddflow.flows.settings import MeterSettings
from oddflow.losses import Ledger


def meter_capture(
    stream: ByteStream,
    first: bytes,
    name: str,
    ledger: Ledger,
    *,
    settings: MeterSettings | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[pa.RecordBatch]:
    """Meters a capture.

    Args:
        stream: Its plain bytes from the start; `first` are the first of them.
        name: What to call it in messages.
        ledger: Told of each packet and of flows ended early.
        settings: How flows are cut.
        block_bytes: How much is read at a time.

    Yields:
        Flow batches of at most 8,192 rows, in the order in which flows ended.
    """
    meter = Meter(settings)
    tunnels = meter.settings.tunnels
    for packets in read_packets(stream, first, name, ledger, block_bytes=block_bytes, tunnels=tunnels):
        yield from meter.add(packets)
    yield from meter.close()
    ledger.evicted_flows += meter.evicted
