"""Matches first bytes against the compiled table of signatures."""

import numpy as np

from oddflow._memory_kernels import find_byte
from oddflow.flows._key_kernels import UDP
from oddflow.flows._wire_kernels import two
from oddflow.jit import kernel

SIDE, OPERATION, AT, SIZE, LOW, HIGH, POOL, IS_LITTLE, ANCHOR, CONDITION_FIELDS = range(10)
"""A condition: whose bytes, what is asked, where, of how many bytes, the least and greatest number, its bytes.
ANCHOR: which of the bytes searched for is looked for, since it is rare and may not differ in case, or NO_ANCHOR."""
NO_ANCHOR = -1
BYTES, SEARCH, LENGTH, NUMBER, FITS, SAME = 0, 1, 2, 3, 4, 5
OVER, FIRST_CONDITION, LAST_CONDITION, NAME, SIGNATURE_FIELDS = 0, 1, 2, 3, 4
"""A signature: its conditions and name."""
OVER_ANY, OVER_STREAM, OVER_DATAGRAM = 0, 1, 2
NO_BYTE, FIRST_BYTES = 256, 257
"""What a side's first byte is where there is none, and how many first bytes there are."""
UNNAMED = -1


@kernel()
def agrees(data, at, end, pool, masks, begin, size):
    """Whether bytes equal the pool's where the mask asks."""
    if at + size > end:
        return False
    for i in range(size):
        if (data[at + i] ^ pool[begin + i]) & masks[begin + i]:
            return False
    return True


@kernel()
def number_at(data, at, size, is_little):
    """A number of at most four bytes; the caller has checked that they are there."""
    number = np.int64(0)
    for i in range(size):
        number = (number << 8) | np.int64(data[at + (size - 1 - i if is_little else i)])
    return number


@kernel()
def candidate(condition, data, place, last, pool):
    """The next place, from `place` on and below `last`, where the bytes searched for may begin."""
    anchor = condition[ANCHOR]
    if anchor == NO_ANCHOR:
        return place
    return find_byte(data, place + anchor, last + anchor, pool[condition[POOL] + anchor]) - anchor


@kernel()
def holds(condition, data, begin, end, length, limit, pool, masks):
    """Whether one condition holds for a message data[begin:end], `length` bytes long in truth.

    limit: where the side's bytes end; behind `end` the next datagram follows, if any. A negative length: a stream.
    """
    at, size, operation = begin + condition[AT], condition[SIZE], condition[OPERATION]
    if operation == BYTES:
        return agrees(data, at, end, pool, masks, condition[POOL], size)
    if operation == SEARCH:
        last = min(at, end) - size + 1
        place = candidate(condition, data, begin, last, pool)
        while place < last:
            if agrees(data, place, end, pool, masks, condition[POOL], size):
                return True
            place = candidate(condition, data, place + 1, last, pool)
        return False
    there = end - begin if length < 0 else length
    if operation == LENGTH:
        return condition[LOW] <= there <= condition[HIGH]
    if at + size > end:
        return False
    if operation == NUMBER:
        return condition[LOW] <= number_at(data, at, size, condition[IS_LITTLE]) <= condition[HIGH]
    if operation == FITS:
        said = number_at(data, at, size, condition[IS_LITTLE]) + condition[LOW]
        return said == there if length >= 0 else 0 < said <= there
    other = end + 2
    if length < 0 or other + (at - begin) + size > limit:
        return False
    for i in range(size):
        if data[at + i] != data[other + at - begin + i]:
            return False
    return True


@kernel()
def conditions_hold(signature, conditions, client, server, pool, masks):
    """Whether all conditions of a signature hold; a side is (bytes, begin, end, true length, limit)."""
    for k in range(signature[FIRST_CONDITION], signature[LAST_CONDITION]):
        data, begin, end, length, limit = client if conditions[k, SIDE] == 0 else server
        if begin >= end or not holds(conditions[k], data, begin, end, length, limit, pool, masks):
            return False
    return True


@kernel()
def side_of(data, begin, limit, is_datagrams):
    """The bytes of one side that signatures look at: of datagrams the first."""
    if not is_datagrams:
        return data, begin, limit, np.int64(-1), limit
    if limit - begin < 2:
        return data, begin, begin, np.int64(0), limit
    length = two(data, begin)
    return data, begin + 2, min(begin + 2 + length, limit), length, limit


@kernel()
def first_byte(side):
    """The first byte of a side, or NO_BYTE."""
    data, begin, end, _, _ = side
    return np.int64(data[begin]) if begin < end else np.int64(NO_BYTE)


@kernel()
def lowest(word):
    """The number of the lowest bit that is set."""
    below = (word & (~word + np.uint64(1))) - np.uint64(1)
    below = below - ((below >> np.uint64(1)) & np.uint64(0x5555555555555555))
    below = (below & np.uint64(0x3333333333333333)) + ((below >> np.uint64(2)) & np.uint64(0x3333333333333333))
    below = (below + (below >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((below * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel(
    "void(u1[::1], i4[::1], u1[::1], i4[::1], u1[::1], u2[::1], u2[::1],"
    " i8[:, ::1], i8[:, ::1], u1[::1], u1[::1], u8[:, :, ::1], u1[::1], u8[:, ::1], i2[::1])"
)
def match_signatures(client, client_offsets, server, server_offsets, protocols, src_ports, dst_ports,
                     signatures, conditions, pool, masks, by_start, port_class, by_port, names):  # fmt: skip
    """The name's number of the first signature that fits each of n flows, or UNNAMED.

    signatures (s, SIGNATURE_FIELDS), conditions (c, CONDITION_FIELDS), pool and masks (b,): the table.
    by_start (4, FIRST_BYTES, w): bits of the signatures that a client's, then a server's first byte leaves, over
    streams and then over datagrams; port_class (65536,), by_port (p, w): the same of a port. Few are tried so.
    """
    for i in range(protocols.shape[0]):
        names[i] = UNNAMED
        begin, limit = np.int64(client_offsets[i]), np.int64(client_offsets[i + 1])
        server_begin, server_limit = np.int64(server_offsets[i]), np.int64(server_offsets[i + 1])
        if begin == limit and server_begin == server_limit:
            continue
        is_datagrams = protocols[i] == UDP
        from_client = side_of(client, begin, limit, is_datagrams)
        from_server = side_of(server, server_begin, server_limit, is_datagrams)
        start, server_start = first_byte(from_client), first_byte(from_server)
        over = 2 if is_datagrams else 0
        near, far = port_class[src_ports[i]], port_class[dst_ports[i]]
        for word in range(by_port.shape[1]):
            left = by_start[over, start, word] & by_start[over + 1, server_start, word]
            left &= by_port[near, word] | by_port[far, word]
            while left != 0 and names[i] == UNNAMED:
                signature = signatures[64 * word + lowest(left)]
                if conditions_hold(signature, conditions, from_client, from_server, pool, masks):
                    names[i] = signature[NAME]
                left &= left - np.uint64(1)
            if names[i] != UNNAMED:
                break
