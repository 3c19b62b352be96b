"""Counts over trailing windows: what a host did lately, how often, with how many others.

One table counts 64-bit hashes of "who did what"; a distinct count of X grows when a pair (X, y) is counted for the
first time and falls when its last event leaves the window. Each window holds its events in a ring.
"""

import numpy as np

from oddflow.jit import kernel

EMPTY = np.uint64(0)

# What is counted: the tag that starts each hash, and its place in a row of `counts`.
HOST_FLOWS = 0
HOST_PEERS = 1
PAIR_PORTS = 2
HOST_PORTS = 3
SERVICE_FLOWS = 4
SERVICE_CLIENTS = 5
REPEATS = 6
ALIKE = 7
HOST_FAILURES = 8
SENT = 9
COUNTS = 10

# Pairs that distinct counts are kept of.
SEEN_PEER, SEEN_PORT_OF_PAIR, SEEN_PORT, SEEN_CLIENT = 10, 11, 12, 13
KEYS_AN_EVENT = 14

# Columns of an event.
SOURCE, DESTINATION, SERVICE, EXCHANGED, FAILED, SHAPE, BYTES_OUT = 0, 1, 2, 3, 4, 5, 6
EVENT_FIELDS = 7

# A window's own counters.
RING_HEAD, RING_USED, TABLE_USED, CUT_SHORT = 0, 1, 2, 3
WINDOW_FIELDS = 4


