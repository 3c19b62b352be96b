"""Reads several captures as one, their packets in the order of time, in bounded memory."""

import heapq
import mmap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from oddflow.capture import _merge_kernels as lane
from oddflow.capture._layout import FRAGMENT, FRAGMENTS, PACKET
from oddflow.capture._merge_kernels import LANE_FIELDS, merge_packets, rise, sink
from oddflow.capture._walk_kernels import LATEST_NS
from oddflow.capture.blocks import BLOCK_BYTES, TAIL_BYTES, BlockBuffer
from oddflow.capture.capture_set import CaptureSet, Member
from oddflow.capture.packets import NUMBER_BITS, PacketBatch
from oddflow.capture.reader import BATCH_PACKETS, walked
from oddflow.capture.stream import ByteStream, plain_bytes
from oddflow.errors import InputError, UsageError
from oddflow.losses import Ledger

Watch = Callable[[str, ByteStream], ByteStream]
"""Puts something that counts or hashes between a file, by its place, and who reads it."""

ROOMS = ((32, BLOCK_BYTES, BATCH_PACKETS), (224, 64 << 10, 512))
"""How many files may be open at a time, the bytes read and the packets walked at a time: few large rooms and many
small ones, 75 MB in all. Rotated files, whose times do not overlap, use one or two of the large ones."""

MAX_OPEN = sum(count for count, _, _ in ROOMS)


@dataclass(frozen=True, slots=True)
class Room:
    """Where an open file's bytes and packets are held: its part of the arrays that all share."""

    base: int
    block_bytes: int
    first: int
    packets: int


class Rooms:
    """The memory of a merge; the system gives it as it is used."""

    def __init__(self, files: int) -> None:
        self.rooms: list[Room] = []
        base = first = 0
        for count, block_bytes, packets in ROOMS:
            for _ in range(min(count, files - len(self.rooms))):
                self.rooms.append(Room(base, block_bytes, first, packets))
                base += block_bytes + TAIL_BYTES
                first += packets
        # not from NumPy, which asks for large pages: a small room would then take as much as a large one
        self.data = np.frombuffer(mmap.mmap(-1, max(base, 1)), np.uint8)
        self.records = np.zeros(first, PACKET)
        self.fragments = np.zeros(FRAGMENTS, FRAGMENT)
        self._free = list(range(len(self.rooms)))

    def take(self) -> int:
        """The number of the largest free room.

        Raises:
            UsageError: There is none.
        """
        if not self._free:
            raise UsageError(f"more than {MAX_OPEN} captures overlap in time; merge some of them first, with mergecap")
        return heapq.heappop(self._free)

    def give_back(self, number: int) -> None:
        """Frees a room."""
        heapq.heappush(self._free, number)


class _OpenFile:
    """A file of the set while its time has come."""

    def __init__(self, member: Member, rank: int, rooms: Rooms, number: int, ledger: Ledger, watch: Watch) -> None:
        self.member = member
        self.rank = rank
        self.room = rooms.rooms[number]
        self._stack = ExitStack()
        first, stream = self._stack.enter_context(plain_bytes(member.place, ledger))
        watched = watch(member.place, stream)
        buffer = BlockBuffer(watched, self.room.block_bytes, data=rooms.data, base=self.room.base)
        records = rooms.records[self.room.first : self.room.first + self.room.packets]
        self.batch = PacketBatch(rooms.data, 0, records, rooms.fragments)
        self._walk = walked(buffer, self.batch, first, member.name, ledger)

    def advance(self) -> bool:
        """Puts the next packets in the file's room; False at its end."""
        return next(self._walk, self) is not self

    def close(self) -> None:
        self._stack.close()


