"""Decodes a batch of packets: a short road for what most packets are, and a long one for everything.

Every parser takes an offset and the end of what was captured; it compares before it reads, and offsets only grow.
`_read_kernels` says what stands behind that.
"""

import numpy as np
from numba import b1, i8, types, u1

from oddflow.capture._kind_kernels import ARP, IPV4, IPV6, RARP
from oddflow.capture._layout import (
    ABSENT,
    FRAGMENT_ALONE,
    LOST_NOT_IP,
    LOST_TUNNEL_DEPTH,
    OK,
    PACKET_ARRAY,
    WHOLE,
)
from oddflow.capture._link_kernels import begin, frame
from oddflow.capture._network_kernels import MAX_LENGTH_BYTES, TCP, UDP, arp, forget, ipv4, ipv6, transport
from oddflow.capture._read_kernels import network_u16, network_u32, network_u64, read_byte
from oddflow.capture._tunnel_kernels import NO_TUNNEL, is_tunnel_port, tunnel
from oddflow.capture._walk_kernels import MAX_PACKET_BYTES
from oddflow.jit import kernel

MAX_TUNNELS = 4
ETHERNET = 1
TAG = 0x8100


@kernel()
def network(data, at, end, wire_end, kind, is_bounded, packet):
    """Reads an IP header: (loss, offset of the transport header, captured end, wire end)."""
    if kind == IPV4:
        return ipv4(data, at, end, wire_end, is_bounded, packet)
    if kind == IPV6:
        return ipv6(data, at, end, wire_end, is_bounded, packet)
    return LOST_NOT_IP, at, end, wire_end


@kernel()
def headers(data, packet, allowed):
    """Reads all headers, into at most `allowed` tunnels: (loss, tunnels entered)."""
    forget(packet)
    at = np.int64(packet.start)
    end = at + np.int64(packet.captured)
    wire_end = max(end, at + min(np.int64(packet.wire), MAX_PACKET_BYTES))
    code, tunnel_id, outer_start, entered = 0, 0, 0, 0
    packet.ether_type, packet.vlan = 0, ABSENT
    is_whole = True
    loss, kind, at = begin(data, at, end, wire_end, np.int64(packet.link_type))
    while loss == OK:
        loss, kind, at, vlan = frame(data, at, end, wire_end, kind)
        packet.ether_type = kind
        if entered == 0:
            packet.vlan = vlan
        if loss != OK:
            return loss, entered
        if kind in (ARP, RARP):
            loss = arp(data, at, end, wire_end, packet)
            break
        loss, at, end, wire_end = network(data, at, end, wire_end, kind, entered > 0 and is_whole, packet)
        if loss != OK:
            return loss, entered
        loss, body, body_end = transport(data, at, end, wire_end, packet)
        if loss != OK:
            return loss, entered
        packet.header_bytes = min(body - packet.ip_start, 0xFFFF)
        packet.payload_start = min(body, end)
        packet.payload_captured = max(0, min(end, body_end) - body)
        packet.payload_length = min(max(0, body_end - body), MAX_LENGTH_BYTES)
        if packet.fragment == FRAGMENT_ALONE:
            break
        is_whole = is_whole and packet.fragment == WHOLE
        found, found_id, kind, inside = tunnel(data, at, body, min(end, body_end), packet)
        if found != NO_TUNNEL and entered == MAX_TUNNELS:
            return LOST_TUNNEL_DEPTH, entered
        if found == NO_TUNNEL or entered == allowed:
            break
        if entered == 0:
            code, tunnel_id, outer_start = found, found_id, np.int64(packet.ip_start)
        entered += 1
        forget(packet)
        end, wire_end = min(end, body_end), body_end
        at = inside
    packet.tunnel, packet.tunnel_id, packet.outer_start = code, tunnel_id, outer_start
    return loss, entered


@kernel()
def decode_any(data, packet, looks_inside):
    """Decodes a packet of any kind. Where the inside of a tunnel cannot be read, what carries it is the packet."""
    allowed = MAX_TUNNELS if looks_inside else 0
    while True:
        loss, entered = headers(data, packet, allowed)
        if loss in (OK, LOST_TUNNEL_DEPTH) or entered == 0:
            packet.loss = loss
            return
        allowed = entered - 1


