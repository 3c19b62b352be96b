"""First bytes of the flows of a capture, put together in plain Python: what the meter's are to be compared with."""

import struct
from dataclasses import dataclass, field
from ipaddress import ip_address

import numpy as np

from oddflow.flows.application import FirstBytes

CLIENT_BYTES, SERVER_BYTES = 4096, 512
ETHER_IPV4, ETHER_IPV6, ETHER_TAGS, ETHER_MPLS, ETHER_PPPOE, ETHER_ETHERNET = (
    0x0800,
    0x86DD,
    (0x8100, 0x88A8),
    0x8847,
    0x8864,
    0x6558,
)


def records(path):
    """(link type, bytes, microseconds) of all packets of a pcap or pcapng file; stops where it is broken."""
    data = path.read_bytes()
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        yield from _pcapng(data)
        return
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1", b"\x34\xcd\xb2\xa1") else ">"
    (magic,) = struct.unpack_from(order + "I", data)
    header = 24 if magic == 0xA1B2CD34 else 16
    (link,) = struct.unpack_from(order + "I", data, 20)
    at = 24
    while at + header <= len(data):
        seconds, fraction, size, _ = struct.unpack_from(order + "IIII", data, at)
        yield (
            link & 0xFFFF,
            data[at + header : at + header + size],
            seconds * 10**6 + (fraction // 1000 if magic == 0xA1B23C4D else fraction),
        )
        at += header + size


def _pcapng(data):
    at, order, links = 0, "<", []
    while at + 12 <= len(data):
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order, links = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">", []
        kind, size = struct.unpack_from(order + "II", data, at)
        if size < 12 or at + size > len(data):
            return
        if kind == 1:
            links.append(struct.unpack_from(order + "H", data, at + 8)[0])
        elif kind == 6:
            number, high, low, captured = struct.unpack_from(order + "IIII", data, at + 8)
            yield links[number], data[at + 28 : at + 28 + captured], high << 32 | low
        elif kind == 3:
            yield links[0], data[at + 12 : at + size - 4], 0
        at += size


def internet(link, data):
    """(version, bytes from the IP header) of the innermost packet, or None."""
    if link == 1:
        return _ethernet(data)
    if link in (12, 14, 101, 228, 229):
        return _inner(data[0] >> 4, data) if data else None
    if link in (0, 108):
        return _inner(4 if 2 in (data[0], data[3]) else 6, data[4:]) if len(data) > 4 else None
    if link == 113:
        return _typed(int.from_bytes(data[14:16], "big"), data[16:])
    if link == 276:
        return _typed(int.from_bytes(data[:2], "big"), data[20:])
    return None


def _ethernet(data):
    return _typed(int.from_bytes(data[12:14], "big"), data[14:])


def _typed(kind, data):
    while kind in ETHER_TAGS:
        kind, data = int.from_bytes(data[2:4], "big"), data[4:]
    if kind == ETHER_PPPOE:
        kind, data = {0x21: ETHER_IPV4, 0x57: ETHER_IPV6}.get(int.from_bytes(data[6:8], "big"), 0), data[8:]
    if kind == ETHER_MPLS:
        while len(data) > 4 and not data[2] & 1:
            data = data[4:]
        data = data[4:]
        kind = {4: ETHER_IPV4, 6: ETHER_IPV6}.get(data[0] >> 4 if data else 0, 0)
    if kind == ETHER_ETHERNET:
        return _ethernet(data)
    return _inner({ETHER_IPV4: 4, ETHER_IPV6: 6}.get(kind, 0), data)


def _inner(version, data):
    """Goes through tunnels to the innermost packet: the whole road that the golden captures take."""
    parsed = transport(version, data) if data else None
    if parsed is None:
        return None
    protocol, payload = parsed[2], parsed[3]
    if protocol in (4, 41):
        return _inner(4 if protocol == 4 else 6, payload) or (version, data)
    if protocol == 47 and len(payload) > 4:
        flags, kind = struct.unpack_from(">HH", payload)
        size = 4 + 4 * bool(flags & 0xC000) + 4 * bool(flags & 0x2000) + 4 * bool(flags & 0x1000)
        if kind in (0x88BE, 0x22EB):
            extra = 8 if kind == 0x88BE and flags & 0x1000 else 0 if kind == 0x88BE else 12
            return _ethernet(payload[size + extra :]) or (version, data)
        return _typed(kind, payload[size:]) or (version, data)
    if protocol == 17 and len(payload) > 24 and payload[2:4] == struct.pack(">H", 4789):
        return _ethernet(payload[16:]) or (version, data)
    if protocol == 17 and len(payload) > 24 and payload[2:4] == struct.pack(">H", 6081):
        kind = int.from_bytes(payload[10:12], "big")
        return _typed(kind, payload[16 + 4 * (payload[8] & 63) :]) or (version, data)
    return version, data


def transport(version, data):
    """(source, destination, protocol, transport bytes) of an IP packet, or None; of fragments the first only."""
    if version == 4 and len(data) >= 20 and data[0] >> 4 == 4:
        size = int.from_bytes(data[2:4], "big") or len(data)
        if int.from_bytes(data[6:8], "big") & 0x1FFF:
            return None
        return data[12:16], data[16:20], data[9], data[4 * (data[0] & 15) : size]
    if version == 6 and len(data) >= 40:
        protocol, body = data[6], data[40 : 40 + int.from_bytes(data[4:6], "big")]
        while protocol in (0, 43, 60, 44) and len(body) >= 8:
            if protocol == 44:
                if int.from_bytes(body[2:4], "big") & 0xFFF8:
                    return None
                protocol, body = body[0], body[8:]
            else:
                protocol, body = body[0], body[8 + 8 * body[1] :]
        return data[8:24], data[24:40], protocol, body
    return None


@dataclass
class Stream:
    """One direction of a TCP connection, or its datagrams."""

    first_sequence: int | None = None
    pieces: dict = field(default_factory=dict)
    datagrams: list = field(default_factory=list)

    def add(self, sequence, flags, payload):
        if flags & 2:
            sequence += 1
            if self.first_sequence is None:
                self.first_sequence = sequence
        if payload and self.first_sequence is None:
            self.first_sequence = sequence
        if payload:
            place = (sequence - self.first_sequence + 2**31) % 2**32 - 2**31
            if len(payload) > len(self.pieces.get(place, b"")):
                self.pieces[place] = payload

    def bytes(self):
        if self.datagrams:
            return b"".join(struct.pack(">H", size) + payload for size, payload in self.datagrams)
        whole = b""
        for place, piece in sorted(self.pieces.items()):
            if 0 <= place <= len(whole):
                whole += piece[len(whole) - place :]
            elif place > len(whole):
                break
        return whole


@dataclass
class PlainFlow:
    """A flow: addresses as text, the client's first; both streams; whether SYN told the client."""

    protocol: int
    client: tuple
    server: tuple
    up: Stream = field(default_factory=Stream)
    down: Stream = field(default_factory=Stream)
    packets: int = 0
    is_over: bool = False


def plain_flows(path):
    """The TCP, UDP and SCTP flows of a capture in order of their first packet; ports used anew begin a new flow."""
    open_flows, flows = {}, []
    for link, data, _ in records(path):
        found = internet(link, data)
        parsed = found and transport(*found)
        if not parsed or parsed[2] not in (6, 17, 132) or len(parsed[3]) < 8:
            continue
        source, target, protocol, body = parsed
        ports = struct.unpack_from(">HH", body)
        ends = (str(ip_address(source)), ports[0]), (str(ip_address(target)), ports[1])
        key = (protocol, frozenset(ends))
        flow = open_flows.get(key)
        flags = body[13] if protocol == 6 and len(body) >= 20 else 0
        if flow is None or (flags & 0x12 == 2 and (flow.is_over or flow.up.pieces)):
            turned = flags & 0x12 == 0x12
            flow = open_flows[key] = PlainFlow(protocol, *(ends[::-1] if turned else ends))
            flows.append(flow)
        flow.packets += 1
        flow.is_over |= bool(flags & 5)
        stream = flow.up if ends[0] == flow.client else flow.down
        if protocol == 17:
            size, payload = max(int.from_bytes(body[4:6], "big") - 8, 0), body[8:]
            # A datagram that is cut is the last: what follows could not be told apart.
            if size and not (stream.datagrams and stream.datagrams[-1][0] > len(stream.datagrams[-1][1])):
                stream.datagrams.append((size, payload[:size]))
        elif protocol == 6 and len(body) >= 20:
            stream.add(int.from_bytes(body[4:8], "big"), flags, body[4 * (body[12] >> 4) :])
        elif protocol == 132:
            _add_sctp(stream, body[12:])
    return flows


def _add_sctp(stream, body):
    while len(body) >= 4:
        size = int.from_bytes(body[2:4], "big")
        if body[0] == 0 and size > 16:
            stream.pieces[sum(map(len, stream.pieces.values()))] = body[16:size]
        if size < 4:
            return
        body = body[size + -size % 4 :]


def pack(flows):
    """FirstBytes of (client bytes, server bytes, protocol, source port, destination port)."""
    flows = list(flows)
    clients, servers = [flow[0][:CLIENT_BYTES] for flow in flows], [flow[1][:SERVER_BYTES] for flow in flows]
    return FirstBytes(
        *_packed(clients), *_packed(servers),
        np.array([flow[2] for flow in flows], np.uint8),
        np.array([flow[3] for flow in flows], np.uint16),
        np.array([flow[4] for flow in flows], np.uint16),
    )  # fmt: skip


def _packed(parts):
    return (
        np.frombuffer(bytearray(b"".join(parts)), np.uint8),
        np.cumsum([0, *map(len, parts)], dtype=np.int32),
    )


def first_bytes(flows):
    """FirstBytes of plain flows."""
    return pack((flow.up.bytes(), flow.down.bytes(), flow.protocol, flow.client[1], flow.server[1]) for flow in flows)


def datagrams(*payloads):
    """Payloads as FirstBytes holds them for UDP."""
    return b"".join(struct.pack(">H", len(payload)) + payload for payload in payloads)
