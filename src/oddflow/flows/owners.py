"""Which flow each packet went to, in memory set by the meter's settings."""

import numpy as np
from numpy.typing import NDArray

from oddflow.capture.packets import PacketBatch
from oddflow.flows import _layout as layout
from oddflow.flows._owner_kernels import FREE_COUNT, OWNER, Owners, assign
from oddflow.flows.meter import BATCH_FLOWS

Rows = NDArray[np.int32]


class FlowOwners:
    """Numbers the flows that a meter has open or has not handed out yet, and says of each packet which is its own.

    Args:
        max_flows: The most that the meter has open.
    """

    def __init__(self, max_flows: int) -> None:
        self.capacity = max_flows + BATCH_FLOWS
        self._owners = Owners(
            slots=np.full((1 << (2 * self.capacity - 1).bit_length(), 2), layout.NONE, np.int32),
            rows=np.zeros(self.capacity, OWNER),
            free=np.arange(self.capacity - 1, -1, -1, dtype=np.int32),
            counters=np.array([self.capacity, 0], np.int64),
        )
        self._ended = np.zeros(BATCH_FLOWS, np.int32)

    def add(
        self, batch: PacketBatch, packets: range, finished: layout.Finished, ended: range
    ) -> tuple[Rows, NDArray[np.uint8]]:
        """The rows of packets and whether the greater end of the key sent each, (n,); as a companion is told of them.

        A row is -1 where the packet was lost.
        """
        of_packets = np.full(batch.count, layout.NONE, np.int32)
        from_greater = np.zeros(batch.count, np.uint8)
        assign(
            batch.packets, packets.start, packets.stop, finished.flows, finished.ways, ended.start, ended.stop,
            self._owners, self._ended, of_packets, from_greater,
        )  # fmt: skip
        told = slice(packets.start, packets.stop)
        return of_packets[told], from_greater[told]

    def serials(self, rows: Rows) -> NDArray[np.int64]:
        """How many flows had begun before those of some rows, (n,): names a flow for good."""
        return np.asarray(self._owners.rows["serial"][rows])

    def hand_out(self, count: int) -> Rows:
        """The rows of the flows that ended, (count,), -1 of an early record; they will be used for others."""
        rows = self._ended[:count].copy()
        over = rows[rows != layout.NONE]
        first = int(self._owners.counters[FREE_COUNT])
        self._owners.free[first : first + len(over)] = over
        self._owners.counters[FREE_COUNT] += len(over)
        return rows
