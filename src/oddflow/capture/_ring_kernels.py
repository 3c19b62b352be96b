"""Finds the packets of a block of the kernel's ring: their times, places and lengths.

The kernel wrote the block, yet each offset is compared with the block's end before it is used, and offsets only
grow, so no index can be negative or past the block.
"""

import sys

from numba import b1, i8, types, u1

from oddflow.capture._layout import PACKET_ARRAY
from oddflow.capture._read_kernels import read_u16, read_u32
from oddflow.capture._walk_kernels import MAX_WIRE_BYTES
from oddflow.jit import kernel

NATIVE = sys.byteorder == "big"
"""The kernel writes in the machine's own byte order."""

BLOCK_HEADER_BYTES = 48
COUNT_AT, FIRST_AT = 12, 16
"""struct tpacket_block_desc with tpacket_hdr_v1: number of packets, offset of the first."""

NEXT_AT, SECONDS_AT, NANOSECONDS_AT, CAPTURED_AT, WIRE_AT, STATUS_AT, FRAME_AT, NETWORK_AT, TCI_AT, TPID_AT = (
    0, 4, 8, 12, 16, 20, 24, 26, 32, 36,
)  # fmt: skip
HEADER_BYTES = 68
"""struct tpacket3_hdr, and the socket address behind it (linux/if_packet.h)."""

HAS_TAG, HAS_TAG_PROTOCOL = 1 << 4, 1 << 6
DOT1Q = 0x8100
ADDRESSES_BYTES, TAG_BYTES = 12, 4


@kernel(types.UniTuple(i8, 2)(u1[::1], i8, b1, PACKET_ARRAY))
def walk_ring(data, link_type, is_ip, packets):
    """Lists the packets of one block, and puts back the VLAN tags that the kernel took out of their frames.

    Args:
        data: The block, (b,); written to where a tag is put back, so a block is walked once.
        link_type: Of all frames.
        is_ip: Whether the IP packet alone is taken, and the frame's own header left out.

    Returns:
        (packets found, packets that the block claims to hold); packets (m,) hold each one's time, place and link type.
    """
    end = data.shape[0]
    if end < BLOCK_HEADER_BYTES:
        return 0, 0
    claimed = read_u32(data, COUNT_AT, NATIVE)
    at = read_u32(data, FIRST_AT, NATIVE)
    count = 0
    while count < claimed and count < packets.shape[0] and at + HEADER_BYTES <= end:
        frame = read_u16(data, at + FRAME_AT, NATIVE)
        header = read_u16(data, at + NETWORK_AT, NATIVE) - frame if is_ip else 0
        captured = read_u32(data, at + CAPTURED_AT, NATIVE)
        wire = read_u32(data, at + WIRE_AT, NATIVE)
        start = at + frame
        if frame < HEADER_BYTES or header < 0 or start + captured > end:
            break
        header = min(header, captured)
        start += header
        captured -= header
        wire -= header
        status = read_u32(data, at + STATUS_AT, NATIVE)
        if status & HAS_TAG and not is_ip and captured >= ADDRESSES_BYTES and frame >= HEADER_BYTES + TAG_BYTES:
            start -= TAG_BYTES
            captured += TAG_BYTES
            wire += TAG_BYTES
            for place in range(start, start + ADDRESSES_BYTES):
                data[place] = data[place + TAG_BYTES]
            protocol = read_u16(data, at + TPID_AT, NATIVE) if status & HAS_TAG_PROTOCOL else DOT1Q
            tag = read_u32(data, at + TCI_AT, NATIVE)
            data[start + 12] = (protocol >> 8) & 0xFF
            data[start + 13] = protocol & 0xFF
            data[start + 14] = (tag >> 8) & 0xFF
            data[start + 15] = tag & 0xFF
        packet = packets[count]
        packet.time_ns = read_u32(data, at + SECONDS_AT, NATIVE) * 1_000_000_000 + read_u32(
            data, at + NANOSECONDS_AT, NATIVE
        )
        packet.start = start
        packet.captured = captured
        packet.wire = min(wire, MAX_WIRE_BYTES)
        packet.link_type = link_type
        count += 1
        following = read_u32(data, at + NEXT_AT, NATIVE)
        if following < HEADER_BYTES:
            break
        at += following
    return count, claimed
