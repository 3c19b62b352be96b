"""Opens a source as a stream of plain bytes: a file or standard input, bare, gzip or zstd."""

import io
import sys
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, cast

import pyarrow as pa

from oddflow.capture.remote import is_local, is_url, local_path, open_remote, shown
from oddflow.errors import Unreadable
from oddflow.files import reason_of
from oddflow.losses import Ledger

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
CHUNK_BYTES = 1 << 20
FIRST_BYTES = 1 << 12
"""What a format is told by; the header line of a CSV table fits."""

PIECE_BYTES = 1 << 10
"""Arrow gives nothing of a read that meets the damage of a zstd stream, so this much may be lost before it."""


class ByteStream(Protocol):
    """What a capture is read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""

    def readinto(self, view: memoryview, /) -> int | None:
        """Fills the view from its start; how many bytes: 0 at the end, None where nothing has come yet."""


class ByRead(ABC):
    """For streams whose bytes are made piece by piece: `readinto` by way of `read`."""

    @abstractmethod
    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""

    def readinto(self, view: memoryview) -> int | None:
        """Fills the view from its start; how many bytes, 0 at the end."""
        piece = self.read(len(view))
        view[: len(piece)] = piece
        return len(piece)


class Prefixed:
    """A stream whose first bytes were looked at, given back in front of the rest."""

    def __init__(self, first: bytes, rest: ByteStream) -> None:
        self._first = first
        self._rest = rest

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        if self._first:
            return self._given(size)
        return self._rest.read(size)

    def readinto(self, view: memoryview) -> int | None:
        """Fills the view from its start; how many bytes, 0 at the end."""
        if not self._first:
            return self._rest.readinto(view)
        given = self._given(len(view))
        view[: len(given)] = given
        return len(given)

    def _given(self, size: int) -> bytes:
        given, self._first = self._first[:size], self._first[size:]
        return given


class Gunzipped(ByRead):
    """The bytes of a gzip stream of any number of members (RFC 1952); a cut or damaged end is a damage."""

    def __init__(self, packed: ByteStream, name: str, ledger: Ledger) -> None:
        self._packed = packed
        self._name = name
        self._ledger = ledger
        self._member = zlib.decompressobj(wbits=31)
        self._waiting = b""
        self._over = False
        self._fed = False

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        while not self._over:
            waiting = self._waiting or self._packed.read(CHUNK_BYTES)
            if not waiting:
                if self._fed and not self._member.eof:
                    self._ledger.damaged(f"{self._name}: the gzip stream ends early")
                break
            if self._member.eof:
                if waiting[:1] == b"\0":  # padding that tapes and some tools leave
                    self._waiting = waiting.lstrip(b"\0")
                    continue
                self._member = zlib.decompressobj(wbits=31)
            before = self._member.copy()
            try:
                plain = self._member.decompress(waiting, size)
            except zlib.error as error:
                self._ledger.damaged(f"{self._name}: the gzip stream is damaged ({error})")
                self._over = True
                return _up_to_damage(before, waiting)
            self._fed = True
            self._waiting = self._member.unconsumed_tail or self._member.unused_data
            if plain:
                return plain
        self._over = True
        return b""


def _up_to_damage(member: "zlib._Decompress", packed: bytes) -> bytes:
    """What can be had of the last piece: zlib gives nothing of a call that meets the damage."""
    plain = bytearray()
    with suppress(zlib.error):
        for byte in packed:
            plain += member.decompress(bytes([byte]))
    return bytes(plain)


class Unzstd(ByRead):
    """The bytes of a zstd stream (RFC 8878); a cut or damaged end is a damage."""

    def __init__(self, packed: ByteStream, name: str, ledger: Ledger) -> None:
        self._plain = pa.CompressedInputStream(pa.PythonFile(_Readable(packed), "r"), "zstd")
        self._name = name
        self._ledger = ledger

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        plain = bytearray()
        try:
            while len(plain) < min(size, CHUNK_BYTES):
                piece = self._plain.read(min(size - len(plain), PIECE_BYTES))
                if not piece:
                    break
                plain += piece
        except OSError as error:
            self._ledger.damaged(f"{self._name}: the zstd stream is cut or damaged ({error})")
        return bytes(plain)


class _Readable(io.RawIOBase):
    """Lends a ByteStream the file methods that Arrow asks for."""

    def __init__(self, stream: ByteStream) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size if size > 0 else CHUNK_BYTES)


class Closable(ByteStream, Protocol):
    """A stream that is closed when it is done with."""

    def close(self) -> None:
        """Lets go of the file or connection."""


def open_file(source: str, ledger: Ledger, *, start: int = 0) -> Closable:
    """Opens a path, a URL or `-`, the first two at byte `start`.

    Raises:
        Unreadable: It is missing, a directory, empty, or may not be read.
        UsageError: It is a URL, and the extra that reads them is not installed.
    """
    if source == "-":
        return cast("Closable", sys.stdin.buffer)
    if is_url(source) and not is_local(source):
        return open_remote(source, ledger, start=start)
    name = shown(source)
    try:
        path = Path(local_path(source))
        if path.is_dir():
            raise Unreadable(f"{name} is a directory; name the capture files in it")
        stream = path.open("rb")
        if start:
            stream.seek(start)
    except FileNotFoundError:
        raise Unreadable(f"{name} does not exist; check the path") from None
    except PermissionError:
        raise Unreadable(f"{name} may not be read; check its permissions or use sudo") from None
    except (OSError, ValueError) as error:
        raise Unreadable(f"{name!r} cannot be opened: {reason_of(error)}") from None
    return cast("Closable", stream)


@contextmanager
def plain_bytes(source: str, ledger: Ledger) -> Iterator[tuple[bytes, ByteStream]]:
    """Opens a source: its first bytes, and the stream of all its bytes, decompressed; closes it at the end.

    Raises:
        Unreadable: It cannot be opened, or holds nothing.
    """
    packed = open_file(source, ledger)
    try:
        yield _plain_bytes(packed, shown(source), ledger)
    finally:
        if source != "-":
            packed.close()


def _plain_bytes(packed: ByteStream, name: str, ledger: Ledger) -> tuple[bytes, ByteStream]:
    first = _first_bytes(packed, name)
    stream: ByteStream = Prefixed(first, packed)
    if first.startswith(GZIP_MAGIC):
        stream = Gunzipped(stream, name, ledger)
    elif first.startswith(ZSTD_MAGIC):
        stream = Unzstd(stream, name, ledger)
    else:
        return first, stream
    plain = stream.read(FIRST_BYTES)
    if not plain:
        raise Unreadable(f"{name} is compressed and holds nothing; was it cut while it was written?")
    return plain, Prefixed(plain, stream)


def _first_bytes(stream: ByteStream, name: str) -> bytes:
    try:
        first = stream.read(FIRST_BYTES)
    except OSError as error:
        raise Unreadable(f"{name} cannot be read: {reason_of(error)}") from None
    if not first:
        raise Unreadable(f"{name} is empty; was it still being written?")
    return first
