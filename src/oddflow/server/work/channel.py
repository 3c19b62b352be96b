"""How flows come from a source's capture to its judge: whole messages over a pair of sockets, in order, bounded.

The supervisor keeps both ends, so what is in the kernel's queue outlives either process. Nothing in it is ever thrown
away: where it is full, the capture keeps a few MiB more. Then one that reads files waits until there is room; a live
one leaves whole flows out, and counts them. If it waited, packets would be lost in the ring, and flows with holes look
odd: more alerts would make the judge slower still.
"""

import errno
import json
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import pyarrow as pa

from oddflow.schema import FLOW_SCHEMA
from oddflow.server.work.counters import Count, Counters

HEAD = struct.Struct("<BxxxIq")
"""Kind, rows, and CLOCK_MONOTONIC in ns when it was put in, or for SEEN up to when flows were seen, ns since 1970."""
QUEUE_BYTES = 8 << 20
MESSAGE_BYTES = 96 << 10
"""Half of what a kernel gives a socket unless it is told otherwise (net.core.wmem_default)."""
MOST_BYTES = 4 << 20
"""No message is longer: a single flow would have to be."""
BACKLOG_BYTES = 32 << 20
SO_SNDBUFFORCE = 32
WAIT_S = 0.05


class Kind(IntEnum):
    """What a message is."""

    FLOWS = 1
    """A batch of the flow schema."""
    WIDE_FLOWS = 2
    """A batch with more columns, its schema before it."""
    SEEN = 3
    """All flows that ended before a time, less time-outs, were given."""
    FILE = 4
    """A file of a folder ends; what it was, as JSON."""
    LAST = 5
    """The capture ends; nothing follows."""


@dataclass(frozen=True, slots=True)
class Message:
    """What came through.

    Attributes:
        kind: What it is.
        stamp: When it was put in, CLOCK_MONOTONIC in ns; of SEEN the time that is told.
        flows: Of FLOWS and WIDE_FLOWS.
        told: Of FILE.
    """

    kind: Kind
    stamp: int
    flows: pa.RecordBatch | None = None
    told: dict[str, Any] | None = None


def make_pair() -> tuple[socket.socket, socket.socket]:
    """The capture's end and the judge's; what is queued between them is bounded by the kernel."""
    into, out = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for option in (SO_SNDBUFFORCE, socket.SO_SNDBUF):
        try:
            into.setsockopt(socket.SOL_SOCKET, option, QUEUE_BYTES)
        except PermissionError:
            continue
        break
    into.setblocking(False)
    out.setblocking(False)
    return into, out


