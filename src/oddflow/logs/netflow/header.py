"""The first bytes of an export message, and the sets behind them."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

V5, V9, IPFIX = 5, 9, 10
V5_HEADER, V9_HEADER, IPFIX_HEADER = struct.Struct("!HHIIIIBBH"), struct.Struct("!HHIIII"), struct.Struct("!HHIII")
V5_RECORD_BYTES = 48
SET_HEADER = struct.Struct("!HH")
WORD = 4
SAMPLING_BITS = 0x3FFF
"""Of NetFlow v5's sampling field; the other two say how packets are chosen."""

NS_PER_MS, NS_PER_S = 10**6, 10**9

UNREAD = {
    b"\0\1": "NetFlow version 1, which is not read", b"\0\7": "NetFlow version 7, which is not read",
    b"\0\x08": "NetFlow version 8, which is not read", b"\0\0": "sFlow or another format, which is not read",
}  # fmt: skip


class Malformed(Exception):
    """A message that cannot be read; its text is one of a few."""


class Header(NamedTuple):
    """The header of a message.

    Attributes:
        version: V5, V9 or IPFIX.
        domain: Source id or observation domain; of v5, engine type and number.
        sequence: Its number: of flows (v5), of messages (v9), of data records (IPFIX).
        sent_ns: When it was sent, by the exporter's clock; whole seconds but in v5.
        uptime_ms: How long the exporter had been up; nothing in IPFIX.
        size: Bytes of the header.
        records: How many it has, in v5.
        sampling: One packet of so many was looked at, in v5; 0 and 1 say all.
    """

    version: int
    domain: int
    sequence: int
    sent_ns: int
    uptime_ms: int | None
    size: int
    records: int = 0
    sampling: int = 0


class Set(NamedTuple):
    """A set of records (a FlowSet in NetFlow v9): its number and what is in it."""

    number: int
    body: bytes


def read_header(data: bytes) -> Header:
    """The header of a message.

    Raises:
        Malformed: It is none that is read here.

    Source: Cisco, "NetFlow Export Datagram Format" (v5); RFC 3954 section 5.1; RFC 7011 section 3.1.
    """
    version = int.from_bytes(data[:2], "big")
    readers = {V5: _v5, V9: _v9, IPFIX: _ipfix}
    if len(data) < WORD or version not in readers:
        raise Malformed(UNREAD.get(data[:2], "neither NetFlow nor IPFIX"))
    try:
        return readers[version](data)
    except struct.error:
        raise Malformed("cut in its header") from None


def _v5(data: bytes) -> Header:
    _, count, uptime, seconds, nanoseconds, sequence, kind, engine, sampling = V5_HEADER.unpack_from(data)
    if not count or len(data) != V5_HEADER.size + count * V5_RECORD_BYTES:
        raise Malformed("NetFlow v5 of another length than its number of records")
    sent = seconds * NS_PER_S + (nanoseconds if nanoseconds < NS_PER_S else 0)
    return Header(V5, kind << 8 | engine, sequence, sent, uptime, V5_HEADER.size, count, sampling & SAMPLING_BITS)


def _v9(data: bytes) -> Header:
    _, _, uptime, seconds, sequence, domain = V9_HEADER.unpack_from(data)
    return Header(V9, domain, sequence, seconds * NS_PER_S, uptime, V9_HEADER.size)


def _ipfix(data: bytes) -> Header:
    _, length, seconds, sequence, domain = IPFIX_HEADER.unpack_from(data)
    if length != len(data):
        raise Malformed("IPFIX of another length than it says")
    return Header(IPFIX, domain, sequence, seconds * NS_PER_S, None, IPFIX_HEADER.size)


def read_sets(data: bytes, header: Header) -> list[Set]:
    """All sets of a NetFlow v9 or IPFIX message.

    Raises:
        Malformed: A set's length cannot be; then nothing of the message is used.
    """
    return list(_sets(data, header.size))


def _sets(data: bytes, at: int) -> Iterator[Set]:
    while len(data) - at >= SET_HEADER.size:
        number, length = SET_HEADER.unpack_from(data, at)
        if length < SET_HEADER.size or at + length > len(data):
            raise Malformed("a set reaches beyond its message, or is shorter than its header")
        yield Set(number, data[at + SET_HEADER.size : at + length])
        at += length
    if any(data[at:]):
        raise Malformed("bytes behind the last set")
