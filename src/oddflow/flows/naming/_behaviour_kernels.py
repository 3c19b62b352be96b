"""Whom each host speaks with, in a bounded table, and the name that this gives a flow."""

import math

import numpy as np

from oddflow._memory_kernels import fetch
from oddflow.jit import kernel

WAYS = 8
"""Places a host may have in the table; the one least recently seen gives way."""
FNV_OFFSET, FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
MIXER = np.uint64(0x9E3779B97F4A7C15)
BITS = 64
COUNTED = np.array([BITS * math.log(BITS / max(zeros, 1)) for zeros in range(BITS + 1)])
"""How many different things are most likely where so many bits are still zero: linear counting (Whang et al. 1990)."""
FAR, NEAR = 16, 8
"""So many flows ahead, a host's places in the table and then what is known of it are fetched."""

FLOWS_OUT, FAILED_OUT, FLOWS_IN, FAILED_IN, COUNTS = 0, 1, 2, 3, 4
PEERS_OUT, PORTS_OUT, PEERS_IN, PORTS_IN, TCP_PEERS, UDP_PEERS, SKETCHES = 0, 1, 2, 3, 4, 5, 6
"""Sketches of distinct things: bitmaps of 64 bits, the current one and, SKETCHES later, the one before."""

UNNAMED, ADDRESS_SCAN, PORT_SCAN, FLOOD, PEER_TO_PEER, SERVICE, CLIENT, PAIR = -1, 0, 1, 2, 3, 4, 5, 6
SCAN_FLOWS, SCAN_TARGETS, FLOOD_PEERS, FAILED_SHARE = 10, 10.0, 40.0, 0.7
PEER_FLOWS, PEER_TARGETS, PEER_PORTS_SHARE, BOTH_TRANSPORTS = 5, 5.0, 0.5, 3
SERVICE_PEERS, CLIENT_SERVERS, PAIR_FLOWS = 3.0, 4.0, 3
TCP, UDP = 6, 17


@kernel()
def mixed(word):
    """Spreads a number's bits."""
    word = (word ^ (word >> np.uint64(31))) * MIXER
    return word ^ (word >> np.uint64(29))


@kernel()
def text_hash(text, begin, end):
    """FNV-1a of bytes, mixed; never 0."""
    word = FNV_OFFSET
    for place in range(begin, end):
        word = (word ^ np.uint64(text[place])) * FNV_PRIME
    return mixed(word) | np.uint64(1)


@kernel()
def bit_of(word):
    """One of 64 bits."""
    return np.uint64(1) << (mixed(word) >> np.uint64(58))


@kernel()
def ones(word):
    """How many bits are set."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel()
def distinct(sketches, which):
    """How many different things a sketch has seen; at most about 266."""
    return COUNTED[BITS - ones(sketches[which] | sketches[SKETCHES + which])]


@kernel()
def first_place(key, keys):
    """The first of the places that a host may have."""
    return np.int64(key % np.uint64(keys.shape[0] // WAYS)) * WAYS


@kernel()
def fetch_places(key, keys, seen):
    """Has the places of a host brought into the cache."""
    first = first_place(key, keys)
    fetch(keys, first, 0)
    fetch(keys, first + WAYS - 1, 7)
    fetch(seen, first, 0)
    fetch(seen, first + WAYS - 1, 7)


@kernel()
def fetch_host(key, keys, seen, counts, sketches):
    """Has what is known of a host, or of the one that it will push out, brought into the cache."""
    first = first_place(key, keys)
    found = first
    for place in range(first, first + WAYS):
        if keys[place] == key:
            found = place
            break
        if seen[place] < seen[found]:
            found = place
    fetch(counts, found * COUNTS, 0)
    fetch(sketches, found * 2 * SKETCHES, 0)
    fetch(sketches, found * 2 * SKETCHES + 2 * SKETCHES - 1, 0)


@kernel()
def place_of(key, clock, keys, seen, counts, sketches, evicted):
    """The host's place in the table; a new host takes the place least recently seen of its set."""
    first = first_place(key, keys)
    oldest = first
    for place in range(first, first + WAYS):
        if keys[place] == key:
            seen[place] = clock
            return place
        if seen[place] < seen[oldest]:
            oldest = place
    if keys[oldest] != 0:
        evicted[0] += 1
    keys[oldest], seen[oldest] = key, clock
    counts[oldest, :] = 0
    sketches[oldest, :] = 0
    return oldest


