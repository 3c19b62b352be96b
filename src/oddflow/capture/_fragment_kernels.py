"""Gives later fragments the ports of the first one, from a table of bounded size.

The table is cut into sets of FRAGMENT_WAYS entries; a first fragment takes the place of its own older entry, else of an
empty or outdated one, else of the oldest of its set.
"""

import numpy as np
from numba import i8, u1, void

from oddflow.capture._layout import (
    FRAGMENT_ALONE,
    FRAGMENT_ARRAY,
    FRAGMENT_FIRST,
    FRAGMENT_LATER,
    FRAGMENT_WAYS,
    OK,
    PACKET_ARRAY,
)
from oddflow.capture._network_kernels import FRAGMENT_HEADER, MAX_EXTENSION_HEADERS, extension_bytes
from oddflow.capture._read_kernels import network_u16, network_u32, read_byte
from oddflow.jit import kernel

MAX_AGE_NS = 30_000_000_000
"""Stacks wait about as long for the rest of a packet (RFC 1122 section 3.3.2, RFC 8200 section 4.5: 60 s)."""


@kernel()
def identify(data, packet):
    """(identification, protocol that the key holds) of a fragment (RFC 791; RFC 8200 section 4.5)."""
    at = np.int64(packet.ip_start)
    if packet.version == 4:
        return network_u16(data, at + 4), read_byte(data, at + 9)
    kind = read_byte(data, at + 6)
    at += 40
    for _ in range(MAX_EXTENSION_HEADERS):
        if kind == FRAGMENT_HEADER:
            break
        kind, at = read_byte(data, at), at + extension_bytes(data, at, kind)
    return network_u32(data, at + 4), 0


@kernel()
def first_entry(packet, identification, sets):
    """The first entry of the set that a fragment belongs to."""
    mixed = packet.src_high ^ packet.src_low * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ packet.dst_high ^ packet.dst_low) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ np.uint64(identification)) * np.uint64(0x94D049BB133111EB)
    return np.int64((mixed >> np.uint64(33)) % np.uint64(sets)) * FRAGMENT_WAYS


@kernel()
def is_of(entry, packet, identification, named):
    """Whether an entry was made by the first fragment of this one's packet."""
    return (
        entry.version == packet.version
        and entry.identification == identification
        and entry.named == named
        and entry.tunnel_id == packet.tunnel_id
        and entry.src_low == packet.src_low
        and entry.dst_low == packet.dst_low
        and entry.src_high == packet.src_high
        and entry.dst_high == packet.dst_high
    )


@kernel()
def place_for(table, packet, identification, named):
    """The entry that a first fragment goes to."""
    start = first_entry(packet, identification, table.shape[0] // FRAGMENT_WAYS)
    found = start
    oldest = np.int64(0x7FFFFFFFFFFFFFFF)
    for place in range(start, start + FRAGMENT_WAYS):
        entry = table[place]
        if is_of(entry, packet, identification, named):
            return place
        is_free = entry.version == 0 or abs(packet.time_ns - entry.time_ns) > MAX_AGE_NS
        time_ns = np.int64(-1) if is_free else entry.time_ns
        if time_ns < oldest:
            found, oldest = place, time_ns
    return found


@kernel()
def remember(table, packet, identification, named):
    """Notes what the fragments after this one will need."""
    entry = table[place_for(table, packet, identification, named)]
    entry.src_high, entry.src_low = packet.src_high, packet.src_low
    entry.dst_high, entry.dst_low = packet.dst_high, packet.dst_low
    entry.time_ns = packet.time_ns
    entry.identification, entry.tunnel_id = identification, packet.tunnel_id
    entry.src_port, entry.dst_port = packet.src_port, packet.dst_port
    entry.icmp_type, entry.icmp_code = packet.icmp_type, packet.icmp_code
    entry.version, entry.named, entry.protocol = packet.version, named, packet.protocol


@kernel()
def attribute(table, packet, identification, named):
    """Gives a later fragment the ports of its first one, where that is known."""
    start = first_entry(packet, identification, table.shape[0] // FRAGMENT_WAYS)
    for place in range(start, start + FRAGMENT_WAYS):
        entry = table[place]
        is_new = abs(packet.time_ns - entry.time_ns) <= MAX_AGE_NS
        if is_new and is_of(entry, packet, identification, named):
            packet.src_port, packet.dst_port = entry.src_port, entry.dst_port
            packet.icmp_type, packet.icmp_code = entry.icmp_type, entry.icmp_code
            packet.protocol = entry.protocol
            packet.fragment = FRAGMENT_LATER
            return


@kernel(void(u1[::1], i8, PACKET_ARRAY, FRAGMENT_ARRAY))
def attribute_fragments(data, count, packets, table):
    """Goes through the fragments among `count` decoded packets, in their order; `table` (m,) is kept between calls."""
    for number in range(count):
        packet = packets[number]
        if packet.loss == OK and packet.fragment in (FRAGMENT_FIRST, FRAGMENT_ALONE):
            identification, named = identify(data, packet)
            if packet.fragment == FRAGMENT_FIRST:
                remember(table, packet, identification, named)
            else:
                attribute(table, packet, identification, named)
