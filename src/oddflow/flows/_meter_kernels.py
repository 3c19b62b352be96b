"""The flow meter: packets to statistics of bidirectional flows, in fixed memory.

Flows live in numbered rows, which `_key_kernels.py` finds by key. Three linked lists hold the rows by time of the last
packet: open TCP flows, TCP flows that have said goodbye, and all others. A finished row stands in `done` until Python
has copied it out.
"""

import numpy as np
from numba import i2, i4, i8, u1, u4, u8

from oddflow.capture._layout import FRAGMENT_ALONE, OK, PACKET_ARRAY
from oddflow.flows._key_kernels import KEY_WORDS, TCP, fill_key, find_slot, hash_key, remove_slot
from oddflow.flows._layout import (
    BYTES,
    CLOSED,
    CLOSED_HEAD,
    DATAGRAM_HEAD,
    DIRECTION_BY,
    DONE_COUNT,
    END,
    END_REASON,
    EVICTED,
    FIRST_PACKET,
    FLAGS,
    FORWARD,
    FREE_COUNT,
    GAP_MAX,
    GAP_MIN,
    GAP_SQUARES,
    ICMP_CODE,
    ICMP_TYPE,
    LENGTH_MAX,
    LENGTH_MIN,
    LENGTH_SQUARES,
    NONE,
    OPEN_HEAD,
    PACKETS,
    PAYLOAD_BYTES,
    PAYLOAD_PACKETS,
    PAYLOAD_USED,
    PROTOCOL,
    REVERSE,
    SEQUENCE,
    SHARD,
    SHARDS,
    START,
    SWAPPED,
    TTL_MAX,
    TTL_MIN,
    VERSION,
    VLAN,
    WATERMARK,
    WAY_GAP_MAX,
    WAY_GAP_MIN,
    WAY_GAP_SQUARES,
    WAY_GAP_SUM,
    WAY_LAST,
    WINDOW_FIRST,
    WINDOW_MAX,
)
from oddflow.jit import kernel

IDLE, ACTIVE, END_OF_FLOW, FORCED, LACK_OF_RESOURCES = 1, 2, 3, 4, 5
BY_SYN, BY_FIRST_PACKET = 1, 2
IDLE_TCP, LONGEST, AFTER_CLOSE, SLACK, IDLE_DATAGRAM = 0, 1, 2, 3, 4
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10

NOTHING = np.int64(0)

SHARD_SEED = np.uint64(0x9E3779B97F4A7C15)
"""The same in all workers, so that they agree on who meters what."""


@kernel()
def unlink(links, meter, row, head):
    """Takes a row out of the list that starts at meter[head]."""
    before, after = links[row, 0], links[row, 1]
    if before == NONE:
        meter[head] = after
    else:
        links[before, 1] = after
    if after == NONE:
        meter[head + 1] = before
    else:
        links[after, 0] = before


@kernel()
def append(links, meter, row, head):
    """Puts a row at the end of the list that starts at meter[head]."""
    tail = meter[head + 1]
    links[row, 0] = tail
    links[row, 1] = NONE
    if tail == NONE:
        meter[head] = row
    else:
        links[tail, 1] = row
    meter[head + 1] = row


@kernel(inline=True)
def list_of(rows, row):
    """The list a row stands in."""
    if rows[row, CLOSED]:
        return CLOSED_HEAD
    return OPEN_HEAD if rows[row, PROTOCOL] == TCP else DATAGRAM_HEAD


@kernel()
def finish(slots, hashes, links, meter, rows, done, row, reason):
    """Ends a flow: it keeps its row until Python has copied it."""
    remove_slot(slots, hashes, row)
    unlink(links, meter, row, list_of(rows, row))
    rows[row, END_REASON] = reason
    done[meter[DONE_COUNT]] = row
    meter[DONE_COUNT] += 1


@kernel()
def expire(slots, hashes, links, meter, rows, done, limits):
    """Ends the flows whose time-out has passed, or that the clock has left behind when it was set back;
    False where `done` filled up first."""
    now = meter[WATERMARK] - limits[SLACK]
    future = meter[WATERMARK] + max(limits[IDLE_TCP], limits[IDLE_DATAGRAM])
    for head, timeout, reason in (
        (OPEN_HEAD, limits[IDLE_TCP], IDLE),
        (CLOSED_HEAD, limits[AFTER_CLOSE], END_OF_FLOW),
        (DATAGRAM_HEAD, limits[IDLE_DATAGRAM], IDLE),
    ):
        while meter[head] != NONE and not now - timeout <= rows[meter[head], END] <= future:
            if meter[DONE_COUNT] + 2 >= done.shape[0]:
                return False
            finish(slots, hashes, links, meter, rows, done, meter[head], reason)
    return True


@kernel()
def oldest(meter, rows):
    """The row whose last packet is the longest ago."""
    found = np.int64(NONE)
    for head in (CLOSED_HEAD, OPEN_HEAD, DATAGRAM_HEAD):
        row = meter[head]
        if row != NONE and (found == NONE or rows[row, END] < rows[found, END]):
            found = row
    return found


