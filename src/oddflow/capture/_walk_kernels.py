"""Finds the packets of a pcap or pcapng block: their times, places and lengths.

Offsets only grow from a checked start, and each is compared with the end before it is used; `_read_kernels` says what
stands behind that.
"""

import numpy as np
from numba import b1, i8, types, u1

from oddflow.capture._layout import PACKET_ARRAY, WALK_ATTENTION, WALK_DAMAGED, WALK_FULL, WALK_MORE
from oddflow.capture._read_kernels import read_u16, read_u32
from oddflow.jit import kernel

MAX_PACKET_BYTES = 262_144
"""A longer packet is taken for damage, as libpcap and Wireshark do."""

MAX_WIRE_BYTES = 0x7FFFFFFF
"""A wire length above it is held at it, so that it fits its field."""

MAX_BLOCK_BYTES = 2 * MAX_PACKET_BYTES
"""A longer pcapng block is passed over."""

LATEST_NS = 1 << 62
"""Times past it (the year 2116) or before 1970 are held at the bound, so that no sum or difference overflows."""

SECTION_BLOCK = 0x0A0D0D0A
INTERFACE_BLOCK = 1
OBSOLETE_PACKET_BLOCK = 2
SIMPLE_PACKET_BLOCK = 3
ENHANCED_PACKET_BLOCK = 6


WALKED = types.UniTuple(i8, 3)


@kernel(WALKED(u1[::1], i8, i8, b1, i8, i8, i8, PACKET_ARRAY))
def walk_pcap(data, start, end, big_endian, ns_per_tick, header_bytes, link_type, packets):
    """Lists the packets of data[start:end] (libpcap's savefile format, pcap-savefile(5)).

    Returns:
        (packets found, offset of the first byte not used, WALK_MORE | WALK_FULL | WALK_DAMAGED);
        packets (m,) hold each one's time, place and link type.
    """
    count = 0
    at = start
    while at + header_bytes <= end:
        if count == packets.shape[0]:
            return count, at, WALK_FULL
        captured = read_u32(data, at + 8, big_endian)
        if captured > MAX_PACKET_BYTES:
            return count, at, WALK_DAMAGED
        if at + header_bytes + captured > end:
            break
        seconds = read_u32(data, at, big_endian)
        packet = packets[count]
        packet.time_ns = seconds * 1_000_000_000 + read_u32(data, at + 4, big_endian) * ns_per_tick
        packet.start = at + header_bytes
        packet.captured = captured
        packet.wire = min(read_u32(data, at + 12, big_endian), MAX_WIRE_BYTES)
        packet.link_type = link_type
        count += 1
        at += header_bytes + captured
    return count, at, WALK_MORE


@kernel()
def ticks_to_ns(high, low, ticks_per_s, offset_ns):
    """A 64-bit count of ticks since 1970, moved by an offset, as ns from 0 to LATEST_NS."""
    if high >= 0x80000000:
        return LATEST_NS
    ticks = (high << 32) | low
    seconds = ticks // ticks_per_s
    rest = ticks % ticks_per_s
    if seconds >= LATEST_NS // 1_000_000_000:
        return LATEST_NS
    if ticks_per_s % 1_000_000_000 == 0:
        rest_ns = rest // (ticks_per_s // 1_000_000_000)
    elif ticks_per_s > 1_000_000_000:  # a power of two: exact but for one rounding to 53 bits
        rest_ns = np.int64(rest * (1e9 / ticks_per_s))
    else:
        rest_ns = rest * 1_000_000_000 // ticks_per_s
    time_ns = seconds * 1_000_000_000 + rest_ns
    return max(0, time_ns + min(offset_ns, LATEST_NS - time_ns))


@kernel(WALKED(u1[::1], i8, i8, b1, i8[:, ::1], i8, i8, PACKET_ARRAY))
def walk_pcapng(data, start, end, big_endian, interfaces, interface_count, last_ns, packets):
    """Lists the packets of data[start:end] (draft-ietf-opsawg-pcapng).

    Args:
        interfaces: (m, 4) link type, ticks a second, offset in ns and snap length of each interface.
        last_ns: Time of the packet before, which simple packets take over: they carry none.

    Returns:
        As walk_pcap; WALK_ATTENTION where a section, interface or overlong block starts at the offset returned.
        A packet of an unknown interface has link type -1.
    """
    count = 0
    at = start
    while at + 12 <= end:
        if count == packets.shape[0]:
            return count, at, WALK_FULL
        block_type = read_u32(data, at, big_endian)
        if block_type in (SECTION_BLOCK, INTERFACE_BLOCK):
            return count, at, WALK_ATTENTION
        length = read_u32(data, at + 4, big_endian)
        if length < 12 or length % 4 != 0:
            return count, at, WALK_DAMAGED
        if length > MAX_BLOCK_BYTES:
            return count, at, WALK_ATTENTION
        if at + length > end:
            break
        if read_u32(data, at + length - 4, big_endian) != length:
            return count, at, WALK_DAMAGED
        body = at + 8
        body_bytes = length - 12
        interface = 0
        captured = -1
        wire, place, room = 0, 0, 0
        time_ns = np.int64(0)
        if block_type == SIMPLE_PACKET_BLOCK:
            if body_bytes < 4 or interface_count == 0:
                return count, at, WALK_DAMAGED
            wire = read_u32(data, body, big_endian)
            snap = interfaces[0, 3]
            captured = min(wire, snap) if snap > 0 else wire
            place = body + 4
            time_ns = packets[count - 1].time_ns if count > 0 else np.int64(last_ns)
            room = body_bytes - 4
        elif block_type in (ENHANCED_PACKET_BLOCK, OBSOLETE_PACKET_BLOCK):
            if body_bytes < 20:
                return count, at, WALK_DAMAGED
            if block_type == ENHANCED_PACKET_BLOCK:
                interface = read_u32(data, body, big_endian)
            else:
                interface = read_u16(data, body, big_endian)
            captured = read_u32(data, body + 12, big_endian)
            wire = read_u32(data, body + 16, big_endian)
            place = body + 20
            room = body_bytes - 20
            if interface < interface_count:
                time_ns = np.int64(
                    ticks_to_ns(
                        read_u32(data, body + 4, big_endian),
                        read_u32(data, body + 8, big_endian),
                        interfaces[interface, 1],
                        interfaces[interface, 2],
                    )
                )
            else:
                time_ns = np.int64(0)
        if captured >= 0:
            if captured > room or captured > MAX_PACKET_BYTES:
                return count, at, WALK_DAMAGED
            packet = packets[count]
            packet.time_ns = time_ns
            packet.start = place
            packet.captured = captured
            packet.wire = min(wire, MAX_WIRE_BYTES)
            packet.link_type = interfaces[interface, 0] if interface < interface_count else -1
            count += 1
        at += length
    return count, at, WALK_MORE
