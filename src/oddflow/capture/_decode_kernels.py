"""Decodes link, network and transport headers of a batch of packets.

Every helper takes an offset and the end of what was captured; it compares before it reads,
and offsets only grow, so none is ever negative or past the packet.
"""

import numpy as np
from numba import i8, u1, void

from oddflow.capture._layout import (
    ABSENT,
    FRAGMENT_ALONE,
    FRAGMENT_FIRST,
    LOST_IP_HEADER,
    LOST_LINK_TYPE,
    LOST_NOT_IP,
    LOST_SNAPPED,
    LOST_TRANSPORT_HEADER,
    LOST_TUNNEL_DEPTH,
    OK,
    PACKET_ARRAY,
    WHOLE,
)
from oddflow.capture._walk_kernels import MAX_PACKET_BYTES, read_u16, read_u32
from oddflow.jit import kernel

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
MAX_VLAN_TAGS = 8
MAX_EXTENSION_HEADERS = 16
MAX_LENGTH_BYTES = 0x7FFFFFFF

LINK_NULL, LINK_ETHERNET, LINK_LOOP, LINK_SLL, LINK_IPV4, LINK_IPV6, LINK_SLL2 = 0, 1, 108, 113, 228, 229, 276


@kernel()
def missing(at, need, captured_end, wire_end, malformed):
    """OK where `need` bytes were captured; else why not: snapped off, or never there."""
    if at + need <= captured_end:
        return OK
    return LOST_SNAPPED if at + need <= wire_end else malformed


@kernel()
def of_version(data, at, end):
    """The ether type of the IP version in the first half byte, or 0."""
    if at >= end:
        return 0
    version = data[at] >> 4
    return ETHERTYPE_IPV4 if version == 4 else ETHERTYPE_IPV6 if version == 6 else 0


@kernel()
def ethernet(data, at, end, wire_end):
    """(loss, ether type, next offset, outermost VLAN) of an Ethernet frame (IEEE 802.3, 802.1Q, 802.2 SNAP)."""
    loss = missing(at, 14, end, wire_end, LOST_NOT_IP)
    if loss != OK:
        return loss, 0, at, ABSENT
    kind = read_u16(data, at + 12, True)
    at += 14
    vlan = ABSENT
    tags = 0
    while kind in (0x8100, 0x88A8, 0x9100):
        tags += 1
        if tags > MAX_VLAN_TAGS:
            return LOST_TUNNEL_DEPTH, 0, at, vlan
        loss = missing(at, 4, end, wire_end, LOST_NOT_IP)
        if loss != OK:
            return loss, 0, at, vlan
        if vlan == ABSENT:
            vlan = read_u16(data, at, True) & 0x0FFF
        kind = read_u16(data, at + 2, True)
        at += 4
    if kind < 1536 and at + 8 <= end and data[at] == 0xAA and data[at + 1] == 0xAA:
        kind = read_u16(data, at + 6, True)
        at += 8
    return OK, kind, at, vlan


@kernel()
def loopback_kind(data, at):
    """The ether type of BSD loopback's address family, in either byte order."""
    family = read_u32(data, at, False)
    if family > 0xFFFF:
        family = read_u32(data, at, True)
    if family == 2:
        return ETHERTYPE_IPV4
    return ETHERTYPE_IPV6 if family in (10, 23, 24, 28, 30) else 0


@kernel()
def link(data, at, end, wire_end, link_type):
    """(loss, ether type, next offset, VLAN) of a frame of any link type that is read."""
    if link_type == LINK_ETHERNET:
        return ethernet(data, at, end, wire_end)
    kind, header_bytes, malformed = 0, 0, LOST_NOT_IP
    if link_type == LINK_SLL:
        header_bytes = 16
    elif link_type == LINK_SLL2:
        header_bytes = 20
    elif link_type in (LINK_NULL, LINK_LOOP):
        header_bytes = 4
    elif link_type not in (12, 14, 101, LINK_IPV4, LINK_IPV6):
        return LOST_LINK_TYPE, 0, at, ABSENT
    loss = missing(at, header_bytes, end, wire_end, malformed)
    if loss != OK:
        return loss, 0, at, ABSENT
    if link_type == LINK_SLL:
        kind = read_u16(data, at + 14, True)
    elif link_type == LINK_SLL2:
        kind = read_u16(data, at, True)
    elif link_type in (LINK_NULL, LINK_LOOP):
        kind = loopback_kind(data, at)
    else:
        loss = missing(at, 1, end, wire_end, malformed)
        kind = of_version(data, at, end)
    return loss, kind, at + header_bytes, ABSENT


