"""What follows from a record's own columns, whatever the source: the same names, texts and numbers everywhere."""

import socket
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.flows._text_kernels import (
    ADDRESS_CHARACTERS,
    COMMUNITY_ID_CHARACTERS,
    write_addresses,
    write_community_ids,
)
from oddflow.schema import FLOW_SCHEMA

Integers = NDArray[np.int64]
Words = NDArray[np.uint64]

_NUMBER = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
PLAIN_V4 = rf"^(?:{_NUMBER}\.){{3}}{_NUMBER}$"
"""An IPv4 address in its one form."""

NO_VERSION = -1
ICMP, ICMP6 = 1, 58
_REQUESTS = {
    ICMP: ((8, 0), (13, 14), (15, 16), (17, 18), (10, 9)),
    ICMP6: ((128, 129), (133, 134), (135, 136), (130, 131), (139, 140), (144, 145)),
}
UNKNOWN = -1


def icmp_counterparts(protocol: int) -> Integers:
    """The type that answers each ICMP type, (256,); -1 where none does.

    Source: the Community ID specification, version 1, which has them from Zeek.

    >>> icmp_counterparts(1)[[8, 0, 3]]
    array([ 0,  8, -1])
    """
    counterparts = np.full(256, UNKNOWN, np.int64)
    for asks, answers in _REQUESTS[protocol]:
        counterparts[asks], counterparts[answers] = answers, asks
    return counterparts


def icmp_ends(protocol: Integers, kind: Integers, code: Integers) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """What stands for the two ports of ICMP messages: type and answering type, or type and code; -1 for others.

    Args:
        protocol: (n,).
        kind: ICMP types, (n,); -1 where unknown.
        code: ICMP codes, (n,); -1 where unknown.

    Returns:
        Of source and destination, (n,) each; and whether an answer is possible, which is so for all but ICMP's
        messages that go one way.
    """
    src, dst = np.full(len(protocol), UNKNOWN), np.full(len(protocol), UNKNOWN)
    answers = np.ones(len(protocol), np.bool_)
    for number in _REQUESTS:
        rows = np.flatnonzero((protocol == number) & (kind >= 0) & (kind < 256))
        asked = kind[rows]
        counterpart = icmp_counterparts(number)[asked]
        src[rows] = asked
        dst[rows] = np.where(counterpart >= 0, counterpart, np.maximum(code[rows], 0))
        answers[rows] = counterpart >= 0
    return src, dst, answers


@dataclass(frozen=True, slots=True)
class Addresses:
    """n addresses that were given as text.

    Attributes:
        text: As `ipaddress` writes them, lower case and shortest (RFC 5952); null where it was no address.
        version: 4, 6 or NO_VERSION, (n,).
        high: The first eight bytes of an IPv6 address, (n,); 0 for IPv4.
        low: Its last eight, or all of an IPv4 address, (n,).
    """

    text: Any
    version: Integers
    high: Words
    low: Words


def addresses_of(texts: Any) -> Addresses:
    """Reads a text column; every address that is in it several times is read once.

    >>> addresses_of(pa.array(["10.0.0.1", "2001:DB8:0::1", "10.0.0.256", None])).text.to_pylist()
    ['10.0.0.1', '2001:db8::1', None, None]
    """
    coded = pc.dictionary_encode(texts.cast(pa.string()))
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    if not len(coded.dictionary):
        nothing = np.zeros(len(coded), np.uint64)
        return Addresses(pa.nulls(len(coded), pa.string()), np.full(len(coded), NO_VERSION), nothing, nothing)
    read = _distinct(coded.dictionary)
    codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    given = codes >= 0
    places = np.where(given, codes, 0)
    version = np.where(given, read.version[places], NO_VERSION)
    return Addresses(read.text.take(coded.indices), version, read.high[places], read.low[places])


def _distinct(texts: pa.Array) -> Addresses:
    """Reads texts of which none is null: plain IPv4 addresses all at once, others one by one."""
    plain = pc.match_substring_regex(texts, PLAIN_V4)
    is_plain = np.asarray(plain.to_numpy(zero_copy_only=False), np.bool_)
    version = np.where(is_plain, 4, NO_VERSION).astype(np.int64)
    high, low = np.zeros(len(texts), np.uint64), np.zeros(len(texts), np.uint64)
    low[is_plain] = _plain_words(texts.filter(plain))
    if is_plain.all():
        return Addresses(texts, version, high, low)
    others = pc.invert(plain)
    read = np.array([_words(text) for text in texts.filter(others).to_pylist()], np.uint64)
    words = np.ascontiguousarray(read[:, 0]), np.ascontiguousarray(read[:, 1])
    versions = np.where(read[:, 2] > 0, read[:, 2].astype(np.int64), NO_VERSION)
    high[~is_plain], low[~is_plain], version[~is_plain] = *words, versions
    return Addresses(pc.replace_with_mask(texts, others, _written(*words, versions)), version, high, low)


