"""Information of trailing windows: how spread, how usual, how steady what a host or a service does is.

Each key (a host, or a service of a host) has a ring of its last flows. Sums are of whole numbers, so that taking a flow
away undoes exactly what adding it did, however long the stream.
"""

import numpy as np

from oddflow.features._context_kernels import mix
from oddflow.features._recent_kernels import place_of
from oddflow.jit import kernel

RING = 64
"""Flows of a key that its window holds at most; a power of two."""
BUCKETS = 64
"""Into which the values of longer pasts are hashed."""
SLOTS = 12
HOURS_A_DAY, HOURS_A_WEEK = 24, 168
HOURS = HOURS_A_DAY + HOURS_A_WEEK
HOUR_NS = 3_600_000_000_000
MOST_WEIGHT = 8
"""An hour's mean follows about as many of its kind."""
PRIOR = 16.0
"""Flows that the network's past counts as beside a key's own."""
DRAWN = 4.0
"""Flows that its past counts as beside a window: few flows differ from anything."""
NEUTRAL = 8.0
"""Flows without any correlation that count beside a window's."""
FULL_BITS = 6.0
"""The entropy of a full ring whose values all differ."""
ENTROPIES = 5
MOST_MEANT = 1_024
"""The network's mean entropies follow about as many flows."""
MOST_PAST, MOST_NETWORK_PAST = 4_096, 1 << 20
"""Pasts are halved when they hold as many flows."""
FIXED = 1 << 32

# The three values of an event; a pair is of the first two.
FIRST, SECOND, THIRD, PAIR = 0, 1, 2, 3
VALUES = 3
FREE = np.uint64(0)
"""In a ring: no event; no value is 0."""

# Whole numbers of an event in a ring.
TIME, SIZE_OUT, SIZE_IN, NEW_FIRST, NEW_SECOND = 0, 1, 2, 3, 4
MARKS = 5

# Whole numbers of a key: the sums of c log2 c of the four stand at its start.
HEAD, HELD, PAST, SLOT, HOUR, IN_HOUR, FIRST_HOUR, FIRSTS, SECONDS = 4, 5, 6, 7, 8, 9, 10, 11, 12
SUM_OUT, SUM_IN, SUM_OUT_OUT, SUM_IN_IN, SUM_OUT_IN = 13, 14, 15, 16, 17
KEY_FIELDS = 18

# Buckets of a key.
RECENT, PASTS = 0, 2

# Whole numbers of the network.
NOW, BEGIN, NETWORK_SLOT, NETWORK_PAST, GENERATION, SEEN_USED = 0, 1, 2, 3, 4, 5
READY_NEW, READY_DAY, READY_WEEK, BEGUN = 6, 7, 8, 9
MEANT = 10
NETWORK_FIELDS = 11

# What is told of each flow.
ENTROPY_FIRST, ENTROPY_SECOND, ENTROPY_THIRD, SECOND_GIVEN_FIRST, FIRST_GIVEN_SECOND = 0, 1, 2, 3, 4
DIVERGENCE_FIRST, DIVERGENCE_SECOND, SIZES_TOGETHER, WITH_NETWORK = 5, 6, 7, 8
DAY, WEEK, IS_NEW_FIRST, IS_NEW_SECOND, COUNT_NEW_FIRST, COUNT_NEW_SECOND = 9, 10, 11, 12, 13, 14
TOLD = 15


@kernel()
def _bucket(value):
    return np.int64(mix(np.uint64(0), value) & np.uint64(BUCKETS - 1))


@kernel()
def _is_new(hashed, seen, network):
    """Whether a hash was not met before; of two generations the older is forgotten when the newer is half full."""
    mask = seen.shape[1] - 1
    current = network[GENERATION]
    home = np.int64(hashed & np.uint64(mask))
    slot = home
    while seen[current, slot] != 0:
        if seen[current, slot] == hashed:
            return False
        slot = (slot + 1) & mask
    seen[current, slot] = hashed
    network[SEEN_USED] += 1
    found = False
    slot = home
    while seen[1 - current, slot] != 0 and not found:
        found = seen[1 - current, slot] == hashed
        slot = (slot + 1) & mask
    if 2 * network[SEEN_USED] > mask:
        network[GENERATION] = 1 - current
        network[SEEN_USED] = 0
        seen[1 - current, :] = 0
    return not found


