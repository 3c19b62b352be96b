"""Flow keys, and the open-addressing table that finds the meter's row of a key.

A key is five words: both addresses, the lesser end first, and ports, protocol and IP version.
"""

import numpy as np

from oddflow.capture._read_kernels import read_u16, read_u32
from oddflow.flows._layout import NONE
from oddflow.jit import kernel

ARP, ICMP, TCP, UDP, ICMP6 = 0, 1, 6, 17, 58
ROW, TAG, TAG_BITS = 0, 1, 0x7FFFFFFF
"""A slot: the row, and so many bits of its hash that hardly any other row need be looked at."""


@kernel()
def icmp_counterpart(protocol, kind):
    """The type that answers an ICMP type, or -1 (the pairs of the Community ID specification); ARP's operations too."""
    if protocol == ICMP:
        if kind in (8, 0):
            return 8 - kind
        if kind in (13, 14):
            return 27 - kind
        if kind in (15, 16):
            return 31 - kind
        if kind in (17, 18):
            return 35 - kind
        if kind in (9, 10):
            return 19 - kind
        return NONE
    if protocol == ARP:  # request and reply, in ARP, RARP and InARP
        return kind + 1 if kind in (1, 3, 8) else kind - 1 if kind in (2, 4, 9) else NONE
    if kind in (128, 129):
        return 257 - kind
    if kind in (133, 134):
        return 267 - kind
    if kind in (135, 136):
        return 271 - kind
    if kind in (130, 131):
        return 261 - kind
    if kind in (139, 140):
        return 279 - kind
    return 145 if kind == 144 else 144 if kind == 145 else NONE


@kernel()
def ports_of(packet):
    """The two numbers that tell flows of one pair of hosts apart: ports, or ICMP type and counterpart or code."""
    kind = np.int64(packet.icmp_type)
    if kind == NONE:
        return np.int64(packet.src_port), np.int64(packet.dst_port)
    other = np.int64(icmp_counterpart(np.int64(packet.protocol), kind))
    return kind, other if other != NONE else np.int64(packet.icmp_code)


@kernel()
def key_of(src_high, src_low, dst_high, dst_low, src_port, dst_port, protocol, version):
    """(the five words of a key, 1 where the lesser end is the destination)."""
    swapped = np.int64(0)
    if src_high != dst_high:
        swapped = np.int64(src_high > dst_high)
    elif src_low != dst_low:
        swapped = np.int64(src_low > dst_low)
    else:
        swapped = np.int64(src_port > dst_port)
    kind = (np.int64(protocol) << 8) | np.int64(version)
    if swapped:
        return dst_high, dst_low, src_high, src_low, np.uint64((dst_port << 32) | (src_port << 16) | kind), swapped
    return src_high, src_low, dst_high, dst_low, np.uint64((src_port << 32) | (dst_port << 16) | kind), swapped


@kernel()
def mix(word):
    """splitmix64's finaliser."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@kernel()
def hash_key(a_high, a_low, b_high, b_low, ends, seed):
    """The seed keeps hostile traffic from filling one bucket; the words are mixed side by side, each its own way."""
    step = np.uint64(0x9E3779B97F4A7C15)
    hashed = mix(a_low + seed) + mix(b_low + seed + step) + mix(ends + seed + step + step)
    if a_high | b_high:
        hashed += mix(a_high + seed + step + step + step) + mix(b_high + seed - step)
    return mix(hashed)


@kernel()
def find_slot(slots, flows, a_high, a_low, b_high, b_low, ends, hashed):
    """The table slot of a key: its row's, or the empty one where it belongs."""
    mask = np.int64(slots.shape[0] - 1)
    slot, tag = np.int64(hashed) & mask, np.int64(hashed) & TAG_BITS
    while slots[slot, ROW] != NONE:
        if slots[slot, TAG] == tag:
            flow = flows[slots[slot, ROW]]
            if (
                flow.ends == ends
                and flow.a_low == a_low
                and flow.b_low == b_low
                and flow.a_high == a_high
                and flow.b_high == b_high
            ):
                break
        slot = (slot + 1) & mask
    return slot


@kernel()
def put_slot(slots, slot, row, hashed):
    """Notes a row in an empty slot."""
    slots[slot, ROW] = row
    slots[slot, TAG] = np.int64(hashed) & TAG_BITS


@kernel()
def remove_slot(slots, flows, row):
    """Takes a row out of the table and closes the gap (Knuth, vol. 3, section 6.4, algorithm R)."""
    mask = np.int64(slots.shape[0] - 1)
    slot = np.int64(flows[row].hash) & mask
    while slots[slot, ROW] != row:
        slot = (slot + 1) & mask
    hole = slot
    slot = (slot + 1) & mask
    while slots[slot, ROW] != NONE:
        home = slots[slot, TAG] & mask
        if ((slot - home) & mask) >= ((slot - hole) & mask):
            slots[hole, ROW], slots[hole, TAG] = slots[slot, ROW], slots[slot, TAG]
            hole = slot
        slot = (slot + 1) & mask
    slots[hole, ROW] = NONE


@kernel()
def read_u64(data, at):
    """Eight bytes, network order."""
    return (np.uint64(read_u32(data, at, True)) << np.uint64(32)) | np.uint64(read_u32(data, at + 4, True))


@kernel()
def addresses_at(data, at, end):
    """(IP version or 0, source high, low, destination high, low) of the IP header at an offset, if it is all there."""
    nothing = np.uint64(0)
    if at + 20 <= end and data[at] >> 4 == 4:
        src, dst = np.uint64(read_u32(data, at + 12, True)), np.uint64(read_u32(data, at + 16, True))
        return np.int64(4), nothing, src, nothing, dst
    if at + 40 <= end and data[at] >> 4 == 6:
        return (
            np.int64(6),
            read_u64(data, at + 8),
            read_u64(data, at + 16),
            read_u64(data, at + 24),
            read_u64(data, at + 32),
        )
    return np.int64(0), nothing, nothing, nothing, nothing


@kernel()
def quoted_slot(slots, flows, data, at, end, seed):
    """The table slot of the flow that an ICMP error quotes (RFC 792, RFC 4443 section 2.4), or -1."""
    version, src_high, src_low, dst_high, dst_low = addresses_at(data, at, end)
    if version == 0:
        return np.int64(NONE)
    protocol = np.int64(data[at + 9]) if version == 4 else np.int64(data[at + 6])
    at += np.int64(data[at] & 15) * 4 if version == 4 else 40
    if protocol in (ICMP, ICMP6) or at + 4 > end:
        return np.int64(NONE)
    has_ports = protocol in (TCP, UDP, 33, 132, 136)
    src_port = read_u16(data, at, True) if has_ports else 0
    dst_port = read_u16(data, at + 2, True) if has_ports else 0
    a_high, a_low, b_high, b_low, ends, _ = key_of(
        src_high, src_low, dst_high, dst_low, src_port, dst_port, protocol, version
    )
    hashed = hash_key(a_high, a_low, b_high, b_low, ends, seed)
    slot = find_slot(slots, flows, a_high, a_low, b_high, b_low, ends, hashed)
    return slot if slots[slot, ROW] != NONE else np.int64(NONE)
