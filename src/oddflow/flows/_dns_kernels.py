"""DNS messages (RFC 1035): whether bytes are one, and the question, type and answer code of one."""

import numpy as np

from oddflow.flows._wire_kernels import put_byte, two
from oddflow.jit import kernel

HEADER_BYTES = 12
LONGEST_NAME = 255
QUERY_CHARACTERS = 253
OPT = 41
CUT, BAD = -1, -2
ANSWERED, IS_CUT, HAS_QUESTION = 1, 2, 4


@kernel()
def name_end(data, at, end, is_strict):
    """The offset after an uncompressed name, CUT where it passes `end`, BAD where it is none.

    Strict names are host names: letters, digits, hyphens, underscores, one label at least.
    """
    begin = at
    while True:
        if at >= end:
            return CUT
        length = np.int64(data[at])
        if length > 63 or at + 1 + length - begin > LONGEST_NAME:
            return BAD
        at += 1
        if length == 0:
            return BAD if is_strict and at == begin + 1 else at
        if is_strict:
            for place in range(at, min(at + length, end)):
                byte = data[place]
                letter = 97 <= byte | 0x20 <= 122
                if not (letter or 48 <= byte <= 57 or byte in (45, 95)):
                    return BAD
        at += length


@kernel()
def is_class(number):
    """Whether a question's class is one in use, with or without mDNS's bit (RFC 6762 section 5.4)."""
    return number & 0x7FFF in (1, 3, 4, 254, 255)


@kernel()
def is_dns(data, begin, end, wire_length, by_port):
    """Whether these bytes are a DNS message; without a port that says so, only a plain query of a host name is one.

    wire_length: the message's whole length, of which end - begin bytes are here.
    """
    if end - begin < HEADER_BYTES or wire_length < HEADER_BYTES:
        return False
    flags, questions = two(data, begin + 2), two(data, begin + 4)
    others = two(data, begin + 6) + two(data, begin + 8)
    additional = two(data, begin + 10)
    if by_port:
        if questions == 0:
            return others > 0 and (flags >> 11) & 15 <= 6 and others < 256
        if (flags >> 11) & 15 > 6 or questions > 64:
            return False
    elif flags & 0xF84F != 0 or questions != 1 or others != 0 or additional > 1:
        return False
    at = name_end(data, begin + HEADER_BYTES, end, not by_port)
    if at < 0 or at + 4 > end:
        # A cut message is believed on DNS's own ports only.
        return by_port and at != BAD and wire_length > end - begin
    if two(data, at) == 0 or not is_class(two(data, at + 2)):
        return False
    if by_port:
        return True
    if two(data, at + 2) != 1:
        return False
    if additional == 0:
        return at + 4 - begin == wire_length
    return at + 7 <= end and data[at + 4] == 0 and two(data, at + 5) == OPT


@kernel()
def write_name(data, at, end, text, to):
    """Writes an uncompressed name that has been checked, labels joined by dots; the offset after it in the text."""
    stop = to + QUERY_CHARACTERS
    begin = to
    if at < end and data[at] == 0:
        text[to] = 46
        return to + 1
    while at < end and data[at] != 0:
        length = np.int64(data[at])
        if to > begin:
            if to + 1 > stop:
                return to
            text[to] = 46
            to += 1
        for place in range(at + 1, min(at + 1 + length, end)):
            after = put_byte(text, to, stop, data[place], data[place] == 46)
            if after < 0:
                return to
            to = after
        at += 1 + length
    return to


@kernel()
def question(data, begin, end, text, to):
    """Writes the first question's name: (offset after it, its type or -1 where there is none, whether it is cut)."""
    if end - begin < HEADER_BYTES:
        return to, np.int64(-1), True
    if two(data, begin + 4) == 0:
        return to, np.int64(-1), False
    at = name_end(data, begin + HEADER_BYTES, end, False)
    if at < 0 or at + 4 > end:
        return to, np.int64(-1), at != BAD
    return write_name(data, begin + HEADER_BYTES, end, text, to), two(data, at), False


@kernel()
def answer(data, begin, end, number):
    """The code of the first message that answers query `number` (-1: any), or -1. Messages follow their lengths."""
    at = begin
    while at + 2 + 4 <= end:
        length = two(data, at)
        if length >= 4 and data[at + 4] & 0x80 and (number < 0 or two(data, at + 2) == number):
            return np.int64(data[at + 5] & 15), at
        at += 2 + length
    return np.int64(-1), np.int64(-1)


@kernel("i8(u1[::1], i4[::1], u1[::1], i4[::1], i8[::1], i2[:, ::1], u1[::1], u1[::1], i4[::1])")
def read_dns(client, client_offsets, server, server_offsets, rows, facts, states, text, offsets):
    """Reads the DNS flows named by `rows` (m,).

    facts (m, 2): type (as 16 bits) and answer code, -1 where there is none. states (m,): ANSWERED, IS_CUT and
    HAS_QUESTION bits. text: QUERY_CHARACTERS for each; offsets (m + 1,). Returns the characters used.
    """
    to = np.int64(0)
    for j in range(rows.shape[0]):
        offsets[j] = to
        begin, end = np.int64(client_offsets[rows[j]]), np.int64(client_offsets[rows[j] + 1])
        server_begin, server_end = np.int64(server_offsets[rows[j]]), np.int64(server_offsets[rows[j] + 1])
        number, kind, is_cut = np.int64(-1), np.int64(-1), False
        if end - begin > 4:
            stop = min(begin + 2 + two(client, begin), end)
            number = two(client, begin + 2)
            to, kind, is_cut = question(client, begin + 2, stop, text, to)
        code, answered = answer(server, server_begin, server_end, number)
        if answered >= 0 and end - begin <= 4:
            stop = min(answered + 2 + two(server, answered), server_end)
            to, kind, is_cut = question(server, answered + 2, stop, text, to)
        states[j] = (ANSWERED if code >= 0 else 0) | (IS_CUT if is_cut else 0) | (HAS_QUESTION if kind >= 0 else 0)
        facts[j, 0] = np.int16(np.uint16(max(kind, 0)))
        facts[j, 1] = code
    offsets[rows.shape[0]] = to
    return to
