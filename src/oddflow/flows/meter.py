"""The flow meter: packet batches in, flow batches out, in memory set by its settings."""

import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

from oddflow.capture.packets import PacketBatch
from oddflow.flows import _layout as layout
from oddflow.flows._bytes_kernels import CHUNK_BYTES
from oddflow.flows._export_kernels import MOST_FIRST_BYTES
from oddflow.flows._meter_kernels import advance, drain, meter_packets
from oddflow.flows.carrying import State, put_in, taken_out
from oddflow.flows.naming.behaviour import HostBehaviour
from oddflow.flows.settings import REORDER_SLACK_S, MeterSettings, Payload
from oddflow.flows.table import flow_batch
from oddflow.losses import Ledger
from oddflow.schema import PAYLOAD_BYTES, SEQUENCE_PACKETS, FlowEnd

BATCH_FLOWS = 8_192
"""Finished flows held before they are handed out as one batch."""

BATCH_FIRST_BYTES = 8 << 20
"""Their first bytes in each direction; a batch that fills them is handed out."""

BATCH_ROOM = min(BATCH_FLOWS, BATCH_FIRST_BYTES // MOST_FIRST_BYTES)

NO_PACKETS = PacketBatch.empty(np.zeros(0, np.uint8), 0)
NO_ROOM = "no room among the first bytes of open flows"

NEVER_NS = -(2**62)
UNKNOWN_AT_FIRST = (
    "vlan", "icmp_type", "icmp_code", "icmp_error_type", "icmp_error_code", "src_mac", "dst_mac",
    "responder_rtt_us", "initiator_rtt_us", "ended_at",
)  # fmt: skip
KINDS = (Payload.SESSION, Payload.SESSION_FRAMES, Payload.FLOW, Payload.FLOW_FRAMES, Payload.NONE)


class Incomplete(Exception):
    """A packet's payload, which had been left out, is needed after all."""


class Companion(Protocol):
    """Sees the packets that a meter sees, and may add columns to the flows that they became."""

    def add(self, batch: PacketBatch, packets: range, finished: layout.Finished, ended: range) -> None:
        """Told of packets that were metered, and of the flows that ended meanwhile."""

    def attach(self, flows: pa.RecordBatch, finished: layout.Finished, captures: Sequence[str]) -> pa.RecordBatch:
        """The flows that ended, before they are handed out, with its columns beside theirs."""


class Meter:
    """Groups packets into bidirectional flows.

    Memory is about 2 KB × max_flows, 20 MB and first_bytes_mib, taken from the system only as flows need it.
    A flow is cut by its own packets' times alone, so blocks of any size give the same flows; flows are handed
    out in the order in which they ended, at the end of input the longest quiet first.

    Args:
        settings: How flows are cut and what is kept of them.
        shard: (k, n): only the k-th share of n of all flows, told by a hash of the key; other packets pass by.
        captures: The names of the files that packets are numbered in, where several are read as one.
        whole_hosts: Whether all packets of a host come here; else nobody can say how it behaves.
        companion: Goes along.
        state: What another meter with the same settings gave; this one goes on from there.

    Raises:
        InputError: The state does not fit, or is damaged.
    """

    def __init__(
        self,
        settings: MeterSettings | None = None,
        shard: tuple[int, int] = (0, 1),
        *,
        captures: Sequence[str] = (),
        whole_hosts: bool = True,
        companion: Companion | None = None,
        state: State | None = None,
    ) -> None:
        self.settings = settings or MeterSettings()
        self._companion = companion
        self._captures = captures
        rows = self.settings.max_flows
        kind = self.settings.payload
        apart = kind in (Payload.FLOW, Payload.FLOW_FRAMES)
        width = 0 if kind is Payload.NONE else PAYLOAD_BYTES * (2 if apart else 1)
        chunks = self.settings.first_bytes_mib * 2**20 // CHUNK_BYTES
        flows = np.zeros(rows + 1, layout.FLOW)
        ways = np.zeros((rows + 1, 2), layout.WAY)
        ways["chunk"][rows] = layout.NONE
        for name in UNKNOWN_AT_FIRST:
            flows[name][rows] = layout.NONE
        self._rows = layout.Rows(
            slots=np.full((1 << (2 * rows - 1).bit_length(), 2), layout.NONE, np.int32),
            flows=flows,
            ways=ways,
            links=np.zeros((rows, 2), np.int32),
            meter=np.zeros(layout.METER_FIELDS, np.int64),
            free=np.arange(rows - 1, -1, -1, dtype=np.int32),
            lengths=np.zeros((rows, SEQUENCE_PACKETS), np.int16),
            gaps=np.zeros((rows, SEQUENCE_PACKETS), np.uint32),
            payload=np.zeros((rows, width), np.uint8),
            directions=np.zeros((rows, PAYLOAD_BYTES // 8 if kind is Payload.SESSION else 0), np.uint8),
            chunks=np.zeros((chunks, CHUNK_BYTES), np.uint8),
            chunk_next=np.zeros(chunks, np.int32),
            chunk_free=np.arange(chunks - 1, -1, -1, dtype=np.int32),
            counts=np.zeros((2, 256), np.uint16),
            pair=np.zeros(2, np.uint8),
        )
        self._finished = layout.Finished(
            flows=np.zeros(BATCH_FLOWS, layout.FLOW),
            ways=np.zeros((BATCH_FLOWS, 2), layout.WAY),
            lengths=np.zeros((BATCH_FLOWS, SEQUENCE_PACKETS), np.int16),
            gaps=np.zeros((BATCH_FLOWS, SEQUENCE_PACKETS), np.uint32),
            payload=np.zeros(BATCH_FLOWS * min(width, PAYLOAD_BYTES), np.uint8),
            payload_ends=np.zeros(BATCH_FLOWS + 1, np.int32),
            reverse=np.zeros(BATCH_FLOWS * (width - min(width, PAYLOAD_BYTES)), np.uint8),
            reverse_ends=np.zeros(BATCH_FLOWS + 1, np.int32),
            client=np.zeros(BATCH_FIRST_BYTES, np.uint8),
            client_ends=np.zeros(BATCH_FLOWS + 1, np.int32),
            server=np.zeros(BATCH_FIRST_BYTES, np.uint8),
            server_ends=np.zeros(BATCH_FLOWS + 1, np.int32),
        )
        self._meter = self._rows.meter
        self._meter[[layout.OPEN_HEAD, layout.OPEN_TAIL, layout.CLOSED_HEAD, layout.CLOSED_TAIL]] = layout.NONE
        self._meter[[layout.DATAGRAM_HEAD, layout.DATAGRAM_TAIL]] = layout.NONE
        self._meter[layout.FREE_COUNT] = rows
        self._meter[layout.ROOM] = BATCH_ROOM
        self._meter[layout.CHUNKS_FREE] = chunks
        self._meter[[layout.WATERMARK, layout.LATEST]] = NEVER_NS
        seconds = (
            self.settings.idle_timeout_s,
            self.settings.active_timeout_s,
            self.settings.closed_timeout_s,
            REORDER_SLACK_S,
            self.settings.datagram_timeout_s,
        )
        self._limits = np.array([round(s * 1e9) for s in seconds], np.int64)
        self._asked = np.array([KINDS.index(kind), self.settings.early_packets, *shard], np.int64)
        # a worker that sees a share of all flows cannot say how a host behaves
        self._behaviour = HostBehaviour() if whole_hosts and shard[1] == 1 else None
        self._unparsed: Counter[str] = Counter()
        self._seed = np.uint64(secrets.randbits(64))
        if state is not None:
            seed, self._unparsed = put_in(self._rows, state)
            self._seed = np.uint64(seed)
            if self._behaviour:
                self._behaviour.put_in(state)

    @property
    def evicted(self) -> int:
        """Flows ended early because `max_flows` were open."""
        return int(self._meter[layout.EVICTED])

    @property
    def unread(self) -> Counter[str]:
        """First bytes of flows that could not be read, by reason: cut, say, or no memory left to keep them in."""
        unkept = int(self._meter[layout.UNKEPT])
        return self._unparsed + Counter({NO_ROOM: unkept})

    def tell(self, ledger: Ledger) -> None:
        """Tells a ledger, once at the end, what became of flows."""
        ledger.evicted_flows += self.evicted
        ledger.unread.update(self.unread)

    @property
    def open_flows(self) -> int:
        """Flows open now."""
        return len(self._rows.free) - int(self._meter[layout.FREE_COUNT])

    def state(self) -> State:
        """All that goes on: open flows, the time reached, what is known of hosts; `finished` is to be empty.

        Raises:
            ValueError: Flows that have ended were not handed out.
        """
        if self._meter[layout.DONE_COUNT]:
            raise ValueError("flows that have ended wait; take them with finished() first")
        state = taken_out(self._rows, int(self._seed), self._unparsed)
        return state | (self._behaviour.taken_out() if self._behaviour else {})

    def add(self, batch: PacketBatch) -> Iterator[pa.RecordBatch]:
        """Adds packets; yields finished flows, whenever BATCH_FLOWS have gathered.

        Raises:
            Incomplete: Payload that is needed was left out of the batch; the meter is then of no more use.
        """
        first = 0
        while first < batch.count:
            begun, ended = first, int(self._meter[layout.DONE_COUNT])
            reached = meter_packets(
                batch.data, first, batch.count, batch.first_number, batch.packets, batch.numbers, batch.among,
                self._rows, self._finished, self._limits, self._asked, self._seed,
            )  # fmt: skip
            if reached < 0:
                raise Incomplete
            first = reached
            self._tell_companion(batch, range(begun, first), ended)
            if first < batch.count:
                yield from self.finished()

    def advance(self, now_ns: int) -> Iterator[pa.RecordBatch]:
        """Ends the flows whose time-out has passed by the wall clock, and yields all that have ended; for live input.

        Flows are still cut by their own packets' times: the clock only decides when they are handed out.
        """
        complete = False
        while not complete:
            ended = int(self._meter[layout.DONE_COUNT])
            complete = advance(self._rows, self._finished, self._limits, self._asked, now_ns)
            self._tell_companion(NO_PACKETS, range(0), ended)
            yield from self.finished()

    def finished(self) -> Iterator[pa.RecordBatch]:
        """The flows that have ended since the last batch, if any."""
        count = int(self._meter[layout.DONE_COUNT])
        if count:
            self._restart()
            flows = flow_batch(
                self._finished,
                count,
                self.settings.payload,
                behaviour=self._behaviour,
                unparsed=self._unparsed,
                captures=self._captures,
            )
            if self._companion:
                flows = self._companion.attach(flows, self._finished, self._captures)
            yield flows

    def _restart(self) -> None:
        """Makes room: the finished flows at hand are handed out."""
        self._meter[layout.DONE_COUNT] = 0
        self._meter[layout.ROOM] = BATCH_ROOM

    def close(self) -> Iterator[pa.RecordBatch]:
        """Ends all flows still open, since the input has."""
        complete = False
        while not complete:
            ended = int(self._meter[layout.DONE_COUNT])
            complete = drain(self._rows, self._finished, self._asked, int(FlowEnd.FORCED))
            self._tell_companion(NO_PACKETS, range(0), ended)
            yield from self.finished()

    def _tell_companion(self, batch: PacketBatch, packets: range, ended: int) -> None:
        if self._companion:
            self._companion.add(batch, packets, self._finished, range(ended, int(self._meter[layout.DONE_COUNT])))
