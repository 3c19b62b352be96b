"""Follows a capture that another program writes: as it grows, is replaced by a new file, or is cut to nothing."""

import math
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from oddflow.capture.blocks import BLOCK_BYTES, TAIL_BYTES, BlockBuffer
from oddflow.capture.capture_set import is_folder, passes_once
from oddflow.capture.merging import Watch, unwatched
from oddflow.capture.packets import NUMBER_BITS, PacketBatch
from oddflow.capture.pcap import FILE_HEADER_BYTES
from oddflow.capture.reader import BATCH_PACKETS, is_capture, walked
from oddflow.capture.remote import is_local, is_url, local_path, shown
from oddflow.capture.stream import GZIP_MAGIC, ZSTD_MAGIC, open_file
from oddflow.errors import UnknownFormat, UsageError
from oddflow.losses import Ledger

POLL_S = 0.25

Identity = tuple[int, int]
"""Device and inode: what makes a file the same one under another name."""


def identity(status: os.stat_result) -> Identity:
    """Of a file that was looked at."""
    return status.st_dev, status.st_ino


class GrowingFile:
    """The bytes of a file that another program writes; its end is reached when the writer goes on in another file.

    Args:
        file: The file, open.
        is_over: Asked whether the writer went on in another file.
        wait: Called when nothing has come.
    """

    def __init__(self, file: BinaryIO, is_over: Callable[[], bool], wait: Callable[[], None]) -> None:
        self.position = 0
        self.was_cut = False
        self._file = file
        self._is_over = is_over
        self._wait = wait

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end, or where nothing came."""
        piece = bytearray(size)
        return bytes(piece[: self.readinto(memoryview(piece)) or 0])

    def readinto(self, view: memoryview) -> int | None:
        """Fills the view from its start; how many bytes: 0 at the end, None where nothing came in a quarter second."""
        count = self._read(view)
        if count:
            return count
        if os.fstat(self._file.fileno()).st_size < self.position:
            self.was_cut = True
            return 0
        if self._is_over():
            return self._read(view)  # what was written between the last look and the writer's leaving
        self._wait()
        return self._read(view) or None

    def _read(self, view: memoryview) -> int:
        count = self._file.readinto(view)  # type: ignore[attr-defined]
        self.position += count
        return int(count)


class Files:
    """Which file is followed, and which comes next: of a path, what has its name now; of a folder, its captures, in
    the order in which they were written.

    Attributes:
        names: The files that were followed, the last one now.
    """

    def __init__(self, source: str) -> None:
        self.names: list[str] = []
        self.is_folder = is_folder(source)
        self._path = Path(local_path(source))
        self._done: dict[Identity, int] = {}
        self._now: Identity | None = None

    def open_next(self) -> BinaryIO | None:
        """The next file, where there is one."""
        path = self._next()
        if path is None:
            return None
        try:
            file = path.open("rb")
        except OSError:  # it went away at that moment
            return None
        self._now = identity(os.fstat(file.fileno()))
        self.names.append(shown(str(path)))
        return file

    def is_over(self) -> bool:
        """Whether the writer went on in another file."""
        return self._next() is not None

    def leave(self, file: BinaryIO, *, was_cut: bool) -> None:
        """Is done with a file; it is read again where it was cut to nothing, or is written to from here on."""
        status = os.fstat(file.fileno())
        self._done[identity(status)] = -1 if was_cut else status.st_mtime_ns
        self._now = None

    def _next(self) -> Path | None:
        if not self.is_folder:
            return self._path if self._is_new(self._path) else None
        try:
            paths = [path for path in self._path.iterdir() if not path.name.startswith(".") and self._is_new(path)]
            return min(paths, key=lambda path: (path.stat().st_mtime_ns, path.name), default=None)
        except OSError:  # one of them went away while it was looked at
            return None

    def _is_new(self, path: Path) -> bool:
        try:
            status = path.stat()
            return (
                stat.S_ISREG(status.st_mode)
                and identity(status) != self._now
                and status.st_mtime_ns > self._done.get(identity(status), -1)
                and (not self.is_folder or is_capture(_head(path)))
            )
        except OSError:
            return False


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(FILE_HEADER_BYTES)


class Following:
    """A growing capture as a stream of packet batches.

    Args:
        source: The path of a file, or of a folder where a writer begins a new file now and then.
        ledger: Told of each packet, and of files that end in the middle of one.
        stop: Ends the following when it is set.
        duration_s: Ends it after this; 0 for no end.
        watch: Put between each file and its reader.
        tunnels: Whether a packet inside a tunnel is what counts, not the one that carries it.

    Raises:
        UsageError: It is no plain file or folder.
        InputError: It cannot be read, or is no capture.
    """

    def __init__(
        self,
        source: str,
        ledger: Ledger,
        *,
        stop: threading.Event,
        duration_s: float = 0.0,
        watch: Watch = unwatched,
        tunnels: bool = True,
    ) -> None:
        _check(source)
        self._files = Files(source)
        self._ledger = ledger
        self._stop = stop
        self._watch = watch
        self._until_s = time.monotonic() + duration_s if duration_s else math.inf
        self._batch = PacketBatch.empty(np.zeros(BLOCK_BYTES + TAIL_BYTES, np.uint8), BATCH_PACKETS, tunnels=tunnels)

    @property
    def captures(self) -> list[str]:
        """The names of the files, where they have names of their own; the list grows."""
        return self._files.names if self._files.is_folder else []

    @property
    def is_over(self) -> bool:
        """Whether it was told to stop, or its time has passed."""
        return self._stop.is_set() or time.monotonic() >= self._until_s

    def batches(self) -> Iterator[PacketBatch]:
        """Decoded packets as they come, and an empty batch whenever none has come for a quarter of a second.

        Yields:
            The same batch object each time; it holds until the next one.
        """
        while not self.is_over:
            file = self._files.open_next()
            if file is None:
                self._wait()
                self._batch.count = 0
                yield self._batch
                continue
            with file:
                growing = GrowingFile(file, self._files.is_over, self._wait)
                for _ in self._walk(growing):
                    yield self._batch
                    if self.is_over:
                        return
                self._files.leave(file, was_cut=growing.was_cut)

    def _walk(self, growing: GrowingFile) -> Iterator[None]:
        name = self._files.names[-1]
        batch = self._batch
        batch.count = 0
        buffer = BlockBuffer(self._watch(name, growing), BLOCK_BYTES, data=batch.data)
        while not buffer.need(FILE_HEADER_BYTES):
            if not buffer.waiting:
                if buffer.at_hand:
                    self._ledger.damaged(f"{name}: ends inside the file header")
                return
            yield
        first = buffer.peek(FILE_HEADER_BYTES)
        _refuse_compressed(first, name)
        for _ in walked(buffer, batch, first, name, self._ledger):
            batch.decode(self._ledger)
            batch.first_number += (len(self._files.names) - 1 << NUMBER_BITS) if self._files.is_folder else 0
            yield
        batch.count = 0
        while buffer.waiting or buffer.at_hand:  # it is damaged: nothing more of it can be read
            buffer.start = buffer.end
            buffer.fill()
            yield
        if growing.was_cut:
            self._ledger.noted(f"{name}: was cut to nothing and begun again while it was followed")

    def _wait(self) -> None:
        self._stop.wait(min(POLL_S, max(0.0, self._until_s - time.monotonic())))


def check_place(source: str) -> None:
    """Refuses what cannot be followed, wherever it is.

    Raises:
        UsageError: It is remote or a pipe.
    """
    name = shown(source)
    if passes_once(source):
        raise UsageError(f"{name} is read as it comes in any case; leave --follow out")
    if is_url(source) and not is_local(source):
        raise UsageError(f"{name} is remote; only local files can be followed")


def _check(source: str) -> None:
    name = shown(source)
    check_place(source)
    if is_folder(source):
        return
    file = open_file(source, Ledger())
    first = file.read(FILE_HEADER_BYTES)
    file.close()
    _refuse_compressed(first, name)
    if len(first) == FILE_HEADER_BYTES and not is_capture(first):
        raise UnknownFormat(f"{name} is no capture: it starts with {first[:8]!r}; expected pcap or pcapng")


def _refuse_compressed(first: bytes, name: str) -> None:
    if first.startswith((GZIP_MAGIC, ZSTD_MAGIC)):
        raise UsageError(f"{name} is compressed; only plain pcap and pcapng files can be followed while they grow")
