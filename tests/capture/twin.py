"""The decoder once more, in plain Python over bytes: what the kernels are compared with."""

import struct

from tests.capture.twin_links import (
    ARP,
    IP_HEADER,
    IPV4,
    IPV6,
    NOT_IP,
    TOO_DEEP,
    TRANSPORT_HEADER,
    Cursor,
    Lost,
    behind_link_type,
    behind_links,
)
from tests.capture.twin_tunnels import tunnel

OK = 0
MAX_TUNNELS = 4
FIRST, LATER, ALONE = 1, 2, 3
MAX_AGE_NS = 30 * 10**9
EMPTY = dict.fromkeys(
    [
        "src_port", "dst_port", "tcp_flags", "window", "sequence", "acknowledgement", "fragment", "protocol", "version",
        "ttl", "quoted_start", "outer_start", "tunnel", "tunnel_id", "payload_captured", "payload_length", "loss",
    ], 0
) | {"icmp_type": -1, "icmp_code": -1}  # fmt: skip


def decode(data: bytes, link_type: int, wire: int, tunnels: bool = True) -> dict[str, int]:
    """All fields by name where the packet is read; else only `loss`, and what it was that is no IP."""
    cursor = Cursor(data, wire)
    try:
        kind, vlan = behind_link_type(cursor, link_type)
        return packet(cursor, kind, 0, tunnels) | {"vlan": vlan}
    except Lost as lost:
        code, *kind = lost.args
        return {"loss": code} | ({"ether_type": kind[0]} if kind else {})


def packet(cursor: Cursor, kind: int, depth: int, tunnels: bool, whole: bool = True) -> dict[str, int]:
    """The fields of the innermost packet that can be read."""
    fields = EMPTY | {"ether_type": kind}
    if kind in (0x0806, 0x8035):
        arp(cursor, fields)
        return fields
    if kind == IPV4:
        ipv4(cursor, fields, depth > 0 and whole)
    elif kind == IPV6:
        ipv6(cursor, fields, depth > 0 and whole)
    else:
        raise Lost(NOT_IP, kind)
    header = cursor.copy()
    transport(cursor, fields)
    captured = len(cursor.data)
    fields["header_bytes"] = min(cursor.at - fields["ip_start"], 0xFFFF)
    fields["payload_start"] = min(cursor.at, captured)
    fields["payload_captured"] = max(0, min(captured, cursor.wire_end) - cursor.at)
    fields["payload_length"] = max(0, cursor.wire_end - cursor.at)
    if not tunnels or fields["fragment"] == ALONE:
        return fields
    cursor.end_at(cursor.wire_end)
    header.end_at(cursor.wire_end)
    found = tunnel(header, cursor, fields)
    if found is None:
        return fields
    code, number, inner_kind, inner = found
    if depth == MAX_TUNNELS:
        raise Lost(TOO_DEEP)
    try:
        inner_kind, _ = behind_links(inner, inner_kind)
        inside = packet(inner, inner_kind, depth + 1, tunnels, whole and not fields["fragment"])
    except Lost as lost:
        if lost.args[0] == TOO_DEEP:
            raise
        return fields
    return inside | {"tunnel": code, "tunnel_id": number, "outer_start": fields["ip_start"]}


def arp(cursor: Cursor, fields: dict[str, int]) -> None:
    cursor.require(8, ARP)
    _, protocol, hardware_bytes, protocol_bytes, operation = struct.unpack_from(">HHBBH", cursor.data, cursor.at)
    if (
        (protocol, protocol_bytes) != (0x0800, 4)
        or hardware_bytes not in range(1, 33)
        or operation not in range(1, 256)
    ):
        raise Lost(ARP)
    form = f">8x{hardware_bytes}sI{hardware_bytes}sI"
    cursor.require(struct.calcsize(form), ARP)
    _, sender, _, target = struct.unpack_from(form, cursor.data, cursor.at)
    size = struct.calcsize(form)
    fields.update(src=sender, dst=target, icmp_type=operation, icmp_code=0, ip_start=cursor.at)
    fields.update(ip_length=size, header_bytes=size, payload_start=cursor.at + size)


def fragment_of(offset: int, more: int) -> int:
    return ALONE if offset else FIRST if more else 0


def ipv4(cursor: Cursor, fields: dict[str, int], bounded: bool) -> None:
    cursor.require(20, IP_HEADER)
    first, length = cursor.take("B"), cursor.take(">H", 2)
    size = (first & 15) * 4
    if first >> 4 != 4 or size < 20:
        raise Lost(IP_HEADER)
    cursor.require(size, IP_HEADER)
    length = length or cursor.wire_end - cursor.at
    if length < size or (bounded and cursor.at + length > cursor.wire_end):
        raise Lost(IP_HEADER)
    fields.update(
        version=4,
        ip_length=length,
        ttl=cursor.take("B", 8),
        protocol=cursor.take("B", 9),
        ip_start=cursor.at,
        fragment=fragment_of(cursor.take(">H", 6) & 0x1FFF, cursor.take(">H", 6) & 0x2000),
        src=cursor.take(">I", 12),
        dst=cursor.take(">I", 16),
    )
    cursor.end_at(cursor.at + length)
    cursor.at += size
    if fields["protocol"] == 51 and fields["fragment"] != ALONE and cursor.at + 8 <= len(cursor.data):
        following, units = cursor.take("B"), cursor.take("B", 1)
        if cursor.at + 4 * (units + 2) <= cursor.wire_end:
            fields["protocol"] = following
            cursor.at += 4 * (units + 2)