@kernel()
def _same(words, wanted):
    """How many words of a ring are the wanted one; iterated, since that runs on whole vectors at once."""
    count = 0
    for word in words:
        count += word == wanted
    return count


@kernel()
def _count(words, at, event, sign, logarithms, own, buckets):
    """Puts an event into a place of a key's ring (sign 1), or takes it away (sign -1)."""
    pair = mix(mix(np.uint64(0), event[FIRST]), event[SECOND]) | np.uint64(1)  # mixing two by themselves is symmetric
    for value in range(PAIR + 1):
        word = event[value] if value < PAIR else pair
        words[value, at] = FREE
        others = _same(words[value], word)
        own[value] += sign * (logarithms[others + 1] - logarithms[others])
        if sign > 0:
            words[value, at] = word
    for value in (FIRST, SECOND):
        buckets[RECENT + value, _bucket(event[value])] += sign


@kernel()
def _sum_sizes(fields, mark, sign):
    """Adds or takes away the sizes of an event, and whether it was new."""
    out, back = mark[SIZE_OUT], mark[SIZE_IN]
    fields[SUM_OUT] += sign * out
    fields[SUM_IN] += sign * back
    fields[SUM_OUT_OUT] += sign * out * out
    fields[SUM_IN_IN] += sign * back * back
    fields[SUM_OUT_IN] += sign * out * back
    fields[FIRSTS] += sign * mark[NEW_FIRST]
    fields[SECONDS] += sign * mark[NEW_SECOND]


@kernel()
def _to_past(event, own, buckets, network, network_past):
    """What left the window becomes part of the past of its key and of the network."""
    for value in (FIRST, SECOND):
        bucket = _bucket(event[value])
        buckets[PASTS + value, bucket] += 1
        network_past[value, bucket] += 1
    own[PAST] += 1
    network[NETWORK_PAST] += 1
    if own[PAST] >= MOST_PAST:
        own[PAST] >>= 1
        for bucket in range(BUCKETS):
            buckets[PASTS + FIRST, bucket] >>= 1
            buckets[PASTS + SECOND, bucket] >>= 1
    if network[NETWORK_PAST] >= MOST_NETWORK_PAST:
        network[NETWORK_PAST] >>= 1
        for bucket in range(BUCKETS):
            network_past[FIRST, bucket] >>= 1
            network_past[SECOND, bucket] >>= 1


@kernel()
def _divergence(value, own, buckets, network, network_past):
    """Bits by which the window's values differ from the past's (Kullback & Leibler 1951); 0 without a past."""
    if network[NETWORK_PAST] < RING:
        return 0.0
    held = own[HELD] + DRAWN
    bits, left = 0.0, 1.0
    for bucket in range(BUCKETS):
        count = buckets[RECENT + value, bucket]
        if count:
            usual = (network_past[value, bucket] + 1.0) / (network[NETWORK_PAST] + BUCKETS)
            usual = (buckets[PASTS + value, bucket] + PRIOR * usual) / (own[PAST] + PRIOR)
            share = (count + DRAWN * usual) / held
            bits += share * np.log2(share / usual)
            left -= usual
    return max(0.0, bits + left * DRAWN / held * np.log2(DRAWN / held))


