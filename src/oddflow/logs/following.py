"""Follows a log that another program writes: as it grows, is replaced by a new file, or is cut to nothing."""

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from oddflow.capture.capture_set import is_folder
from oddflow.capture.following import POLL_S, Files, GrowingFile, check_place
from oddflow.capture.merging import Watch, unwatched
from oddflow.capture.reader import is_capture
from oddflow.capture.remote import local_path, shown
from oddflow.capture.stream import FIRST_BYTES, ByteStream, Prefixed, open_file
from oddflow.errors import InputError, UsageError
from oddflow.logs.folder import log_to_follow
from oddflow.logs.formats import Format, Opened, format_of
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA

LINE_BEGINS = (b"#", b"{")
"""How a log begins; other bytes without a line's end are those of a capture, or of nothing known."""


class FollowedLog:
    """A growing log as a stream of flow batches.

    Args:
        source: The path of the file.
        ledger: Told of each record, and of files that go on as something else.
        stop: Ends the following when it is set; what is there by then is read.
        duration_s: Ends it after this; 0 for no end.
        watch: Put between each file and its reader.
    """

    def __init__(
        self,
        source: str,
        ledger: Ledger,
        *,
        stop: threading.Event,
        duration_s: float = 0.0,
        watch: Watch = unwatched,
    ) -> None:
        self._files = Files(source)
        self._source = source
        self._ledger = ledger
        self._stop = stop
        self._watch = watch
        self._until_s = time.monotonic() + duration_s if duration_s else math.inf

    @classmethod
    def of(
        cls, source: str, ledger: Ledger, *, stop: threading.Event, duration_s: float, watch: Watch
    ) -> "FollowedLog | None":
        """The log that a path means; None where it means captures. Waits until an empty file shows what it is.

        Raises:
            UsageError: It is remote or a pipe, or no log that can be followed.
        """
        check_place(source)
        if is_folder(source):
            inside = log_to_follow(source)
            return cls(inside, ledger, stop=stop, duration_s=duration_s, watch=watch) if inside else None
        log = cls(source, ledger, stop=stop, duration_s=duration_s, watch=watch)
        known = log._known()
        if known is not None and not known.grows:
            raise UsageError(f"{shown(source)} is a {known.name}, which cannot be followed; leave --follow out")
        return log if known is not None else None

    def flows(self) -> Iterator[pa.RecordBatch]:
        """Flow batches as records come, and an empty one now and then while none comes.

        Raises:
            InputError: Nothing can be read from the first file.
        """
        self._ledger.unit = "records"
        nothing = pa.RecordBatch.from_pylist([], FLOW_SCHEMA)
        while not self._is_over:
            file = self._files.open_next()
            if file is None:
                self._wait()
                yield nothing
                continue
            with file:
                growing = GrowingFile(file, lambda: self._is_over or self._files.is_over(), self._wait)
                for batch in self._of_file(growing):
                    yield nothing if batch is None else batch
                if growing.was_cut:
                    self._ledger.noted(f"{self._name}: was cut to nothing and begun again while it was followed")
                self._files.leave(file, was_cut=growing.was_cut)

    def _of_file(self, growing: GrowingFile) -> Iterator[pa.RecordBatch | None]:
        first = b""
        for piece in _pieces(growing):
            first += piece or b""
            if piece is None:
                yield None
            elif b"\n" in first or len(first) >= FIRST_BYTES:
                break
        if not first:
            return
        try:
            yield from self._records(first, growing)
        except InputError as error:
            if len(self._files.names) == 1:
                raise
            self._ledger.damaged(f"{error}; nothing more of this file is read")
            for _ in _pieces(growing):
                yield None

    def _records(self, first: bytes, growing: GrowingFile) -> Iterator[pa.RecordBatch]:
        known = format_of(first)
        if known is None or not known.grows:
            raise InputError(f"{self._name} goes on as no log that can be followed: {first[:12]!r}")
        stream = self._watch(self._name, Prefixed(first, growing))
        path = str(Path(local_path(self._source)))
        yield from known.read(stream, Opened(path, self._name, first, self._ledger, grows=True))

    def _known(self) -> Format | None:
        """What the file's first bytes say; waits for them. None for captures and what is unknown."""
        while True:
            file = open_file(self._source, Ledger())
            try:
                first = file.read(FIRST_BYTES)
            finally:
                file.close()
            is_begun = first.lstrip().startswith(LINE_BEGINS) and b"\n" not in first
            if is_capture(first) or (first and not is_begun) or len(first) >= FIRST_BYTES or self._is_over:
                return format_of(first)
            self._wait()

    @property
    def _name(self) -> str:
        return shown(self._source)

    @property
    def _is_over(self) -> bool:
        return self._stop.is_set() or time.monotonic() >= self._until_s

    def _wait(self) -> None:
        self._stop.wait(min(POLL_S, max(0.0, self._until_s - time.monotonic())))


def _pieces(stream: ByteStream) -> Iterator[bytes | None]:
    """The bytes of a stream, piece by piece; None where nothing has come yet."""
    room = bytearray(FIRST_BYTES)
    view = memoryview(room)
    while (count := stream.readinto(view)) != 0:
        yield None if count is None else bytes(view[:count])
