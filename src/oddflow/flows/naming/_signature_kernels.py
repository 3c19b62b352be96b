"""Matches first bytes against the compiled table of signatures."""

import numpy as np

from oddflow.flows._key_kernels import UDP
from oddflow.flows._wire_kernels import two
from oddflow.jit import kernel

SIDE, OPERATION, AT, SIZE, LOW, HIGH, POOL, IS_LITTLE, CONDITION_FIELDS = 0, 1, 2, 3, 4, 5, 6, 7, 8
"""A condition: whose bytes, what is asked, where, of how many bytes, the least and greatest number, its bytes."""
BYTES, SEARCH, LENGTH, NUMBER, FITS, SAME = 0, 1, 2, 3, 4, 5
OVER, FIRST_CONDITION, LAST_CONDITION, FIRST_PORT, LAST_PORT, NAME, START, START_MASK, SIGNATURE_FIELDS = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
)
"""A signature: its conditions, ports and name; what the client's first byte is, so that most can be passed by."""
OVER_ANY, OVER_STREAM, OVER_DATAGRAM = 0, 1, 2
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
def holds(condition, data, begin, end, length, limit, pool, masks):
    """Whether one condition holds for a message data[begin:end], `length` bytes long in truth.

    limit: where the side's bytes end; behind `end` the next datagram follows, if any. A negative length: a stream.
    """
    at, size, operation = begin + condition[AT], condition[SIZE], condition[OPERATION]
    if operation == BYTES:
        return agrees(data, at, end, pool, masks, condition[POOL], size)
    if operation == SEARCH:
        first, mask = pool[condition[POOL]], masks[condition[POOL]]
        for place in range(begin, min(at, end) - size + 1):
            if data[place] & mask == first and agrees(data, place, end, pool, masks, condition[POOL], size):
                return True
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


@kernel(
    "void(u1[::1], i4[::1], u1[::1], i4[::1], u1[::1], u2[::1], u2[::1],"
    " i8[:, ::1], i8[:, ::1], i8[::1], u1[::1], u1[::1], i2[::1])"
)
def match_signatures(client, client_offsets, server, server_offsets, protocols, src_ports, dst_ports,
                     signatures, conditions, ports, pool, masks, names):  # fmt: skip
    """The name's number of the first signature that fits each of n flows, or UNNAMED.

    signatures (s, SIGNATURE_FIELDS), conditions (c, CONDITION_FIELDS), ports (p,), pool and masks (b,): the table.
    """
    for i in range(protocols.shape[0]):
        names[i] = UNNAMED
        begin, limit = np.int64(client_offsets[i]), np.int64(client_offsets[i + 1])
        server_begin, server_limit = np.int64(server_offsets[i]), np.int64(server_offsets[i + 1])
        if begin == limit and server_begin == server_limit:
            continue
        end, server_end = limit, server_limit
        length, server_length = np.int64(-1), np.int64(-1)
        over = OVER_STREAM
        if protocols[i] == UDP:
            over = OVER_DATAGRAM
            length, server_length = np.int64(0), np.int64(0)
            end, server_end = begin, server_begin
            if limit - begin >= 2:
                length = two(client, begin)
                begin, end = begin + 2, min(begin + 2 + length, limit)
            if server_limit - server_begin >= 2:
                server_length = two(server, server_begin)
                server_begin, server_end = server_begin + 2, min(server_begin + 2 + server_length, server_limit)
        start = np.int64(client[begin]) if begin < end else np.int64(0)
        for j in range(signatures.shape[0]):
            signature = signatures[j]
            if start & signature[START_MASK] != signature[START]:
                continue
            if signature[OVER] not in (OVER_ANY, over):
                continue
            fits = signature[FIRST_PORT] == signature[LAST_PORT]
            for k in range(signature[FIRST_PORT], signature[LAST_PORT]):
                fits = fits or ports[k] == np.int64(src_ports[i]) or ports[k] == np.int64(dst_ports[i])
            k = signature[FIRST_CONDITION]
            while fits and k < signature[LAST_CONDITION]:
                condition = conditions[k]
                if condition[SIDE] == 0:
                    fits = begin < end and holds(condition, client, begin, end, length, limit, pool, masks)
                else:
                    fits = server_begin < server_end and holds(
                        condition, server, server_begin, server_end, server_length, server_limit, pool, masks
                    )
                k += 1
            if fits:
                names[i] = signature[NAME]
                break
