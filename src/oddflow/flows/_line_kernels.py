"""Reads what is written in lines: HTTP requests and status lines (RFC 9112), SSH banners (RFC 4253 section 4.2)."""

import numpy as np

from oddflow._memory_kernels import find_byte
from oddflow.flows._first_bytes_kernels import SSH, is_request, is_status, starts_with
from oddflow.flows._key_kernels import UDP
from oddflow.flows._wire_kernels import two
from oddflow.jit import kernel

METHOD, HOST, AGENT, STATUS, HTTP_STATE, HTTP_FIELDS = 0, 2, 4, 6, 7, 8
"""Begin and end of method, host and user agent; the status; 1 where the headers are cut."""
BANNER_BYTES = 255
HOST_NAME, AGENT_NAME = np.frombuffer(b"host:", np.uint8), np.frombuffer(b"user-agent:", np.uint8)


@kernel()
def line_end(data, at, end):
    """The offset of the next line feed, or `end`."""
    return find_byte(data, at, end, 10)


@kernel()
def is_header(data, begin, end, name):
    """Whether a line starts with a header's name, in any case of letters."""
    if begin + name.shape[0] > end:
        return False
    for i in range(name.shape[0]):
        byte = data[begin + i]
        if (byte | 0x20 if 65 <= byte <= 90 else byte) != name[i]:
            return False
    return True


@kernel()
def trim(data, begin, end, fact, place):
    """Notes a value without the blanks around it."""
    while begin < end and data[begin] in (32, 9):
        begin += 1
    while end > begin and data[end - 1] in (32, 9, 13):
        end -= 1
    fact[place], fact[place + 1] = begin, end


@kernel()
def read_headers(data, at, end, fact):
    """Notes the first Host and User-Agent; whether the headers' end was seen."""
    while at < end:
        stop = line_end(data, at, end)
        if stop == at or (stop == at + 1 and stop < end and data[at] == 13):
            return stop < end
        if stop == end:
            return False
        if fact[HOST] < 0 and is_header(data, at, stop, HOST_NAME):
            trim(data, at + HOST_NAME.shape[0], stop, fact, HOST)
        elif fact[AGENT] < 0 and is_header(data, at, stop, AGENT_NAME):
            trim(data, at + AGENT_NAME.shape[0], stop, fact, AGENT)
        at = stop + 1
    return False


@kernel()
def status_of(data, begin, end):
    """The code of a status line, 100 to 999 (RFC 9110 section 15), or -1."""
    if not is_status(data, begin, end):
        return np.int64(-1)
    code = np.int64(0)
    for place in range(begin + 9, begin + 12):
        if not 48 <= data[place] <= 57:
            return np.int64(-1)
        code = 10 * code + np.int64(data[place]) - 48
    return code if code >= 100 else np.int64(-1)


@kernel("void(u1[::1], i4[::1], u1[::1], i4[::1], u1[::1], i8[::1], i8[:, ::1])")
def read_http(client, client_offsets, server, server_offsets, protocols, rows, facts):
    """Reads the HTTP flows named by `rows` (m,): facts (m, HTTP_FIELDS), -1 where there is none."""
    for j in range(rows.shape[0]):
        fact = facts[j]
        fact[:] = -1
        begin, end = np.int64(client_offsets[rows[j]]), np.int64(client_offsets[rows[j] + 1])
        server_begin, server_end = np.int64(server_offsets[rows[j]]), np.int64(server_offsets[rows[j] + 1])
        if protocols[rows[j]] == UDP:
            if end - begin > 2:
                end = min(begin + 2 + two(client, begin), end)
                begin += 2
            if server_end - server_begin > 2:
                server_end = min(server_begin + 2 + two(server, server_begin), server_end)
                server_begin += 2
        fact[STATUS] = status_of(server, server_begin, server_end)
        fact[HTTP_STATE] = 0
        if not is_request(client, begin, end):
            continue
        at = begin
        while at < end and client[at] != 32:
            at += 1
        fact[METHOD], fact[METHOD + 1] = begin, at
        at = line_end(client, at, end)
        whole = at < end and read_headers(client, at + 1, end, fact)
        fact[HTTP_STATE] = 0 if whole or (fact[HOST] >= 0 and fact[AGENT] >= 0) else 1


@kernel("void(u1[::1], i4[::1], i8[::1], i8[::1], i8[::1], u1[::1])")
def find_banners(data, offsets, rows, begins, ends, is_cut):
    """Where the SSH banners of the flows `rows` (m,) begin and end; an end before the begin where there is none."""
    for j in range(rows.shape[0]):
        begins[j], ends[j], is_cut[j] = 0, -1, 0
        begin, end = np.int64(offsets[rows[j]]), np.int64(offsets[rows[j] + 1])
        at = begin
        # A server may send other lines before its banner.
        while at < end and at - begin < 2 * BANNER_BYTES:
            stop = line_end(data, at, end)
            if starts_with(data, at, stop, SSH):
                if stop == end and stop - at < BANNER_BYTES:
                    is_cut[j] = 1
                    break
                if data[stop - 1] == 13:
                    stop -= 1
                begins[j], ends[j] = at, min(stop, at + BANNER_BYTES)
                break
            at = stop + 1
