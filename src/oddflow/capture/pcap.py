"""Reads pcap files (pcap-savefile(5)): both byte orders, µs and ns, and Kuznetzov's longer records."""

from collections.abc import Iterator
from typing import Literal

from oddflow.capture import _layout as layout
from oddflow.capture._walk_kernels import MAX_PACKET_BYTES, walk_pcap
from oddflow.capture.blocks import BlockBuffer
from oddflow.capture.packets import PacketBatch
from oddflow.losses import Ledger

ByteOrder = Literal["big", "little"]
ORDERS: tuple[ByteOrder, ...] = ("big", "little")
FILE_HEADER_BYTES = 24
LINK_TYPE_BITS = 0x03FFFFFF
"""Above them stands how long the frame check sequence is."""

MAGICS = {  # first four bytes as big endian: (ns a tick, bytes of a record's header)
    0xA1B2C3D4: (1000, 16),
    0xA1B23C4D: (1, 16),
    0xA1B2CD34: (1000, 24),
}


def byte_order(first: bytes) -> ByteOrder | None:
    """ "big" or "little" where the first bytes are a pcap file's, else None."""
    for order in ORDERS:
        if int.from_bytes(first[:4], order) in MAGICS:
            return order
    return None


def read(buffer: BlockBuffer, batch: PacketBatch, name: str, ledger: Ledger) -> Iterator[None]:
    """Fills `batch` with each next set of packets, not decoded yet, and yields; with none while the buffer waits."""
    while not buffer.need(FILE_HEADER_BYTES):
        if buffer.waiting:
            yield
            continue
        ledger.damaged(f"{name}: ends inside the file header, after {buffer.at_hand} of 24 bytes")
        return
    header = buffer.peek(FILE_HEADER_BYTES)
    order = byte_order(header) or "little"
    ns_per_tick, record_bytes = MAGICS[int.from_bytes(header[:4], order)]
    link_type = int.from_bytes(header[20:24], order) & LINK_TYPE_BITS
    buffer.start += FILE_HEADER_BYTES
    number = 1
    while True:
        batch.count, buffer.start, status = walk_pcap(
            buffer.data, buffer.start, buffer.end, order == "big", ns_per_tick, record_bytes, link_type, batch.packets
        )
        batch.first_number = number
        number += batch.count
        if batch.count or buffer.waiting:
            yield
        if status == layout.WALK_DAMAGED:
            ledger.damaged(broken_at(name, number))
            return
        if status == layout.WALK_MORE and not buffer.fill() and not buffer.waiting:
            break
    if buffer.torn:
        ledger.damaged(torn_at(name, number))


def broken_at(name: str, number: int) -> str:
    """The damage of a packet that cannot be."""
    return f"{name}: packet {number} claims more than {MAX_PACKET_BYTES} bytes; nothing after it can be read"


def torn_at(name: str, number: int) -> str:
    """The damage of a file that ends too early."""
    return f"{name}: ends in the middle of packet {number}"
