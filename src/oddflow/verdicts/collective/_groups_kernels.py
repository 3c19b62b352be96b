"""What groups of flows did in tumbling windows of three widths, and how regularly ends repeat.

A group is "who did what to whom": a hash, as in features/_context_kernels.py. Three tables of fixed size hold groups,
the members of their distinct counts, and the last beats of pairs. Each is divided into buckets of eight: what is new
takes a free or outdated place of its bucket, else that of the one that was quiet for longest, which is counted.
"""

import numpy as np

from oddflow.features._context_kernels import hash_of, mix
from oddflow.jit import kernel

WAYS = 8
SCALES = 3

# Measures: what is counted of a group.
PORTS = 0
HOSTS = 1
FLOOD = 2
UNANSWERED = 3
REPEATS = 4
SENT = 5
BEACON = 6
MEASURES = 7

# What hashes are of, beside the measures themselves.
MEMBER, WIDER, PERIODIC_SOURCE, PERIODIC_SERVICE = 16, 32, 48, 49

# Columns of a flow.
SOURCE, DESTINATION, SERVICE, START, END, BYTES_OUT, FAILED, SMALL = 0, 1, 2, 3, 4, 5, 6, 7
FLOW_FIELDS = 8

# Columns of a group: three of each scale, then these.
EPOCH, VALUE, SINCE = 0, 1, 2
TOLD_NS, TOLD_VALUE, LAST_NS, OF_MEASURE, WIDER_KEY = 9, 10, 11, 12, 13
GROUP_FIELDS = 14

# Columns of a pair's beats: its last starts, then these.
BEATS = 17
BEAT_COUNT, BEAT_TOLD_NS, BEAT_LAST_NS = 17, 18, 19
BEAT_FIELDS = 20
SAME_BEAT_NS = 1_000_000_000
SHORTEST_NS = 3_000_000_000
"""Quicker contacts, counted once a second at most, all look regular."""
MOST_MISSED = 4
"""A gap of up to so many periods more than one is beats that were missed."""

# Columns of what is told: of a flow that brought a group over its limit, and of a window that closed.
TOLD_FLOW, TOLD_MEASURE, TOLD_SCALE, TOLD_COUNT, TOLD_SINCE, TOLD_LIMIT, TOLD_EXTRA = 0, 1, 2, 3, 4, 5, 6
TOLD_FIELDS = 7
CLOSED_MEASURE, CLOSED_SCALE, CLOSED_VALUE, CLOSED_KEY, CLOSED_WIDER = 0, 1, 2, 3, 4
CLOSED_FIELDS = 5

# Counters.
TOLD, CLOSED, EVICTED_GROUPS, EVICTED_MEMBERS, EVICTED_PAIRS = 0, 1, 2, 3, 4
COUNTERS = 5

GROWN = 8
"""A group that goes on is told again when it has grown so many times."""


