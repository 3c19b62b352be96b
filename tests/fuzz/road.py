"""Packets and captures on the whole road, walk, decode, meter and table, and what must hold at its end."""

import hashlib
import io
import struct
from dataclasses import dataclass

import pyarrow as pa

from oddflow.capture.blocks import BLOCK_BYTES
from oddflow.capture.reader import is_capture
from oddflow.errors import OddflowError
from oddflow.flows.metering import meter_capture
from oddflow.flows.settings import MeterSettings
from oddflow.losses import Ledger
from tests.fuzz.ranges import check_ranges

SETTINGS = MeterSettings(max_flows=256)
"""Small, so that eviction has its turn."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet to be sent down the road."""

    link_type: int
    time_ns: int
    data: bytes
    wire: int


def capture_of(packets):
    """A pcapng capture of packets, an interface for each link type, times in ns."""
    kinds = sorted({packet.link_type for packet in packets})
    parts = [struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)]
    resolution = struct.pack("<HHBxxxI", 9, 1, 9, 0)
    parts += [struct.pack("<IIHHI", 1, 32, kind, 0, 0) + resolution + struct.pack("<I", 32) for kind in kinds]
    for packet in packets:
        padded = packet.data + bytes(-len(packet.data) % 4)
        size = 32 + len(padded)
        head = struct.pack("<IIIII", 6, size, kinds.index(packet.link_type), *divmod(packet.time_ns, 2**32))
        parts += [head, struct.pack("<II", len(packet.data), packet.wire), padded, struct.pack("<I", size)]
    return b"".join(parts)


def meter(capture, *, block_bytes=BLOCK_BYTES):
    """(flow batches, ledger) of a capture's bytes; a refusal is no batch."""
    ledger = Ledger()
    batches = []
    if is_capture(capture):
        stream = io.BytesIO(capture)
        found = meter_capture(stream, capture[:64], "fuzz", ledger, settings=SETTINGS, block_bytes=block_bytes)
        try:
            batches = list(found)
        except OddflowError:
            batches = []
    return batches, ledger


def check(capture, sent=None):
    """Meters a capture; raises AssertionError where losses do not add up or a column is out of its range.

    Args:
        capture: The bytes of a file.
        sent: How many packets it holds, where that is known.

    Returns:
        A digest of all its flows and losses.
    """
    batches, ledger = meter(capture)
    return check_result(batches, ledger, sent)


def check_result(batches, ledger, sent=None):
    """The second half of `check`."""
    if sent is not None:
        assert ledger.total == sent, f"{sent} packets in, {ledger.metered} metered, {ledger.lost_total} lost"
    digest = hashlib.sha256(repr(sorted(ledger.as_dict().items(), key=str)).encode())
    in_flows = 0
    for batch in batches:
        batch.validate(full=True)
        check_ranges(batch)
        in_flows += sum(pa.compute.sum(batch.column(f"{way}_packets")).as_py() for way in ("forward", "reverse"))
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            plain = column.cast(pa.int64()) if name in ("start", "end") else column
            digest.update(repr(plain.to_pylist()).encode())
    assert in_flows == ledger.metered, f"{ledger.metered} packets metered, {in_flows} in flows"
    return digest.hexdigest()
