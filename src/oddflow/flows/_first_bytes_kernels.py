"""Tells what the first bytes of flows are, by content: TLS, DTLS, QUIC, DNS, HTTP or SSH, and where it begins."""

import numpy as np

from oddflow._memory_kernels import copy_bytes, find_byte
from oddflow.flows._dns_kernels import is_dns
from oddflow.flows._key_kernels import TCP, UDP
from oddflow.flows._wire_kernels import four, two
from oddflow.jit import kernel

SCTP = 132
DNS_PORTS = (53, 5353, 5355)
IS_TLS, IS_DTLS, IS_QUIC, IS_DNS, IS_HTTP, IS_SSH, IS_TURNED = 1, 2, 4, 8, 16, 32, 64
SCANNED_BYTES = 1024
"""How far into a stream a ClientHello is looked for, behind STARTTLS, a proxy's greeting and the like."""
HANDSHAKE, CLIENT_HELLO, SERVER_HELLO = 22, 1, 2
LONGEST_METHOD = 20
METHODS = np.frombuffer(b"GET POSTHEADPUT OPTICONNTRACPATCDELE", np.uint32)
"""The first four bytes of HTTP's own methods."""
HTTP, SSH = np.frombuffer(b"HTTP/1.", np.uint8), np.frombuffer(b"SSH-", np.uint8)


@kernel()
def starts_with(data, begin, end, word):
    """Whether the bytes start with a word."""
    if begin + word.shape[0] > end:
        return False
    for i in range(word.shape[0]):
        if data[begin + i] != word[i]:
            return False
    return True


@kernel()
def is_hello(data, at, end, kind):
    """Whether a TLS record with a hello starts here: record header, handshake type, lengths, version."""
    if at + 11 > end:
        return False
    if data[at] != HANDSHAKE or data[at + 1] != 3 or data[at + 2] > 4 or data[at + 5] != kind:
        return False
    record = two(data, at + 3)
    return 4 < record <= 16640 and data[at + 6] == 0 and data[at + 9] == 3 and data[at + 10] <= 4


@kernel()
def find_hello(data, begin, end, kind):
    """Where a TLS hello begins within the first bytes of a stream, or -1."""
    if is_hello(data, begin, end, kind):
        return begin
    last = min(end - 10, begin + SCANNED_BYTES)
    at = find_byte(data, begin + 1, last, HANDSHAKE)
    while at < last:
        # Behind other bytes a record is believed only where the hello fills it.
        if is_hello(data, at, end, kind) and two(data, at + 3) == two(data, at + 7) + 4:
            return at
        at = find_byte(data, at + 1, last, HANDSHAKE)
    return -1


@kernel()
def is_cut_hello(data, begin, end):
    """Whether a stream ends within the first bytes of a ClientHello."""
    if end - begin < 3 or end - begin >= 11 or data[begin] != HANDSHAKE or data[begin + 1] != 3 or data[begin + 2] > 4:
        return False
    return end - begin < 6 or data[begin + 5] == CLIENT_HELLO


@kernel()
def is_dtls_hello(data, at, end, kind):
    """Whether a DTLS record with the first fragment of a hello starts here (RFC 6347 section 4)."""
    if at + 25 > end:
        return False
    if data[at] != HANDSHAKE or data[at + 1] != 254 or data[at + 2] not in (255, 253):
        return False
    return two(data, at + 3) == 0 and data[at + 13] == kind and data[at + 14] == 0


@kernel()
def find_dtls_hello(data, begin, end, kind):
    """Where the datagram with a DTLS hello begins (its length), or -1."""
    at = begin
    while at + 2 <= end:
        length = two(data, at)
        if is_dtls_hello(data, at + 2, min(at + 2 + length, end), kind):
            return at
        at += 2 + length
    return -1


