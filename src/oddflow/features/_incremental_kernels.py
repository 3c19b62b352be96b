"""AfterImage: damped statistics of the streams that a packet belongs to (Mirsky et al. 2018, "Kitsune", section IV-C).

A stream has, at each of five decays, a weight, a sum and a sum of squares; they shrink by 2^(-decay × seconds). Two
streams that talk share the sum of products of their residuals. Streams and pairs live in tables of sets of WAYS rows:
where a set is full, the row that was quiet longest is forgotten, and counted.
"""

import math

import numpy as np
from numba import f4, i4, i8, u1, void

from oddflow.capture._layout import FRAGMENT_ALONE, OK, PACKET_ARRAY
from oddflow.capture._read_kernels import network_u16, network_u32
from oddflow.features._layout import (
    DECAYS,
    DROPPED_LINKS,
    FIRST,
    FORGOTTEN_PAIRS,
    FORGOTTEN_STREAMS,
    HOST,
    INCREMENTAL,
    JITTER,
    LAST,
    LINKED,
    MAC,
    MEAN,
    NONE,
    PAIR_TIME,
    PAIR_WEIGHT,
    PRODUCTS,
    SERIALS,
    SOCKET,
    SQUARES,
    TIME,
    TOTAL,
    VARIANCE,
    WAYS,
    WEIGHT,
)
from oddflow.flows._key_kernels import ICMP, TCP, UDP, hash_key
from oddflow.jit import kernel

ETHERNET = 1
START_WEIGHT = 1e-20
GREATEST = 1e30
"""Of a correlation: where spreads have all but faded there is no bound, and float32 has one."""
BY_ICMP, BY_ADDRESS, BY_MAC = 1 << 16, 2 << 16, 3 << 16
"""What stands in a socket's key where there is no port."""

MAPPED = np.uint64(0xFFFF << 32)
"""IPv4 addresses lie among those of IPv6 (RFC 4291, section 2.5.5.2), so that ARP and IPv4 speak of one host."""


@kernel()
def damp(passed, factors):
    """Fills the five factors for so many seconds."""
    factors[0] = 2.0 ** (-5.0 * passed)
    factors[1] = 2.0 ** (-3.0 * passed)
    factors[2] = 2.0 ** (-passed)
    factors[3] = 2.0 ** (-0.1 * passed)
    factors[4] = 2.0 ** (-0.01 * passed)


