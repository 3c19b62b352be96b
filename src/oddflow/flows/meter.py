"""The flow meter: packet batches in, flow batches out, in memory set by its settings."""

import secrets
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from oddflow.capture.packets import PacketBatch
from oddflow.flows import _layout as layout
from oddflow.flows._key_kernels import KEY_WORDS
from oddflow.flows._meter_kernels import drain, meter_packets
from oddflow.flows.settings import REORDER_SLACK_S, MeterSettings
from oddflow.flows.table import FinishedRows, flow_batch
from oddflow.schema import PAYLOAD_BYTES, SEQUENCE_PACKETS, FlowEnd

DONE_FLOWS = 8_192
"""Finished flows held before they are handed out as one batch."""

NEVER_NS = -(2**62)


class Meter:
    """Groups packets into bidirectional flows.

    Memory is about 1.6 KB × (max_flows + 8,192), taken from the system only as flows need it.
    A flow is cut by its own packets' times alone, so blocks of any size give the same flows; flows are handed
    out in the order in which they ended, at the end of input the longest quiet first.

    Args:
        settings: How flows are cut.
        shard: Which of how many shards of all flows, by key, it meters; it passes over the packets of others.
        captures: The names of the files that packets are numbered in, where several are read as one.
    """

    def __init__(
        self,
        settings: MeterSettings | None = None,
        *,
        captures: Sequence[str] = (),
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        self.settings = settings or MeterSettings()
        self._captures = captures
        rows = self.settings.max_flows + DONE_FLOWS
        self._slots = np.full(1 << (2 * rows - 1).bit_length(), layout.NONE, np.int32)
        self._keys = np.zeros((rows, KEY_WORDS), np.uint64)
        self._hashes = np.zeros(rows, np.uint64)
        self._links = np.zeros((rows, 2), np.int32)
        self._rows = np.zeros((rows, layout.ROW_FIELDS), np.int64)
        self._free = np.arange(rows - 1, -1, -1, dtype=np.int32)
        self._done = np.zeros(DONE_FLOWS, np.int32)
        self._lengths = np.zeros((rows, SEQUENCE_PACKETS), np.int16)
        self._gaps = np.zeros((rows, SEQUENCE_PACKETS), np.uint32)
        self._payload = np.zeros((rows, PAYLOAD_BYTES), np.uint8)
        self._meter = np.zeros(layout.METER_FIELDS, np.int64)
        self._meter[[layout.OPEN_HEAD, layout.OPEN_TAIL, layout.CLOSED_HEAD, layout.CLOSED_TAIL]] = layout.NONE
        self._meter[[layout.DATAGRAM_HEAD, layout.DATAGRAM_TAIL]] = layout.NONE
        self._meter[layout.FREE_COUNT] = rows
        self._meter[[layout.SHARD, layout.SHARDS]] = shard
        self._meter[layout.WATERMARK] = NEVER_NS
        seconds = (
            self.settings.idle_timeout_s,
            self.settings.active_timeout_s,
            self.settings.closed_timeout_s,
            REORDER_SLACK_S,
            self.settings.datagram_timeout_s,
        )
        self._limits = np.array([round(s * 1e9) for s in seconds], np.int64)
        self._seed = np.uint64(secrets.randbits(64))

    @property
    def evicted(self) -> int:
        """Flows ended early because `max_flows` were open."""
        return int(self._meter[layout.EVICTED])

    def advance(self, now_ns: int) -> Iterator[pa.RecordBatch]:
        """Stub."""
        yield from self.finished()

    def add(self, packets: PacketBatch) -> Iterator[pa.RecordBatch]:
        """Adds packets; yields finished flows, whenever DONE_FLOWS have gathered."""
        first = 0
        while first < packets.count:
            first = meter_packets(
                packets.data, first, packets.count, packets.first_number, packets.packets, packets.numbers,
                self._slots, self._keys, self._hashes, self._links, self._meter, self._rows, self._free, self._done,
                self._lengths, self._gaps, self._payload, self._limits, self._seed,
            )  # fmt: skip
            if first < packets.count:
                yield from self.finished()

    def finished(self) -> Iterator[pa.RecordBatch]:
        """The flows that have ended since the last batch, if any."""
        count = int(self._meter[layout.DONE_COUNT])
        if count == 0:
            return
        done = self._done[:count]
        yield flow_batch(
            FinishedRows(
                rows=self._rows[done],
                keys=self._keys[done],
                lengths=self._lengths[done],
                gaps_us=self._gaps[done],
                payload=self._payload,
                done=done,
            ),
            self._captures,
        )
        free = int(self._meter[layout.FREE_COUNT])
        self._free[free : free + count] = done
        self._meter[layout.FREE_COUNT] = free + count
        self._meter[layout.DONE_COUNT] = 0

    def close(self) -> Iterator[pa.RecordBatch]:
        """Ends all flows still open, since the input has."""
        left = 1
        while left:
            left = drain(
                self._slots, self._hashes, self._links, self._meter, self._rows, self._done, int(FlowEnd.FORCED)
            )
            yield from self.finished()
