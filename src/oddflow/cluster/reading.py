"""Reads a unit's packets, and tells what was met on the way."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddflow.capture.blocks import BlockBuffer
from oddflow.capture.merging import Merge, unwatched
from oddflow.capture.packets import NUMBER_BITS, PacketBatch
from oddflow.capture.pcap import FILE_HEADER_BYTES, torn_at
from oddflow.capture.reader import BATCH_PACKETS, walked
from oddflow.capture.stream import ByRead, Closable, open_file, plain_bytes
from oddflow.cluster.cuts import bytes_at
from oddflow.cluster.units import Unit
from oddflow.errors import InputError, Unreadable
from oddflow.losses import Ledger


@dataclass(slots=True)
class Read:
    """What is known of a unit once it was read.

    Attributes:
        ledger: What was lost, but the damage that ended a piece.
        packets: How many records it had, lost ones among them.
        last_ns: The latest time of any; None of none.
        torn_at: Of a piece that ended in the middle of a packet: the byte of the file where that packet begins.
        is_broken: Whether a piece ended early, at a packet that cannot be.
    """

    ledger: Ledger = field(default_factory=Ledger)
    packets: int = 0
    last_ns: int | None = None
    torn_at: int | None = None
    is_broken: bool = False


def packets_of(
    unit: Unit, read: Read, *, tunnels: bool = True, fragments: NDArray[np.void] | None = None
) -> Iterator[PacketBatch]:
    """A unit's packets, decoded; each batch holds until the next one.

    Args:
        unit: What is read.
        read: Filled.
        tunnels: Whether packets inside tunnels count, not the tunnels.
        fragments: First fragments that came before, as `PacketBatch` has them.

    Raises:
        InputError: A file that is no part of a set cannot be read.
    """
    is_first = True
    for batch in _batches(unit, read, tunnels=tunnels):
        if is_first and fragments is not None:
            batch.fragments[:] = fragments
        is_first = False
        read.packets += batch.count
        if batch.count:
            latest = int(batch.field("time_ns").max())
            read.last_ns = latest if read.last_ns is None else max(read.last_ns, latest)
        batch.decode(read.ledger)
        yield batch


def _batches(unit: Unit, read: Read, *, tunnels: bool) -> Iterator[PacketBatch]:
    if len(unit.members) > 1:
        with Merge(unit.captures(), read.ledger, unwatched, tunnels=tunnels) as merge:
            yield from merge.batches()
    elif unit.is_piece:
        yield from _of_piece(unit, read, tunnels=tunnels)
    else:
        yield from _of_file(unit, read.ledger, tunnels=tunnels)


def _of_file(unit: Unit, ledger: Ledger, *, tunnels: bool) -> Iterator[PacketBatch]:
    (member,) = unit.members
    with ExitStack() as stack:
        try:
            first, stream = stack.enter_context(plain_bytes(member.place, ledger))
        except InputError as error:
            if not unit.is_set or member.first_ns == 0:
                raise
            ledger.damaged(f"{error} (it could be read before)")
            return
        buffer = BlockBuffer(stream)
        batch = PacketBatch.empty(buffer.data, BATCH_PACKETS, tunnels=tunnels)
        for _ in walked(buffer, batch, first, member.name, ledger):
            batch.first_number += unit.first_rank << NUMBER_BITS
            yield batch


def _of_piece(unit: Unit, read: Read, *, tunnels: bool) -> Iterator[PacketBatch]:
    (member,) = unit.members
    walk, records = Ledger(), 0
    header = bytes_at(member.place, 0, FILE_HEADER_BYTES)
    file = open_file(member.place, read.ledger, start=unit.start)
    try:
        stream = _Piece(header, file, unit.start, unit.end)
        buffer = BlockBuffer(stream)
        batch = PacketBatch.empty(buffer.data, BATCH_PACKETS, tunnels=tunnels)
        for _ in walked(buffer, batch, header, member.name, walk):
            records += batch.count
            batch.first_number += unit.first_rank << NUMBER_BITS
            yield batch
    finally:
        file.close()
    if walk.damages == [torn_at(member.name, records + 1)]:
        read.torn_at = stream.at - buffer.at_hand
    elif walk.damages:
        read.is_broken = True
    if unit.end is not None and stream.at < unit.end:
        raise Unreadable(f"{member.name} ended at byte {stream.at:,}, and had more before; is it being written?")


class _Piece(ByRead):
    """A file's header, and then its bytes from one place to another."""

    def __init__(self, header: bytes, file: Closable, start: int, end: int | None) -> None:
        self._header = header
        self._file = file
        self._left: Any = float("inf") if end is None else end - start
        self.at = start
        """The byte of the file that is read next."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        if self._header:
            given, self._header = self._header[:size], self._header[size:]
            return given
        piece = self._file.read(min(size, self._left))
        self.at += len(piece)
        self._left -= len(piece)
        return piece