def ipv6(cursor: Cursor, fields: dict[str, int], bounded: bool) -> None:
    cursor.require(40, IP_HEADER)
    rest = cursor.take(">H", 4)
    length = 40 + rest if rest else cursor.wire_end - cursor.at
    start = cursor.at
    if cursor.take("B") >> 4 != 6 or (bounded and start + length > cursor.wire_end):
        raise Lost(IP_HEADER)
    fields.update(
        version=6,
        ip_start=start,
        ip_length=length,
        ttl=cursor.take("B", 7),
        src=int.from_bytes(cursor.data[start + 8 : start + 24], "big"),
        dst=int.from_bytes(cursor.data[start + 24 : start + 40], "big"),
    )
    kind = cursor.take("B", 6)
    cursor.end_at(start + length)
    cursor.at += 40
    extensions = 0
    while kind in (0, 43, 44, 51, 60, 135, 139, 140):
        if extensions == 16:
            raise Lost(TOO_DEEP)
        extensions += 1
        cursor.require(8, IP_HEADER)
        units = cursor.take("B", 1)
        size = 8 if kind == 44 else (units + 2) * 4 if kind == 51 else (units + 1) * 8
        if kind == 44:
            fields["fragment"] = fragment_of(cursor.take(">H", 2) >> 3, cursor.take(">H", 2) & 1)
        is_later_fragment = kind == 44 and fields["fragment"] == ALONE
        kind = cursor.take("B")
        if not is_later_fragment and cursor.at + size > cursor.wire_end:
            raise Lost(IP_HEADER)
        cursor.at += size
        if is_later_fragment:
            break
    fields["protocol"] = kind


def transport(cursor: Cursor, fields: dict[str, int]) -> None:
    protocol = fields["protocol"]
    if fields["fragment"] == ALONE:
        return
    rest = cursor.wire_end - cursor.at
    size = {6: 20, 17: 8, 136: 8, 33: 12, 132: 12}.get(protocol, 0)
    if size:
        is_cut = fields["fragment"] == FIRST and rest < size and cursor.at + 4 <= len(cursor.data)
        if not is_cut:
            cursor.require(size, TRANSPORT_HEADER)
        fields.update(src_port=cursor.take(">H"), dst_port=cursor.take(">H", 2))
        if is_cut:
            cursor.at = cursor.wire_end
            return
    if protocol == 6:
        size = (cursor.take("B", 12) >> 4) * 4
        if size < 20 or (size > rest and fields["fragment"] != FIRST):
            raise Lost(TRANSPORT_HEADER)
        size = min(size, rest)
        fields.update(tcp_flags=cursor.take("B", 13), window=cursor.take(">H", 14))
        fields.update(sequence=cursor.take(">I", 4), acknowledgement=cursor.take(">I", 8))
    elif protocol in (1, 58):
        size = min(8, rest)
        cursor.require(2, TRANSPORT_HEADER)
        fields.update(icmp_type=cursor.take("B"), icmp_code=cursor.take("B", 1))
    if protocol == 17 and 8 <= (length := cursor.take(">H", 4)) <= rest:
        cursor.wire_end = cursor.at + length
    cursor.at += size
    if protocol in (1, 58):
        fields["quoted_start"] = quoted(cursor, protocol, fields["icmp_type"])


def quoted(cursor: Cursor, protocol: int, kind: int) -> int:
    held = cursor.data[cursor.at :]
    if not held or kind not in {1: (3, 4, 5, 11, 12), 58: (1, 2, 3, 4)}[protocol]:
        return 0
    version, words = held[0] >> 4, held[0] & 15
    if protocol == 1 and version == 4 and words >= 5:
        return cursor.at if len(held) >= 4 * words + 4 else 0
    return cursor.at if protocol == 58 and version == 6 and len(held) >= 44 else 0


def attribute(packets: list[tuple[bytes, int]]) -> list[dict[str, int]]:
    """Decodes raw IP packets with their times in ns; fragments get the ports of their first one, of any number."""
    known: dict[tuple[int, ...], tuple[int, dict[str, int]]] = {}
    decoded = []
    for data, time_ns in packets:
        fields = decode(data, 101, len(data))
        if fields["loss"] == OK and fields["fragment"]:
            start = fields["ip_start"]
            if fields["version"] == 4:
                number, named = struct.unpack_from(">4xH3xB", data, start)
            else:
                kind, at = data[start + 6], start + 40
                while kind != 44:
                    kind, at = data[at], at + (4 * (data[at + 1] + 2) if kind == 51 else 8 * (data[at + 1] + 1))
                number, named = struct.unpack_from(">I", data, at + 4)[0], -1
            key = (fields["version"], fields["src"], fields["dst"], number, named, fields["tunnel_id"])
            shared = ("src_port", "dst_port", "icmp_type", "icmp_code", "protocol")
            if fields["fragment"] == FIRST:
                known[key] = time_ns, {name: fields[name] for name in shared}
            elif key in known and abs(time_ns - known[key][0]) <= MAX_AGE_NS:
                fields |= known[key][1] | {"fragment": LATER}
        decoded.append(fields)
    return decoded
