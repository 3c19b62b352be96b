"""Decodes a batch of packets: a short road for what most packets are, and a long one for everything.

Every parser takes an offset and the end of what was captured; it compares before it reads, and offsets only grow.
`_read_kernels` says what stands behind that.
"""

import numpy as np
from numba import b1, i8, types, u1

from oddflow.capture._layout import (
    ABSENT,
    LOST_NOT_IP,
    LOST_TUNNEL_DEPTH,
    OK,
    PACKET_ARRAY,
    WHOLE,
)
from oddflow.capture._link_kernels import ARP, IPV4, IPV6, RARP, begin, frame
from oddflow.capture._network_kernels import MAX_LENGTH_BYTES, arp, forget, ipv4, ipv6, transport
from oddflow.capture._tunnel_kernels import NO_TUNNEL, tunnel
from oddflow.capture._walk_kernels import MAX_PACKET_BYTES
from oddflow.jit import kernel

MAX_TUNNELS = 4
ETHERNET = 1
TAG = 0x8100


@kernel()
def network(data, at, end, wire_end, kind, is_inside, packet):
    """Reads an IP header: (loss, offset of the transport header, captured end, wire end)."""
    if kind == IPV4:
        return ipv4(data, at, end, wire_end, is_inside, packet)
    if kind == IPV6:
        return ipv6(data, at, end, wire_end, is_inside, packet)
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
    loss, kind, at = begin(data, at, end, wire_end, packet.link_type)
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
        loss, at, end, wire_end = network(data, at, end, wire_end, kind, entered > 0, packet)
        if loss != OK:
            return loss, entered
        loss, body, body_end = transport(data, at, end, wire_end, packet)
        if loss != OK:
            return loss, entered
        packet.header_bytes = min(body - packet.ip_start, 0xFFFF)
        packet.payload_start = min(body, end)
        packet.payload_captured = max(0, min(end, body_end) - body)
        packet.payload_length = min(max(0, body_end - body), MAX_LENGTH_BYTES)
        if packet.fragment != WHOLE:
            break
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
        decode_any(data, packet, looks_inside)
        if packet.loss != OK:
            lost += 1
        elif packet.fragment != WHOLE:
            fragments += 1
    return lost, fragments