def _plain_words(texts: pa.Array) -> Words:
    """The numbers of n plain IPv4 addresses, (n,), none of them null."""
    if not len(texts):
        return np.empty(0, np.uint64)
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int32, len(texts) + 1, texts.offset * 4).astype(np.int64)
    digits = np.frombuffer(data, np.uint8)[: bounds[-1]]
    dots = bounds[0] + np.flatnonzero(digits[bounds[0] :] == ord(".")).reshape(-1, 3)
    starts = np.column_stack([bounds[:-1], dots + 1])
    ends = np.column_stack([dots, bounds[1:]])
    lengths, values = ends - starts, digits[ends - 1].astype(np.int64) - ord("0")
    for place, ten in ((2, 10), (3, 100)):
        values += np.where(lengths >= place, (digits[ends - place].astype(np.int64) - ord("0")) * ten, 0)
    return np.asarray(values @ np.array([1 << 24, 1 << 16, 1 << 8, 1]), np.uint64)


def _words(text: str) -> tuple[int, int, int]:
    """(high, low, version) of an address; version 0 where it is none."""
    try:
        if ":" not in text:
            return 0, int.from_bytes(socket.inet_pton(socket.AF_INET, text), "big"), 4
        packed = socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):
        return 0, 0, 0
    return int.from_bytes(packed[:8], "big"), int.from_bytes(packed[8:], "big"), 6


def _written(high: Words, low: Words, version: Integers) -> pa.Array:
    text = np.empty(ADDRESS_CHARACTERS * len(version), np.uint8)
    offsets = np.empty(len(version) + 1, np.int32)
    write_addresses(high, low, version, text, offsets)
    known = version != NO_VERSION
    validity = pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.StringArray.from_buffers(len(version), pa.py_buffer(offsets), pa.py_buffer(text), validity)


def derived(flows: pa.RecordBatch) -> pa.RecordBatch:
    """A batch whose addresses are in their normal form, with `ip_version` and `community_id` where they were null.

    What is no address becomes null, and so does one of another IP version than its counterpart.

    Args:
        flows: n rows of the flow schema. ICMP has ports 0, and its type and code; ARP has `ip_version` 0.
    """
    src, dst = addresses_of(flows.column("src_ip")), addresses_of(flows.column("dst_ip"))
    alike = pa.array(src.version == dst.version)
    told = flows.column("ip_version")
    version = pc.coalesce(told, pa.array(src.version, mask=src.version < 0).cast(told.type))
    columns = dict(zip(flows.schema.names, flows.columns, strict=True))
    columns["src_ip"], columns["dst_ip"] = src.text, pc.if_else(alike, dst.text, pa.scalar(None, pa.string()))
    columns["ip_version"] = version
    if columns["community_id"].null_count:
        columns["community_id"] = pc.coalesce(columns["community_id"], _community_ids(flows, src, dst, version))
    return pa.record_batch(list(columns.values()), schema=FLOW_SCHEMA)


def _community_ids(flows: pa.RecordBatch, src: Addresses, dst: Addresses, version: Any) -> pa.Array:
    """Community IDs of n rows, null for ARP, for ICMP of an unknown type, and where a part of the key is."""
    protocol, kind, code, src_port, dst_port = (
        np.ascontiguousarray(pc.fill_null(flows.column(name).cast(pa.int64()), UNKNOWN).to_numpy())
        for name in ("protocol", "icmp_type", "icmp_code", "src_port", "dst_port")
    )
    is_icmp = (protocol == ICMP) | (protocol == ICMP6)
    src_end, dst_end, _ = icmp_ends(protocol, kind, code)
    src_end, dst_end = np.where(is_icmp, src_end, src_port), np.where(is_icmp, dst_end, dst_port)
    versions = np.where(src.version == dst.version, src.version, NO_VERSION)
    known = (protocol >= 0) & (src_end >= 0) & (dst_end >= 0) & (versions > 0)
    known &= pc.fill_null(pc.not_equal(version, 0), False).to_numpy(zero_copy_only=False)
    text = np.empty(COMMUNITY_ID_CHARACTERS * len(known), np.uint8)
    ends = [np.where(known, end, 0) for end in (src_end, dst_end, protocol, versions)]
    write_community_ids(np.stack([src.high, src.low, dst.high, dst.low], axis=1), *ends, text)
    offsets = np.arange(0, len(text) + 1, COMMUNITY_ID_CHARACTERS, dtype=np.int32)
    validity = pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.StringArray.from_buffers(len(known), pa.py_buffer(offsets), pa.py_buffer(text), validity)