@kernel()
def decode_common(data, packet, looks_inside):
    """Decodes what most packets are: TCP or UDP in IP in Ethernet, with at most one tag, without options, tunnels or
    fragments. False where it is anything else, or not all there: `decode_any` must look at it then.
    """
    start = np.int64(packet.start)
    end = start + np.int64(packet.captured)
    if packet.link_type != ETHERNET or start + 42 > end:
        return False
    vlan, at = np.int64(ABSENT), start + 14
    kind = network_u16(data, start + 12)
    if kind == TAG:
        vlan = network_u16(data, at) & 0x0FFF
        kind = network_u16(data, at + 2)
        at += 4
    if kind == IPV4:
        if at + 28 > end or read_byte(data, at) != 0x45 or network_u16(data, at + 6) & 0x3FFF != 0:
            return False
        length = network_u16(data, at + 2)
        if length < 28:
            return False
        body = at + 20
        protocol = read_byte(data, at + 9)
        packet.version, packet.ttl = 4, read_byte(data, at + 8)
        packet.src_high, packet.src_low = 0, network_u32(data, at + 12)
        packet.dst_high, packet.dst_low = 0, network_u32(data, at + 16)
    elif kind == IPV6:
        if at + 48 > end or read_byte(data, at) >> 4 != 6 or network_u16(data, at + 4) < 8:
            return False
        length = 40 + network_u16(data, at + 4)
        body = at + 40
        protocol = read_byte(data, at + 6)
        packet.version, packet.ttl = 6, read_byte(data, at + 7)
        packet.src_high, packet.src_low = network_u64(data, at + 8), network_u64(data, at + 16)
        packet.dst_high, packet.dst_low = network_u64(data, at + 24), network_u64(data, at + 32)
    else:
        return False
    packet.ip_start, packet.ip_length, packet.ether_type, packet.vlan = at, length, kind, vlan
    wire_end = at + length
    end = min(end, wire_end)
    src_port, dst_port = network_u16(data, body), network_u16(data, body + 2)
    if protocol == TCP:
        if body + 20 > end:
            return False
        header_bytes = (read_byte(data, body + 12) >> 4) * 4
        if header_bytes < 20 or body + header_bytes > wire_end:
            return False
        packet.sequence, packet.acknowledgement = network_u32(data, body + 4), network_u32(data, body + 8)
        packet.tcp_flags, packet.window = read_byte(data, body + 13), network_u16(data, body + 14)
        body += header_bytes
    elif protocol == UDP:
        if body + 8 > end or (looks_inside and (is_tunnel_port(src_port) or is_tunnel_port(dst_port))):
            return False
        length = network_u16(data, body + 4)
        if 8 <= length <= wire_end - body:
            wire_end = body + length
        packet.sequence, packet.acknowledgement, packet.tcp_flags, packet.window = 0, 0, 0, 0
        body += 8
    else:
        return False
    packet.src_port, packet.dst_port, packet.protocol = src_port, dst_port, protocol
    packet.header_bytes = body - at
    packet.payload_start = min(body, end)
    packet.payload_captured = max(0, min(end, wire_end) - body)
    packet.payload_length = wire_end - body
    packet.quoted_start, packet.outer_start, packet.tunnel_id, packet.tunnel = 0, 0, 0, 0
    packet.icmp_type, packet.icmp_code = ABSENT, ABSENT
    packet.fragment, packet.loss = WHOLE, OK
    return True


@kernel(types.UniTuple(i8, 2)(u1[::1], i8, PACKET_ARRAY, b1))
def decode(data, count, packets, looks_inside):
    """Fills each of the first `count` packets from its bytes.

    Args:
        looks_inside: Whether a packet in a tunnel is what counts, not the one that carries it.

    Returns:
        (packets lost, fragments among the others)
    """
    lost, fragments = 0, 0
    for number in range(count):
        packet = packets[number]
        if decode_common(data, packet, looks_inside):
            continue
        decode_any(data, packet, looks_inside)
        if packet.loss != OK:
            lost += 1
        elif packet.fragment != WHOLE:
            fragments += 1
    return lost, fragments
