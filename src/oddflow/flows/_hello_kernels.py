"""Takes hello messages out of TLS records and DTLS datagrams, and the version out of a ServerHello."""

import numpy as np

from oddflow._memory_kernels import copy_bytes
from oddflow.flows._first_bytes_kernels import CLIENT_HELLO, HANDSHAKE, SERVER_HELLO
from oddflow.flows._wire_kernels import three, two
from oddflow.jit import kernel

SUPPORTED_VERSIONS, KEY_SHARE = 43, 51
TLS_1_3 = 0x0304
NO_VERSION, CUT_VERSION = -1, -2


@kernel()
def take_stream(data, at, end, message, to):
    """Copies the handshake message of TLS records (RFC 8446 section 5.1): (offset after it, whether it is whole)."""
    begin, need = to, np.int64(4)
    while at + 5 <= end and data[at] == HANDSHAKE and data[at + 1] == 3:
        stop = min(at + 5 + two(data, at + 3), end)
        at += 5
        while at < stop and to - begin < need:
            size = min(stop - at, need - (to - begin))
            copy_bytes(message, to, data, at, size)
            to += size
            at += size
            if need == 4 and to - begin == 4:
                need = 4 + three(message, begin + 1)
        if to - begin == need:
            return to, True
        if at < stop:
            break
    return to, False


@kernel()
def take_fragments(data, at, end, kind, message, to):
    """Copies the first handshake message of one kind out of DTLS datagrams, its fragments put together.

    Fragments must come in order or repeat (RFC 6347 section 4.2.3). (offset after it, whether it is whole)
    """
    begin, need, number = to, np.int64(-1), np.int64(-1)
    while at + 2 <= end:
        next_datagram = at + 2 + two(data, at)
        at += 2
        limit = min(next_datagram, end)
        while at + 13 <= limit and data[at] == HANDSHAKE and data[at + 1] == 254:
            stop = min(at + 13 + two(data, at + 11), limit)
            fragment = at + 13
            if fragment + 12 <= stop and data[fragment] == kind:
                sequence, offset = two(data, fragment + 4), three(data, fragment + 6)
                if number < 0:
                    number, need = sequence, three(data, fragment + 1)
                    message[to] = kind
                    for place in range(1, 4):
                        message[to + place] = data[fragment + place]
                    to += 4
                got = to - begin - 4
                if sequence == number and offset <= got:
                    last = min(fragment + 12 + three(data, fragment + 9), stop)
                    place = fragment + 12 + got - offset
                    size = min(last - place, need - got)
                    if size > 0:
                        copy_bytes(message, to, data, place, size)
                        to += size
                    if to - begin - 4 == need:
                        return to, True
            at = stop
        at = next_datagram
    return to, False


@kernel("i8(u1[::1], i4[::1], i8[::1], i8[::1], u1[::1], u1[::1], i4[::1], u1[::1])")
def gather_hellos(client, client_offsets, rows, places, is_datagrams, messages, offsets, is_whole):
    """Packs the ClientHellos of the flows `rows` (m,) that begin at `places` (m,); offsets (m + 1,).

    messages: as many bytes as those flows have hold any case. Returns the bytes used.
    """
    to = np.int64(0)
    for j in range(rows.shape[0]):
        offsets[j] = to
        end = np.int64(client_offsets[rows[j] + 1])
        if is_datagrams[j]:
            to, whole = take_fragments(client, places[j], end, CLIENT_HELLO, messages, to)
        else:
            to, whole = take_stream(client, places[j], end, messages, to)
        is_whole[j] = whole
    offsets[rows.shape[0]] = to
    return to


@kernel()
def server_version(message, size, is_whole):
    """The version that a ServerHello chooses (RFC 8446 section 4.1.3); NO_VERSION, or CUT_VERSION where it is cut."""
    unsure = NO_VERSION if is_whole else CUT_VERSION
    if size < 39:
        return unsure
    version = two(message, 4)
    at = 38 + 1 + np.int64(message[38]) + 3
    if at > size:
        return unsure
    if at + 2 > size:
        return version if is_whole else unsure
    stop = at + 2 + two(message, at)
    at += 2
    while at + 4 <= min(stop, size):
        kind, length = two(message, at), two(message, at + 2)
        if kind == SUPPORTED_VERSIONS and length == 2 and at + 6 <= size:
            return two(message, at + 4)
        if kind == KEY_SHARE and version == 0x0303:
            # Only TLS 1.3 shares keys here, and a post-quantum share is longer than what is kept of the server.
            return TLS_1_3
        at += 4 + length
    if stop > size and not is_whole:
        return unsure
    return version


@kernel("void(u1[::1], i4[::1], i8[::1], i8[::1], u1[::1], u1[::1], i4[::1])")
def read_server_hellos(server, server_offsets, rows, places, is_datagrams, message, versions):
    """The version that each flow's ServerHello chooses, (m,); NO_VERSION or CUT_VERSION where it cannot be read.

    message: room for the longest direction of these flows.
    """
    for j in range(rows.shape[0]):
        versions[j] = NO_VERSION
        if places[j] < 0:
            continue
        end = np.int64(server_offsets[rows[j] + 1])
        if is_datagrams[j]:
            size, whole = take_fragments(server, places[j], end, SERVER_HELLO, message, 0)
        else:
            size, whole = take_stream(server, places[j], end, message, 0)
        versions[j] = server_version(message, size, whole)
