"""The columns that TLS, DTLS and QUIC hellos give."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.flows import _tls_kernels as tls
from oddflow.flows._first_bytes_kernels import IS_DTLS, IS_QUIC, IS_TLS
from oddflow.flows._hello_kernels import CUT_VERSION, gather_hellos, read_server_hellos
from oddflow.flows.first_bytes import SortedFlows, span_texts, spread, text_array
from oddflow.flows.ja4 import ja3, ja4
from oddflow.flows.quic import client_hello

NAME_CHARACTERS = 255
VERSION_NAMES = {
    0x0304: "TLS 1.3", 0x0303: "TLS 1.2", 0x0302: "TLS 1.1", 0x0301: "TLS 1.0", 0x0300: "SSL 3.0", 0x0002: "SSL 2.0",
    0xFEFC: "DTLS 1.3", 0xFEFD: "DTLS 1.2", 0xFEFF: "DTLS 1.0",
}  # fmt: skip


def version_name(number: int) -> str:
    """A TLS or DTLS version for people.

    >>> version_name(0x0304), version_name(0x7F1C), version_name(0x0505)
    ('TLS 1.3', 'TLS 1.3 draft 28', '0x0505')
    """
    if number >> 8 == 0x7F:
        return f"TLS 1.3 draft {number & 255}"
    return VERSION_NAMES.get(number, f"0x{number:04x}")


@dataclass(slots=True)
class Hellos:
    """m ClientHello messages packed one after another, of the flows `rows` (m,).

    Attributes:
        offsets: (m + 1,) int32 into `messages`. over: (m,) uint8, OVER_… of `_tls_kernels`.
        is_whole: (m,) uint8, whether all of the message is there.
    """

    rows: NDArray[np.int64]
    messages: NDArray[np.uint8]
    offsets: NDArray[np.int32]
    over: NDArray[np.uint8]
    is_whole: NDArray[np.uint8]


def _plain_hellos(flows: SortedFlows) -> Hellos:
    rows = flows.rows(IS_TLS | IS_DTLS)
    rows = rows[flows.hellos[rows, 0] >= 0]
    first = flows.first
    places = np.ascontiguousarray(flows.hellos[rows, 0])
    over = np.where(flows.kinds[rows] & IS_DTLS != 0, tls.OVER_DATAGRAMS, tls.OVER_STREAM).astype(np.uint8)
    room = int((first.client_offsets[rows + 1] - places).sum())
    messages, offsets = np.empty(room + 4, np.uint8), np.empty(len(rows) + 1, np.int32)
    is_whole = np.empty(len(rows), np.uint8)
    used = gather_hellos(first.client, first.client_offsets, rows, places, over, messages, offsets, is_whole)
    return Hellos(rows, messages[:used], offsets, over, is_whole)


def _quic_hellos(flows: SortedFlows, rows: NDArray[np.int64]) -> Hellos:
    first = flows.first
    found = [
        client_hello(first.client[flows.hellos[row, 0] : first.client_offsets[row + 1]].tobytes())
        for row in rows.tolist()
    ]
    messages = np.frombuffer(bytearray(b"".join(hello for hello, _ in found)), np.uint8)
    offsets = np.cumsum([0, *(len(hello) for hello, _ in found)], dtype=np.int32)
    over = np.full(len(rows), tls.OVER_QUIC, np.uint8)
    return Hellos(rows, messages, offsets, over, np.array([whole for _, whole in found], np.uint8))


def _fingerprints(hellos: Hellos, facts: NDArray[np.int32]) -> tuple[pa.Array, pa.Array]:
    """JA3 and JA4 of each hello, null where it was not read; fills `facts` (m, HELLO_FIELDS)."""
    count = len(hellos.rows)
    room = tls.DIGESTED_CHARACTERS_PER_BYTE * len(hellos.messages) + tls.DIGESTED_CHARACTERS_MORE * count
    texts, offsets = np.empty(room, np.uint8), np.empty(tls.DIGESTED_TEXTS * count + 1, np.int32)
    starts = np.zeros((count, tls.JA4_START_CHARACTERS), np.uint8)
    room = int(np.diff(hellos.offsets).max(initial=0)) // 2 + 1
    kinds, ciphers, lists = np.empty(room, np.uint16), np.empty(room, np.uint16), np.empty((3, 2), np.int64)
    used = tls.read_hellos(
        hellos.messages, hellos.offsets, hellos.over, hellos.is_whole, kinds, ciphers, lists,
        facts, starts, texts, offsets,
    )  # fmt: skip
    held, places = texts[:used].tobytes(), offsets.tolist()
    words = [held[begin:end] for begin, end in pairwise(places)]
    is_read = (facts[:, tls.STATE] == tls.IS_READ).tolist()
    ja3s = [ja3(words[3 * j]) if is_read[j] else None for j in range(count)]
    ja4s = [ja4(starts[j].tobytes(), words[3 * j + 1], words[3 * j + 2]) if is_read[j] else None for j in range(count)]
    return pa.array(ja3s, pa.string()), pa.array(ja4s, pa.string())


def _versions(numbers: NDArray[np.int32]) -> pa.Array:
    """Names of versions, null where negative."""
    known, places = np.unique(numbers, return_inverse=True)
    names = pa.array([version_name(number) if number >= 0 else None for number in known.tolist()], pa.string())
    return names.take(pa.array(places))


def _protocols(hellos: Hellos, facts: NDArray[np.int32]) -> pa.Array:
    text = np.empty(tls.ALPN_CHARACTERS * len(facts), np.uint8)
    offsets = np.empty(len(facts) + 1, np.int32)
    used = tls.write_protocols(hellos.messages, facts, text, offsets)
    return text_array(text[:used].copy(), offsets, facts[:, tls.ALPN_BEGIN] >= 0)


def _client_columns(hellos: Hellos, unparsed: Counter[str]) -> dict[str, pa.Array]:
    """The columns of m ClientHellos, (m,) each."""
    facts = np.empty((len(hellos.rows), tls.HELLO_FIELDS), np.int32)
    ja3s, ja4s = _fingerprints(hellos, facts)
    for over, name in ((tls.OVER_STREAM, "TLS"), (tls.OVER_DATAGRAMS, "DTLS"), (tls.OVER_QUIC, "QUIC")):
        # Of a QUIC flow without any byte of a hello it is not known that it has one.
        is_there = (np.diff(hellos.offsets) > 0) | (hellos.over != tls.OVER_QUIC)
        states = facts[(hellos.over == over) & is_there, tls.STATE]
        unparsed[f"{name} ClientHello cut"] += int((states == tls.HELLO_CUT).sum())
        unparsed[f"{name} ClientHello malformed"] += int((states == tls.HELLO_BAD).sum())
    names = facts[:, tls.NAME_BEGIN], facts[:, tls.NAME_END]
    return {
        "tls_sni": span_texts(hellos.messages, *names, NAME_CHARACTERS),
        "tls_alpn": _protocols(hellos, facts),
        "tls_version": _versions(facts[:, tls.VERSION]),
        "ja3": ja3s,
        "ja4": ja4s,
    }


def _server_versions(flows: SortedFlows, unparsed: Counter[str]) -> tuple[pa.Array, NDArray[np.int64]]:
    rows = flows.rows(IS_TLS | IS_DTLS)
    places = np.ascontiguousarray(flows.hellos[rows, 1])
    is_datagrams = (flows.kinds[rows] & IS_DTLS != 0).astype(np.uint8)
    versions = np.empty(len(rows), np.int32)
    offsets = flows.first.server_offsets
    message = np.empty(int((offsets[rows + 1] - offsets[rows]).max(initial=0)) + 4, np.uint8)
    read_server_hellos(flows.first.server, offsets, rows, places, is_datagrams, message, versions)
    unparsed["TLS ServerHello cut"] += int((versions == CUT_VERSION).sum())
    return _versions(versions), rows


def hello_columns(flows: SortedFlows, unparsed: Counter[str]) -> dict[str, pa.Array]:
    """The columns of the hellos of n flows, (n,) each; none at all where no flow has one."""
    length = len(flows.first)
    parts: list[tuple[dict[str, pa.Array], NDArray[np.int64]]] = []
    columns: dict[str, pa.Array] = {}
    if len(flows.rows(IS_TLS | IS_DTLS)):
        plain = _plain_hellos(flows)
        parts.append((_client_columns(plain, unparsed), plain.rows))
        columns["tls_server_version"] = spread(*_server_versions(flows, unparsed), length)
    quic = flows.rows(IS_QUIC)
    if len(quic):
        hellos = _quic_hellos(flows, quic)
        unparsed["QUIC without a ClientHello"] += int((np.diff(hellos.offsets) == 0).sum())
        parts.append((_client_columns(hellos, unparsed), quic))
        columns["quic_version"] = spread(pa.array(flows.hellos[quic, 1].astype(np.uint32)), quic, length)
    if parts:
        rows = np.concatenate([rows for _, rows in parts])
        for name in parts[0][0]:
            columns[name] = spread(pa.concat_arrays([part[name] for part, _ in parts]), rows, length)
    return columns
