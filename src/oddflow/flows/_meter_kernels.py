"""The flow meter: packets to statistics of bidirectional flows, in fixed memory.

Flows live in numbered rows (`Rows` in `_layout.py`), which `_key_kernels.py` finds by key; `_statistics_kernels.py` and
`_bytes_kernels.py` say what a packet adds, `_list_kernels.py` who waits longest, `_export_kernels.py` what an end is.
"""

import numpy as np
from numba import b1, i8, u1, u8

from oddflow._memory_kernels import fetch
from oddflow.capture._layout import OK, PACKET_ARRAY
from oddflow.flows._bytes_kernels import has_room, is_wanted, keep_first_bytes, keep_payload, lies_beyond
from oddflow.flows._export_kernels import copy_out, finish
from oddflow.flows._key_kernels import (
    ROW,
    TCP,
    addresses_at,
    find_slot,
    hash_key,
    key_of,
    ports_of,
    put_slot,
    quoted_slot,
)
from oddflow.flows._layout import (
    CACHE_LINE_BYTES,
    CLOSED_HEAD,
    DATAGRAM_HEAD,
    DRAINED,
    EVICTED,
    FINISHED,
    FLOW_BYTES,
    FREE_COUNT,
    LATEST,
    NEXT_CHECK,
    NONE,
    OPEN_HEAD,
    ROOM,
    ROWS,
    WATERMARK,
    WAYS_BYTES,
)
from oddflow.flows._list_kernels import append, list_of, move_to_end, oldest, unlink
from oddflow.flows._statistics_kernels import ACK, SYN, add_statistics, says_goodbye
from oddflow.jit import kernel

IDLE, ACTIVE, END_OF_FLOW, FORCED, LACK_OF_RESOURCES = 1, 2, 3, 4, 5
IDLE_TCP, LONGEST, AFTER_CLOSE, SLACK, IDLE_DATAGRAM = 0, 1, 2, 3, 4
BY_SYN, BY_FIRST_PACKET, BY_PORT = 1, 2, 3
PLACE, CLOCK = 0, 1
KIND, EARLY, SHARD, SHARDS = 0, 1, 2, 3
"""What is asked for: which payload, early records at how many packets (0: none), and which share of all flows."""

SYSTEM_PORTS = 1024
MAX_PACKETS = np.int64(1) << 31
"""A flow of more is cut, so that no counter overflows."""

ETHERNET = 1
FAR, NEAR = 12, 5
"""So many packets ahead, the place of a packet's key and then its row are fetched: memory answers slowly."""

FIRST_PAYLOAD_BYTES = 320
"""Of a row's payload fetched ahead; the processor's own guess brings the rest."""

FLOWS_A_PACKET = 3
"""One packet can end a flow of its key, push another out and complete an early record."""


@kernel()
def split_reason(flow, forward, reverse, now, flags, limits, latest):
    """Why a packet does not belong to the flow of its key any more, or 0 where it does.

    A flow whose time-out had passed by `latest`, the watermark less the slack, is over, though in its list it may stand
    behind one that is not: so what a flow is does not depend on what others there are.
    """
    gap = now - flow.end_ns
    idle = limits[IDLE_TCP if flow.protocol == TCP else IDLE_DATAGRAM]
    if abs(gap) > idle:
        return IDLE
    if latest - flow.end_ns > (limits[AFTER_CLOSE] if flow.closed else idle):
        return END_OF_FLOW if flow.closed else IDLE
    if flow.closed and (gap > limits[AFTER_CLOSE] or (flags & (SYN | ACK)) == SYN):
        return END_OF_FLOW
    if now - flow.start_ns > limits[LONGEST] or forward.packets + reverse.packets >= MAX_PACKETS:
        return ACTIVE
    return 0


