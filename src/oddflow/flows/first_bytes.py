"""The first bytes of each direction of flows, and what they are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.flows._first_bytes_kernels import IS_TURNED, sort_flows, turn_flows
from oddflow.flows._wire_kernels import write_texts


@dataclass(slots=True)
class FirstBytes:
    """First bytes of each direction of n flows, packed one after another, in stream order (TCP reassembled).

    UDP: the datagrams one after another, each behind its length as 2 bytes in network order. The last one may be
    cut; any other has as many bytes here as its length says.

    Attributes:
        client, client_offsets: bytes of the initiator, uint8; flow i has client[client_offsets[i] :
            client_offsets[i + 1]], offsets (n + 1,) int32. server, server_offsets: those of the responder.
        protocol: (n,) uint8, the IP protocol. src_port, dst_port: (n,) uint16.
    """

    client: NDArray[np.uint8]
    client_offsets: NDArray[np.int32]
    server: NDArray[np.uint8]
    server_offsets: NDArray[np.int32]
    protocol: NDArray[np.uint8]
    src_port: NDArray[np.uint16]
    dst_port: NDArray[np.uint16]

    def __len__(self) -> int:
        """The number of flows."""
        return len(self.protocol)


@dataclass(slots=True)
class SortedFlows:
    """n flows of which it is known what they are.

    Attributes:
        first: their bytes; where the capture began in mid-flow and the server was taken for the client, turned round.
        kinds: (n,) uint8, IS_… bits of `_first_bytes_kernels`.
        hellos: (n, 2) int64, where the client's and the server's hello begins, or -1; for QUIC the place of its
            first datagram and its version. Meaningless where the kind is 0.
    """

    first: FirstBytes
    kinds: NDArray[np.uint8]
    hellos: NDArray[np.int64]

    def rows(self, bits: int) -> NDArray[np.int64]:
        """The flows of which any of these bits hold, (m,)."""
        return np.flatnonzero(self.kinds & np.uint8(bits)).astype(np.int64, copy=False)


def _sorted(first: FirstBytes) -> SortedFlows:
    kinds, hellos = np.empty(len(first), np.uint8), np.empty((len(first), 2), np.int64)
    sort_flows(first.client, first.client_offsets, first.server, first.server_offsets,
               first.protocol, first.src_port, first.dst_port, kinds, hellos)  # fmt: skip
    return SortedFlows(first, kinds, hellos)


def sort_first_bytes(first: FirstBytes) -> SortedFlows:
    """Tells by content what n flows are."""
    found = _sorted(first)
    turned = found.kinds == IS_TURNED
    if not turned.any():
        return found
    clients, servers = np.diff(first.client_offsets), np.diff(first.server_offsets)
    client = np.empty(int(np.where(turned, servers, clients).sum()), np.uint8)
    server = np.empty(int(np.where(turned, clients, servers).sum()), np.uint8)
    client_offsets, server_offsets = np.empty_like(first.client_offsets), np.empty_like(first.server_offsets)
    turn_flows(first.client, first.client_offsets, first.server, first.server_offsets, found.kinds,
               client, client_offsets, server, server_offsets)  # fmt: skip
    return _sorted(FirstBytes(
        client, client_offsets, server, server_offsets, first.protocol,
        np.where(turned, first.dst_port, first.src_port), np.where(turned, first.src_port, first.dst_port),
    ))  # fmt: skip


def text_array(text: NDArray[np.uint8], offsets: NDArray[np.int32], valid: NDArray[np.bool_]) -> pa.Array:
    """A string array over packed text; null where not valid."""
    bitmap = pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.StringArray.from_buffers(len(valid), pa.py_buffer(offsets), pa.py_buffer(text), bitmap)


def span_texts(data: NDArray[np.uint8], begins: NDArray[Any], ends: NDArray[Any], limit: int) -> pa.Array:
    """Spans of bytes as safe text of at most `limit` characters; null where a span ends before it begins."""
    begins, ends = begins.astype(np.int64), ends.astype(np.int64)
    sizes = np.minimum(4 * np.maximum(ends - begins, 0), limit)
    text, offsets = np.empty(int(sizes.sum()), np.uint8), np.empty(len(begins) + 1, np.int32)
    used = write_texts(data, begins, ends, limit, text, offsets)
    return text_array(text[:used].copy(), offsets, ends >= begins)


def spread(values: pa.Array, rows: NDArray[np.int64], length: int) -> pa.Array:
    """m values at their rows among `length` rows; null elsewhere."""
    places = np.zeros(length, np.int32)
    places[rows] = np.arange(len(rows), dtype=np.int32)
    missing = np.ones(length, np.bool_)
    missing[rows] = False
    return values.take(pa.array(places, mask=missing))
