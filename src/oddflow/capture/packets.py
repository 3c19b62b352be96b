"""A packet batch: where packets lie in one byte buffer, and what their headers say."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddflow.capture import _layout as layout
from oddflow.capture._decode_kernels import decode
from oddflow.capture._fragment_kernels import attribute_fragments
from oddflow.capture.naming import kind_name, link_type_name
from oddflow.losses import Ledger, Loss

IN_ORDER = np.empty(0, np.int64)
"""Stands in a batch whose packets are numbered one after another."""

ALL = np.empty((2, 0), np.int64)
"""Stands in a batch that leaves no packet out."""

NUMBER_BITS = 40
"""Of a packet's number; above them stands the place of its file among those that are read as one, from 0."""


@dataclass(slots=True)
class PacketBatch:
    """Packets of one block. Its arrays are reused: they hold until the next batch is asked for.

    Attributes:
        data: The bytes, shape (b,) uint8.
        count: Number of packets n; only the first n records count.
        packets: (m,) records as `PACKET` in `_layout` describes them.
        fragments: First fragments that were met, as `FRAGMENT` in `_layout` describes them; kept from batch to batch.
        first_number: Number of the first packet in its source, from 1.
        tunnels: Whether a packet inside a tunnel is what counts, not the one that carries it.
        numbers: (m,) int64, the number of each packet where they do not follow one another; else empty.
        among: (2, m) int64 where only a share of all packets is here: the place of each among all of them, and the
            latest time of any packet up to it, in ns; else empty.

    Where several files are read as one, the number also says in which of them a packet stands: see `NUMBER_BITS`.
    """

    data: NDArray[np.uint8]
    count: int
    packets: NDArray[np.void]
    fragments: NDArray[np.void]
    first_number: int = 1
    tunnels: bool = True
    numbers: NDArray[np.int64] = field(default_factory=lambda: IN_ORDER)
    among: NDArray[np.int64] = field(default_factory=lambda: ALL)

    @classmethod
    def empty(cls, data: NDArray[np.uint8], capacity: int, *, tunnels: bool = True) -> "PacketBatch":
        """A batch without packets, with room for `capacity`."""
        return cls(
            data=data,
            count=0,
            packets=np.zeros(capacity, layout.PACKET),
            fragments=np.zeros(layout.FRAGMENTS, layout.FRAGMENT),
            tunnels=tunnels,
        )

    def field(self, name: str) -> NDArray[Any]:
        """One field of all packets, (n,), without a copy."""
        return self.packets[name][: self.count]

    def row_of(self, number: int) -> int | None:
        """Where the packet of this number stands in the batch, if it does."""
        if len(self.numbers):
            found = np.flatnonzero(self.numbers[: self.count] == number)
            return int(found[0]) if len(found) else None
        row = number - self.first_number
        return row if 0 <= row < self.count else None

    def decode(self, ledger: Ledger) -> None:
        """Fills what the headers say, and tells the ledger which packets were lost and why."""
        lost, fragments = decode(self.data, self.count, self.packets, self.tunnels)
        if fragments:
            attribute_fragments(self.data, self.count, self.packets, self.fragments)
        ledger.used(self.count - lost)
        if lost:
            self._tell_lost(ledger)

    def _tell_lost(self, ledger: Ledger) -> None:
        codes = self.field("loss")
        for code, count in _counted(codes[codes != layout.OK]):
            reason = layout.LOSS_OF_CODE[code]
            if reason is Loss.LINK_TYPE:
                for link_type, number in _counted(self.field("link_type")[codes == code]):
                    ledger.lost(reason, number, link_type_name(link_type))
            elif reason is Loss.NOT_IP:
                for kind, number in _counted(self.field("ether_type")[codes == code]):
                    ledger.lost(reason, number, kind_name(kind))
            else:
                ledger.lost(reason, count)


def _counted(numbers: NDArray[Any]) -> list[tuple[int, int]]:
    """The different numbers, and how often each occurs."""
    found, counts = np.unique(numbers, return_counts=True)
    return list(zip(found.tolist(), counts.tolist(), strict=True))
