"""Deals packets out to shards: each packet's record and as many of its bytes as its shard may need."""

import numpy as np
from numba import i4, i8, types, u1, void

from oddflow._memory_kernels import copy_bytes
from oddflow.capture._layout import FRAGMENT_ALONE, FRAGMENT_FIRST, OK, PACKET_ARRAY
from oddflow.flows._key_kernels import ICMP, ICMP6, TCP, UDP, addresses_at, hash_key, key_of, ports_of
from oddflow.flows._layout import NONE
from oddflow.flows._statistics_kernels import ACK, SYN
from oddflow.jit import kernel

LATEST, EARLIEST, SET_BACK, ALONE, FIRST = 0, 1, 2, 3, 4
NOTES = 5
"""What is noted of all packets: latest and earliest time, whether the clock was set back, and how many later fragments
were met without their first one, and first ones."""
ALLOWED_BACK, TALK, ENOUGH, WHOLE = 0, 1, 2, 3
"""What is asked for: how far the clock may go back in ns, the silence after which a flow may begin anew in ns, so many
payload bytes one way as are surely enough, and whether all are wanted all the same."""
PACKETS, BYTES = 0, 1
HASH, SILENT_SINCE, SENT_UP, SENT_DOWN = 0, 1, 2, 3
FIRST_BYTE = 16
"""Where bytes begin in a part: in a record, a place of 0 says that there is none."""


@kernel()
def hash_of_quoted(data, packet):
    """The hash of the key of the flow that an ICMP error speaks of, and whether there is one."""
    at, end = np.int64(packet.quoted_start), np.int64(packet.start) + packet.captured
    version, src_high, src_low, dst_high, dst_low = addresses_at(data, at, end)
    if version == 0:
        return np.uint64(0), False
    protocol = np.int64(data[at + 9]) if version == 4 else np.int64(data[at + 6])
    at += np.int64(data[at] & 15) * 4 if version == 4 else 40
    if protocol in (ICMP, ICMP6) or at + 4 > end:
        return np.uint64(0), False
    has_ports = protocol in (TCP, UDP, 33, 132, 136)
    src_port = (np.int64(data[at]) << 8) | np.int64(data[at + 1]) if has_ports else np.int64(0)
    dst_port = (np.int64(data[at + 2]) << 8) | np.int64(data[at + 3]) if has_ports else np.int64(0)
    a_high, a_low, b_high, b_low, ends, _ = key_of(
        src_high, src_low, dst_high, dst_low, src_port, dst_port, protocol, version
    )
    return hash_key(a_high, a_low, b_high, b_low, ends, np.uint64(0)), True


@kernel()
def is_sent(packet, hashed, swapped, known, asked):
    """Whether a packet's payload goes along: not where its flow's first bytes, that way, have surely passed."""
    if asked[WHOLE] or packet.payload_captured == 0 or packet.quoted_start > 0:
        return True
    row = known[np.int64(hashed) & np.int64(known.shape[0] - 1)]
    now = packet.time_ns
    begins = packet.protocol == TCP and (np.int64(packet.tcp_flags) & (SYN | ACK)) == SYN
    if row[HASH] != np.int64(hashed) or begins or now - row[SILENT_SINCE] > asked[TALK]:
        row[HASH], row[SENT_UP], row[SENT_DOWN] = np.int64(hashed), 0, 0
    row[SILENT_SINCE] = now
    way = SENT_DOWN if swapped else SENT_UP
    if row[way] >= asked[ENOUGH]:
        return False
    row[way] += packet.payload_captured
    return True


