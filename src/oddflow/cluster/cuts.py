"""Where a large pcap file can be cut: places where a record begins, found by the chain of headers that follows.

A chain may be wrong, where a packet holds a capture. So whoever reads a piece says where its last packet ended, and
where that is not the next cut, the next piece is read again from there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.capture._walk_kernels import MAX_PACKET_BYTES
from oddflow.capture.pcap import FILE_HEADER_BYTES, MAGICS, byte_order
from oddflow.capture.stream import open_file
from oddflow.losses import Ledger

WINDOW_BYTES = 512 << 10
"""What is looked through for a record; a chain of the largest packets fits."""

LEAST_CHAIN = 3
"""Headers that have to follow one another, unless the file ends before."""

YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a record begins.

    Attributes:
        at: Its first byte in the file.
        time_ns: Its time.
    """

    at: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class _Form:
    """How the records of a file are written."""

    is_big: bool
    ns_per_tick: int
    header_bytes: int
    first_s: int


def is_plain_pcap(first: bytes) -> bool:
    """Whether a file that begins so is a pcap that nothing packs."""
    return len(first) >= FILE_HEADER_BYTES and byte_order(first) is not None


def cuts(place: str, size: int, piece_bytes: int) -> list[Cut]:
    """Where a plain pcap of `size` bytes can be cut so that its pieces have about `piece_bytes`; none where it cannot.

    Raises:
        InputError: It cannot be read.
    """
    first = bytes_at(place, 0, FILE_HEADER_BYTES + 4)
    order = byte_order(first)
    if order is None or len(first) < FILE_HEADER_BYTES + 4:
        return []
    ns_per_tick, header_bytes = MAGICS[int.from_bytes(first[:4], order)]
    form = _Form(order == "big", ns_per_tick, header_bytes, int.from_bytes(first[FILE_HEADER_BYTES:][:4], order))
    found: list[Cut] = []
    for wanted in range(piece_bytes, size - piece_bytes // 2, piece_bytes):
        window = bytes_at(place, wanted, min(WINDOW_BYTES, size - wanted))
        cut = _first_record(np.frombuffer(window, np.uint8), form, is_end=wanted + len(window) >= size)
        if cut is not None:
            found.append(Cut(wanted + cut.at, cut.time_ns))
    return found


def bytes_at(place: str, start: int, size: int) -> bytes:
    """So many bytes of a file from a place on, fewer at its end; raises as `open_file`."""
    stream = open_file(place, Ledger(), start=start)
    held = bytearray()
    try:
        while len(held) < size and (piece := stream.read(size - len(held))):
            held += piece
    finally:
        stream.close()
    return bytes(held)


def _first_record(data: NDArray[np.uint8], form: _Form, *, is_end: bool) -> Cut | None:
    """The first place in a window where records follow one another to its end."""
    kind = np.dtype(">u4" if form.is_big else "<u4")
    for at in _likely(data, form, kind).tolist():
        if _is_chain(data, at, form, kind, is_end=is_end):
            seconds, ticks = data[at : at + 8].view(kind).tolist()
            return Cut(at, seconds * 1_000_000_000 + ticks * form.ns_per_tick)
    return None


def _likely(data: NDArray[np.uint8], form: _Form, kind: np.dtype[np.uint32]) -> NDArray[np.int64]:
    """The places that could be those of headers, ascending."""
    found = []
    for shift in range(4):
        words = data[shift : shift + (len(data) - shift) // 4 * 4].view(kind)
        if len(words) < 4:
            continue
        seconds, ticks, captured, wire = (words[place : len(words) - 3 + place] for place in range(4))
        is_likely = (captured <= MAX_PACKET_BYTES) & (wire >= captured) & (wire <= 2**31 - 1)
        is_likely &= ticks < 1_000_000_000 // form.ns_per_tick
        is_likely &= np.abs(seconds.astype(np.int64) - form.first_s) <= YEAR_S
        found.append(np.flatnonzero(is_likely) * 4 + shift)
    return np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)


def _is_chain(data: NDArray[np.uint8], at: int, form: _Form, kind: np.dtype[np.uint32], *, is_end: bool) -> bool:
    links = 0
    while at + form.header_bytes <= len(data):
        seconds, ticks, captured, wire = data[at : at + 16].view(kind).tolist()
        if captured > MAX_PACKET_BYTES or wire < captured or ticks >= 1_000_000_000 // form.ns_per_tick:
            return False
        if abs(seconds - form.first_s) > YEAR_S:
            return False
        links += 1
        at += form.header_bytes + captured
    return links >= LEAST_CHAIN or (is_end and at == len(data) and links > 0)
