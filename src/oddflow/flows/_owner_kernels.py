"""Which flow each packet went to, told beside the meter by counting.

A flow's packets are the next ones of its key: so many as its record says once it has ended. The meter has ended flows
by the time that its packets are looked at here, so the ended ones of a key wait in line for theirs.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
from numba import i4, i8, types, u1, void

from oddflow.capture._layout import OK, PACKET_ARRAY
from oddflow.flows._key_kernels import ROW, find_slot, key_of, ports_of, put_slot, remove_slot
from oddflow.flows._layout import FLOW_ARRAY, NONE, WAY_ARRAY
from oddflow.jit import kernel

OWNER = np.dtype(
    [
        ("a_high", np.uint64),
        ("a_low", np.uint64),
        ("b_high", np.uint64),
        ("b_low", np.uint64),
        ("ends", np.uint64),
        ("hash", np.uint64),
        ("packets", np.int64),
        ("expected", np.int64),
        ("serial", np.int64),
        ("next", np.int32),
    ],
    align=True,
)
"""A flow as far as its packets are told: its key, how many were found and, once it has ended, how many it has; the
number of flows before it; the row of the next flow of its key, where that has ended, too."""

FREE_COUNT, NEXT_SERIAL = 0, 1


class Owners(NamedTuple):
    """slots: the hash table, (a power of 2, 2) rows or NONE, and bits of their hashes. rows (n,) OWNER. free (n,): a
    stack of unused rows. counters (2,)."""

    slots: Any
    rows: Any
    free: Any
    counters: Any


OWNERS = types.NamedTuple((i4[:, ::1], numba.from_dtype(OWNER)[::1], i4[::1], i8[::1]), Owners)
"""Its Numba type."""


@kernel()
def open_owner(owners, a_high, a_low, b_high, b_low, ends, hashed):
    """A row for a flow of this key, without packets yet.

    Raises:
        IndexError: There is none left, which the meter's own limit rules out.
    """
    if owners.counters[FREE_COUNT] <= 0:
        raise IndexError("more flows than the meter has open")
    owners.counters[FREE_COUNT] -= 1
    row = np.int64(owners.free[owners.counters[FREE_COUNT]])
    owner = owners.rows[row]
    owner.a_high, owner.a_low, owner.b_high, owner.b_low = a_high, a_low, b_high, b_low
    owner.ends, owner.hash = ends, hashed
    owner.packets, owner.expected, owner.next = 0, NONE, NONE
    owner.serial = owners.counters[NEXT_SERIAL]
    owners.counters[NEXT_SERIAL] += 1
    return row


@kernel()
def leave(owners, slot, row):
    """Where a flow has all of its packets, the next one of its key has its turn, if one waits."""
    owner = owners.rows[row]
    if owner.packets != owner.expected:
        return
    if owner.next == NONE:
        remove_slot(owners.slots, owners.rows, row)
    else:
        owners.slots[slot, ROW] = owner.next


@kernel(void(PACKET_ARRAY, i8, i8, FLOW_ARRAY, WAY_ARRAY, i8, i8, OWNERS, i4[::1], i4[::1], u1[::1]))
def assign(packets, first, until, finished, ways, done, now_done, owners, of_finished, of_packets, from_greater):
    """Finds the rows of the flows that the meter ended, [done, now_done), and of packets [first, until); NONE where a
    packet was lost or a record is an early one. `from_greater`: whether the greater end of the key sent a packet."""
    slots, rows = owners.slots, owners.rows
    for number in range(done, now_done):
        flow = finished[number]
        of_finished[number] = NONE
        if flow.is_early:
            continue
        slot = find_slot(slots, rows, flow.a_high, flow.a_low, flow.b_high, flow.b_low, flow.ends, flow.hash)
        row = np.int64(slots[slot, ROW])
        before = np.int64(NONE)
        while row != NONE and rows[row].expected != NONE:
            before, row = row, np.int64(rows[row].next)
        if row == NONE:
            row = open_owner(owners, flow.a_high, flow.a_low, flow.b_high, flow.b_low, flow.ends, flow.hash)
            if before == NONE:
                put_slot(slots, slot, row, flow.hash)
            else:
                rows[before].next = row
        rows[row].expected = ways[number, 0].packets + ways[number, 1].packets
        of_finished[number] = row
        if before == NONE:
            leave(owners, slot, row)
    for number in range(first, until):
        packet = packets[number]
        of_packets[number] = NONE
        if packet.loss != OK:
            continue
        src_port, dst_port = ports_of(packet)
        a_high, a_low, b_high, b_low, ends, swapped = key_of(
            packet.src_high, packet.src_low, packet.dst_high, packet.dst_low,
            src_port, dst_port, packet.protocol, packet.version,
        )  # fmt: skip
        slot = find_slot(slots, rows, a_high, a_low, b_high, b_low, ends, packet.hash)
        row = np.int64(slots[slot, ROW])
        if row == NONE:
            row = open_owner(owners, a_high, a_low, b_high, b_low, ends, packet.hash)
            put_slot(slots, slot, row, packet.hash)
        of_packets[number], from_greater[number] = row, swapped
        rows[row].packets += 1
        leave(owners, slot, row)
