"""A queue on disk for one receiver: what was put in stays until it is acknowledged, whatever dies in between.

Messages are appended to segment files, each with its length and checksum, and are on the disk (fsync) before `put`
returns. A cursor says how far the receiver has acknowledged; segments before it are deleted, their ids remembered.
"""

import fcntl
import json
import os
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from oddflow.errors import InputError, OutputError, UsageError
from oddflow.files import reason_of, write_whole
from oddflow.outputs.message import Message

HEADER = struct.Struct(">II")
"""Length and CRC-32 of what follows."""
META = struct.Struct(">I")
LONGEST_RECORD = 16 << 20
LARGEST_SEGMENT = 4 << 20
LEAST_LIMIT = 64 << 10
REMEMBERED = 65_536
"""Ids of delivered messages that are known again, at least; at most twice as many."""
SEGMENT = "*.segment"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the queue: a segment's number and an offset in it."""

    segment: int
    offset: int


@dataclass(slots=True)
class Counts:
    """What became of messages that were put in, in this run."""

    queued: int = 0
    known: int = 0
    """Put in before and not again."""
    shed: int = 0
    """Turned away: the queue was full, or the disk."""
    damaged_bytes: int = 0
    """Of the queue as it was found, unreadable."""


class Spool:
    """The queue of one receiver; one process at a time may use it, and two threads: one puts, one takes.

    Args:
        folder: Where it lives; made if need be.
        limit_bytes: It never holds more; what does not fit is turned away and counted: what has been accepted stays.

    Raises:
        UsageError: Another process uses it.
        OutputError: The folder cannot be written.
        InputError: Its cursor is no cursor.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.counts = Counts()
        self.waiting = 0
        """Messages that are not acknowledged."""
        self._folder = folder
        self._limit_bytes = max(limit_bytes, LEAST_LIMIT)
        self._segment_bytes = min(LARGEST_SEGMENT, self._limit_bytes // 8)
        self._changed = threading.Condition()
        self._known: set[str] = set()
        self._delivered: list[str] = []
        self._writer = -1
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise OutputError(f"{folder} cannot be written: {reason_of(error)}; give another --spool") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise UsageError(f"{folder} is in use by another process; give this one its own --spool") from None
        try:
            self._open()
        except OSError as error:
            os.close(self._lock)
            raise OutputError(f"{folder} cannot be used: {reason_of(error)}; give another --spool") from None

    @property
    def folder(self) -> Path:
        """Where it lives."""
        return self._folder

    @property
    def size_bytes(self) -> int:
        """What its segments hold."""
        return sum(self._sizes.values())

    def put(self, messages: Iterable[Message]) -> list[Message]:
        """Takes messages, all on the disk when this returns; those known already are not taken again.

        What does not fit, and what a full disk refuses, is counted as shed, and given back. Never waits for the
        receiver.
        """
        with self._changed:
            taken: list[tuple[Message, bytes]] = []
            shed: list[Message] = []
            room = self._limit_bytes - self.size_bytes
            for message in messages:
                if message.key in self._known:
                    self.counts.known += 1
                    continue
                record = _record(message)
                if len(record) > min(room, LONGEST_RECORD):
                    self.counts.shed += 1
                    shed.append(message)
                    continue
                room -= len(record)
                self._known.add(message.key)
                taken.append((message, record))
            if taken:
                shed += self._append(taken)
                self._changed.notify_all()
            return shed

    def take(self, most: int, most_bytes: int, timeout_s: float) -> tuple[list[Message], Position]:
        """The first messages that are not acknowledged, and where the rest begins; waits for one where there is none.

        They stay until `acknowledge` is told that position.
        """
        with self._changed:
            if not self.waiting:
                self._changed.wait(timeout_s)
            taken: list[Message] = []
            size, after = 0, self._cursor
            for message, end in self._records(self._cursor):
                if taken and size + len(message.body) > most_bytes:
                    break
                taken.append(message)
                size, after = size + len(message.body), end
                if len(taken) == most:
                    break
            return taken, after

    def acknowledge(self, after: Position, count: int) -> None:
        """The receiver has `count` messages, those before a position: on the disk when this returns."""
        with self._changed:
            self._cursor = after
            self.waiting -= count
            self._write_cursor()
            for number in [number for number in self._sizes if number < after.segment]:
                self._forget(number)
            if not self.waiting and self._sizes.get(after.segment, 0) > self._segment_bytes // 2:
                self._begin_segment()  # so that the one before can be deleted
            self._changed.notify_all()

    def wait_empty(self, timeout_s: float) -> bool:
        """Waits until all is acknowledged; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.waiting, timeout_s)

    def wake(self) -> None:
        """Ends a `take` that waits."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Closes its files; what waits stays."""
        if self._writer >= 0:
            os.close(self._writer)
            os.close(self._lock)
            self._writer = -1

    # -- the disk

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:010d}.segment"

    def _open(self) -> None:
        numbers = sorted(int(path.stem) for path in self._folder.glob(SEGMENT) if path.stem.isdecimal())
        self._cursor = self._read_cursor()
        self._sizes: dict[int, int] = {}
        for number in numbers:
            self._sizes[number] = self._path(number).stat().st_size
        self._read_delivered()
        for number in numbers:
            end, keys = 0, []
            for message, after in self._records(Position(number, 0), only=number):
                end = after.offset
                keys.append(message.key)
                self.waiting += Position(number, end) > self._cursor
            self._known.update(keys)
            if lost := self._sizes[number] - end:  # a death in the middle of a write: nobody was promised these
                self.counts.damaged_bytes += lost
                os.truncate(self._path(number), end)
                self._sizes[number] = end
        if not numbers or self._cursor.segment > numbers[-1]:
            self._number = max([*numbers, self._cursor.segment])
            self._sizes.setdefault(self._number, 0)
        self._number = max(self._sizes)
        self._writer = self._open_segment(self._number)
        first = min(self._sizes)
        at = self._cursor if self._cursor.segment in self._sizes else Position(first, 0)
        self._cursor = Position(at.segment, min(at.offset, self._sizes[at.segment]))

    def _open_segment(self, number: int) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self._path(number), flags, 0o600)
        _sync_folder(self._folder)
        return file

    def _begin_segment(self) -> None:
        file = self._open_segment(self._number + 1)
        os.close(self._writer)
        self._writer = file
        self._number += 1
        self._sizes[self._number] = 0

    def _append(self, records: list[tuple[Message, bytes]]) -> list[Message]:
        """Those that the disk did not take."""
        place = 0
        while place < len(records):
            try:
                if self._sizes[self._number] >= self._segment_bytes:
                    self._begin_segment()
            except OSError:
                break
            room = self._segment_bytes - self._sizes[self._number]
            until = place
            while until < len(records) and (until == place or room > 0):
                room -= len(records[until][1])
                until += 1
            if not self._write(b"".join(record for _, record in records[place:until])):
                break
            self.waiting += until - place
            self.counts.queued += until - place
            place = until
        refused = [message for message, _ in records[place:]]
        self.counts.shed += len(refused)
        self._known.difference_update(message.key for message in refused)
        return refused

    def _write(self, content: bytes) -> bool:
        """Whether it is on the disk; if not, nothing of it is."""
        before = self._sizes[self._number]
        try:
            left = content
            while left:
                left = left[os.write(self._writer, left) :]
            os.fsync(self._writer)
        except OSError:
            os.ftruncate(self._writer, before)
            return False
        self._sizes[self._number] = before + len(content)
        return True

    def _records(self, start: Position, only: int | None = None) -> Iterator[tuple[Message, Position]]:
        """Messages from a position on, each with the position after it; a segment ends where it cannot be read."""
        for number in sorted(self._sizes):
            if number < start.segment or (only is not None and number != only) or not self._sizes[number]:
                continue
            at = start.offset if number == start.segment else 0
            with self._path(number).open("rb") as file:
                file.seek(at)
                while (message := _read(file.read(HEADER.size), file)) is not None:
                    yield message, Position(number, file.tell())

    def _forget(self, number: int) -> None:
        """Deletes a segment; its ids are remembered first."""
        self._delivered += [message.key for message, _ in self._records(Position(number, 0), only=number)]
        if len(self._delivered) > 2 * REMEMBERED:
            self._known.difference_update(self._delivered[:-REMEMBERED])
            self._delivered = self._delivered[-REMEMBERED:]
        write_whole(self._folder / "delivered", "".join(f"{key}\n" for key in self._delivered))
        self._path(number).unlink(missing_ok=True)
        del self._sizes[number]

    def _read_delivered(self) -> None:
        path = self._folder / "delivered"
        if path.exists():
            self._delivered = path.read_text("utf-8", "replace").split("\n")[:-1][-2 * REMEMBERED :]
            self._known.update(self._delivered)

    def _read_cursor(self) -> Position:
        path = self._folder / "cursor"
        if not path.exists():
            return Position(0, 0)
        try:
            told = json.loads(path.read_text())
            return Position(int(told["segment"]), int(told["offset"]))
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{path} is no cursor; delete it, and all that is still there is sent again") from None

    def _write_cursor(self) -> None:
        at = self._cursor
        write_whole(self._folder / "cursor", json.dumps({"segment": at.segment, "offset": at.offset}))


def _record(message: Message) -> bytes:
    meta = json.dumps({"id": message.id, "facts": message.facts}).encode()
    content = META.pack(len(meta)) + meta + message.body
    return HEADER.pack(len(content), zlib.crc32(content)) + content


def _read(header: bytes, file: object) -> Message | None:
    """The message after a header; None at the end, and where bytes are not what was written."""
    if len(header) < HEADER.size:
        return None
    length, checksum = HEADER.unpack(header)
    if not META.size <= length <= LONGEST_RECORD:
        return None
    content: bytes = file.read(length)  # type: ignore[attr-defined]
    if len(content) < length or zlib.crc32(content) != checksum:
        return None
    (meta_length,) = META.unpack_from(content)
    body = META.size + meta_length
    try:
        meta = json.loads(content[META.size : body])
        return Message(str(meta["id"]), content[body:], {str(k): str(v) for k, v in meta["facts"].items()})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