@kernel()
def forget(packet):
    """Empties what only some packets have."""
    packet.src_high, packet.src_low, packet.dst_high, packet.dst_low = 0, 0, 0, 0
    packet.ip_start, packet.ip_length, packet.header_bytes = 0, 0, 0
    packet.payload_start, packet.payload_captured, packet.payload_length = 0, 0, 0
    packet.quoted_start, packet.outer_start, packet.tunnel, packet.tunnel_id = 0, 0, 0, 0
    packet.sequence, packet.acknowledgement, packet.window, packet.tcp_flags = 0, 0, 0, 0
    packet.src_port, packet.dst_port = 0, 0
    packet.icmp_type, packet.icmp_code = ABSENT, ABSENT
    packet.version, packet.protocol, packet.ttl, packet.fragment = 0, 0, 0, WHOLE


@kernel()
def read_u64(data, at):
    """Eight bytes, network order."""
    return (np.uint64(read_u32(data, at, True)) << np.uint64(32)) | np.uint64(read_u32(data, at + 4, True))


@kernel()
def ipv4(data, at, end, wire_end, packet):
    """Reads an IPv4 header (RFC 791): (loss, offset of the transport header, captured end, wire end)."""
    loss = missing(at, 20, end, wire_end, LOST_IP_HEADER)
    if loss != OK:
        return loss, at, end, wire_end
    header_bytes = np.int64(data[at] & 0x0F) * 4
    if data[at] >> 4 != 4 or header_bytes < 20:
        return LOST_IP_HEADER, at, end, wire_end
    loss = missing(at, header_bytes, end, wire_end, LOST_IP_HEADER)
    length = read_u16(data, at + 2, True)
    if length == 0:  # segmentation offload leaves it to the card
        length = wire_end - at
    if loss != OK or length < header_bytes:
        return loss if loss != OK else LOST_IP_HEADER, at, end, wire_end
    packet.version = 4
    packet.ip_start = at
    packet.ip_length = length
    packet.ttl = data[at + 8]
    packet.protocol = data[at + 9]
    cut = read_u16(data, at + 6, True) & 0x3FFF  # the flag "more fragments" and the offset
    packet.fragment = FRAGMENT_ALONE if cut & 0x1FFF else FRAGMENT_FIRST if cut else WHOLE
    packet.src_high = 0
    packet.src_low = read_u32(data, at + 12, True)
    packet.dst_high = 0
    packet.dst_low = read_u32(data, at + 16, True)
    return OK, at + header_bytes, min(end, at + length), at + length


@kernel()
def extension_bytes(data, at, kind):
    """Length of an IPv6 extension header (RFC 8200 section 4; RFC 4302 section 2.2 for AH)."""
    if kind == 44:
        return 8
    return (np.int64(data[at + 1]) + 2) * 4 if kind == 51 else (np.int64(data[at + 1]) + 1) * 8


@kernel()
def ipv6(data, at, end, wire_end, packet):
    """Reads an IPv6 header and its extension headers (RFC 8200): as ipv4."""
    loss = missing(at, 40, end, wire_end, LOST_IP_HEADER)
    if loss != OK:
        return loss, at, end, wire_end
    if data[at] >> 4 != 6:
        return LOST_IP_HEADER, at, end, wire_end
    payload_bytes = read_u16(data, at + 4, True)
    length = 40 + payload_bytes if payload_bytes > 0 else wire_end - at  # a jumbogram, or offloaded
    packet.version = 6
    packet.ip_start = at
    packet.ip_length = min(length, MAX_LENGTH_BYTES)
    packet.ttl = data[at + 7]
    packet.src_high = read_u64(data, at + 8)
    packet.src_low = read_u64(data, at + 16)
    packet.dst_high = read_u64(data, at + 24)
    packet.dst_low = read_u64(data, at + 32)
    wire_end = at + length
    end = min(end, wire_end)
    kind = np.int64(data[at + 6])
    at += 40
    for number in range(MAX_EXTENSION_HEADERS + 1):
        if kind not in (0, 43, 44, 51, 60, 135, 139, 140):
            packet.protocol = kind
            return OK, at, end, wire_end
        if number == MAX_EXTENSION_HEADERS:
            break
        loss = missing(at, 8, end, wire_end, LOST_IP_HEADER)
        if loss != OK:
            return loss, at, end, wire_end
        following = at + extension_bytes(data, at, kind)
        if kind == 44:
            cut = read_u16(data, at + 2, True) & 0xFFF9
            packet.fragment = FRAGMENT_ALONE if cut > 1 else FRAGMENT_FIRST if cut else WHOLE
            if cut > 1:
                packet.protocol = data[at]
                return OK, following, end, wire_end
        kind = np.int64(data[at])
        if following > wire_end:
            return LOST_IP_HEADER, at, end, wire_end
        at = following
    return LOST_TUNNEL_DEPTH, at, end, wire_end