@kernel()
def find_way(tags, tag, times, column, kept):
    """(row, whether it holds the tag): the row of a tag, or the one that it may have, never the row `kept`."""
    start = np.int64(tag & np.uint64(tags.shape[0] // WAYS - 1)) * WAYS
    oldest, oldest_time = np.int64(NONE), math.inf
    for row in range(start, start + WAYS):
        if tags[row] == tag:
            return np.int64(row), True
    for row in range(start, start + WAYS):
        if tags[row] == np.uint64(0):
            return np.int64(row), False
        if row != kept and times[row, column] < oldest_time:
            oldest, oldest_time = np.int64(row), times[row, column]
    return oldest if oldest != NONE else start + np.int64(start == kept), False


@kernel()
def find_stream(streams, counters, kind, a, b, c, d, time, kept):
    """The row of a stream; one that is new is empty and begins now."""
    tag = hash_key(a, b, c, d, np.uint64(kind), np.uint64(0))
    tag += np.uint64(tag == np.uint64(0))
    row, known = find_way(streams.tags, tag, streams.numbers, TIME, kept)
    keys = streams.keys
    if (
        known
        and keys[row, 0] == a
        and keys[row, 1] == b
        and keys[row, 2] == c
        and keys[row, 3] == d
        and keys[row, 4] == np.uint64(kind)
    ):
        return row
    counters[FORGOTTEN_STREAMS] += np.int64(streams.tags[row] != np.uint64(0))
    streams.tags[row] = tag
    keys[row, 0], keys[row, 1], keys[row, 2], keys[row, 3], keys[row, 4] = a, b, c, d, np.uint64(kind)
    for place in range(streams.numbers.shape[1]):
        streams.numbers[row, place] = 0.0
    for decay in range(DECAYS):
        streams.numbers[row, WEIGHT + decay] = START_WEIGHT
    streams.numbers[row, TIME] = time
    for place in range(streams.links.shape[1]):
        streams.links[row, place] = NONE
    counters[SERIALS] += 1
    streams.serials[row] = counters[SERIALS]
    return row


@kernel()
def insert(numbers, row, time, value, factors):
    """Adds a value to a stream of its own kind; seconds since its last one, 0 where time went back."""
    passed = max(0.0, time - numbers[row, TIME])
    damp(passed, factors)
    for decay in range(DECAYS):
        numbers[row, WEIGHT + decay] = numbers[row, WEIGHT + decay] * factors[decay] + 1.0
        numbers[row, TOTAL + decay] = numbers[row, TOTAL + decay] * factors[decay] + value
        numbers[row, SQUARES + decay] = numbers[row, SQUARES + decay] * factors[decay] + value * value
    numbers[row, TIME] = max(time, numbers[row, TIME])
    return passed


@kernel()
def add_alone(streams, counters, kind, a, b, c, d, time, value, factors, out, place, at):
    """One packet of a stream without partners; weight, mean and variance at each decay."""
    numbers = streams.numbers
    row = find_stream(streams, counters, kind, a, b, c, d, time, NONE)
    if kind == JITTER:
        value = max(0.0, time - numbers[row, TIME])
    insert(numbers, row, time, value, factors)
    for decay in range(DECAYS):
        weight = numbers[row, WEIGHT + decay]
        mean = numbers[row, TOTAL + decay] / weight
        out[place, at] = weight
        out[place, at + 1] = mean
        out[place, at + 2] = abs(numbers[row, SQUARES + decay] / weight - mean * mean)
        at += 3


@kernel()
def advance(pairs, row, side, time, passed, factors, own, residuals):
    """A packet of one side of a pair: its residuals, against the last ones of the other side."""
    numbers = pairs.numbers
    since = max(0.0, time - numbers[row, PAIR_TIME])
    used = factors
    if since != passed:
        damp(since, own)
        used = own
    mine, others = (FIRST, LAST) if side == 0 else (LAST, FIRST)
    for decay in range(DECAYS):
        numbers[row, PRODUCTS + decay] = (
            numbers[row, PRODUCTS + decay] * used[decay] + residuals[decay] * numbers[row, others + decay]
        )
        numbers[row, PAIR_WEIGHT + decay] = numbers[row, PAIR_WEIGHT + decay] * used[decay] + 1.0
        numbers[row, mine + decay] = residuals[decay]
    numbers[row, PAIR_TIME] = max(time, numbers[row, PAIR_TIME])


@kernel()
def find_pair(pairs, counters, one, other, time):
    """The row of what two streams have in common, by their serial numbers."""
    low, high = min(one, other), max(one, other)
    nothing = np.uint64(0)
    tag = hash_key(np.uint64(low), np.uint64(high), nothing, nothing, nothing, nothing)
    tag += np.uint64(tag == nothing)
    row, known = find_way(pairs.tags, tag, pairs.numbers, PAIR_TIME, NONE)
    if known and pairs.serials[row, 0] == low and pairs.serials[row, 1] == high:
        return row
    counters[FORGOTTEN_PAIRS] += np.int64(pairs.tags[row] != nothing)
    pairs.tags[row] = tag
    pairs.serials[row, 0], pairs.serials[row, 1] = low, high
    for place in range(pairs.numbers.shape[1]):
        pairs.numbers[row, place] = 0.0
    for decay in range(DECAYS):
        pairs.numbers[row, PAIR_WEIGHT + decay] = START_WEIGHT
    pairs.numbers[row, PAIR_TIME] = time
    return row


@kernel()
def link(streams, counters, row, pair):
    """Puts a pair first among those that the stream advances; the one that was talked over longest ago may fall out."""
    links = streams.links
    if links[row, 0] == pair:
        return
    last = 1
    while last < LINKED - 1 and links[row, last] != NONE and links[row, last] != pair:
        last += 1
    counters[DROPPED_LINKS] += np.int64(links[row, last] != NONE and links[row, last] != pair)
    for place in range(last, 0, -1):
        links[row, place] = links[row, place - 1]
    links[row, 0] = pair


@kernel()
def add_paired(streams, pairs, counters, kind, source, target, time, value, work, out, place, at):
    """One packet from a stream to another, keys of three words: what its own says, and what both say together."""
    factors, own, residuals = work[0], work[1], work[2]
    numbers = streams.numbers
    nothing = np.uint64(0)
    row = find_stream(streams, counters, kind, source[0], source[1], source[2], nothing, time, NONE)
    passed = insert(numbers, row, time, value, factors)
    for decay in range(DECAYS):
        weight = numbers[row, WEIGHT + decay]
        mean = numbers[row, TOTAL + decay] / weight
        numbers[row, MEAN + decay] = mean
        numbers[row, VARIANCE + decay] = abs(numbers[row, SQUARES + decay] / weight - mean * mean)
        residuals[decay] = value - mean
    serial = streams.serials[row]
    for number in range(LINKED):
        pair = np.int64(streams.links[row, number])
        if pair == NONE:
            break
        if pairs.serials[pair, 0] == serial:
            advance(pairs, pair, 0, time, passed, factors, own, residuals)
        elif pairs.serials[pair, 1] == serial:
            advance(pairs, pair, 1, time, passed, factors, own, residuals)
    other = find_stream(streams, counters, kind, target[0], target[1], target[2], nothing, time, row)
    pair = np.int64(NONE)
    if other != row:
        pair = find_pair(pairs, counters, serial, streams.serials[other], time)
        link(streams, counters, row, pair)
        link(streams, counters, other, pair)
        advance(pairs, pair, np.int64(pairs.serials[pair, 0] != serial), time, passed, factors, own, residuals)
    for decay in range(DECAYS):
        mean, variance = numbers[row, MEAN + decay], numbers[row, VARIANCE + decay]
        other_mean, other_variance = numbers[other, MEAN + decay], numbers[other, VARIANCE + decay]
        out[place, at] = numbers[row, WEIGHT + decay]
        out[place, at + 1] = mean
        out[place, at + 2] = variance
        out[place, at + 3] = math.sqrt(variance * variance + other_variance * other_variance)
        out[place, at + 4] = math.sqrt(mean * mean + other_mean * other_mean)
        covariance, correlation = 0.0, 0.0
        if pair != NONE:
            covariance = pairs.numbers[pair, PRODUCTS + decay] / pairs.numbers[pair, PAIR_WEIGHT + decay]
            spread = math.sqrt(variance) * math.sqrt(other_variance)
            if spread != 0.0:
                correlation = min(GREATEST, max(-GREATEST, covariance / spread))
        out[place, at + 5] = covariance
        out[place, at + 6] = correlation
        at += 7


@kernel()
def mac_at(data, at):
    """Six bytes as a number."""
    return (np.uint64(network_u16(data, at)) << np.uint64(32)) | np.uint64(network_u32(data, at + 2))


@kernel()
def socket_of(packet, port):
    """What stands beside the address in a socket's key: a port, of TCP and UDP alike, or a BY_*."""
    if packet.protocol in (TCP, UDP) and packet.fragment != FRAGMENT_ALONE:
        return np.uint64(port)
    return np.uint64(BY_ICMP if packet.protocol == ICMP else BY_ADDRESS)


@kernel(i8(u1[::1], i8, i8, PACKET_ARRAY, INCREMENTAL, f4[:, ::1]))
def add_packets(data, first, until, packets, state, out):
    """Adds those of packets [first, until) that were not lost.

    Args:
        out: Their features, (m, 100), in the order of `features.incremental.FEATURES`.

    Returns:
        m.
    """
    alone, paired, pairs, counters, work = state.alone, state.paired, state.pairs, state.counters, state.work
    done = 0
    for number in range(first, until):
        packet = packets[number]
        if packet.loss != OK:
            continue
        # Kitsune-py's times are floating seconds, a quarter of a microsecond apart: so are these
        time = np.float64(packet.time_ns // 1_000_000_000) + np.float64(packet.time_ns % 1_000_000_000) / 1e9
        value = np.float64(packet.wire)
        src_high, src_low, dst_high, dst_low = packet.src_high, packet.src_low, packet.dst_high, packet.dst_low
        if packet.version != 6:
            src_low, dst_low = src_low | MAPPED, dst_low | MAPPED
        src_mac = dst_mac = np.uint64(0)
        if packet.link_type == ETHERNET and packet.captured >= 12:
            dst_mac, src_mac = mac_at(data, np.int64(packet.start)), mac_at(data, np.int64(packet.start) + 6)
        nothing = np.uint64(0)
        add_alone(alone, counters, MAC, src_mac, src_high, src_low, nothing, time, value, work[0], out, done, 0)
        source, target = (src_high, src_low, nothing), (dst_high, dst_low, nothing)
        add_paired(paired, pairs, counters, HOST, source, target, time, value, work, out, done, 15)
        add_alone(alone, counters, JITTER, src_high, src_low, dst_high, dst_low, time, 0.0, work[0], out, done, 50)
        if packet.version == 0:
            source, target = (src_mac, nothing, np.uint64(BY_MAC)), (dst_mac, nothing, np.uint64(BY_MAC))
        else:
            source = (src_high, src_low, socket_of(packet, packet.src_port))
            target = (dst_high, dst_low, socket_of(packet, packet.dst_port))
        add_paired(paired, pairs, counters, SOCKET, source, target, time, value, work, out, done, 65)
        done += 1
    return done


@kernel(void(f4[:, ::1], f4[::1], i4[::1], u1[::1], i8[::1], f4[::1], i8[::1], u1[::1], f4[:, ::1]))
def keep_worst(x, scores, owners, ends, numbers, worst, worst_numbers, worst_ends, worst_rows):
    """Notes of each flow its packet with the highest score, the first of several.

    Args:
        x, scores: Of packets, (n, 100) and (n,).
        owners, ends, numbers: Of packets, (n,): the row of its flow, which end of the flow's key sent it, its number.
        worst, worst_numbers, worst_ends, worst_rows: By the row of a flow; worst is -1 of one without packets.
    """
    for packet in range(x.shape[0]):
        owner = owners[packet]
        if scores[packet] > worst[owner]:
            worst[owner] = scores[packet]
            worst_numbers[owner] = numbers[packet]
            worst_ends[owner] = ends[packet]
            for column in range(x.shape[1]):
                worst_rows[owner, column] = x[packet, column]