@kernel(void(u1[::1], i8, PACKET_ARRAY, i8[:, ::1], i8[::1], i8[::1], i4[:, ::1], i8[:, ::1]))
def deal(data, count, packets, known, asked, notes, shards, sizes):
    """Tells where packets go.

    Args:
        known: (a power of 2, 4): of flows that were met lately, how much of their payload was sent.
        asked, notes: As named at the top.
        shards: (count, 3), filled: a packet's shard, that of the flow it quotes, each or NONE, and whether its payload
            goes along.
        sizes: (shards, 2), filled: packets and bytes for each.
    """
    number_of_shards = np.uint64(sizes.shape[0])
    sizes[:, :] = 0
    for number in range(count):
        packet = packets[number]
        shards[number, 0] = shards[number, 1] = NONE
        if packet.loss != OK:
            continue
        now = packet.time_ns
        if now < notes[LATEST] - asked[ALLOWED_BACK]:
            notes[SET_BACK] = 1
        notes[LATEST] = max(notes[LATEST], now)
        notes[EARLIEST] = min(notes[EARLIEST], now)
        notes[ALONE] += packet.fragment == FRAGMENT_ALONE
        notes[FIRST] += packet.fragment == FRAGMENT_FIRST
        src_port, dst_port = ports_of(packet)
        a_high, a_low, b_high, b_low, ends, swapped = key_of(
            packet.src_high, packet.src_low, packet.dst_high, packet.dst_low,
            src_port, dst_port, packet.protocol, packet.version,
        )  # fmt: skip
        hashed = hash_key(a_high, a_low, b_high, b_low, ends, np.uint64(0))
        goes = is_sent(packet, hashed, swapped, known, asked)
        size = np.int64(packet.captured) if goes else np.int64(packet.payload_start) - packet.start
        shard = np.int64(hashed % number_of_shards)
        shards[number, 0], shards[number, 2] = shard, goes
        sizes[shard, PACKETS] += 1
        sizes[shard, BYTES] += size
        if packet.quoted_start > 0:
            quoted, is_there = hash_of_quoted(data, packet)
            other = np.int64(quoted % number_of_shards)
            if is_there and other != shard:
                shards[number, 1] = other
                sizes[other, PACKETS] += 1
                sizes[other, BYTES] += packet.captured


@kernel(
    types.UniTuple(i8, 2)(
        u1[::1], i8, i8, i8, PACKET_ARRAY, i8[::1], i4[:, ::1], i8, i8, i8, i8, u1[::1], PACKET_ARRAY, i8[:, ::1]
    )
)
def take(data, count, first_number, first_place, packets, numbers, shards, shard, latest, at, used, to_data, to_packets,
         to_numbers):  # fmt: skip
    """Copies one shard's packets to the end of its part.

    Args:
        first_number, numbers: As `meter_packets` has them. first_place: The place of packet 0 among all.
        latest: The latest time before packet 0, in ns.
        at, used: Packets and bytes that are in the part already.
        to_numbers: (3, room): number, place and clock of each packet.

    Returns:
        Packets and bytes that are in the part now.
    """
    for number in range(count):
        packet = packets[number]
        if packet.loss != OK:
            continue
        latest = max(latest, packet.time_ns)
        if shards[number, 0] != shard and shards[number, 1] != shard:
            continue
        start = np.int64(packet.start)
        goes = shards[number, 0] != shard or shards[number, 2] != 0
        size = np.int64(packet.captured) if goes else np.int64(packet.payload_start) - start
        copy_bytes(to_data, used, data, start, size)
        to_packets[at] = packet
        moved = to_packets[at]
        moved.start = used
        moved.ip_start += used - start
        moved.payload_start = packet.payload_start + used - start if goes else NONE
        if packet.quoted_start > 0:
            moved.quoted_start += used - start
        if packet.outer_start > 0:
            moved.outer_start += used - start
        to_numbers[0, at] = numbers[number] if numbers.shape[0] > 0 else first_number + number
        to_numbers[1, at] = first_place + number
        to_numbers[2, at] = latest
        used += size
        at += 1
    return at, used


@kernel(i8(i8, PACKET_ARRAY, i8, i8, i8[::1], i8[::1]))
def note_times(count, packets, first_place, latest, places, times):
    """Notes the packets that are later than all before them; how many there are."""
    noted = 0
    for number in range(count):
        if packets[number].loss == OK and packets[number].time_ns > latest:
            latest = packets[number].time_ns
            places[noted], times[noted] = first_place + number, latest
            noted += 1
    return noted
