"""A packet batch: where packets lie in one byte buffer, and what their headers say."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddflow.capture import _layout as layout
from oddflow.capture._decode_kernels import decode
from oddflow.losses import Ledger, Loss

IN_ORDER = np.empty(0, np.int64)
"""Stands in a batch whose packets are numbered one after another."""

NUMBER_BITS = 40
"""Of a packet's number; above them stands the place of its file among those that are read as one, from 0."""


@dataclass(slots=True)
class PacketBatch:
    """Packets of one block. Its arrays are reused: they hold until the next batch is asked for.

    Attributes:
        data: The bytes, shape (b,) uint8.
        count: Number of packets n; only the first n records count.
        packets: (m,) records as `PACKET` in `_layout` describes them.
        first_number: Number of the first packet in its source, from 1.
        numbers: (m,) int64, the number of each packet where they do not follow one another; else empty.

    Where several files are read as one, the number also says in which of them a packet stands: see `NUMBER_BITS`.
    """

    data: NDArray[np.uint8]
    count: int
    packets: NDArray[np.void]
    first_number: int = 1
    numbers: NDArray[np.int64] = field(default_factory=lambda: IN_ORDER)

    @classmethod
    def empty(cls, data: NDArray[np.uint8], capacity: int) -> "PacketBatch":
        """A batch without packets, with room for `capacity`."""
        return cls(data=data, count=0, packets=np.zeros(capacity, layout.PACKET))

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
        decode(self.data, self.count, self.packets)
        codes = self.field("loss")
        lost = np.flatnonzero(codes)
        ledger.used(self.count - len(lost))
        for code, count in zip(*np.unique(codes[lost], return_counts=True), strict=True):
            reason = layout.LOSS_OF_CODE[int(code)]
            if reason is Loss.LINK_TYPE:
                self._lost_by_link_type(lost[codes[lost] == code], ledger)
            else:
                ledger.lost(reason, int(count))

    def _lost_by_link_type(self, rows: NDArray[np.int64], ledger: Ledger) -> None:
        for link_type, count in zip(*np.unique(self.packets["link_type"][rows], return_counts=True), strict=True):
            ledger.lost(Loss.LINK_TYPE, int(count), link_type_name(int(link_type)))


LINK_TYPE_NAMES = {
    -1: "of an interface that was never declared", 3: "3 (AX.25)", 6: "6 (token ring)", 9: "9 (PPP)",
    50: "50 (PPP over HDLC)", 51: "51 (PPPoE)", 104: "104 (Cisco HDLC)", 105: "105 (802.11)",
    107: "107 (frame relay)", 119: "119 (802.11 with Prism header)", 127: "127 (802.11 with radiotap)",
    147: "147 (user 0)", 187: "187 (Bluetooth)", 189: "189 (USB)", 192: "192 (PPI)", 195: "195 (802.15.4)",
    220: "220 (USB)", 239: "239 (NFLOG)", 249: "249 (USBPcap)",
}  # fmt: skip


def link_type_name(number: int) -> str:
    """The number with its usual name, where it has one here."""
    return LINK_TYPE_NAMES.get(number, str(number))