class Sender:
    """The capture's end.

    Args:
        end: Of the pair.
        counters: Where flows that were sent and that wait are counted.
        source: Whose.
        idle: Called while there is no room, to show that the process lives.
        patient: Whether flows wait for room however long it takes; else what has none is shed.
        backlog_bytes: So much is kept beside the kernel's queue.
    """

    def __init__(
        self,
        end: socket.socket,
        counters: Counters,
        source: int,
        *,
        idle: Callable[[], None] = lambda: None,
        patient: bool = True,
        backlog_bytes: int = BACKLOG_BYTES,
    ) -> None:
        self.stalled_s = 0.0
        """How long it had to wait for room, in all."""
        self.too_long = 0
        """Flows that no message has room for."""
        self.shed = 0
        """Flows that were left out, since nobody had time for them."""
        self._patient = patient
        self._end = end
        self._count = counters.of(source)
        self._idle = idle
        self._most_bytes = backlog_bytes
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._bytes = 0
        self._count[Count.BACKLOG] = 0

    def flows(self, batch: pa.RecordBatch) -> None:
        """Sends flows; where the channel and the backlog are full, waits or sheds them."""
        if not self._patient:
            self.push()
            if self._bytes > self._most_bytes:
                self.shed += batch.num_rows
                return
        self._flows(batch)
        self.push()
        if not self._patient:
            return
        while self._bytes > self._most_bytes:
            self._wait()

    def seen(self, until_ns: int) -> None:
        """Tells up to when flows were seen."""
        self._put(HEAD.pack(Kind.SEEN, 0, until_ns), 0)
        self.push()

    def file(self, told: dict[str, Any]) -> None:
        """Ends a file; waits until it is in the channel."""
        self._put(HEAD.pack(Kind.FILE, 0, time.monotonic_ns()) + json.dumps(told).encode(), 0)
        self.drain()

    def last(self, patience_s: float) -> bool:
        """Ends the capture; whether all is in the channel within a time."""
        self._put(HEAD.pack(Kind.LAST, 0, time.monotonic_ns()), 0)
        until = time.monotonic() + patience_s
        self.push()
        while self._waiting and time.monotonic() < until:
            self._wait()
        return not self._waiting

    def drain(self) -> None:
        """Waits until all is in the channel."""
        self.push()
        while self._waiting:
            self._wait()

    @property
    def backlog_bytes(self) -> int:
        """What waits for room in the channel."""
        return self._bytes

    def push(self) -> None:
        """Puts in the channel what it has room for."""
        while self._waiting:
            message, rows = self._waiting[0]
            try:
                self._end.send(message)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    raise
                self.too_long += rows
                self._count[Count.BACKLOG] -= rows
                rows = 0
            self._waiting.popleft()
            self._bytes -= len(message)
            # the order keeps what is queued from ever being counted too low
            self._count[Count.SENT] += rows
            self._count[Count.BACKLOG] -= rows

    def _wait(self) -> None:
        begun = time.monotonic()
        poll = select.poll()
        poll.register(self._end, select.POLLOUT)
        poll.poll(WAIT_S * 1_000)
        self.push()
        self.stalled_s += time.monotonic() - begun
        self._idle()

    def _put(self, message: bytes, rows: int) -> None:
        self._waiting.append((message, rows))
        self._bytes += len(message)
        self._count[Count.BACKLOG] += rows

    def _flows(self, batch: pa.RecordBatch) -> None:
        rows = batch.num_rows
        if not rows:
            return
        if rows > 1 and batch.nbytes > MESSAGE_BYTES:
            self._flows(batch.slice(0, rows // 2))
            self._flows(batch.slice(rows // 2))
            return
        is_plain = batch.schema.equals(FLOW_SCHEMA)
        body = batch.serialize() if is_plain else _with_schema(batch)
        head = HEAD.pack(Kind.FLOWS if is_plain else Kind.WIDE_FLOWS, rows, time.monotonic_ns())
        self._put(head + memoryview(body), rows)


class Receiver:
    """The judge's end."""

    def __init__(self, end: socket.socket, counters: Counters, source: int) -> None:
        self._end = end
        self._count = counters.of(source)
        self._poll = select.poll()
        self._poll.register(end, select.POLLIN)
        self._room = bytearray(MOST_BYTES)

    def take(self, timeout_s: float) -> Message | None:
        """The next message, after waiting for one at most so long; None where none came.

        Raises:
            EOFError: The capture is gone, and so is who could start another.
        """
        if not self._poll.poll(timeout_s * 1_000):
            return None
        try:
            size = self._end.recv_into(self._room)
        except (BlockingIOError, InterruptedError):
            return None
        if not size:
            raise EOFError
        number, rows, stamp = HEAD.unpack_from(self._room)
        kind, body = Kind(number), bytes(memoryview(self._room)[HEAD.size : size])
        self._count[Count.TAKEN] += rows
        match kind:
            case Kind.FLOWS:
                return Message(kind, stamp, pa.ipc.read_record_batch(pa.py_buffer(body), FLOW_SCHEMA))
            case Kind.WIDE_FLOWS:
                with pa.ipc.open_stream(body) as stream:
                    return Message(kind, stamp, stream.read_next_batch())
            case Kind.FILE:
                return Message(kind, stamp, told=json.loads(body))
            case _:
                return Message(kind, stamp)


def _with_schema(batch: pa.RecordBatch) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()
