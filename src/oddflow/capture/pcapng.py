"""Reads pcapng files (draft-ietf-opsawg-pcapng): any number of sections and interfaces."""

from collections.abc import Iterator

import numpy as np

from oddflow.capture import _layout as layout
from oddflow.capture._walk_kernels import INTERFACE_BLOCK, SECTION_BLOCK, walk_pcapng
from oddflow.capture.blocks import TAIL_BYTES, BlockBuffer
from oddflow.capture.packets import PacketBatch
from oddflow.capture.pcap import ByteOrder
from oddflow.losses import Ledger, Loss

MAGIC = SECTION_BLOCK.to_bytes(4, "big")
MAX_INTERFACES = 4096
PACKET_BLOCKS = (2, 3, 6)
VERSIONS = ((1, 0), (1, 2))
OPTION_RESOLUTION, OPTION_OFFSET = 9, 14


class Section:
    """The byte order and the interfaces of the section that is being read."""

    def __init__(self) -> None:
        self.big_endian = False
        self.interfaces = np.zeros((MAX_INTERFACES, 4), np.int64)
        self.count = 0

    @property
    def order(self) -> ByteOrder:
        """The byte order as Python names it."""
        return "big" if self.big_endian else "little"

    def number(self, data: bytes) -> int:
        """Bytes as an unsigned number in this section's order."""
        return int.from_bytes(data, self.order)

    def begin(self, header: bytes) -> bool:
        """Starts a section from its block's first 16 bytes; False for an unknown byte order or version."""
        self.count = 0
        self.big_endian = header[8:12] == b"\x1a\x2b\x3c\x4d"
        known_order = self.big_endian or header[8:12] == b"\x4d\x3c\x2b\x1a"
        return known_order and (self.number(header[12:14]), self.number(header[14:16])) in VERSIONS

    def add_interface(self, body: bytes) -> bool:
        """Adds an interface; False where there are too many or it is too short."""
        if self.count == MAX_INTERFACES or len(body) < 8:
            return False
        ticks_per_s, offset_s = 1_000_000, 0
        for code, value in self._options(body[8:]):
            if code == OPTION_RESOLUTION and len(value) == 1:
                power = min(value[0] & 0x7F, 62 if value[0] & 0x80 else 18)
                ticks_per_s = (2 if value[0] & 0x80 else 10) ** power
            elif code == OPTION_OFFSET and len(value) == 8:
                offset_s = int.from_bytes(value, self.order, signed=True)
        offset_ns = max(-(2**32), min(2**32, offset_s)) * 1_000_000_000
        row = (self.number(body[:2]), ticks_per_s, offset_ns, self.number(body[4:8]))
        self.interfaces[self.count] = row
        self.count += 1
        return True

    def _options(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at + 4 <= len(data):
            code, length = self.number(data[at : at + 2]), self.number(data[at + 2 : at + 4])
            if code == 0:
                return
            yield code, data[at + 4 : at + 4 + length]
            at += 4 + (length + 3) // 4 * 4


def read(buffer: BlockBuffer, batch: PacketBatch, name: str, ledger: Ledger) -> Iterator[None]:
    """Fills `batch` with each next set of packets, not decoded yet, and yields; with none while the buffer waits."""
    section = Section()
    number, last_ns = 1, 0
    while True:
        batch.count, buffer.start, status = walk_pcapng(
            buffer.data,
            buffer.start,
            buffer.end,
            section.big_endian,
            section.interfaces,
            section.count,
            last_ns,
            batch.packets,
        )
        batch.first_number = number
        number += batch.count
        if batch.count:
            last_ns = int(batch.packets["time_ns"][batch.count - 1])
        if batch.count or buffer.waiting:
            yield
        if status == layout.WALK_DAMAGED or (
            status == layout.WALK_ATTENTION and not _attend(buffer, section, ledger) and not buffer.waiting
        ):
            ledger.damaged(f"{name}: a block after packet {number - 1} is malformed; nothing after it can be read")
            return
        if status == layout.WALK_MORE and not buffer.fill() and not buffer.waiting:
            break
    if buffer.torn:
        ledger.damaged(f"{name}: ends in the middle of a block, after packet {number - 1}")


def _attend(buffer: BlockBuffer, section: Section, ledger: Ledger) -> bool:
    """Takes a section or interface block in, or passes over a block too long for the buffer; False where it is
    malformed, or where the buffer waits for the rest of it."""
    if not buffer.need(16):
        return False
    buffer.waiting = False  # from here on it is said only by who asks for more
    head = buffer.peek(16)
    if head[:4] == MAGIC and not section.begin(head):
        return False
    kind, length = section.number(head[:4]), section.number(head[4:8])
    if length < 12 or length % 4:
        return False
    if kind in (SECTION_BLOCK, INTERFACE_BLOCK):
        if length > TAIL_BYTES or not buffer.need(length):
            return False
        block = buffer.peek(length)
        if section.number(block[-4:]) != length:
            return False
        if kind == INTERFACE_BLOCK and not section.add_interface(block[8:-4]):
            return False
        buffer.start += length
        return True
    if kind in PACKET_BLOCKS:
        ledger.lost(Loss.RECORD, 1, "packet block longer than 512 KiB")
    return buffer.skip(length)