@kernel()
def direct(flow, packet, swapped):
    """Tells the initiator: who sent the SYN or got its answer; in a TCP flow that was met on its way, who talks to a
    system port; else who sent the first packet."""
    flags = packet.tcp_flags
    flow.swapped = swapped
    flow.direction_by = BY_FIRST_PACKET
    if packet.protocol != TCP:
        return
    if flags & SYN:
        flow.direction_by = BY_SYN
        flow.swapped = 1 - swapped if flags & ACK else swapped
    elif (packet.src_port < SYSTEM_PORTS) != (packet.dst_port < SYSTEM_PORTS):
        flow.direction_by = BY_PORT
        flow.swapped = 1 - swapped if packet.src_port < SYSTEM_PORTS else swapped


@kernel()
def mac_at(data, at):
    """Six bytes as a number."""
    value = np.int64(0)
    for byte in range(6):
        value = (value << 8) | np.int64(data[at + byte])
    return value


@kernel()
def begin(flow, packet, is_answer, data, now, number):
    """Notes of a new flow what its first packet says, which the responder may have sent."""
    flow.start_ns = now
    flow.end_ns = now
    flow.active_start_ns = now
    flow.first_packet = number
    flow.protocol = packet.protocol
    flow.version = packet.version
    flow.vlan = packet.vlan
    flow.icmp_type = packet.icmp_type
    flow.icmp_code = packet.icmp_code
    flow.tunnel = packet.tunnel
    flow.tunnel_id = packet.tunnel_id
    end = np.int64(packet.start) + packet.captured
    if packet.link_type == ETHERNET and packet.captured >= 12:
        receiver, sender = mac_at(data, np.int64(packet.start)), mac_at(data, np.int64(packet.start) + 6)
        flow.src_mac, flow.dst_mac = (receiver, sender) if is_answer else (sender, receiver)
    if packet.outer_start > 0:
        version, src_high, src_low, dst_high, dst_low = addresses_at(data, np.int64(packet.outer_start), end)
        flow.outer_version = version
        if is_answer:
            src_high, src_low, dst_high, dst_low = dst_high, dst_low, src_high, src_low
        flow.outer_src_high, flow.outer_src_low = src_high, src_low
        flow.outer_dst_high, flow.outer_dst_low = dst_high, dst_low


@kernel()
def note_quoted(flows, slots, packet, data, seed):
    """Tells the flow that an ICMP error speaks of."""
    end = np.int64(packet.start) + packet.captured
    slot = quoted_slot(slots, flows, data, np.int64(packet.quoted_start), end, seed)
    if slot != NONE:
        flow = flows[slots[slot, ROW]]
        if flow.icmp_errors == 0:
            flow.icmp_error_type = packet.icmp_type
            flow.icmp_error_code = packet.icmp_code
        flow.icmp_errors += 1


@kernel()
def is_of_shard(a_high, a_low, b_high, b_low, ends, shard, shards):
    """Whether a key belongs to a share of all flows; every worker must say the same, so no seed is in it."""
    hashed = hash_key(a_high, a_low, b_high, b_low, ends, np.uint64(0))
    return hashed % np.uint64(shards) == np.uint64(shard)


@kernel()
def advance_clock(meter, limits, now):
    """Moves the watermark; a packet so late that its flow would be over at once says the clock was set back."""
    longest = max(limits[IDLE_TCP], limits[IDLE_DATAGRAM])
    if now > meter[WATERMARK]:
        meter[WATERMARK] = now
        meter[LATEST] = max(meter[LATEST], now)
    elif now < meter[WATERMARK] - limits[SLACK] - longest:
        meter[WATERMARK] = now
        meter[NEXT_CHECK] = now


@kernel()
def note_hash(packet, seed):
    """Hashes a packet's key once, ahead of its turn."""
    if packet.loss == OK:
        src_port, dst_port = ports_of(packet)
        a_high, a_low, b_high, b_low, ends, _ = key_of(
            packet.src_high, packet.src_low, packet.dst_high, packet.dst_low,
            src_port, dst_port, packet.protocol, packet.version,
        )  # fmt: skip
        packet.hash = hash_key(a_high, a_low, b_high, b_low, ends, seed)


