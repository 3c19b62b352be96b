"""Any source as a stream of flow batches, recognised by its first bytes."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from oddflow.capture.capture_set import CaptureSet, is_folder
from oddflow.capture.following import Following
from oddflow.capture.reader import is_capture
from oddflow.capture.remote import shown
from oddflow.capture.stream import CHUNK_BYTES, ByteStream, plain_bytes
from oddflow.errors import UnknownFormat
from oddflow.flows.meter import Companion
from oddflow.flows.metering import WHOLE, Shard, meter_capture, meter_captures, meter_following
from oddflow.flows.settings import MeterSettings
from oddflow.logs.folder import sources_in
from oddflow.logs.following import FollowedLog
from oddflow.logs.formats import FORMATS, Opened, format_of
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.logs.table import is_table, read_table
from oddflow.losses import Ledger

Progress = Callable[[int], None]
"""Told the number of bytes read since it was told last."""

Piece = bytes | memoryview

Reads = Callable[..., Iterator[pa.RecordBatch]]
"""What reads a source: `read_flows`, or what takes and gives the same."""

Source = str | CaptureSet
"""What is read as one: a path, a URL or `-`; or several captures."""


def arrange(sources: Sequence[str], ledger: Ledger, *, merge: bool = False) -> list[Source]:
    """What is read as one, and what apart: the captures of a folder are one, and with `merge` all sources are.

    Raises:
        InputError: A folder holds neither captures nor logs, or a source to be merged is no capture.
        UsageError: A source to be merged was given twice, or a folder holds captures and logs.
    """
    if merge and (len(sources) > 1 or is_folder(sources[0])):
        return [CaptureSet.of(sources, ledger)]
    found: list[Source] = []
    for source in sources:
        found += sources_in(source, ledger) if is_folder(source) else [source]
    return found


def name_of(source: Source) -> str:
    """What a source is called, in messages and in records: never with a password."""
    return str(source) if isinstance(source, CaptureSet) else shown(source)


@dataclass(frozen=True, slots=True)
class _Ended:
    """A hash that another process took: there is nothing to add to it."""

    hexadecimal: str

    def hexdigest(self) -> str:
        return self.hexadecimal


@dataclass(slots=True)
class Fingerprint:
    """What was read of a source: its name, its size and, unless `hashed` is False, the hash of its plain bytes.

    `pseudonyms` is the fingerprint of the key under whose pseudonyms its flows were given; "" for none.

    Hashing takes about as long as metering. Of several captures that are read as one, the hash is that of their
    hashes, in the order of their names.
    """

    name: str
    bytes: int = 0
    flows: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    hashed: bool = True
    pseudonyms: str = ""
    parts: "dict[str, Fingerprint]" = field(default_factory=dict)

    def part(self, name: str) -> "Fingerprint":
        """The fingerprint of one of several files."""
        return self.parts.setdefault(name, Fingerprint(name, hashed=self.hashed))

    def add(self, piece: Piece) -> None:
        """Takes in the next bytes."""
        self.bytes += len(piece)
        if self.hashed:
            self.digest.update(piece)

    @property
    def total_bytes(self) -> int:
        """Bytes of all files."""
        return self.bytes + sum(part.bytes for part in self.parts.values())

    @property
    def sha256(self) -> str:
        """The hash, in hexadecimal."""
        if not self.parts:
            return self.digest.hexdigest()
        return hashlib.sha256("".join(self.parts[name].sha256 for name in sorted(self.parts)).encode()).hexdigest()

    def __reduce__(self) -> tuple[Any, ...]:
        """What another process is sent: all but the means to go on with the hash."""
        digest = _Ended(self.digest.hexdigest())
        return Fingerprint, (self.name, self.bytes, self.flows, digest, self.hashed, self.pseudonyms, self.parts)

    def as_dict(self) -> dict[str, str | int]:
        """The fingerprint for a manifest."""
        told: dict[str, str | int] = {"name": self.name, "bytes": self.total_bytes, "flows": self.flows}
        return told | ({"sha256": self.sha256} if self.hashed else {})


class _Watched:
    """Hashes and counts what passes."""

    def __init__(self, stream: ByteStream, seen: Fingerprint, progress: Progress | None) -> None:
        self._stream = stream
        self._seen = seen
        self._progress = progress

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        piece = self._stream.read(size)
        self._saw(piece)
        return piece

    def readinto(self, view: memoryview) -> int | None:
        """Fills the view from its start; how many bytes, 0 at the end."""
        count = self._stream.readinto(view)
        if count:
            self._saw(view[:count])
        return count

    def _saw(self, piece: Piece) -> None:
        self._seen.add(piece)
        if self._progress:
            self._progress(len(piece))


def read_flows(
    source: Source,
    ledger: Ledger,
    *,
    settings: MeterSettings | None = None,
    seen: Fingerprint | None = None,
    progress: Progress | None = None,
    shard: Shard = WHOLE,
    companion: Companion | None = None,
    privacy: Privacy = OPEN,
) -> Iterator[pa.RecordBatch]:
    """Reads a capture or a flow table, a path, a URL or `-`; or several captures as one.

    Args:
        source: What to read.
        ledger: Told of all that was lost.
        settings: How flows are cut; flow tables are cut already.
        seen: Filled with size and hash.
        progress: Told of the bytes read.
        shard: Which of how many shards of the flows is wanted; a flow table is all in the first.
        companion: Sees the packets of captures, too.
        privacy: What the flows may tell.

    Yields:
        Batches of the flow schema.

    Raises:
        Unreadable, UnknownFormat: Nothing could be read.
        UsageError: It is a table under the pseudonyms of another key.
    """
    seen = seen or Fingerprint(name_of(source), hashed=False)
    how = _How(privacy.settings(settings or MeterSettings()), seen, progress, shard, privacy, companion)
    batches = _of_captures(source, ledger, how) if isinstance(source, CaptureSet) else _of_one(source, ledger, how)
    for batch in batches:
        seen.flows += batch.num_rows
        yield privacy.apply(batch, already=seen.pseudonyms)


def follow_flows(
    source: str,
    ledger: Ledger,
    *,
    stop: threading.Event,
    duration_s: float = 0.0,
    settings: MeterSettings | None = None,
    seen: Fingerprint | None = None,
    companion: Companion | None = None,
    privacy: Privacy = OPEN,
) -> Iterator[pa.RecordBatch]:
    """Reads a capture or a log that grows, or a folder where one capture follows the other, until told to stop.

    Args:
        source: The path of the file or folder; a folder of Zeek's logs stands for its conn.log.
        ledger: Told of all that was lost.
        stop: Ends the reading when it is set; all open flows are then exported.
        duration_s: Ends it after this; 0 for no end.
        settings: How flows are cut.
        seen: Filled with the size.
        companion: Sees the packets of captures, too.
        privacy: What the flows may tell.

    Yields:
        Batches of the flow schema, at most half a second after their flows ended, or were logged; of a log, an empty
        one now and then while nothing comes.

    Raises:
        InputError: It cannot be read, or is neither a capture nor a log.
        UsageError: It is compressed, remote or a pipe.
    """
    seen = seen or Fingerprint(shown(source), hashed=False)

    def watch(name: str, stream: ByteStream) -> ByteStream:
        return _Watched(stream, seen.part(name), None)

    log = FollowedLog.of(source, ledger, stop=stop, duration_s=duration_s, watch=watch)
    if log is not None:
        batches = log.flows()
    else:
        cut = privacy.settings(settings or MeterSettings())
        following = Following(source, ledger, stop=stop, duration_s=duration_s, watch=watch, tunnels=cut.tunnels)
        batches = meter_following(following, ledger, settings=cut, companion=companion)
    for batch in batches:
        seen.flows += batch.num_rows
        yield privacy.apply(batch)


@dataclass(frozen=True, slots=True)
class _How:
    """How a source is read, and who is told."""

    settings: MeterSettings
    seen: Fingerprint
    progress: Progress | None
    shard: Shard
    privacy: Privacy
    companion: Companion | None

    def under(self, fingerprint: str) -> None:
        """Told the fingerprint of the key under whose pseudonyms a table is, before its first flows."""
        self.privacy.check_table(fingerprint, self.seen.name)
        self.seen.pseudonyms = fingerprint


def _of_captures(captures: CaptureSet, ledger: Ledger, how: _How) -> Iterator[pa.RecordBatch]:
    def watch(place: str, stream: ByteStream) -> ByteStream:
        return _Watched(stream, how.seen.part(shown(place)), how.progress)

    yield from meter_captures(
        captures, ledger, settings=how.settings, shard=how.shard, watch=watch, companion=how.companion
    )


def _of_one(source: str, ledger: Ledger, how: _How) -> Iterator[pa.RecordBatch]:
    name = shown(source)
    with plain_bytes(source, ledger) as (first, plain):
        stream = _Watched(plain, how.seen, how.progress)
        if is_capture(first):
            yield from meter_capture(
                stream, first, name, ledger, settings=how.settings, shard=how.shard, companion=how.companion
            )
            return
        known = format_of(first)
        if known is not None:
            ledger.unit = "records"
            if how.shard[0] == 0:
                yield from known.read(stream, Opened(source, name, first, ledger))
            return
        if not is_table(first):
            raise UnknownFormat(
                f"{name} starts with {first[:12]!r}, which is no format known here; expected a capture (pcap, pcapng; "
                f"also gzip or zstd), {_formats()}a flow table (Parquet, Arrow)"
            )
        if how.shard[0] == 0:
            yield from read_table(source, first, stream, ledger, under=how.under)
        while stream.read(CHUNK_BYTES):  # Arrow may have read the file by itself; its bytes pass by to be hashed
            pass


def _formats() -> str:
    return "".join(f"{known.name}, " for known in FORMATS) + "or "