@kernel()
def _tell_entropies(own, network, means, told):
    """Entropies of a window as those of a full one, drawn towards the network's mean by one bit that could be.

    So that a window which has just begun is neither narrow nor wide. They are shares of the greatest that as many flows
    can have (Nychis et al. 2008, section 3.1).
    """
    whole = np.log2(own[HELD])
    scale = 1.0 / (np.float64(FIXED) * own[HELD])
    first, second, pair = whole - own[FIRST] * scale, whole - own[SECOND] * scale, whole - own[PAIR] * scale
    told[ENTROPY_FIRST] = first
    told[ENTROPY_SECOND] = second
    told[ENTROPY_THIRD] = whole - own[THIRD] * scale
    told[SECOND_GIVEN_FIRST] = pair - first
    told[FIRST_GIVEN_SECOND] = pair - second
    if own[HELD] > 1:
        network[MEANT] = min(network[MEANT] + 1, MOST_MEANT)
    for place in range(ENTROPIES):
        bits = max(0.0, np.float64(told[place]))
        told[place] = FULL_BITS * (bits + means[place]) / (whole + 1.0)
        if own[HELD] > 1:
            means[place] += (bits / whole - means[place]) / network[MEANT]


@kernel()
def _together(count, left, right, left_left, right_right, left_right):
    """Pearson's correlation from whole sums; 0 where one side never varied."""
    above = count * left_right - left * right
    left_varied = count * left_left - left * left
    right_varied = count * right_right - right * right
    if left_varied <= 0 or right_varied <= 0:
        return 0.0
    return above / np.sqrt(np.float64(left_varied) * np.float64(right_varied))


@kernel()
def _move(slots, last, now):
    """Empties the slots that passed since the last flow."""
    for passed in range(min(now - last, SLOTS)):
        slots[(now - passed) % SLOTS] = 0


@kernel()
def _with_network(slots, network_slots):
    """How a key's rate goes with that of all others, over the slots."""
    left, right, left_left, right_right, left_right = 0, 0, 0, 0, 0
    for slot in range(SLOTS):
        mine = np.int64(slots[slot])
        others = network_slots[slot] - mine
        left += mine
        right += others
        left_left += mine * mine
        right_right += others * others
        left_right += mine * others
    return _together(SLOTS, left, right, left_left, right_right, left_right)


@kernel()
def _pass_hours(fields, hour, means, weights):
    """Learns the hours that passed since the key's last flow; that in which it was first met was not whole."""
    for passed in range(fields[HOUR], min(hour, fields[HOUR] + HOURS_A_WEEK)):
        if passed == fields[FIRST_HOUR]:
            continue
        count = fields[IN_HOUR] if passed == fields[HOUR] else 0
        for place in (passed % HOURS_A_DAY, HOURS_A_DAY + passed % HOURS_A_WEEK):
            weights[place] = min(weights[place] + 1, MOST_WEIGHT)
            means[place] += (count - means[place]) / weights[place]
    if hour > fields[HOUR]:
        fields[HOUR] = hour
        fields[IN_HOUR] = 0


@kernel()
def _beyond(count, share, mean):
    """By how many standard deviations of a Poisson count this hour's flows differ from those of its kind, so far."""
    expected = mean * share
    return (count - expected) / np.sqrt(expected + 1.0)


