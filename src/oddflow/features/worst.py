"""A flow as its worst packet: what a detector that scores packets says of flows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.capture.packets import NUMBER_BITS, PacketBatch
from oddflow.errors import SchemaMismatch
from oddflow.features._incremental_kernels import keep_worst
from oddflow.features.feature import Feature
from oddflow.features.incremental import FEATURES, IncrementalStatistics, within_bounds
from oddflow.features.packet_columns import PACKET, PACKET_CAPTURE, PACKET_IS_REVERSE, PACKET_ROW, VERSION
from oddflow.flows import _layout as layout
from oddflow.flows.owners import FlowOwners

Floats = NDArray[np.float32]
Scores = Callable[[Floats], Floats]
"""Scores of packets by their features: (n, 100) -> (n,), not negative."""


class WorstPackets:
    """Goes along with a meter, scores each packet, and tells each flow its worst one.

    Memory is about 0.4 KB for each flow that may be open, beside the streams.

    Args:
        scores: What scores packets.
        max_flows: The most that the meter has open.
    """

    def __init__(self, scores: Scores, max_flows: int) -> None:
        self.statistics = IncrementalStatistics()
        self._scores = scores
        self._owners = FlowOwners(max_flows)
        flows = self._owners.capacity
        self._worst = np.full(flows, -1, np.float32)
        self._numbers = np.zeros(flows, np.int64)
        self._ends = np.zeros(flows, np.uint8)
        self._rows = np.zeros((flows, len(FEATURES)), np.float32)

    def add(self, batch: PacketBatch, packets: range, finished: layout.Finished, ended: range) -> None:
        """As a meter's companion."""
        owners, ends = self._owners.add(batch, packets, finished, ended)
        if not packets:
            return
        x = within_bounds(self.statistics.add(batch, packets))
        known = owners != layout.NONE
        keep_worst(
            x, self._scores(x), owners[known], ends[known], numbers_of(batch, packets)[known],
            self._worst, self._numbers, self._ends, self._rows,
        )  # fmt: skip

    def attach(self, flows: pa.RecordBatch, finished: layout.Finished, captures: Sequence[str]) -> pa.RecordBatch:
        """As a meter's companion: adds PACKET and what is beside it; null in early records."""
        owners = self._owners.hand_out(flows.num_rows)
        is_early = owners == layout.NONE
        numbers = self._numbers[owners]
        is_reverse = self._ends[owners] != finished.flows["swapped"][: flows.num_rows]
        rows = pa.FixedSizeListArray.from_arrays(pa.array(self._rows[owners].ravel()), len(FEATURES))
        files = pa.array(captures, pa.string()).take(pa.array(numbers >> NUMBER_BITS)) if captures else None
        self._worst[owners[~is_early]] = -1
        return (
            flows.append_column(PACKET, pa.array(numbers & ((1 << NUMBER_BITS) - 1), mask=is_early))
            .append_column(PACKET_CAPTURE, files if captures else pa.nulls(flows.num_rows, pa.string()))
            .append_column(PACKET_IS_REVERSE, pa.array(is_reverse, mask=is_early))
            .append_column(PACKET_ROW, rows)
        )


class WorstPacketRows:
    """The representation of flows whose rows are the features of their worst packets.

    Args:
        scores: What scores packets.
        max_flows: The most that the meter has open.
    """

    def __init__(self, scores: Scores, max_flows: int) -> None:
        self._scores = scores
        self._max_flows = max_flows
        self._forgotten = 0
        self.companion = WorstPackets(scores, max_flows)

    @property
    def version(self) -> str:
        """Of the features of packets."""
        return VERSION

    @property
    def home_networks(self) -> tuple[str, ...]:
        """None: it looks at no address."""
        return ()

    @property
    def context_settings(self) -> Mapping[str, Any]:
        """None: streams fade by themselves."""
        return {}

    @property
    def incomplete(self) -> int:
        """None: a packet has all that is looked at."""
        return 0

    @property
    def features(self) -> tuple[Feature, ...]:
        """Those of a packet."""
        return FEATURES

    @property
    def has_arp(self) -> bool:
        """ARP packets belong to streams, too."""
        return True

    def begin(self) -> None:
        """As Representation: all streams are forgotten."""
        self._forgotten += self.companion.statistics.forgotten
        self.companion = WorstPackets(self._scores, self._max_flows)

    def rows(self, batch: pa.RecordBatch) -> Floats:
        """As Representation."""
        if PACKET_ROW not in batch.schema.names:
            raise SchemaMismatch(
                "the model scores packets, and this source holds flows: give it the capture itself, or a model that "
                "was learnt on flows (`oddflow learn --detector robust-pca`)"
            )
        return np.array(batch.column(PACKET_ROW).flatten()).reshape(batch.num_rows, len(FEATURES))

    def remarks(self) -> list[str]:
        """As Representation."""
        remarks = ["a flow's score is that of its worst packet, whose number stands before its reasons"]
        forgotten = self._forgotten + self.companion.statistics.forgotten
        if forgotten:
            remarks.append(f"{forgotten:,} streams were forgotten early: their table was full")
        return remarks


def numbers_of(batch: PacketBatch, packets: range) -> NDArray[np.int64]:
    """The numbers of some packets of a batch, (n,)."""
    if len(batch.numbers):
        return batch.numbers[packets.start : packets.stop]
    return batch.first_number + np.arange(packets.start, packets.stop)