@kernel(inline=True)
def split_reason(rows, row, now, flags, limits):
    """Why a packet does not belong to the flow of its key any more, or 0 where it does."""
    gap = now - rows[row, END]
    if abs(gap) > limits[IDLE_TCP if rows[row, PROTOCOL] == TCP else IDLE_DATAGRAM]:
        return IDLE
    if rows[row, CLOSED] and (gap > limits[AFTER_CLOSE] or (flags & (SYN | ACK)) == SYN):
        return END_OF_FLOW
    if now - rows[row, START] > limits[LONGEST]:
        return ACTIVE
    return 0


@kernel(inline=True)
def begin(rows, row, packet, swapped, now, number):
    """Fills the row of a new flow from its first packet; the initiator is that packet's source unless it
    answers a SYN."""
    rows[row, :] = 0
    flags = packet.tcp_flags
    answered = packet.protocol == TCP and (flags & (SYN | ACK)) == (SYN | ACK)
    rows[row, SWAPPED] = 1 - swapped if answered else swapped
    rows[row, DIRECTION_BY] = BY_SYN if packet.protocol == TCP and flags & SYN else BY_FIRST_PACKET
    rows[row, START] = now
    rows[row, END] = now
    rows[row, FIRST_PACKET] = number
    rows[row, PROTOCOL] = packet.protocol
    rows[row, VERSION] = packet.version
    rows[row, VLAN] = packet.vlan
    rows[row, ICMP_TYPE] = packet.icmp_type
    rows[row, ICMP_CODE] = packet.icmp_code


@kernel(inline=True)
def add_to_direction(rows, row, way, packet, now):
    """Adds a packet to the statistics of its direction; `way` is where that direction's block starts."""
    length = np.int64(packet.ip_length)
    first = rows[row, way + PACKETS] == 0
    if first:
        rows[row, way + LENGTH_MIN] = length
        rows[row, way + WINDOW_FIRST] = packet.window
        rows[row, way + TTL_MIN] = packet.ttl
    else:
        gap = max(NOTHING, now - rows[row, way + WAY_LAST]) // 1000
        if rows[row, way + PACKETS] == 1 or gap < rows[row, way + WAY_GAP_MIN]:
            rows[row, way + WAY_GAP_MIN] = gap
        rows[row, way + WAY_GAP_MAX] = max(rows[row, way + WAY_GAP_MAX], gap)
        rows[row, way + WAY_GAP_SUM] += gap
        rows[row, way + WAY_GAP_SQUARES] += gap * gap
    rows[row, way + PACKETS] += 1
    rows[row, way + BYTES] += length
    rows[row, way + PAYLOAD_BYTES] += packet.payload_length
    rows[row, way + PAYLOAD_PACKETS] += np.int64(packet.payload_length > 0)
    rows[row, way + LENGTH_SQUARES] += length * length
    rows[row, way + LENGTH_MIN] = min(rows[row, way + LENGTH_MIN], length)
    rows[row, way + LENGTH_MAX] = max(rows[row, way + LENGTH_MAX], length)
    if packet.protocol == TCP and packet.fragment != FRAGMENT_ALONE:
        for bit in range(8):
            rows[row, way + FLAGS + bit] += (packet.tcp_flags >> bit) & 1
    rows[row, way + WINDOW_MAX] = max(rows[row, way + WINDOW_MAX], np.int64(packet.window))
    rows[row, way + TTL_MIN] = min(rows[row, way + TTL_MIN], np.int64(packet.ttl))
    rows[row, way + TTL_MAX] = max(rows[row, way + TTL_MAX], np.int64(packet.ttl))
    rows[row, way + WAY_LAST] = max(rows[row, way + WAY_LAST], now)


@kernel(inline=True)
def add_to_sequence(rows, row, is_reverse, packet, gap_us, lengths, gaps):
    """Notes the signed length and the gap of one of the first packets."""
    place = rows[row, SEQUENCE]
    if place < lengths.shape[1]:
        length = min(np.int64(32767), np.int64(packet.ip_length))
        lengths[row, place] = -length if is_reverse else length
        gaps[row, place] = min(gap_us, np.int64(0xFFFFFFFF))
        rows[row, SEQUENCE] = place + 1


@kernel(inline=True)
def add_to_payload(rows, row, packet, data, payload):
    """Keeps the first payload bytes, in arrival order."""
    used = rows[row, PAYLOAD_USED]
    size = min(np.int64(packet.payload_captured), payload.shape[1] - used)
    start = np.int64(packet.payload_start)
    if size > 0:
        payload[row, used : used + size] = data[start : start + size]
        rows[row, PAYLOAD_USED] = used + size


@kernel(inline=True)
def add_packet(rows, row, swapped, packet, now, data, lengths, gaps, payload):
    """Adds a packet to its flow."""
    is_reverse = swapped != rows[row, SWAPPED]
    gap_us = max(NOTHING, now - rows[row, END]) // 1000
    count = rows[row, FORWARD + PACKETS] + rows[row, REVERSE + PACKETS]
    if count > 0:
        rows[row, GAP_SQUARES] += gap_us * gap_us
        rows[row, GAP_MIN] = gap_us if count == 1 else min(rows[row, GAP_MIN], gap_us)
        rows[row, GAP_MAX] = max(rows[row, GAP_MAX], gap_us)
    add_to_sequence(rows, row, is_reverse, packet, gap_us, lengths, gaps)
    add_to_direction(rows, row, REVERSE if is_reverse else FORWARD, packet, now)
    add_to_payload(rows, row, packet, data, payload)
    rows[row, START] = min(rows[row, START], now)
    rows[row, END] = max(rows[row, END], now)


