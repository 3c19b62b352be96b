"""Export messages, byte by byte (Cisco's v5 format, RFC 3954, RFC 7011)."""

import struct
from ipaddress import ip_address

SECONDS = 1_700_000_000
UPTIME = 3_600_000
V9, IPFIX = 9, 10
VARIABLE = 0xFFFF


def v5(rows, *, sequence=0, uptime=UPTIME, seconds=SECONDS, nanoseconds=0, engine=0, sampling=0):
    """A v5 datagram; a row is (source, destination, ports, protocol, packets, bytes, flags, first, last)."""
    header = struct.pack(
        "!HHIIIIBBH", 5, len(rows), uptime, seconds, nanoseconds, sequence, engine >> 8, engine & 255, sampling
    )
    return header + b"".join(
        struct.pack(
            "!IIIHHIIIIHHBBBBHHBBH",
            int(ip_address(src)), int(ip_address(dst)), 0, 0, 0, packets, size, first, last, *ports, 0, flags,
            protocol, 0, 0, 0, 0, 0, 0,
        )
        for src, dst, ports, protocol, packets, size, flags, first, last in rows
    )  # fmt: skip


def row(src="10.0.0.1", dst="10.0.0.2", *, ports=(4000, 80), protocol=6, packets=3, size=300, flags=0x1B, at=1_000):
    return (src, dst, ports, protocol, packets, size, flags, UPTIME - at - 500, UPTIME - at)


def field(number, length, enterprise=0):
    if not enterprise:
        return struct.pack("!HH", number, length)
    return struct.pack("!HHI", number | 0x8000, length, enterprise)


def template(number, fields):
    return struct.pack("!HH", number, len(fields)) + b"".join(field(*one) for one in fields)


def options_template(version, number, scopes, fields):
    both = b"".join(field(*one) for one in (*scopes, *fields))
    if version == V9:
        return struct.pack("!HHH", number, 4 * len(scopes), 4 * len(fields)) + both
    return struct.pack("!HHH", number, len(scopes) + len(fields), len(scopes)) + both


def a_set(number, body, *, padding=0):
    return struct.pack("!HH", number, 4 + len(body) + padding) + body + bytes(padding)


def templates(version, *records):
    return a_set(0 if version == V9 else 2, b"".join(records))


def options_templates(version, *records):
    return a_set(1 if version == V9 else 3, b"".join(records))


def message(version, *sets, sequence=0, domain=7, seconds=SECONDS, uptime=UPTIME, count=0):
    body = b"".join(sets)
    if version == V9:
        return struct.pack("!HHIIII", 9, count, uptime, seconds, sequence, domain) + body
    return struct.pack("!HHIII", 10, 16 + len(body), seconds, sequence, domain) + body


def ntp(nanoseconds):
    """A time as dateTimeNanoseconds has it."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return struct.pack("!II", (seconds + 2_208_988_800) % (1 << 32), (rest << 32) // 10**9)


def variable(text):
    length = bytes([len(text)]) if len(text) < 255 else b"\xff" + struct.pack("!H", len(text))
    return length + text


PLAIN = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (2, 4), (1, 4), (6, 1), (152, 8), (153, 8))
"""A template of ours; `plain` makes its records."""


def plain(src="10.0.0.1", dst="10.0.0.2", *, ports=(4000, 80), protocol=6, packets=3, size=300, flags=0x1B, at=0.0):
    start = round((SECONDS - 10 + at) * 1000)
    return struct.pack(
        "!IIHHBIIBQQ", int(ip_address(src)), int(ip_address(dst)), *ports, protocol, packets, size, flags, start,
        start + 500,
    )  # fmt: skip