@kernel()
def quic_version(data, at, end):
    """The QUIC version that a datagram names, or 0 where it is none we know of (RFC 9000 section 17.2, RFC 8999)."""
    if at + 14 > end:
        return 0
    if data[at] & 0x80:
        version = four(data, at + 1)
        high = version >> 8
        if high >> 8 in (0x5130, 0x5430):
            return version
        known = version in (1, 0x6B3343CF) or high in (0xFF0000, 0xFACEB0) or (version & 0x0F0F0F0F) == 0x0A0A0A0A
        return version if known and data[at + 5] <= 20 else 0
    # Google's QUIC up to Q043: flags, connection ID of 8 bytes, version.
    if data[at] & 0x09 == 0x09 and data[at + 9] == 81 and data[at + 10] == 48:
        return four(data, at + 9)
    return 0


@kernel()
def find_quic(data, begin, end):
    """Where the datagram with a QUIC version begins (its length), or -1."""
    at = begin
    while at + 2 <= end:
        length = two(data, at)
        if quic_version(data, at + 2, min(at + 2 + length, end)) != 0:
            return at
        at += 2 + length
    return -1


@kernel()
def is_request(data, begin, end):
    """Whether an HTTP request line starts here (RFC 9112 section 3).

    Without "HTTP/" on the line, as in old requests and cut ones, only HTTP's own methods are believed.
    """
    at = begin
    while at < end and at - begin <= LONGEST_METHOD and (65 <= data[at] <= 90 or data[at] == 45):
        at += 1
    if at == begin or at - begin > LONGEST_METHOD or at + 1 >= end or data[at] != 32:
        return False
    for place in range(at + 1, end - 5):
        if data[place] == 10:
            break
        if data[place] == 32 and starts_with(data, place + 1, end, HTTP[:5]):
            return True
    first = np.uint32(0)
    for i in range(4):
        first |= np.uint32(np.uint32(data[begin + i]) << np.uint32(8 * i)) if begin + i < end else np.uint32(0)
    for method in METHODS:
        if first == method:
            return data[at + 1] == 47
    return False


@kernel()
def is_status(data, begin, end):
    """Whether an HTTP status line starts here."""
    return end - begin >= 12 and starts_with(data, begin, end, HTTP) and data[begin + 8] == 32


@kernel()
def kind_of_stream(client, begin, end, server, server_begin, server_end, is_dns_port, hellos):
    """What a stream is; hellos[0] and [1] become the places of ClientHello and ServerHello, or -1."""
    if is_hello(client, begin, end, SERVER_HELLO) or is_status(client, begin, end):
        return IS_TURNED
    if is_hello(server, server_begin, server_end, CLIENT_HELLO) and not is_hello(client, begin, end, CLIENT_HELLO):
        return IS_TURNED
    kind = 0
    if is_request(client, begin, end) or is_status(server, server_begin, server_end):
        kind = IS_HTTP
    elif starts_with(client, begin, end, SSH) or starts_with(server, server_begin, server_end, SSH):
        return IS_SSH
    elif end - begin > 2 and two(client, begin) >= 17:
        stop = min(begin + 2 + two(client, begin), end)
        if is_dns(client, begin + 2, stop, two(client, begin), is_dns_port):
            return IS_DNS
    hellos[0] = find_hello(client, begin, end, CLIENT_HELLO)
    if hellos[0] >= 0 or is_hello(server, server_begin, server_end, SERVER_HELLO):
        hellos[1] = find_hello(server, server_begin, server_end, SERVER_HELLO)
    if hellos[0] < 0 and is_cut_hello(client, begin, end):
        hellos[0] = begin
    return kind | IS_TLS if hellos[0] >= 0 or hellos[1] >= 0 else kind