@kernel()
def forget(counts, sketches, window):
    """After `window` flows of a host the older half of what is known of it goes."""
    if counts[FLOWS_OUT] + counts[FLOWS_IN] < window:
        return
    for field in range(COUNTS):
        counts[field] //= 2
    for which in range(SKETCHES):
        sketches[SKETCHES + which] = sketches[which]
        sketches[which] = 0


@kernel()
def name_of(out_counts, out_sketches, in_counts, in_sketches):
    """The name that the initiator's and the responder's pattern give a flow between them."""
    flows, targets, ports = out_counts[FLOWS_OUT], distinct(out_sketches, PEERS_OUT), distinct(out_sketches, PORTS_OUT)
    if flows >= SCAN_FLOWS and out_counts[FAILED_OUT] >= FAILED_SHARE * flows:
        if targets >= SCAN_TARGETS and targets >= ports:
            return ADDRESS_SCAN
        if ports >= SCAN_TARGETS:
            return PORT_SCAN
    sources = distinct(in_sketches, PEERS_IN)
    if sources >= FLOOD_PEERS and in_counts[FAILED_IN] >= FAILED_SHARE * in_counts[FLOWS_IN]:
        return FLOOD
    both = out_sketches[TCP_PEERS] & out_sketches[UDP_PEERS]
    is_peer = out_counts[FLOWS_IN] >= PEER_FLOWS and flows >= PEER_FLOWS
    scattered = targets >= PEER_TARGETS and ports >= PEER_PORTS_SHARE * targets
    if scattered and (is_peer or ones(both) >= BOTH_TRANSPORTS):
        return PEER_TO_PEER
    if sources >= SERVICE_PEERS and distinct(in_sketches, PORTS_IN) <= max(2.5, sources / 3):
        return SERVICE
    if targets >= CLIENT_SERVERS and ports <= targets / 2 + 1:
        return CLIENT
    if in_counts[FLOWS_IN] >= PAIR_FLOWS and flows >= PAIR_FLOWS:
        return PAIR
    return UNNAMED


@kernel(
    "i8(u1[::1], i4[::1], u1[::1], i4[::1], u1[::1], u2[::1], b1[::1], i8, i8,"
    " u8[::1], i8[::1], i8[:, ::1], u8[:, ::1], i8[::1], u8[:, ::1], i2[::1])"
)
def name_flows(src_text, src_offsets, dst_text, dst_offsets, protocols, dst_ports, is_failed, clock, window,
               keys, seen, counts, sketches, evicted, hashes, names):  # fmt: skip
    """Names n flows in their order, and learns from each before it is named; the clock after them.

    keys, seen (c,), counts (c, COUNTS), sketches (c, 2 × SKETCHES): the table of hosts; c is a multiple of WAYS.
    hashes (n, 2): room to work in.
    """
    count = protocols.shape[0]
    for i in range(count):
        hashes[i, 0] = text_hash(src_text, np.int64(src_offsets[i]), np.int64(src_offsets[i + 1]))
        hashes[i, 1] = text_hash(dst_text, np.int64(dst_offsets[i]), np.int64(dst_offsets[i + 1]))
    for i in range(count):
        for end in range(2):
            if i + FAR < count:
                fetch_places(hashes[i + FAR, end], keys, seen)
            if i + NEAR < count:
                fetch_host(hashes[i + NEAR, end], keys, seen, counts, sketches)
        clock += 1
        src, dst = hashes[i, 0], hashes[i, 1]
        port = bit_of(np.uint64(dst_ports[i]) + np.uint64(1))
        # Both are looked up by the same clock, so that the second never puts the first out.
        near = place_of(src, clock, keys, seen, counts, sketches, evicted)
        far = place_of(dst, clock, keys, seen, counts, sketches, evicted)
        forget(counts[near], sketches[near], window)
        counts[near, FLOWS_OUT] += 1
        counts[near, FAILED_OUT] += is_failed[i]
        sketches[near, PEERS_OUT] |= bit_of(dst)
        sketches[near, PORTS_OUT] |= port
        if protocols[i] == TCP:
            sketches[near, TCP_PEERS] |= bit_of(dst)
        elif protocols[i] == UDP and dst_ports[i] != 53:
            sketches[near, UDP_PEERS] |= bit_of(dst)
        forget(counts[far], sketches[far], window)
        counts[far, FLOWS_IN] += 1
        counts[far, FAILED_IN] += is_failed[i]
        sketches[far, PEERS_IN] |= bit_of(src)
        sketches[far, PORTS_IN] |= port
        names[i] = name_of(counts[near], sketches[near], counts[far], sketches[far])
    return clock