@kernel()
def fetch_slot(packet, slots, seed):
    """Hashes a packet's key and has its place in the table brought into the cache."""
    note_hash(packet, seed)
    if packet.loss == OK:
        fetch(slots, 2 * (np.int64(packet.hash) & (slots.shape[0] - 1)), 0)


@kernel(merged=True)
def fetch_row(packet, slots, flows, ways, links, lengths, gaps):
    """Has the row that a packet most likely belongs to brought into the cache."""
    if packet.loss != OK:
        return
    row = np.int64(slots[np.int64(packet.hash) & np.int64(slots.shape[0] - 1), ROW])
    if row != NONE:
        for line in range(0, FLOW_BYTES, CACHE_LINE_BYTES):
            fetch(flows, row, line)
        for line in range(0, WAYS_BYTES, CACHE_LINE_BYTES):
            fetch(ways, 2 * row, line)
        fetch(links, 2 * row, 0)
        fetch(lengths, lengths.shape[1] * row, 0)
        fetch(gaps, gaps.shape[1] * row, 0)


@kernel(merged=True)
def fetch_whole_row(rows, row):
    """Has all of a row that may soon be copied out brought into the cache."""
    if row == NONE:
        return
    for line in range(0, FLOW_BYTES, CACHE_LINE_BYTES):
        fetch(rows.flows, row, line)
    for line in range(0, WAYS_BYTES, CACHE_LINE_BYTES):
        fetch(rows.ways, 2 * row, line)
    fetch(rows.links, 2 * row, 0)
    for packet in range(0, rows.lengths.shape[1], 16):
        fetch(rows.gaps, rows.gaps.shape[1] * row + packet, 0)
        fetch(rows.lengths, rows.lengths.shape[1] * row + packet, 0)
    for octet in range(0, rows.directions.shape[1], CACHE_LINE_BYTES):
        fetch(rows.directions, rows.directions.shape[1] * row + octet, 0)
    for octet in range(0, min(rows.payload.shape[1], FIRST_PAYLOAD_BYTES), CACHE_LINE_BYTES):
        fetch(rows.payload, rows.payload.shape[1] * row + octet, 0)


@kernel(merged=True)
def fetch_following(rows, row):
    """Has what ends after a row, in its list, brought into the cache: the slot of the next, all of the one after it."""
    following = np.int64(rows.links[row, 1])
    if following != NONE:
        fetch(rows.slots, 2 * (np.int64(rows.flows[following].hash) & (rows.slots.shape[0] - 1)), 0)
        fetch_whole_row(rows, np.int64(rows.links[following, 1]))


@kernel(merged=True)
def expire(rows, finished, limits, kind):
    """Ends the flows whose time-out has passed, or that the clock has left behind when it was set back;
    False where `finished` filled up first."""
    meter, flows = rows.meter, rows.flows
    now = meter[WATERMARK] - limits[SLACK]
    future = meter[WATERMARK] + max(limits[IDLE_TCP], limits[IDLE_DATAGRAM])
    earliest = np.int64(1) << 62
    for head, timeout, reason in (
        (OPEN_HEAD, limits[IDLE_TCP], IDLE),
        (CLOSED_HEAD, limits[AFTER_CLOSE], END_OF_FLOW),
        (DATAGRAM_HEAD, limits[IDLE_DATAGRAM], IDLE),
    ):
        while meter[head] != NONE and not now - timeout <= flows[meter[head]].end_ns <= future:
            if meter[ROOM] < 1 + FLOWS_A_PACKET:
                return False
            fetch_following(rows, meter[head])
            finish(rows, finished, kind, meter[head], reason)
        if meter[head] != NONE:
            earliest = min(earliest, flows[meter[head]].end_ns + timeout + limits[SLACK])
    # after a clock was set back, flows that end in the future may stand behind any head
    meter[NEXT_CHECK] = earliest if meter[LATEST] <= future else meter[WATERMARK]
    return True


