"""What one task reads: a run of small captures, one capture, or a piece of a large one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from oddflow.capture.capture_set import CaptureSet, Member
from oddflow.capture.pcap import FILE_HEADER_BYTES
from oddflow.capture.stream import GZIP_MAGIC, ZSTD_MAGIC
from oddflow.cluster.cuts import bytes_at, cuts, is_plain_pcap
from oddflow.cluster.stamps import Stamp
from oddflow.errors import InputError

UNIT_BYTES = 64 << 20
MOST_UNIT_BYTES = 4 * UNIT_BYTES
"""A unit that would be larger cannot be dealt out to shards in bounded memory; its source is metered as one."""

PACKED = 4
"""Plain bytes for each packed one, taken roughly."""

HEAD_BYTES = 32


class NeedsOneShard(Exception):
    """What was planned cannot be dealt out to shards; the message says why. One meter takes it as it is."""


@dataclass(frozen=True, slots=True)
class File:
    """A capture that is to be read.

    Attributes:
        member: Its place, its name and the time of its first packet.
        stamp: Its size and mark.
    """

    member: Member
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Unit:
    """What one task reads.

    Attributes:
        members: Files in the order of their first packets.
        first_rank: The place of the first of them among all that are read as one.
        is_set: Whether they are of a set; else a file that cannot be read is an error, not a damage.
        bytes: Plain bytes, roughly.
        start, end: Of one large file, the bytes that are read; `end` is None where the file is read to its end.
        is_piece: Whether there is a file header to be put in front.
    """

    members: tuple[Member, ...]
    first_rank: int
    is_set: bool
    bytes: int
    start: int = 0
    end: int | None = None
    is_piece: bool = False

    @property
    def first_ns(self) -> int | None:
        """The time of its first packet, or one before; None where it holds none."""
        return self.members[0].first_ns

    @property
    def names(self) -> list[str]:
        """The names of its files."""
        return [member.name for member in self.members]

    def joined(self, other: "Unit") -> "Unit":
        """Both as one, since their times overlap.

        Raises:
            NeedsOneShard: One is a piece, or the whole would be too large.
        """
        if self.is_piece or other.is_piece or self.bytes + other.bytes > MOST_UNIT_BYTES:
            raise NeedsOneShard(f"{self.names[-1]} and {other.names[0]} overlap in time")
        return replace(self, members=self.members + other.members, bytes=self.bytes + other.bytes)

    @property
    def is_first_piece(self) -> bool:
        """Whether it is the first piece of its file."""
        return self.is_piece and self.start == FILE_HEADER_BYTES

    def is_next_piece(self, other: "Unit") -> bool:
        """Whether it goes on in the file of another piece."""
        return self.is_piece and other.is_piece and self.first_rank == other.first_rank

    def begun_at(self, start: int) -> "Unit":
        """The same piece, begun where the one before it really ended."""
        return replace(self, start=start)

    def captures(self) -> CaptureSet:
        """Its files as a set, each read anew."""
        return CaptureSet("", [replace(member) for member in self.members], self.first_rank)


def plan(
    files: Sequence[File], *, is_set: bool, shards: int, first_rank: int = 0, unit_bytes: int = UNIT_BYTES
) -> list[Unit]:
    """How files, in the order of their first packets, are read.

    Small ones are put together up to `unit_bytes`. With more than one shard, large plain pcaps are cut to pieces.

    Raises:
        NeedsOneShard: A file is so large, and cannot be cut, that no unit can hold it.
        InputError: A file cannot be read.
    """
    units: list[Unit] = []
    gathered: list[tuple[int, File, int]] = []

    def put() -> None:
        if gathered:
            members = tuple(file.member for _, file, _ in gathered)
            units.append(Unit(members, gathered[0][0], is_set, sum(size for *_, size in gathered)))
            gathered.clear()

    for rank, file in enumerate(files, first_rank):
        head = _head(file) if file.stamp.bytes * PACKED > unit_bytes else b""
        size = file.stamp.bytes * (PACKED if head.startswith((GZIP_MAGIC, ZSTD_MAGIC)) else 1)
        is_new = bool(gathered) and (gathered[-1][1].member.first_ns is None) != (file.member.first_ns is None)
        if is_new or sum(size for *_, size in gathered) + size > unit_bytes:
            put()
        if shards > 1 and size > 2 * unit_bytes and is_plain_pcap(head):
            following = files[rank - first_rank + 1].member.first_ns if rank - first_rank + 1 < len(files) else None
            units += _pieces(file, rank, is_set, unit_bytes, following)
        else:
            if shards > 1 and size > MOST_UNIT_BYTES:
                raise NeedsOneShard(f"{file.member.name} is large, and cannot be cut")
            gathered.append((rank, file, size))
    put()
    return units


def _head(file: File) -> bytes:
    try:
        return bytes_at(file.member.place, 0, HEAD_BYTES)
    except InputError:
        return b""


def _pieces(file: File, rank: int, is_set: bool, unit_bytes: int, following_ns: int | None) -> Iterator[Unit]:
    found = cuts(file.member.place, file.stamp.bytes, unit_bytes)
    if following_ns is not None and any(cut.time_ns > following_ns for cut in found):
        raise NeedsOneShard(f"{file.member.name} overlaps the next capture in time")
    starts = [FILE_HEADER_BYTES, *(cut.at for cut in found)]
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        size = (file.stamp.bytes if end is None else end) - start
        if size > MOST_UNIT_BYTES:
            raise NeedsOneShard(f"{file.member.name} cannot be cut from byte {start:,} on")
        yield Unit((file.member,), rank, is_set, size, start, end, is_piece=len(starts) > 1)
