"""Reads ARP, IP and transport headers of one packet into its record."""

from numba import i8, u1

from oddflow.capture._kind_kernels import IPV4
from oddflow.capture._layout import (
    ABSENT,
    FRAGMENT_ALONE,
    FRAGMENT_FIRST,
    LOST_ARP,
    LOST_IP_HEADER,
    LOST_SNAPPED,
    LOST_TRANSPORT_HEADER,
    LOST_TUNNEL_DEPTH,
    OK,
    WHOLE,
)
from oddflow.capture._read_kernels import network_u16, network_u32, network_u64, read_byte
from oddflow.jit import kernel

MAX_EXTENSION_HEADERS = 16
MAX_LENGTH_BYTES = 0x7FFFFFFF
MAX_HARDWARE_BYTES = 32

ICMP, TCP, UDP, DCCP, AUTHENTICATION, ICMP6, SCTP, UDP_LITE = 1, 6, 17, 33, 51, 58, 132, 136
FRAGMENT_HEADER = 44


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


@kernel(i8(i8, i8, i8, i8, i8))
def short_of(at, need, end, wire_end, malformed):
    """OK where `need` bytes were captured; else why not: snapped off, or never there."""
    if at + need <= end:
        return OK
    return LOST_SNAPPED if at + need <= wire_end else malformed


@kernel()
def arp(data, at, end, wire_end, packet):
    """Reads an ARP or RARP packet for IPv4 (RFC 826, RFC 903) as a record of its own: the loss."""
    loss = short_of(at, 8, end, wire_end, LOST_ARP)
    if loss != OK:
        return loss
    hardware_bytes = read_byte(data, at + 4)
    operation = network_u16(data, at + 6)
    is_ipv4 = network_u16(data, at + 2) == IPV4 and read_byte(data, at + 5) == 4
    if not is_ipv4 or not 1 <= hardware_bytes <= MAX_HARDWARE_BYTES or not 1 <= operation <= 255:
        return LOST_ARP
    length = 16 + 2 * hardware_bytes
    loss = short_of(at, length, end, wire_end, LOST_ARP)
    if loss != OK:
        return loss
    packet.ip_start = at
    packet.ip_length = length
    packet.header_bytes = length
    packet.payload_start = at + length
    packet.src_low = network_u32(data, at + 8 + hardware_bytes)
    packet.dst_low = network_u32(data, at + 12 + 2 * hardware_bytes)
    packet.icmp_type = operation
    packet.icmp_code = 0
    return OK


@kernel()
def ipv4(data, at, end, wire_end, is_bounded, packet):
    """Reads an IPv4 header (RFC 791): (loss, offset of the transport header, captured end, wire end).

    Args:
        is_bounded: Whether it cannot be longer than the wire's end says: a whole packet carries it, in a tunnel.
    """
    loss = short_of(at, 20, end, wire_end, LOST_IP_HEADER)
    if loss != OK:
        return loss, at, end, wire_end
    first = read_byte(data, at)
    header_bytes = (first & 0x0F) * 4
    if first >> 4 != 4 or header_bytes < 20:
        return LOST_IP_HEADER, at, end, wire_end
    loss = short_of(at, header_bytes, end, wire_end, LOST_IP_HEADER)
    length = network_u16(data, at + 2)
    if length == 0:  # segmentation offload leaves it to the card
        length = wire_end - at
    if loss != OK or length < header_bytes or (is_bounded and at + length > wire_end):
        return loss if loss != OK else LOST_IP_HEADER, at, end, wire_end
    packet.version = 4
    packet.ip_start = at
    packet.ip_length = length
    packet.ttl = read_byte(data, at + 8)
    cut = network_u16(data, at + 6) & 0x3FFF  # the flag "more fragments" and the offset
    packet.fragment = FRAGMENT_ALONE if cut & 0x1FFF else FRAGMENT_FIRST if cut else WHOLE
    packet.src_high = 0
    packet.src_low = network_u32(data, at + 12)
    packet.dst_high = 0
    packet.dst_low = network_u32(data, at + 16)
    protocol = read_byte(data, at + 9)
    wire_end = at + length
    end = min(end, wire_end)
    at += header_bytes
    if protocol == AUTHENTICATION and packet.fragment != FRAGMENT_ALONE and at + 8 <= end:
        following = at + extension_bytes(data, at, AUTHENTICATION)
        if following <= wire_end:
            protocol = read_byte(data, at)
            at = following
    packet.protocol = protocol
    return OK, at, end, wire_end


@kernel(i8(u1[::1], i8, i8))
def extension_bytes(data, at, kind):
    """Length of an IPv6 extension header (RFC 8200 section 4; RFC 4302 section 2.2 for AH)."""
    if kind == FRAGMENT_HEADER:
        return 8
    units = read_byte(data, at + 1)
    return (units + 2) * 4 if kind == AUTHENTICATION else (units + 1) * 8