@kernel(inline=True)
def says_goodbye(rows, row):
    """Whether a TCP flow is over: reset, or FIN both ways (RFC 9293 section 3.6)."""
    resets = rows[row, FORWARD + FLAGS + 2] + rows[row, REVERSE + FLAGS + 2]
    return resets > 0 or (rows[row, FORWARD + FLAGS] > 0 and rows[row, REVERSE + FLAGS] > 0)


@kernel(
    i8(
        u1[::1], i8, i8, i8, PACKET_ARRAY, i8[::1],
        i4[::1], u8[:, ::1], u8[::1], i4[:, ::1], i8[::1], i8[:, ::1], i4[::1], i4[::1],
        i2[:, ::1], u4[:, ::1], u1[:, ::1], i8[::1], u8,
    )
)  # fmt: skip
def meter_packets(
    data, first, count, first_number, packets, numbers,
    slots, keys, hashes, links, meter, rows, free, done,
    lengths, gaps, payload, limits, seed,
):  # fmt: skip
    """Adds packets [first, count) to their flows.

    Args:
        first_number: The number of packet 0, where `numbers` does not hold each one's.
        limits: In ns, as named at the top: time-outs, and the slack for late packets.

    Returns:
        The number of the first packet not added: `count`, or less where `done` is full and must be emptied.
    """
    key = np.empty(KEY_WORDS, np.uint64)
    for number in range(first, count):
        packet = packets[number]
        if packet.loss != OK:
            continue
        now = packet.time_ns
        # a packet so late that its flow would be over at once: the clock was set back
        if now > meter[WATERMARK] or now < meter[WATERMARK] - limits[SLACK] - max(
            limits[IDLE_TCP], limits[IDLE_DATAGRAM]
        ):
            meter[WATERMARK] = now
        if meter[DONE_COUNT] + 2 >= done.shape[0]:
            return number
        if not expire(slots, hashes, links, meter, rows, done, limits):
            return number
        swapped = fill_key(packet, key)
        if meter[SHARDS] > 1:
            owner = hash_key(key, SHARD_SEED) % np.uint64(meter[SHARDS])
            if np.int64(owner) != meter[SHARD]:
                continue
        hashed = hash_key(key, seed)
        slot = find_slot(slots, keys, hashes, key, hashed)
        row = np.int64(slots[slot])
        kept_direction = np.int64(NONE)
        if row != NONE:
            reason = split_reason(rows, row, now, packet.tcp_flags, limits)
            if reason != 0:
                if reason == ACTIVE:
                    kept_direction = rows[row, SWAPPED]
                finish(slots, hashes, links, meter, rows, done, row, reason)
                row = np.int64(NONE)
        if row == NONE:
            if meter[FREE_COUNT] <= done.shape[0] - meter[DONE_COUNT]:
                victim = oldest(meter, rows)
                over = rows[victim, CLOSED]
                meter[EVICTED] += 1 - over
                finish(slots, hashes, links, meter, rows, done, victim, END_OF_FLOW if over else LACK_OF_RESOURCES)
            slot = find_slot(slots, keys, hashes, key, hashed)
            meter[FREE_COUNT] -= 1
            row = np.int64(free[meter[FREE_COUNT]])
            own_number = numbers[number] if numbers.shape[0] > 0 else first_number + number
            begin(rows, row, packet, swapped, now, own_number)
            lengths[row, :] = 0
            gaps[row, :] = 0
            if kept_direction != NONE:
                rows[row, SWAPPED] = kept_direction
            keys[row, :] = key
            hashes[row] = hashed
            slots[slot] = row
            append(links, meter, row, list_of(rows, row))
        else:
            head = list_of(rows, row)
            unlink(links, meter, row, head)
            append(links, meter, row, head)
        add_packet(rows, row, swapped, packet, now, data, lengths, gaps, payload)
        if packet.protocol == TCP and not rows[row, CLOSED] and says_goodbye(rows, row):
            unlink(links, meter, row, OPEN_HEAD)
            rows[row, CLOSED] = 1
            append(links, meter, row, CLOSED_HEAD)
    return count


@kernel("i8(i4[::1], u8[::1], i4[:, ::1], i8[::1], i8[:, ::1], i4[::1], i8)")
def drain(slots, hashes, links, meter, rows, done, reason):
    """Ends flows, the longest quiet first, until `done` is full or none is left; the number still open."""
    row = oldest(meter, rows)
    while row != NONE and meter[DONE_COUNT] < done.shape[0]:
        finish(slots, hashes, links, meter, rows, done, row, END_OF_FLOW if rows[row, CLOSED] else reason)
        row = oldest(meter, rows)
    return np.int64(row != NONE)
