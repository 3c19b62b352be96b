"""What each packet adds to the statistics of its flow and of its direction.

Sources: RFC 9293 (TCP); CICFlowMeter's definitions of bulks, subflows, active and idle times, as corrected by
Engelen et al., "Troubleshooting an Intrusion Detection Dataset: the CICIDS2017 Case Study" (2021).
"""

import numpy as np

from oddflow.capture._layout import FRAGMENT_LATER
from oddflow.flows._key_kernels import TCP
from oddflow.flows._layout import (
    HANDSHAKE_DONE,
    HANDSHAKE_NONE,
    HANDSHAKE_SYN,
    HANDSHAKE_SYN_ACK,
)
from oddflow.jit import kernel

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10

IDLE_GAP_US = 5_000_000
"""A longer silence divides two active times of a flow."""

SUBFLOW_GAP_US = 1_000_000
"""A longer silence divides two subflows, and ends a bulk."""

BULK_PACKETS = 4
"""So many packets with payload in a row, one way, are a bulk."""

NOTHING = np.int64(0)
LARGEST_U32 = np.int64(0xFFFFFFFF)


@kernel()
def signed_difference(later, earlier):
    """Distance between two 32-bit sequence numbers, -2³¹ to 2³¹ - 1 (RFC 1982)."""
    distance = (np.int64(later) - np.int64(earlier)) & LARGEST_U32
    return distance - 0x100000000 if distance >= 0x80000000 else distance


@kernel()
def add_times(flow, is_first_gap, now):
    """Gaps between packets whatever their direction, subflows, and active and idle times; the gap in µs."""
    gap_us = max(NOTHING, now - flow.end_ns) // 1000
    held_us = min(gap_us, LARGEST_U32)
    flow.gap_min_us = held_us if is_first_gap else min(np.int64(flow.gap_min_us), held_us)
    flow.gap_max_us = max(np.int64(flow.gap_max_us), held_us)
    flow.gap_sum_us += gap_us
    flow.gap_squares_us2 += gap_us * gap_us
    if gap_us > SUBFLOW_GAP_US:
        flow.subflows += 1
        if gap_us > IDLE_GAP_US:
            end_activity(flow)
            flow.active_start_ns = now
            flow.idle_min_us = held_us if flow.idle_count == 0 else min(np.int64(flow.idle_min_us), held_us)
            flow.idle_max_us = max(np.int64(flow.idle_max_us), held_us)
            flow.idle_count += 1
            flow.idle_sum_us += gap_us
            flow.idle_squares_us2 += gap_us * gap_us
    return gap_us


@kernel()
def end_activity(flow):
    """Closes the active time that ends with the latest packet."""
    active_us = max(NOTHING, flow.end_ns - flow.active_start_ns) // 1000
    held_us = min(active_us, LARGEST_U32)
    flow.active_min_us = held_us if flow.active_count == 0 else min(np.int64(flow.active_min_us), held_us)
    flow.active_max_us = max(np.int64(flow.active_max_us), held_us)
    flow.active_count += 1
    flow.active_sum_us += active_us
    flow.active_squares_us2 += active_us * active_us


@kernel()
def add_to_direction(way, packet, now):
    """Adds a packet to the statistics of its direction."""
    length = np.int64(packet.ip_length)
    payload = np.int64(packet.payload_length)
    header = np.int64(packet.header_bytes)
    if way.packets == 0:
        way.length_min = length
        way.payload_length_min = payload
        way.header_min_bytes = header
        way.window_first = packet.window
        way.ttl_min = packet.ttl
    else:
        gap_us = max(NOTHING, now - way.last_ns) // 1000
        held_us = min(gap_us, LARGEST_U32)
        way.gap_min_us = held_us if way.packets == 1 else min(np.int64(way.gap_min_us), held_us)
        way.gap_max_us = max(np.int64(way.gap_max_us), held_us)
        way.gap_sum_us += gap_us
        way.gap_squares_us2 += gap_us * gap_us
        way.length_min = min(np.int64(way.length_min), length)
        way.payload_length_min = min(np.int64(way.payload_length_min), payload)
        way.header_min_bytes = min(np.int64(way.header_min_bytes), header)
        way.ttl_min = min(way.ttl_min, packet.ttl)
    way.last_ns = max(way.last_ns, now)
    way.packets += 1
    way.bytes += length
    way.payload_bytes += payload
    way.payload_packets += payload > 0
    way.header_bytes += header
    way.length_squares += length * length
    way.payload_length_squares += payload * payload
    way.length_max = max(np.int64(way.length_max), length)
    way.payload_length_max = max(np.int64(way.payload_length_max), payload)
    way.ttl_max = max(way.ttl_max, packet.ttl)


@kernel()
def add_flags(way, packet):
    """Counts TCP flags and windows; for the first fragment of a segment or a whole one."""
    flags = np.int64(packet.tcp_flags)
    way.fin += flags & 1
    way.syn += (flags >> 1) & 1
    way.rst += (flags >> 2) & 1
    way.psh += (flags >> 3) & 1
    way.ack += (flags >> 4) & 1
    way.urg += (flags >> 5) & 1
    way.ece += (flags >> 6) & 1
    way.cwr += (flags >> 7) & 1
    way.window_max = max(way.window_max, packet.window)
    way.zero_windows += packet.window == 0 and (flags & (RST | SYN | FIN)) == 0