class Merge:
    """A capture set's packets in the order of time.

    Files are opened when their first packet is due and closed at their end. While one file's packets come before all
    others', its batches are handed on as they are; where files interleave, a kernel copies their records (not their
    bytes) into one batch.
    """

    def __init__(self, captures: CaptureSet, ledger: Ledger, watch: Watch, *, tunnels: bool = True) -> None:
        self._captures = captures
        self._tunnels = tunnels
        self._ledger = ledger
        self._watch = watch
        self._due = [rank for rank, member in enumerate(captures.members) if member.first_ns is not None]
        self._due.reverse()
        self._rooms = Rooms(len(captures.members))
        rooms = len(self._rooms.rooms)
        self._lanes = np.zeros((rooms, LANE_FIELDS), np.int64)
        self._heap = np.zeros(rooms, np.int64)
        self._count = 0
        self._open: dict[int, _OpenFile] = {}
        self._merged = self._batch(np.zeros(BATCH_PACKETS, PACKET))
        self._merged.numbers = np.zeros(BATCH_PACKETS, np.int64)

    def __enter__(self) -> Self:
        """Nothing is open yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes what is still open."""
        for file in self._open.values():
            file.close()

    def batches(self) -> Iterator[PacketBatch]:
        """The packets, not decoded yet; each batch holds until the next one is asked for."""
        self._open_due()
        while self._count:
            top = int(self._heap[0])
            yield self._alone(top) or self._interleaved()
            self._refill()
            self._open_due()
        self._read_empty()

    @property
    def _limit_ns(self) -> int:
        """When the next file is due."""
        return self._first_ns(self._due[-1]) if self._due else LATEST_NS + 1

    def _first_ns(self, rank: int) -> int:
        return self._captures.members[rank].first_ns or 0

    def _open_due(self) -> None:
        while self._due and (not self._count or self._limit_ns <= self._lanes[self._heap[0], lane.KEY]):
            rank = self._due.pop()
            member = self._captures.members[rank]
            number = self._rooms.take()
            try:
                file = _OpenFile(member, rank, self._rooms, number, self._ledger, self._watch)
            except InputError as error:
                self._rooms.give_back(number)
                if member.first_ns == 0:
                    raise
                self._ledger.damaged(f"{error} (it could be read before)")
                continue
            self._open[number] = file
            if self._load(number):
                self._heap[self._count] = number
                rise(self._lanes, self._heap, self._count)
                self._count += 1

    def _load(self, number: int) -> bool:
        """Takes a file's next packets in; closes it where there are none."""
        file = self._open[number]
        row = self._lanes[number]
        if not file.advance():
            file.member.last_ns = int(row[lane.KEY])
            file.close()
            del self._open[number]
            self._rooms.give_back(number)
            row[:] = 0
            return False
        batch = file.batch
        row[lane.FIRST] = row[lane.NEXT] = file.room.first
        row[lane.END] = file.room.first + batch.count
        row[lane.KEY] = max(int(row[lane.KEY]), int(batch.packets["time_ns"][0]))
        row[lane.RANK] = file.rank
        row[lane.NUMBER] = ((self._captures.first_rank + file.rank) << NUMBER_BITS) + batch.first_number
        return True

    def _alone(self, top: int) -> PacketBatch | None:
        """All packets at hand of one file, where they come before all others."""
        row = self._lanes[top]
        first, end = int(row[lane.NEXT]), int(row[lane.END])
        packets = self._rooms.records[first:end]
        rival_ns = min(
            [self._limit_ns, *(int(self._lanes[other, lane.KEY]) for other in self._heap[1 : min(3, self._count)])]
        )
        last_ns = max(int(row[lane.KEY]), int(packets["time_ns"].max()))
        if last_ns >= rival_ns:
            return None
        row[lane.NEXT] = end
        row[lane.KEY] = last_ns
        batch = self._batch(packets)
        batch.count = end - first
        batch.first_number = int(row[lane.NUMBER] + first - row[lane.FIRST])
        return batch

    def _batch(self, packets: NDArray[np.void]) -> PacketBatch:
        return PacketBatch(self._rooms.data, 0, packets, self._rooms.fragments, tunnels=self._tunnels)

    def _interleaved(self) -> PacketBatch:
        batch = self._merged
        batch.count = merge_packets(
            self._rooms.records, self._lanes, self._heap, self._count, self._limit_ns, batch.packets, batch.numbers
        )
        return batch

    def _refill(self) -> None:
        """Reads on in the file on top, where none of its packets is left at hand."""
        top = int(self._heap[0])
        if self._lanes[top, lane.NEXT] < self._lanes[top, lane.END]:
            return
        if not self._load(top):
            self._count -= 1
            self._heap[0] = self._heap[self._count]
        if self._count:
            sink(self._lanes, self._heap, self._count, 0)

    def _read_empty(self) -> None:
        """Reads the captures without packets, for what is damaged in them."""
        for rank, member in enumerate(self._captures.members):
            if member.first_ns is None:
                file = _OpenFile(member, rank, self._rooms, 0, self._ledger, self._watch)
                while file.advance():
                    pass
                file.close()


def unwatched(_: str, stream: ByteStream) -> ByteStream:
    """Puts nothing between."""
    return stream


def merged_packets(
    captures: CaptureSet, ledger: Ledger, *, watch: Watch = unwatched, tunnels: bool = True
) -> Iterator[PacketBatch]:
    """Reads a capture set as one capture.

    Packets come in the order of time; of equal times, those of the file that begins first. A clock that is set back
    within a file counts as standing still. Each packet's number says in which file it stands (`NUMBER_BITS`).

    Yields:
        Batches, decoded; the arrays of each hold until the next one.

    Raises:
        UsageError: More than MAX_OPEN files overlap in time.
    """
    with Merge(captures, ledger, watch, tunnels=tunnels) as merge:
        for batch in merge.batches():
            batch.decode(ledger)
            yield batch