@kernel()
def kind_of_datagrams(client, begin, end, server, server_begin, server_end, ports, hellos):
    """What datagrams are; hellos[0] becomes the place of the datagram that says so.

    hellos[1] becomes the place of a DTLS ServerHello, or the QUIC version.
    """
    src_port, dst_port = ports
    hellos[0] = find_quic(client, begin, end)
    if hellos[0] >= 0:
        hellos[1] = quic_version(client, hellos[0] + 2, min(hellos[0] + 2 + two(client, hellos[0]), end))
        return IS_QUIC
    hellos[0] = find_dtls_hello(client, begin, end, CLIENT_HELLO)
    if hellos[0] < 0 and find_dtls_hello(server, server_begin, server_end, CLIENT_HELLO) >= 0:
        return IS_TURNED
    hellos[1] = find_dtls_hello(server, server_begin, server_end, SERVER_HELLO)
    if hellos[0] >= 0 or hellos[1] >= 0:
        return IS_DTLS
    if end - begin > 2:
        stop = min(begin + 2 + two(client, begin), end)
        if is_request(client, begin + 2, stop) or is_status(client, begin + 2, stop):
            return IS_HTTP
        by_port = src_port in DNS_PORTS or dst_port in DNS_PORTS
        # NetBIOS names look like DNS and are none.
        not_netbios = src_port not in (137, 138) and dst_port not in (137, 138)
        if not_netbios and is_dns(client, begin + 2, stop, two(client, begin), by_port):
            is_answer = stop - begin > 4 and client[begin + 4] & 0x80 != 0
            return IS_TURNED if is_answer and src_port != dst_port and src_port in DNS_PORTS else IS_DNS
    elif server_end - server_begin > 2 and (src_port in DNS_PORTS or dst_port in DNS_PORTS):
        stop = min(server_begin + 2 + two(server, server_begin), server_end)
        if is_dns(server, server_begin + 2, stop, two(server, server_begin), True):
            return IS_DNS
    return 0


@kernel("void(u1[::1], i4[::1], u1[::1], i4[::1], u1[::1], u2[::1], u2[::1], u1[::1], i8[:, ::1])")
def sort_flows(client, client_offsets, server, server_offsets, protocols, src_ports, dst_ports, kinds, hellos):
    """Tells what each of n flows is: kinds (n,) as IS_… bits, hellos (n, 2) the places of client and server hello."""
    for i in range(protocols.shape[0]):
        begin, end = np.int64(client_offsets[i]), np.int64(client_offsets[i + 1])
        server_begin, server_end = np.int64(server_offsets[i]), np.int64(server_offsets[i + 1])
        kinds[i] = 0
        if begin == end and server_begin == server_end:
            continue
        hellos[i, 0] = hellos[i, 1] = -1
        src_port, dst_port = np.int64(src_ports[i]), np.int64(dst_ports[i])
        if protocols[i] == UDP:
            ports = (src_port, dst_port)
            kinds[i] = kind_of_datagrams(client, begin, end, server, server_begin, server_end, ports, hellos[i])
        elif protocols[i] in (TCP, SCTP):
            by_port = src_port in DNS_PORTS or dst_port in DNS_PORTS
            kinds[i] = kind_of_stream(client, begin, end, server, server_begin, server_end, by_port, hellos[i])


@kernel("void(u1[::1], i4[::1], u1[::1], i4[::1], u1[::1], u1[::1], i4[::1], u1[::1], i4[::1])")
def turn_flows(client, client_offsets, server, server_offsets, kinds, to_client, to_client_offsets, to_server,
               to_server_offsets):  # fmt: skip
    """Copies the first bytes of n flows, client and server changed over where the kind says so."""
    client_at, server_at = np.int64(0), np.int64(0)
    for i in range(kinds.shape[0]):
        to_client_offsets[i], to_server_offsets[i] = client_at, server_at
        begin, end = np.int64(client_offsets[i]), np.int64(client_offsets[i + 1])
        server_begin, server_end = np.int64(server_offsets[i]), np.int64(server_offsets[i + 1])
        if kinds[i] == IS_TURNED:
            copy_bytes(to_client, client_at, server, server_begin, server_end - server_begin)
            copy_bytes(to_server, server_at, client, begin, end - begin)
            client_at += server_end - server_begin
            server_at += end - begin
        else:
            copy_bytes(to_client, client_at, client, begin, end - begin)
            copy_bytes(to_server, server_at, server, server_begin, server_end - server_begin)
            client_at += end - begin
            server_at += server_end - server_begin
    to_client_offsets[kinds.shape[0]], to_server_offsets[kinds.shape[0]] = client_at, server_at