@kernel()
def tcp(data, at, end, wire_end, packet):
    """Reads a TCP header (RFC 9293 section 3.1): (loss, length of the header)."""
    loss = missing(at, 20, end, wire_end, LOST_TRANSPORT_HEADER)
    if loss != OK:
        return loss, 0
    header_bytes = np.int64(data[at + 12] >> 4) * 4
    if header_bytes < 20 or at + header_bytes > wire_end:
        return LOST_TRANSPORT_HEADER, 0
    packet.sequence = read_u32(data, at + 4, True)
    packet.acknowledgement = read_u32(data, at + 8, True)
    packet.tcp_flags = data[at + 13]
    packet.window = read_u16(data, at + 14, True)
    return OK, header_bytes


@kernel()
def transport(data, at, end, wire_end, packet):
    """Reads ports, flags or ICMP type: (loss, offset of the payload, wire end of the payload)."""
    protocol = np.int64(packet.protocol)
    if packet.fragment == FRAGMENT_ALONE:
        return OK, at, wire_end
    loss, header_bytes = OK, 0
    if protocol == 6:
        loss, header_bytes = tcp(data, at, end, wire_end, packet)
    elif protocol in (17, 136, 33, 132):
        header_bytes = 12 if protocol in (33, 132) else 8
        loss = missing(at, header_bytes, end, wire_end, LOST_TRANSPORT_HEADER)
        if loss == OK and protocol == 17:
            length = read_u16(data, at + 4, True)
            if 8 <= length <= wire_end - at:
                wire_end = at + length
    elif protocol in (1, 58):
        header_bytes = min(8, wire_end - at)
        loss = missing(at, 2, end, wire_end, LOST_TRANSPORT_HEADER)
        if loss == OK:
            packet.icmp_type = data[at]
            packet.icmp_code = data[at + 1]
    if loss == OK and protocol in (6, 17, 33, 132, 136):
        packet.src_port = read_u16(data, at, True)
        packet.dst_port = read_u16(data, at + 2, True)
    return loss, at + header_bytes, wire_end


@kernel(void(u1[::1], i8, PACKET_ARRAY))
def decode(data, count, packets):
    """Fills each of the first `count` packets from its bytes."""
    for number in range(count):
        packet = packets[number]
        forget(packet)
        at = np.int64(packet.start)
        end = at + packet.captured
        wire_end = max(end, at + min(np.int64(packet.wire), MAX_PACKET_BYTES))
        loss, kind, at, vlan = link(data, at, end, wire_end, packet.link_type)
        packet.vlan = vlan
        if loss == OK:
            if kind == ETHERTYPE_IPV4:
                loss, at, end, wire_end = ipv4(data, at, end, wire_end, packet)
            elif kind == ETHERTYPE_IPV6:
                loss, at, end, wire_end = ipv6(data, at, end, wire_end, packet)
            else:
                loss = LOST_NOT_IP
        if loss == OK:
            loss, at, wire_end = transport(data, at, end, wire_end, packet)
            packet.header_bytes = min(at - packet.ip_start, 0xFFFF)
            packet.payload_start = min(at, end)
            packet.payload_captured = max(0, min(end, wire_end) - at)
            packet.payload_length = min(max(0, wire_end - at), MAX_LENGTH_BYTES)
        packet.loss = loss