@kernel()
def check_by(meter, limits, end_ns):
    """Sees to it that time-outs are looked at when a flow that ended then may be over."""
    shortest = min(limits[IDLE_TCP], limits[IDLE_DATAGRAM], limits[AFTER_CLOSE])
    meter[NEXT_CHECK] = min(meter[NEXT_CHECK], end_ns + shortest + limits[SLACK])


@kernel(merged=True)
def open_row(rows, finished, kind):
    """A free row, empty; where none is left, the flow longest quiet ends for it."""
    meter = rows.meter
    if meter[FREE_COUNT] == 0:
        victim = oldest(rows.flows, meter)
        over = np.int64(rows.flows[victim].closed)
        meter[EVICTED] += 1 - over
        fetch_following(rows, victim)
        finish(rows, finished, kind, victim, END_OF_FLOW if over else LACK_OF_RESOURCES)
    meter[FREE_COUNT] -= 1
    row = np.int64(rows.free[meter[FREE_COUNT]])
    template = rows.flows.shape[0] - 1
    rows.flows[row] = rows.flows[template]
    rows.ways[row, 0] = rows.ways[template, 0]
    rows.ways[row, 1] = rows.ways[template, 1]
    rows.lengths[row, :] = 0
    rows.gaps[row, :] = 0
    rows.directions[row, :] = 0
    return row