@kernel()
def mix(hashed, word):
    """Adds a word to a hash (splitmix64's finaliser)."""
    hashed = (hashed ^ word) + np.uint64(0x9E3779B97F4A7C15)
    hashed = (hashed ^ (hashed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashed = (hashed ^ (hashed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashed ^ (hashed >> np.uint64(31))


@kernel("void(u1[::1], i4[::1], u8, u8[::1])")
def hash_text(text, offsets, seed, hashes):
    """Hashes n texts of an Arrow string column: text (b,), offsets (n + 1,) -> hashes (n,)."""
    for i in range(hashes.shape[0]):
        hashed = mix(seed, np.uint64(offsets[i + 1] - offsets[i]))
        for byte in range(offsets[i], offsets[i + 1]):
            hashed = mix(hashed, np.uint64(text[byte]))
        hashes[i] = hashed


@kernel()
def hash_of(seed, tag, first, second, third):
    """A hash of "who did what" that is never the mark of an empty slot."""
    hashed = mix(mix(mix(mix(seed, np.uint64(tag)), first), second), third)
    return hashed if hashed != EMPTY else np.uint64(1)


@kernel()
def bump(table, values, window, hashed, amount):
    """Adds to a count and returns it; a count that falls to zero leaves the table."""
    mask = table.shape[0] - 1
    slot = np.int64(hashed & np.uint64(mask))
    while table[slot] != EMPTY and table[slot] != hashed:
        slot = (slot + 1) & mask
    if table[slot] == EMPTY:
        table[slot] = hashed
        values[slot] = 0
        window[TABLE_USED] += 1
    values[slot] += amount
    if values[slot] != 0:
        return values[slot]
    window[TABLE_USED] -= 1
    hole = slot
    slot = (slot + 1) & mask
    while table[slot] != EMPTY:
        home = np.int64(table[slot] & np.uint64(mask))
        if ((slot - home) & mask) >= ((slot - hole) & mask):
            table[hole] = table[slot]
            values[hole] = values[slot]
            hole = slot
        slot = (slot + 1) & mask
    table[hole] = EMPTY
    return 0


@kernel()
def value_of(table, values, hashed):
    """A count, 0 where nothing was counted."""
    mask = table.shape[0] - 1
    slot = np.int64(hashed & np.uint64(mask))
    while table[slot] != EMPTY:
        if table[slot] == hashed:
            return values[slot]
        slot = (slot + 1) & mask
    return 0


@kernel()
def keys_of(event, seed, keys):
    """The hashes that an event counts under. A source's flows that exchanged data and its flows that did not are
    counted apart, so that a scan does not colour what else its host does."""
    nothing = np.uint64(0)
    host, peer, service, kind = event[SOURCE], event[DESTINATION], event[SERVICE], event[EXCHANGED]
    keys[HOST_FLOWS] = hash_of(seed, HOST_FLOWS, host, kind, nothing)
    keys[HOST_PEERS] = hash_of(seed, HOST_PEERS, host, kind, nothing)
    keys[PAIR_PORTS] = hash_of(seed, PAIR_PORTS, host, peer, kind)
    keys[HOST_PORTS] = hash_of(seed, HOST_PORTS, host, kind, nothing)
    keys[SERVICE_FLOWS] = hash_of(seed, SERVICE_FLOWS, peer, service, kind)
    keys[SERVICE_CLIENTS] = hash_of(seed, SERVICE_CLIENTS, peer, service, kind)
    keys[REPEATS] = hash_of(seed, REPEATS, mix(host, kind), peer, service)
    keys[ALIKE] = hash_of(seed, ALIKE, mix(host, event[SHAPE]), peer, service)
    keys[HOST_FAILURES] = hash_of(seed, HOST_FAILURES, host, event[FAILED], nothing)
    keys[SENT] = hash_of(seed, SENT, host, peer, service)


@kernel()
def pair_key(event, seed, tag):
    """The hash of a pair whose first and last events move a distinct count."""
    host, peer, service, kind = event[SOURCE], event[DESTINATION], event[SERVICE], event[EXCHANGED]
    if tag == SEEN_PEER:
        return hash_of(seed, tag, host, peer, kind)
    if tag == SEEN_PORT_OF_PAIR:
        return hash_of(seed, tag, mix(host, kind), peer, service)
    if tag == SEEN_PORT:
        return hash_of(seed, tag, host, service, kind)
    return hash_of(seed, tag, mix(peer, service), host, kind)


@kernel()
def distinct_place(tag):
    """Which distinct count a pair belongs to."""
    if tag == SEEN_PEER:
        return HOST_PEERS
    if tag == SEEN_PORT_OF_PAIR:
        return PAIR_PORTS
    return HOST_PORTS if tag == SEEN_PORT else SERVICE_CLIENTS


@kernel()
def count_event(event, seed, keys, table, values, window, sign):
    """Adds (sign 1) or takes away (sign -1) one event."""
    keys_of(event, seed, keys)
    for place in (HOST_FLOWS, SERVICE_FLOWS, REPEATS, ALIKE):
        bump(table, values, window, keys[place], sign)
    if event[FAILED]:
        bump(table, values, window, keys[HOST_FAILURES], sign)
    if event[BYTES_OUT]:
        bump(table, values, window, keys[SENT], sign * np.int64(event[BYTES_OUT]))
    for tag in range(SEEN_PEER, SEEN_CLIENT + 1):
        left = bump(table, values, window, pair_key(event, seed, tag), sign)
        if (sign > 0 and left == 1) or (sign < 0 and left == 0):
            bump(table, values, window, keys[distinct_place(tag)], sign)


@kernel("void(i8[::1], u8[:, ::1], i8, u8, i8[::1], u8[:, ::1], u8[::1], i8[::1], i8[::1], f4[:, ::1])", allocates=True)
def count_windows(end_ns, events, width_ns, seed, ring_ns, ring, table, values, window, counts):
    """Counts over one trailing window.

    Args:
        end_ns: (n,) times, ascending but for late records. events: (n, EVENT_FIELDS) uint64.
        width_ns: An event counts while it is younger than this.
        ring_ns, ring: The events still in the window; when the ring is full the oldest leaves early.
        table, values: The counts, open addressing; at least KEYS_AN_EVENT × 2 slots for each place of the ring.
        counts: (n, COUNTS) float32, filled: each flow's counts, itself included.
    """
    keys = np.zeros(COUNTS, np.uint64)
    capacity = ring_ns.shape[0]
    for i in range(end_ns.shape[0]):
        event = events[i]
        while window[RING_USED] > 0:
            oldest = window[RING_HEAD]
            full = window[RING_USED] == capacity
            if not full and ring_ns[oldest] > end_ns[i] - width_ns:
                break
            if full and ring_ns[oldest] > end_ns[i] - width_ns:
                window[CUT_SHORT] += 1
            count_event(ring[oldest], seed, keys, table, values, window, -1)
            window[RING_HEAD] = (oldest + 1) % capacity
            window[RING_USED] -= 1
        place = (window[RING_HEAD] + window[RING_USED]) % capacity
        ring_ns[place] = end_ns[i]
        ring[place, :] = event
        window[RING_USED] += 1
        count_event(event, seed, keys, table, values, window, 1)
        for count in range(COUNTS):
            counts[i, count] = value_of(table, values, keys[count])
        if not event[FAILED]:
            counts[i, HOST_FAILURES] = 0
