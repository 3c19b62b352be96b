"""Any source as a stream of flow batches, recognised by its first bytes."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from oddflow.capture.reader import is_capture
from oddflow.capture.stream import CHUNK_BYTES, ByteStream, plain_bytes, read_into
from oddflow.errors import UnknownFormat
from oddflow.flows.metering import meter_capture
from oddflow.flows.settings import MeterSettings
from oddflow.logs.table import is_table, read_table
from oddflow.losses import Ledger

Progress = Callable[[int], None]
"""Told the number of bytes read since it was told last."""


@dataclass(slots=True)
class Fingerprint:
    """What was read of a source: its name, its size and, unless `hashed` is False, the hash of its plain bytes.

    Hashing takes about as long as metering.
    """

    name: str
    bytes: int = 0
    flows: int = 0
    hashed: bool = True
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def as_dict(self) -> dict[str, str | int]:
        """The fingerprint for a manifest."""
        told: dict[str, str | int] = {"name": self.name, "bytes": self.bytes, "flows": self.flows}
        return told | ({"sha256": self.digest.hexdigest()} if self.hashed else {})


class _Watched:
    """Counts what passes, and hashes it where that is asked for."""

    def __init__(self, stream: ByteStream, seen: Fingerprint, progress: Progress | None) -> None:
        self._stream = stream
        self._seen = seen
        self._progress = progress

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        piece = self._stream.read(size)
        self._pass(piece)
        return piece

    def readinto(self, room: memoryview) -> int:
        """Fills the front of `room`; the bytes written, none at the end."""
        size = read_into(self._stream, room)
        self._pass(room[:size])
        return size

    def _pass(self, piece: bytes | memoryview) -> None:
        self._seen.bytes += len(piece)
        if self._seen.hashed:
            self._seen.digest.update(piece)
        if self._progress:
            self._progress(len(piece))


def read_flows(
    source: str,
    ledger: Ledger,
    *,
    settings: MeterSettings | None = None,
    seen: Fingerprint | None = None,
    progress: Progress | None = None,
) -> Iterator[pa.RecordBatch]:
    """Reads a capture or a flow table, a path or `-`.

    Args:
        source: What to read.
        ledger: Told of all that was lost.
        settings: How flows are cut; flow tables are cut already.
        seen: Filled with size and, where it asks for that, hash.
        progress: Told of the bytes read.

    Yields:
        Batches of the flow schema.

    Raises:
        Unreadable, UnknownFormat: Nothing could be read.
    """
    seen = seen or Fingerprint(source, hashed=False)
    with plain_bytes(source, ledger) as (first, stream):
        watched = _Watched(stream, seen, progress)
        for batch in _flow_batches(source, first, watched, ledger, settings):
            seen.flows += batch.num_rows
            yield batch


def _flow_batches(
    source: str, first: bytes, stream: _Watched, ledger: Ledger, settings: MeterSettings | None
) -> Iterator[pa.RecordBatch]:
    if is_capture(first):
        yield from meter_capture(stream, first, source, ledger, settings=settings)
    elif is_table(first):
        yield from read_table(source, first, ledger)
        while stream.read(CHUNK_BYTES):  # Arrow read the file by itself; its bytes pass by once more to be counted
            pass
    else:
        raise UnknownFormat(
            f"{source} starts with {first[:12]!r}, which is no format known here; expected a capture (pcap, pcapng; "
            "also gzip or zstd) or a flow table (Parquet, Arrow, CSV)"
        )
