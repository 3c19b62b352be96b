"""The decoder once more, in plain Python over bytes: what the kernel is compared with."""

import struct

OK, SNAPPED, LINK_TYPE, NOT_IP, IP_HEADER, TRANSPORT_HEADER, TOO_DEEP = range(7)
IPV4, IPV6 = 0x0800, 0x86DD
MAX_WIRE_BYTES = 262_144
FIRST, ALONE = 1, 3


class Lost(Exception):
    """Ends the decoding of a packet with the code of its loss."""


class Cursor:
    """Reads the bytes of one packet from front to back."""

    def __init__(self, data: bytes, wire: int) -> None:
        self.data = data  # what was captured of it
        self.wire_end = max(len(data), min(wire, MAX_WIRE_BYTES))
        self.at = 0

    def require(self, size: int, malformed: int) -> None:
        if self.at + size > len(self.data):
            raise Lost(SNAPPED if self.at + size <= self.wire_end else malformed)

    def take(self, form: str, offset: int = 0) -> int:
        return struct.unpack_from(form, self.data, self.at + offset)[0]

    def end_at(self, end: int) -> None:
        self.wire_end = end
        self.data = self.data[:end]


def decode(data: bytes, link_type: int, wire: int) -> dict[str, int]:
    """All fields by name where the packet is read; else only `loss`."""
    cursor = Cursor(data, wire)
    fields = dict.fromkeys(
        ["src_port", "dst_port", "tcp_flags", "window", "sequence", "acknowledgement", "fragment"], 0
    ) | {
        "vlan": -1,
        "icmp_type": -1,
        "icmp_code": -1,
        "loss": OK,
    }
    try:
        kind = link(cursor, link_type, fields)
        if kind == IPV4:
            ipv4(cursor, fields)
        elif kind == IPV6:
            ipv6(cursor, fields)
        else:
            return {"loss": NOT_IP}
        transport(cursor, fields)
    except Lost as lost:
        return {"loss": lost.args[0]}
    captured = len(cursor.data)
    fields["header_bytes"] = min(cursor.at - fields.pop("ip_start"), 0xFFFF)
    fields["payload_start"] = min(cursor.at, captured)
    fields["payload_captured"] = max(0, min(captured, cursor.wire_end) - cursor.at)
    fields["payload_length"] = max(0, cursor.wire_end - cursor.at)
    return fields


def link(cursor: Cursor, link_type: int, fields: dict[str, int]) -> int:
    if link_type == 1:
        return ethernet(cursor, fields)
    if link_type in (113, 276):
        size, place = (16, 14) if link_type == 113 else (20, 0)
        cursor.require(size, NOT_IP)
        kind = cursor.take(">H", place)
        cursor.at += size
        return kind
    if link_type in (0, 108):
        cursor.require(4, NOT_IP)
        family = cursor.take("<I")
        if family > 0xFFFF:
            family = cursor.take(">I")
        cursor.at += 4
        return IPV4 if family == 2 else IPV6 if family in (10, 23, 24, 28, 30) else 0
    if link_type in (12, 14, 101, 228, 229):
        cursor.require(1, NOT_IP)
        return {4: IPV4, 6: IPV6}.get(cursor.take("B") >> 4, 0)
    raise Lost(LINK_TYPE)


def ethernet(cursor: Cursor, fields: dict[str, int]) -> int:
    cursor.require(14, NOT_IP)
    kind = cursor.take(">H", 12)
    cursor.at += 14
    tags = []
    while kind in (0x8100, 0x88A8, 0x9100):
        if len(tags) == 8:
            raise Lost(TOO_DEEP)
        cursor.require(4, NOT_IP)
        tags.append(cursor.take(">H") & 0xFFF)
        kind = cursor.take(">H", 2)
        cursor.at += 4
    if tags:
        fields["vlan"] = tags[0]
    if kind < 0x600 and cursor.data[cursor.at : cursor.at + 2] == b"\xaa\xaa" and cursor.at + 8 <= len(cursor.data):
        kind = cursor.take(">H", 6)
        cursor.at += 8
    return kind


def fragment_of(offset: int, more: int) -> int:
    return ALONE if offset else FIRST if more else 0


def ipv4(cursor: Cursor, fields: dict[str, int]) -> None:
    cursor.require(20, IP_HEADER)
    first, length = cursor.take("B"), cursor.take(">H", 2)
    size = (first & 15) * 4
    if first >> 4 != 4 or size < 20:
        raise Lost(IP_HEADER)
    cursor.require(size, IP_HEADER)
    length = length or cursor.wire_end - cursor.at
    if length < size:
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


def ipv6(cursor: Cursor, fields: dict[str, int]) -> None:
    cursor.require(40, IP_HEADER)
    if cursor.take("B") >> 4 != 6:
        raise Lost(IP_HEADER)
    rest = cursor.take(">H", 4)
    length = 40 + rest if rest else cursor.wire_end - cursor.at
    start = cursor.at
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
    size = 0
    if protocol == 6:
        cursor.require(20, TRANSPORT_HEADER)
        size = (cursor.take("B", 12) >> 4) * 4
        if size < 20 or cursor.at + size > cursor.wire_end:
            raise Lost(TRANSPORT_HEADER)
        fields.update(tcp_flags=cursor.take("B", 13), window=cursor.take(">H", 14))
        fields.update(sequence=cursor.take(">I", 4), acknowledgement=cursor.take(">I", 8))
    elif protocol in (17, 136, 33, 132):
        size = 12 if protocol in (33, 132) else 8
        cursor.require(size, TRANSPORT_HEADER)
    elif protocol in (1, 58):
        size = min(8, cursor.wire_end - cursor.at)
        cursor.require(2, TRANSPORT_HEADER)
        fields.update(icmp_type=cursor.take("B"), icmp_code=cursor.take("B", 1))
    if protocol in (6, 17, 33, 132, 136):
        fields.update(src_port=cursor.take(">H"), dst_port=cursor.take(">H", 2))
    if protocol == 17 and 8 <= (length := cursor.take(">H", 4)) <= cursor.wire_end - cursor.at:
        cursor.wire_end = cursor.at + length
    cursor.at += size
