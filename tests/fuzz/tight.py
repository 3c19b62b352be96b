"""Captures and packets in arrays of just their size, so that bounds checks see a read past the end of either."""

import io

import numpy as np

from oddflow.capture import pcap, pcapng
from oddflow.capture.blocks import BlockBuffer
from oddflow.capture.packets import PacketBatch
from oddflow.capture.reader import is_capture
from oddflow.losses import Ledger

ROOM = 512


def check_tight(capture):
    """Walks a capture's bytes, then decodes each packet alone; raises IndexError where a kernel reads too far.

    Raises AssertionError where a packet or its payload does not lie within what was captured.
    """
    if not is_capture(capture):
        return
    buffer = BlockBuffer(io.BytesIO(), 0)
    buffer.data = np.frombuffer(capture, np.uint8).copy()
    buffer.end = len(capture)
    batch = PacketBatch.empty(buffer.data, ROOM)
    reader = pcapng if capture[:4] == pcapng.MAGIC else pcap
    alone = PacketBatch.empty(buffer.data, 1)
    alone.count = 1
    for _ in reader.read(buffer, batch, "fuzz", Ledger()):
        for packet in batch.packets[: batch.count]:
            start, captured = int(packet["start"]), int(packet["captured"])
            assert 0 <= start <= start + captured <= len(capture), f"{captured} bytes at {start} of {len(capture)}"
            alone.data = buffer.data[start : start + captured].copy()
            alone.packets[0] = packet
            alone.packets["start"] = 0
            alone.decode(Ledger())
            check_places(alone.packets[0], captured)


def check_places(packet, captured):
    """Raises AssertionError where a metered packet's payload does not lie within the packet."""
    if packet["loss"] == 0:
        start, size = int(packet["payload_start"]), int(packet["payload_captured"])
        assert 0 <= start <= start + size <= captured, f"payload of {size} bytes at {start} of {captured}"
        assert 0 <= int(packet["ip_start"]) < captured
        assert size <= int(packet["payload_length"])
