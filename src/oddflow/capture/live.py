"""An interface as a stream of decoded packet batches, read in place from the kernel's ring."""

import time
from collections.abc import Iterator

import numpy as np

from oddflow.capture._ring_kernels import walk_ring
from oddflow.capture.interface import LINK_RAW
from oddflow.capture.packets import PacketBatch
from oddflow.capture.ring import Ring
from oddflow.losses import Ledger, Loss

BATCH_PACKETS = 16_384
"""More than a block of the ring can hold."""

WAIT_S = 0.2
DRAIN_S = 5.0
"""How long what is in the ring is read after the end was asked for, at most, where the ring is never found empty."""


class LiveCapture:
    """Reads a ring until it is told to stop, then what is still in it.

    Attributes:
        ledger: Told of each packet, and of those that found the ring full.
        ring_drops: Packets that found the ring full.
        wire_bytes: Bytes of the packets that were read, as long as they were on the wire.
        seen_until_ns: No packet that was stamped before this is still to come; 0 before anything is known.
    """

    def __init__(self, ring: Ring, ledger: Ledger, *, most_packets: int = 0, tunnels: bool = True) -> None:
        self.ledger = ledger
        self.ring_drops = 0
        self.wire_bytes = 0
        self.seen_until_ns = 0
        self._ring = ring
        self._batch = PacketBatch.empty(np.zeros(0, np.uint8), BATCH_PACKETS, tunnels=tunnels)
        self._packets = 0
        self._most_packets = most_packets
        self._stopping = False
        self._successor: Ring | None = None
        self._succeeds_s = 0.0

    def stop(self) -> None:
        """Takes no more packets; `batches` ends once the ring is empty. May be called by a signal's handler."""
        self._stopping = True

    def replace(self, ring: Ring) -> None:
        """Goes on with another ring, since the interface came back as a new one, once this one is read empty."""
        if self._successor is not None:
            self._successor.close()
        self._successor = ring
        self._succeeds_s = time.monotonic() + self._late_s

    @property
    def _late_s(self) -> float:
        return self._ring.settings.late_ns / 1e9

    def _succeed(self, ring: Ring) -> None:
        self.count_drops()
        self._ring.close()
        self._ring = ring
        self._successor = None
        ring.map()

    def batches(self) -> Iterator[PacketBatch]:
        """Decoded packets as they come, and an empty batch whenever none has come for a while.

        Yields:
            The same batch object each time; it holds until the next one.
        """
        self._ring.map()
        while not self._stopping:
            yield from self._next(WAIT_S)
        self._ring.refuse()
        give_up = time.monotonic() + DRAIN_S
        empty_since = time.monotonic()
        while time.monotonic() < min(give_up, empty_since + self._late_s) and not self._is_enough:
            for batch in self._next(self._late_s / 4):
                if batch.count:
                    empty_since = time.monotonic()
                yield batch
        self.count_drops()

    @property
    def _is_enough(self) -> bool:
        return 0 < self._most_packets <= self._packets

    def _next(self, timeout_s: float) -> Iterator[PacketBatch]:
        """One block's packets, or none."""
        batch = self._batch
        asked_ns = time.time_ns()
        if self._ring.wait(timeout_s):
            self._walk()
            yield batch
            batch.data = np.zeros(0, np.uint8)
            self._ring.release()
            if self._is_enough:
                self.stop()
            return
        self._ring.forget_failure()
        if self._successor is not None and time.monotonic() >= self._succeeds_s:
            self._succeed(self._successor)
        self.seen_until_ns = asked_ns - self._ring.settings.late_ns
        batch.count = 0
        yield batch

    def _walk(self) -> None:
        batch, interface = self._batch, self._ring.interface
        assert interface is not None  # noqa: S101  (a ring without one receives nothing)
        batch.data = self._ring.block
        batch.count, claimed = walk_ring(
            batch.data, interface.link_type, interface.link_type == LINK_RAW, batch.packets
        )
        self.ledger.lost(Loss.RECORD, claimed - batch.count, "in a block of the ring that makes no sense")
        if self._most_packets:
            batch.count = min(batch.count, self._most_packets - self._packets)
        batch.first_number = self._packets + 1
        batch.decode(self.ledger)
        self._packets += batch.count
        if batch.count:
            self.seen_until_ns = int(batch.field("time_ns")[-1])
        self.wire_bytes += int(batch.field("wire").sum())

    def count_drops(self) -> None:
        """Asks the kernel what found the ring full since it was asked last, and tells the ledger."""
        _, dropped = self._ring.statistics()
        self.ring_drops += dropped
        self.ledger.lost(Loss.RING, dropped)

    def close(self) -> None:
        """Leaves the interface."""
        self._batch.data = np.zeros(0, np.uint8)
        for ring in filter(None, (self._ring, self._successor)):
            ring.close()