@kernel()
def ipv6(data, at, end, wire_end, is_bounded, packet):
    """Reads an IPv6 header and its extension headers (RFC 8200): as ipv4."""
    loss = short_of(at, 40, end, wire_end, LOST_IP_HEADER)
    if loss != OK:
        return loss, at, end, wire_end
    payload_bytes = network_u16(data, at + 4)
    length = 40 + payload_bytes if payload_bytes > 0 else wire_end - at  # a jumbogram, or offloaded
    if read_byte(data, at) >> 4 != 6 or (is_bounded and at + length > wire_end):
        return LOST_IP_HEADER, at, end, wire_end
    packet.version = 6
    packet.ip_start = at
    packet.ip_length = min(length, MAX_LENGTH_BYTES)
    packet.ttl = read_byte(data, at + 7)
    packet.src_high = network_u64(data, at + 8)
    packet.src_low = network_u64(data, at + 16)
    packet.dst_high = network_u64(data, at + 24)
    packet.dst_low = network_u64(data, at + 32)
    wire_end = at + length
    end = min(end, wire_end)
    kind = read_byte(data, at + 6)
    at += 40
    for number in range(MAX_EXTENSION_HEADERS + 1):
        if kind not in (0, 43, FRAGMENT_HEADER, AUTHENTICATION, 60, 135, 139, 140):
            packet.protocol = kind
            return OK, at, end, wire_end
        if number == MAX_EXTENSION_HEADERS:
            break
        loss = short_of(at, 8, end, wire_end, LOST_IP_HEADER)
        if loss != OK:
            return loss, at, end, wire_end
        following = at + extension_bytes(data, at, kind)
        if kind == FRAGMENT_HEADER:
            cut = network_u16(data, at + 2) & 0xFFF9
            packet.fragment = FRAGMENT_ALONE if cut > 1 else FRAGMENT_FIRST if cut else WHOLE
            if cut > 1:
                packet.protocol = read_byte(data, at)
                return OK, following, end, wire_end
        kind = read_byte(data, at)
        if following > wire_end:
            return LOST_IP_HEADER, at, end, wire_end
        at = following
    return LOST_TUNNEL_DEPTH, at, end, wire_end


@kernel()
def ports(data, at, end, wire_end, need, packet):
    """Reads ports, and sees that `need` bytes of header are there: (loss, bytes of the header).

    A first fragment may be so small that the header goes on in the next one; its ports will do.
    """
    loss = short_of(at, need, end, wire_end, LOST_TRANSPORT_HEADER)
    if loss == LOST_TRANSPORT_HEADER and packet.fragment == FRAGMENT_FIRST and at + 4 <= end:
        loss, need = OK, wire_end - at
    if loss == OK:
        packet.src_port = network_u16(data, at)
        packet.dst_port = network_u16(data, at + 2)
    return loss, need


@kernel()
def tcp(data, at, end, wire_end, packet):
    """Reads a TCP header (RFC 9293 section 3.1): (loss, bytes of the header)."""
    loss, header_bytes = ports(data, at, end, wire_end, 20, packet)
    if loss != OK or header_bytes < 20:
        return loss, header_bytes
    header_bytes = (read_byte(data, at + 12) >> 4) * 4
    if header_bytes < 20:
        return LOST_TRANSPORT_HEADER, 0
    if at + header_bytes > wire_end:
        if packet.fragment != FRAGMENT_FIRST:
            return LOST_TRANSPORT_HEADER, 0
        header_bytes = wire_end - at
    packet.sequence = network_u32(data, at + 4)
    packet.acknowledgement = network_u32(data, at + 8)
    packet.tcp_flags = read_byte(data, at + 13)
    packet.window = network_u16(data, at + 14)
    return OK, header_bytes


@kernel()
def quoted(data, at, end, protocol, kind):
    """Where the packet starts that an ICMP error speaks of (RFC 792, RFC 4443), or 0: none, or without its ports."""
    if protocol == ICMP:
        if kind not in (3, 4, 5, 11, 12) or at + 24 > end:
            return 0
        first = read_byte(data, at)
        return at if first >> 4 == 4 and first & 0x0F >= 5 and at + (first & 0x0F) * 4 + 4 <= end else 0
    if kind not in (1, 2, 3, 4) or at + 44 > end:
        return 0
    return at if read_byte(data, at) >> 4 == 6 else 0


@kernel()
def transport(data, at, end, wire_end, packet):
    """Reads ports, flags or ICMP type: (loss, offset of the payload, wire end of the payload)."""
    protocol = packet.protocol
    if packet.fragment == FRAGMENT_ALONE:
        return OK, at, wire_end
    loss, header_bytes = OK, 0
    if protocol == TCP:
        loss, header_bytes = tcp(data, at, end, wire_end, packet)
    elif protocol in (UDP, UDP_LITE, DCCP, SCTP):
        loss, header_bytes = ports(data, at, end, wire_end, 12 if protocol in (DCCP, SCTP) else 8, packet)
        if loss == OK and protocol == UDP and header_bytes == 8:
            length = network_u16(data, at + 4)
            if 8 <= length <= wire_end - at:
                wire_end = at + length
    elif protocol in (ICMP, ICMP6):
        header_bytes = min(8, wire_end - at)
        loss = short_of(at, 2, end, wire_end, LOST_TRANSPORT_HEADER)
        if loss == OK:
            packet.icmp_type = read_byte(data, at)
            packet.icmp_code = read_byte(data, at + 1)
            packet.quoted_start = quoted(data, at + 8, end, protocol, packet.icmp_type)
    return loss, at + header_bytes, wire_end