@kernel()
def add_to_stream(way, packet):
    """Places a TCP segment in its stream: the number of its payload bytes, from its start, that came before.

    A segment that lies in the gap another one left is out of order; one whose bytes were all seen is a
    retransmission. A probe that repeats the last byte or none (keep-alive, RFC 9293 section 3.8.4) is neither.
    """
    payload = np.int64(packet.payload_length)
    flags = np.int64(packet.tcp_flags)
    size = payload + (flags & 1) + ((flags >> 1) & 1)
    start = np.int64(packet.sequence)
    end = (start + size) & LARGEST_U32
    if not way.has_sequence:
        way.has_sequence = 1
        way.first_sequence = (start + ((flags >> 1) & 1)) & LARGEST_U32
        way.next_sequence = end
        return NOTHING
    if size == 0 or flags & RST:
        return payload
    ahead = signed_difference(start, way.next_sequence)
    if ahead == 0:
        way.next_sequence = end
        return NOTHING
    if ahead > 0:
        way.hole_start = way.next_sequence
        way.hole_end = start
        way.next_sequence = end
        return NOTHING
    if way.hole_start != way.hole_end:
        from_hole = signed_difference(start, way.hole_start)
        to_hole_end = signed_difference(way.hole_end, end)
        if from_hole >= 0 and to_hole_end >= 0:
            way.out_of_order_packets += 1
            if from_hole == 0:
                way.hole_start = end
            elif to_hole_end == 0 or from_hole >= to_hole_end:
                way.hole_end = start
            else:
                way.hole_start = end
            return NOTHING
    beyond = signed_difference(end, way.next_sequence)
    if payload <= 1 and ahead == -1 and (flags & (SYN | FIN)) == 0:
        return payload
    way.retransmitted_packets += 1
    way.retransmitted_bytes += min(payload, -ahead)
    if beyond <= 0:
        return payload
    way.next_sequence = end
    return min(payload, -ahead)


@kernel()
def add_to_bulk(way, other, packet, now):
    """Notes runs of packets with payload in one direction that nothing from the other and no pause of 1 s breaks."""
    payload = np.int64(packet.payload_length)
    if payload == 0:
        return
    other.run_packets = 0
    if way.run_packets == 0 or now - way.bulk_last_ns > SUBFLOW_GAP_US * 1000:
        way.run_packets = 1
        way.run_bytes = payload
        way.bulk_start_ns = now
    else:
        way.run_packets = min(np.int64(way.run_packets) + 1, np.int64(BULK_PACKETS + 1))
        if way.run_packets < BULK_PACKETS:
            way.run_bytes += payload
        elif way.run_packets == BULK_PACKETS:
            way.bulks += 1
            way.bulk_packets += BULK_PACKETS
            way.bulk_bytes += np.int64(way.run_bytes) + payload
            way.bulk_duration_us += (max(now, way.bulk_last_ns) - way.bulk_start_ns) // 1000
        else:
            way.bulk_packets += 1
            way.bulk_bytes += payload
            before_us = (way.bulk_last_ns - way.bulk_start_ns) // 1000
            way.bulk_duration_us += (max(now, way.bulk_last_ns) - way.bulk_start_ns) // 1000 - before_us
    way.bulk_last_ns = now if way.run_packets == 1 else max(now, way.bulk_last_ns)


@kernel()
def add_to_handshake(flow, packet, is_reverse, now):
    """Times SYN, SYN with ACK, and the ACK that completes them (RFC 9293 section 3.5)."""
    flags = np.int64(packet.tcp_flags) & (SYN | ACK | RST | FIN)
    if flags == SYN and not is_reverse and flow.handshake <= HANDSHAKE_SYN:
        flow.handshake = HANDSHAKE_SYN
        flow.handshake_ns = now
    elif flags == SYN | ACK and is_reverse and flow.handshake != HANDSHAKE_DONE:
        if flow.handshake == HANDSHAKE_SYN:
            flow.responder_rtt_us = max(NOTHING, now - flow.handshake_ns) // 1000
        flow.handshake = HANDSHAKE_SYN_ACK
        flow.handshake_ns = now
    elif flags == ACK and not is_reverse and flow.handshake == HANDSHAKE_SYN_ACK:
        flow.initiator_rtt_us = max(NOTHING, now - flow.handshake_ns) // 1000
        flow.handshake = HANDSHAKE_DONE
    elif flags & RST or flow.handshake == HANDSHAKE_NONE:
        flow.handshake = HANDSHAKE_DONE


@kernel()
def add_statistics(flow, way, other, packet, is_reverse, now):
    """Adds a packet to all statistics: (gap to the packet before in µs, payload bytes that came before)."""
    gap_us = NOTHING
    before = way.packets + other.packets
    if before > 0:
        gap_us = add_times(flow, before == 1, now)
    add_to_direction(way, packet, now)
    seen = NOTHING
    if flow.protocol == TCP and packet.fragment < FRAGMENT_LATER:
        add_flags(way, packet)
        seen = add_to_stream(way, packet)
        if flow.handshake != HANDSHAKE_DONE:
            add_to_handshake(flow, packet, is_reverse, now)
    add_to_bulk(way, other, packet, now)
    flow.fragments += packet.fragment > 0
    flow.start_ns = min(flow.start_ns, now)
    flow.end_ns = max(flow.end_ns, now)
    return gap_us, seen


@kernel()
def says_goodbye(forward, reverse):
    """Whether a TCP flow is over: reset, or FIN both ways (RFC 9293 section 3.6)."""
    return forward.rst + reverse.rst > 0 or (forward.fin > 0 and reverse.fin > 0)