@kernel(i8(u1[::1], i8, i8, i8, PACKET_ARRAY, i8[::1], i8[:, ::1], ROWS, FINISHED, i8[::1], i8[::1], u8))
def meter_packets(data, first, count, first_number, packets, numbers, among, rows, finished, limits, asked, seed):
    """Adds packets [first, count) to their flows.

    Args:
        first_number: The number of packet 0, where `numbers` does not hold each one's.
        among: (2, count) where only a share of all packets is here: each one's place among all, and the latest time of
            any packet up to it; else empty.
        limits: In ns, as named at the top: time-outs, and the slack for late packets.
        asked: KIND, EARLY, SHARD and SHARDS.

    Returns:
        The number of the first packet not added: `count`, or less where `finished` is full and must be emptied; NONE
        where a packet's payload was left out and is needed.
    """
    kind, early, shards, width = asked[KIND], asked[EARLY], asked[SHARDS], rows.payload.shape[1]
    slots, flows, ways, links, meter = rows.slots, rows.flows, rows.ways, rows.links, rows.meter
    lengths, gaps, payload, directions = rows.lengths, rows.gaps, rows.payload, rows.directions
    chunks, chunk_next, chunk_free, pair = rows.chunks, rows.chunk_next, rows.chunk_free, rows.pair
    for number in range(first, min(count, first + FAR)):
        note_hash(packets[number], seed)
    for number in range(first, count):
        if number + FAR < count:
            fetch_slot(packets[number + FAR], slots, seed)
        if number + NEAR < count:
            fetch_row(packets[number + NEAR], slots, flows, ways, links, lengths, gaps)
        packet = packets[number]
        if packet.loss != OK:
            continue
        if meter[ROOM] < FLOWS_A_PACKET:
            return number
        now = packet.time_ns
        advance_clock(meter, limits, among[CLOCK, number] if among.shape[1] > 0 else now)
        if meter[WATERMARK] >= meter[NEXT_CHECK] and not expire(rows, finished, limits, kind):
            return number
        src_port, dst_port = ports_of(packet)
        a_high, a_low, b_high, b_low, ends, swapped = key_of(
            packet.src_high, packet.src_low, packet.dst_high, packet.dst_low,
            src_port, dst_port, packet.protocol, packet.version,
        )  # fmt: skip
        if shards > 1 and not is_of_shard(a_high, a_low, b_high, b_low, ends, asked[SHARD], shards):
            if packet.quoted_start > 0:  # the flow that an ICMP error speaks of may be of this share
                note_quoted(flows, slots, packet, data, seed)
            continue
        place_among = among[PLACE, number] if among.shape[1] > 0 else np.int64(number)
        hashed = packet.hash
        slot = find_slot(slots, flows, a_high, a_low, b_high, b_low, ends, hashed)
        row = np.int64(slots[slot, ROW])
        kept_direction = np.int64(NONE)
        if row != NONE:
            latest = meter[WATERMARK] - limits[SLACK]
            reason = split_reason(flows[row], ways[row, 0], ways[row, 1], now, packet.tcp_flags, limits, latest)
            if reason != 0:
                flows[row].ended_at = place_among
                if reason == ACTIVE:
                    kept_direction = np.int64(flows[row].swapped)
                finish(rows, finished, kind, row, reason)
                row = np.int64(NONE)
        if row == NONE:
            row = open_row(rows, finished, kind)
            slot = find_slot(slots, flows, a_high, a_low, b_high, b_low, ends, hashed)
            put_slot(slots, slot, row, hashed)
            flow = flows[row]
            flow.a_high, flow.a_low, flow.b_high, flow.b_low = a_high, a_low, b_high, b_low
            flow.ends, flow.hash = ends, hashed
            direct(flow, packet, swapped)
            if kept_direction != NONE:
                flow.swapped = kept_direction
            own_number = numbers[number] if numbers.shape[0] > 0 else first_number + number
            begin(flow, packet, swapped != flow.swapped, data, now, own_number)
            append(links, meter, row, list_of(flow))
            check_by(meter, limits, now)
        flow = flows[row]
        is_reverse = swapped != flow.swapped
        way, other = ways[row, np.int64(is_reverse)], ways[row, 1 - np.int64(is_reverse)]
        flow.last_packet = place_among
        gap_us, seen = add_statistics(flow, way, other, packet, is_reverse, now)
        if now < meter[WATERMARK]:
            check_by(meter, limits, flow.end_ns)
        place = np.int64(flow.sequence)
        if place < lengths.shape[1]:
            length = min(np.int64(32767), np.int64(packet.ip_length))
            lengths[row, place] = -length if is_reverse else length
            gaps[row, place] = min(gap_us, np.int64(0xFFFFFFFF))
            flow.sequence = place + 1
        if has_room(kind, flow, packet, is_reverse, width):
            if packet.payload_start < 0:
                return np.int64(NONE)
            keep_payload(kind, flow, row, packet, is_reverse, seen, data, payload, directions)
        if is_wanted(way, other, packet) and not lies_beyond(flow, way, packet, is_reverse):
            if packet.payload_start < 0:
                return np.int64(NONE)
            keep_first_bytes(flow, way, packet, is_reverse, data, pair, chunks, chunk_next, chunk_free, meter)
        if packet.quoted_start > 0:
            note_quoted(flows, slots, packet, data, seed)
        if early > 0 and way.packets + other.packets == early:
            flow.is_early, flow.ended_at = 1, place_among
            copy_out(rows, finished, kind, row)
            flow.is_early, flow.ended_at = 0, NONE
        if flow.protocol == TCP and not flow.closed and says_goodbye(way, other):
            unlink(links, meter, row, OPEN_HEAD)
            flow.closed = 1
            append(links, meter, row, CLOSED_HEAD)
            check_by(meter, limits, flow.end_ns)
        else:
            move_to_end(links, meter, row, list_of(flow))
    return count


@kernel(b1(ROWS, FINISHED, i8[::1], i8[::1], i8))
def advance(rows, finished, limits, asked, now):
    """Ends the flows whose time-out has passed by a clock; False where `finished` filled up first."""
    advance_clock(rows.meter, limits, now)
    return expire(rows, finished, limits, asked[KIND])


@kernel(b1(ROWS, FINISHED, i8[::1], i8))
def drain(rows, finished, asked, reason):
    """Ends flows, the longest quiet first; False where `finished` filled up before all had ended."""
    row = oldest(rows.flows, rows.meter)
    while row != NONE:
        if rows.meter[ROOM] < 1:
            return False
        rows.flows[row].ended_at = DRAINED
        finish(rows, finished, asked[KIND], row, END_OF_FLOW if rows.flows[row].closed else reason)
        row = oldest(rows.flows, rows.meter)
    return True