@kernel()
def is_new(members, until, counters, hashed, expires, now):
    """Whether a member was not counted in its window before; it then is."""
    first = np.int64(hashed & np.uint64(members.shape[0] // WAYS - 1)) * WAYS
    chosen = first
    for slot in range(first, first + WAYS):
        if members[slot] == hashed and until[slot] == expires:
            return False
        if until[slot] < until[chosen]:
            chosen = slot
    if until[chosen] > now:
        counters[EVICTED_MEMBERS] += 1
    members[chosen] = hashed
    until[chosen] = expires
    return True


@kernel()
def place_of(keys, key):
    """The place of a key in an ascending array, -1 where it is not there."""
    low, high = 0, keys.shape[0]
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < keys.shape[0] and keys[low] == key else -1


@kernel()
def close(group, key, scale, closed, counters):
    """Notes what a group came to in a window that is over, where there is room to note it."""
    if group[3 * scale + VALUE] == 0 or counters[CLOSED] >= closed.shape[0]:
        return
    row = closed[counters[CLOSED]]
    row[CLOSED_MEASURE], row[CLOSED_SCALE] = group[OF_MEASURE], scale
    row[CLOSED_VALUE], row[CLOSED_KEY], row[CLOSED_WIDER] = group[3 * scale + VALUE], np.int64(key), group[WIDER_KEY]
    counters[CLOSED] += 1


@kernel()
def group_at(keys, groups, counters, closed, key, widest, now):
    """The place of a group, which is made where there is none."""
    first = np.int64(key & np.uint64(keys.shape[0] // WAYS - 1)) * WAYS
    chosen = first
    for slot in range(first, first + WAYS):
        if keys[slot] == key:
            return slot
        if groups[slot, LAST_NS] < groups[chosen, LAST_NS]:
            chosen = slot
    if keys[chosen] != 0:
        if groups[chosen, LAST_NS] > now - widest:
            counters[EVICTED_GROUPS] += 1
        for scale in range(SCALES):
            close(groups[chosen], keys[chosen], scale, closed, counters)
    keys[chosen] = key
    groups[chosen, :] = 0
    return chosen


@kernel()
def limit_of(measure, scale, key, wider, limits, known, known_limits, wider_known, wider_limits):
    """The most that is normal for a group: its own limit, else that of its service or host, else anyone's."""
    place = place_of(known, key)
    if place >= 0 and known_limits[place, scale] > 0:
        return known_limits[place, scale]
    place = place_of(wider_known, wider)
    if place >= 0 and wider_limits[place, scale] > 0:
        return wider_limits[place, scale]
    return limits[measure, scale]


@kernel()
def count_one(
    measure, key, wider, member, amount, flow, place, widths, least, limits, known, known_limits, wider_known,
    wider_limits, quiet, keys, groups, members, until, counters, closed, told,
):  # fmt: skip
    """Counts a flow in one group, in windows of each width; tells where that brings it over its limit."""
    now = flow[END]
    slot = group_at(keys, groups, counters, closed, key, widths[SCALES - 1], now)
    group = groups[slot]
    group[LAST_NS], group[OF_MEASURE], group[WIDER_KEY] = now, measure, np.int64(wider)
    for scale in range(SCALES):
        at = 3 * scale
        epoch = max(now // widths[scale], group[at + EPOCH])  # what comes late counts in the window that is open
        if group[at + EPOCH] != epoch:
            close(group, key, scale, closed, counters)
            group[at + EPOCH], group[at + VALUE], group[at + SINCE] = epoch, 0, flow[START]
        group[at + SINCE] = min(group[at + SINCE], flow[START])
        if member != 0:
            hashed = hash_of(key, MEMBER + scale, member, np.uint64(0), np.uint64(0))
            if not is_new(members, until, counters, hashed, (epoch + 1) * widths[scale], now):
                continue
        group[at + VALUE] += amount
    for scale in range(SCALES):
        value = group[3 * scale + VALUE]
        if value < least[measure, scale]:
            continue
        limit = limit_of(measure, scale, key, wider, limits, known, known_limits, wider_known, wider_limits)
        if value < limit:
            continue
        is_first = group[TOLD_NS] == 0 or now - group[TOLD_NS] >= max(quiet, widths[scale])
        if not is_first and value < GROWN * group[TOLD_VALUE]:
            continue
        group[TOLD_NS], group[TOLD_VALUE] = now, value
        row = told[counters[TOLD]]
        row[TOLD_FLOW], row[TOLD_MEASURE], row[TOLD_SCALE], row[TOLD_COUNT] = place, measure, scale, value
        row[TOLD_SINCE], row[TOLD_LIMIT], row[TOLD_EXTRA] = group[3 * scale + SINCE], np.int64(np.ceil(limit)), 0
        counters[TOLD] += 1
        return


@kernel()
def irregularity(beats, count, gaps):
    """How far the gaps between beats are off multiples of their median, as a share of it: 0 for a clock.

    A gap of several periods is beats that were missed: what is off by chance adds up as its square root. Of beats by
    chance (exponential gaps) it is about 0.4; of a clock with a jitter of ±20 % about 0.1. Also gives the median, ns.
    """
    used = count - 1
    for i in range(used):
        gap = beats[i + 1] - beats[i]
        at = i
        while at > 0 and gaps[at - 1] > gap:
            gaps[at] = gaps[at - 1]
            at -= 1
        gaps[at] = gap
    period = gaps[used // 2] if used % 2 else (gaps[used // 2 - 1] + gaps[used // 2]) // 2
    off = 0.0
    for i in range(used):
        share = gaps[i] / period
        times = max(1.0, np.floor(share + 0.5))
        off += 0.5 if times > 1 + MOST_MISSED else min(1.0, abs(share - times) / np.sqrt(times))
    return off / used, period


@kernel()
def beat(flow, place, seed, most, fewest, acquainted, periodic, periods, quiet, keys, pairs, gaps, counters, told):
    """Adds a flow to the beats of its pair; tells where they have become regular, and nobody here was so before."""
    now, start = flow[END], flow[START]
    source, target, service = np.uint64(flow[SOURCE]), np.uint64(flow[DESTINATION]), np.uint64(flow[SERVICE])
    key = hash_of(seed, BEACON, source, target, service)
    first = np.int64(key & np.uint64(keys.shape[0] // WAYS - 1)) * WAYS
    chosen, found = first, False
    for slot in range(first, first + WAYS):
        if keys[slot] == key:
            chosen, found = slot, True
            break
        if pairs[slot, BEAT_LAST_NS] < pairs[chosen, BEAT_LAST_NS]:
            chosen = slot
    pair = pairs[chosen]
    if not found:
        if keys[chosen] != 0 and pair[BEAT_COUNT] > 2:
            counters[EVICTED_PAIRS] += 1
        keys[chosen] = key
        pair[:] = 0
    pair[BEAT_LAST_NS] = now
    count = pair[BEAT_COUNT]
    at = count
    while at > 0 and pair[at - 1] > start:
        at -= 1
    if (at > 0 and start - pair[at - 1] < SAME_BEAT_NS) or (at < count and pair[at] - start < SAME_BEAT_NS):
        return
    if count == BEATS:
        if at == 0:
            return
        for i in range(at - 1):
            pair[i] = pair[i + 1]
        at -= 1
    else:
        for i in range(count, at, -1):
            pair[i] = pair[i - 1]
        count += 1
        pair[BEAT_COUNT] = count
    pair[at] = start
    if count <= fewest:
        return
    if pair[BEAT_TOLD_NS] != 0 and now - pair[BEAT_TOLD_NS] < quiet:
        return
    off, period = irregularity(pair, count, gaps)
    if off > most or period < SHORTEST_NS or place_of(acquainted, key) >= 0:
        return
    for tag, who in ((PERIODIC_SOURCE, source), (PERIODIC_SERVICE, target)):
        known = place_of(periodic, hash_of(seed, tag, who, service, np.uint64(0)))
        if known >= 0 and period > periods[known, 0] / 2 and period < periods[known, 1] * 2:
            return
    pair[BEAT_TOLD_NS] = now
    row = told[counters[TOLD]]
    row[TOLD_FLOW], row[TOLD_MEASURE], row[TOLD_SCALE], row[TOLD_COUNT] = place, BEACON, 0, count
    row[TOLD_SINCE], row[TOLD_LIMIT], row[TOLD_EXTRA] = pair[0], np.int64(off * 1e6), period
    counters[TOLD] += 1


@kernel(
    "void(i8[:, ::1], u8, i8[::1], f8[:, ::1], f8[:, ::1], u8[::1], f8[:, ::1], u8[::1], f8[:, ::1], f8, i8, u8[::1], "
    "u8[::1], f8[:, ::1], i8, u8[::1], i8[:, ::1], u8[::1], i8[::1], u8[::1], i8[:, ::1], i8[::1], i8[:, ::1], "
    "i8[:, ::1], i8[::1])"
)
def count_groups(
    flows, seed, widths, least, limits, known, known_limits, wider_known, wider_limits, most, fewest, acquainted,
    periodic, periods, quiet, keys, groups, members, until, pair_keys, pairs, gaps, closed, told, counters,
):  # fmt: skip
    """Counts flows in the order of their ends.

    Args:
        flows: (n, 8), see the columns above.
        seed: Of all hashes.
        widths: Of the windows, in ns, ascending, (3,).
        least, limits: From which value on a limit is looked up, and anyone's limit, (6, 3) each.
        known, known_limits: Groups with limits of their own, ascending, (k,), (k, 3); 0 for none.
        wider_known, wider_limits: The same of services and hosts.
        most: The greatest irregularity of a beacon.
        fewest: The fewest gaps that it is told from.
        acquainted: Pairs that repeated in the baseline.
        periodic, periods: Who repeated regularly there, (p,), and how quickly and slowly, (p, 2), in ns.
        quiet: A group that goes on is told again after so many ns.
        keys, groups, members, until, pair_keys, pairs, gaps: The tables.
        closed: Windows that closed are noted here as far as there is room, (c, 5).
        told: Groups that came over their limits, (7 n, 7).
        counters: (5,).
    """
    nothing = np.uint64(0)
    for place in range(flows.shape[0]):
        flow = flows[place]
        source, target, service = np.uint64(flow[SOURCE]), np.uint64(flow[DESTINATION]), np.uint64(flow[SERVICE])
        for measure in range(BEACON):
            failed = flow[FAILED] != 0
            if measure in (PORTS, HOSTS, UNANSWERED) and not failed:
                continue
            if measure == REPEATS and flow[SMALL] == 0:
                continue
            if measure == SENT and flow[BYTES_OUT] == 0:
                continue
            member, amount = nothing, np.int64(1)
            first, second, third = source, target, nothing
            wider = source
            if measure == PORTS:
                member = mix(service, np.uint64(1))
            elif measure == HOSTS:
                second, member, wider = service, mix(target, np.uint64(1)), service
            elif measure in (FLOOD, UNANSWERED):
                first, second, wider = target, service, service
            elif measure == REPEATS:
                third, wider = service, service
            else:
                amount = flow[BYTES_OUT]
            key = hash_of(seed, measure, first, second, third)
            wider = hash_of(seed, WIDER + measure, wider, nothing, nothing)
            count_one(
                measure, key, wider, member, amount, flow, place, widths, least, limits, known, known_limits,
                wider_known, wider_limits, quiet, keys, groups, members, until, counters, closed, told,
            )  # fmt: skip
        beat(
            flow, place, seed, most, fewest, acquainted, periodic, periods, quiet, pair_keys, pairs, gaps, counters,
            told,
        )  # fmt: skip


@kernel("void(u8[::1], i8[:, ::1], i8, i8[:, ::1], i8[::1])")
def close_all(keys, groups, first, closed, counters):
    """Notes all windows that are still open, of groups from a place on, as far as there is room."""
    for slot in range(first, keys.shape[0]):
        if keys[slot] != 0:
            for scale in range(SCALES):
                close(groups[slot], keys[slot], scale, closed, counters)


@kernel("void(i8[:, ::1], u8, u8[:, ::1])")
def periodic_keys(flows, seed, keys):
    """The names under which the source and the service of flows (n, 8) are known to repeat: (n, 2)."""
    nothing = np.uint64(0)
    for place in range(flows.shape[0]):
        flow = flows[place]
        service = np.uint64(flow[SERVICE])
        keys[place, 0] = hash_of(seed, PERIODIC_SOURCE, np.uint64(flow[SOURCE]), service, nothing)
        keys[place, 1] = hash_of(seed, PERIODIC_SERVICE, np.uint64(flow[DESTINATION]), service, nothing)