@kernel(
    "void(i8[::1], u8[::1], u8[:, ::1], i8[:, ::1], i8, i8, i8, u8, i8[::1], u8[::1], i8[:, ::1], i8[::1], i8[::1], "
    "u8[:, :, ::1], i8[:, :, ::1], i8[:, ::1], i4[:, :, ::1], i4[:, ::1], f4[:, ::1], i4[:, ::1], u8[:, ::1], "
    "i8[::1], i8[:, ::1], i8[::1], f8[::1], f4[:, ::1])",
    allocates=True,
)
def tell_windows(
    end_ns, key, values, sizes, width_ns, slot_ns, warm_ns, seed, slots_of_keys, keys, links, table, logarithms,
    words, marks, fields, buckets, slots, means, weights, seen, network, network_past, network_slots, network_means,
    told,
):  # fmt: skip
    """Information of each flow's key over its trailing window, the flow included.

    Args:
        end_ns: (n,) times, ascending; a late record counts as of the latest time.
        key: (n,) whose flow it is. values: (n, VALUES) uint64, none of them 0. sizes: (n, 2), sent and received.
        width_ns, slot_ns, warm_ns: Of the window, of a slot of the rates, and until when nothing is new.
        seed, slots_of_keys, keys, links, table: See `_recent_kernels.place_of`.
        logarithms: (RING + 1,) c log2 c, times FIXED. The rest is state, a row for each place.
        told: (n, TOLD) float32, filled.
    """
    gone = np.empty(VALUES, np.uint64)
    for i in range(end_ns.shape[0]):
        event = values[i]
        if network[BEGUN] == 0:
            network[BEGUN] = 1
            network[NOW] = network[BEGIN] = end_ns[i]
        now = max(network[NOW], end_ns[i])
        network[NOW] = now
        place, is_fresh = place_of(key[i], seed, slots_of_keys, keys, links, table)
        hour = now // HOUR_NS
        own = fields[place]
        if is_fresh:
            own[:] = 0
            words[place, :, :] = FREE
            buckets[place, :, :] = 0
            slots[place, :] = 0
            means[place, :] = 0
            weights[place, :] = 0
            own[HOUR] = own[FIRST_HOUR] = hour

        while own[HELD] > 0:
            oldest = own[HEAD]
            if own[HELD] < RING and marks[place, oldest, TIME] > now - width_ns:
                break
            own[HEAD] = (oldest + 1) & (RING - 1)
            own[HELD] -= 1
            gone[:] = words[place, :VALUES, oldest]
            _count(words[place], oldest, gone, -1, logarithms, own, buckets[place])
            _sum_sizes(own, marks[place, oldest], -1)
            _to_past(gone, own, buckets[place], network, network_past)

        at = (own[HEAD] + own[HELD]) & (RING - 1)
        of_key = mix(seed, key[i])
        is_warm = now - network[BEGIN] >= warm_ns
        for value in (FIRST, SECOND):
            hashed = mix(mix(of_key, np.uint64(value)), event[value])
            is_new = _is_new(max(hashed, np.uint64(1)), seen, network) and is_warm
            marks[place, at, NEW_FIRST + value] = is_new
            told[i, IS_NEW_FIRST + value] = is_new
            network[READY_NEW] |= is_warm
        _count(words[place], at, event, 1, logarithms, own, buckets[place])
        marks[place, at, TIME] = now
        marks[place, at, SIZE_OUT] = sizes[i, 0]
        marks[place, at, SIZE_IN] = sizes[i, 1]
        own[HELD] += 1
        _sum_sizes(own, marks[place, at], 1)

        slot = now // slot_ns
        _move(slots[place], own[SLOT], slot)
        _move(network_slots, network[NETWORK_SLOT], slot)
        own[SLOT] = network[NETWORK_SLOT] = slot
        slots[place, slot % SLOTS] += 1
        network_slots[slot % SLOTS] += 1
        _pass_hours(own, hour, means[place], weights[place])
        own[IN_HOUR] += 1

        _tell_entropies(own, network, network_means, told[i])
        for value in (FIRST, SECOND):
            told[i, DIVERGENCE_FIRST + value] = _divergence(value, own, buckets[place], network, network_past)
        together = _together(own[HELD], own[SUM_OUT], own[SUM_IN], own[SUM_OUT_OUT], own[SUM_IN_IN], own[SUM_OUT_IN])
        told[i, SIZES_TOGETHER] = together * own[HELD] / (own[HELD] + NEUTRAL)
        told[i, WITH_NETWORK] = _with_network(slots[place], network_slots)
        share = (now - hour * HOUR_NS) / HOUR_NS
        for kind, (hours, first_place) in enumerate(((HOURS_A_DAY, 0), (HOURS_A_WEEK, HOURS_A_DAY))):
            of_kind = first_place + hour % hours
            told[i, DAY + kind] = 0.0
            if weights[place, of_kind] > 0:
                told[i, DAY + kind] = _beyond(own[IN_HOUR], share, means[place, of_kind])
                network[READY_DAY + kind] = 1
        told[i, COUNT_NEW_FIRST] = own[FIRSTS]
        told[i, COUNT_NEW_SECOND] = own[SECONDS]
