"""Packets dealt out to shards of the flows, so that each can be metered by itself, elsewhere."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddflow.capture._layout import FRAGMENT, FRAGMENTS, PACKET
from oddflow.capture.packets import PacketBatch
from oddflow.capture.reader import BATCH_PACKETS
from oddflow.flows import _part_kernels as lane
from oddflow.flows._part_kernels import FIRST_BYTE, NOTES, deal, note_times, take
from oddflow.flows.handing_out import Clock
from oddflow.flows.settings import REORDER_SLACK_S, MeterSettings, Payload

ENOUGH_BYTES = 8_192
"""Of a flow's payload, one way: more than are kept of any. Where they were not enough, the meter says so."""

KNOWN_FLOWS = 1 << 15
LEAST_PACKETS, LEAST_BYTES = 1 << 12, 1 << 20
LONG_AGO_NS = np.iinfo(np.int64).min // 2
"""Before any packet."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one shard needs of the packets of a unit; arrays alone.

    Attributes:
        data: (b,) uint8, bytes of packets.
        packets: (n,) records as `capture._layout.PACKET` describes them.
        numbers: (3, n) int64: number and place in the unit, and the latest time up to it in the unit.
    """

    data: NDArray[np.uint8]
    packets: NDArray[np.void]
    numbers: NDArray[np.int64]

    def batch(self, places: int, latest_ns: int) -> PacketBatch:
        """The packets for a meter, where so many others come before the unit, up to that time."""
        return PacketBatch(
            _own(self.data),
            len(self.packets),
            _own(self.packets),
            np.zeros(0, FRAGMENT),
            numbers=self.numbers[0].copy(),
            among=np.stack([self.numbers[1] + places, np.maximum(self.numbers[2], latest_ns)]),
        )


@dataclass(frozen=True, slots=True)
class Parted:
    """A unit's packets, dealt out.

    Attributes:
        parts: One for each shard.
        clock: How time goes on in the unit.
        packets: How many places its packets take.
        alone: Later fragments without their first one: if one stands in a unit before, the unit is to be parted again
            with that unit's `fragments`.
        fragments: (m,) records as `capture._layout.FRAGMENT` describes them: first fragments, at the end.
        has_first: Whether there are any of this unit.
    """

    parts: list[Part]
    clock: Clock
    packets: int
    alone: int
    fragments: NDArray[np.void]
    has_first: bool


def _own(array: NDArray[Any]) -> NDArray[Any]:
    """An array that kernels take: what comes from another process may not be written to."""
    return array if array.flags.writeable else array.copy()


class _Growing:
    """A part that is being made."""

    def __init__(self) -> None:
        self.data = np.zeros(LEAST_BYTES, np.uint8)
        self.packets = np.zeros(LEAST_PACKETS, PACKET)
        self.numbers = np.zeros((3, LEAST_PACKETS), np.int64)
        self.count, self.used = 0, FIRST_BYTE

    def make_room(self, packets: int, size: int) -> None:
        """Sees to it that so many more fit."""
        if self.count + packets > len(self.packets):
            room = 2 * (self.count + packets)
            self.packets, before = np.zeros(room, PACKET), self.packets
            self.packets[: self.count] = before[: self.count]
            self.numbers, earlier = np.zeros((3, room), np.int64), self.numbers
            self.numbers[:, : self.count] = earlier[:, : self.count]
        if self.used + size > len(self.data):
            self.data, old = np.zeros(2 * (self.used + size), np.uint8), self.data
            self.data[: self.used] = old[: self.used]

    def part(self) -> Part:
        """As it is now."""
        return Part(self.data[: self.used], self.packets[: self.count], self.numbers[:, : self.count].copy())


def part(
    batches: Iterable[PacketBatch], shards: int, settings: MeterSettings | None = None, *, whole: bool = False
) -> Parted:
    """Deals the packets of a unit out to shards of the flows.

    Args:
        batches: Decoded; all are read.
        shards: How many.
        settings: How flows are cut: of payload, no more than is surely needed goes along.
        whole: Whether all payload goes along.
    """
    settings = settings or MeterSettings()
    longest_s = max(settings.idle_timeout_s, settings.datagram_timeout_s) + REORDER_SLACK_S
    silence_s = min(settings.idle_timeout_s, settings.datagram_timeout_s, settings.closed_timeout_s)
    all_bytes = whole or settings.payload in (Payload.SESSION_FRAMES, Payload.FLOW_FRAMES)
    asked = np.array([round(longest_s * 1e9), round(silence_s * 1e9), ENOUGH_BYTES, all_bytes], np.int64)
    notes = np.zeros(NOTES, np.int64)
    notes[lane.LATEST], notes[lane.EARLIEST] = LONG_AGO_NS, np.iinfo(np.int64).max
    known = np.zeros((KNOWN_FLOWS, 4), np.int64)
    dealt, sizes = np.zeros((BATCH_PACKETS, 3), np.int32), np.zeros((shards, 2), np.int64)
    growing = [_Growing() for _ in range(shards)]
    places, times = np.zeros(BATCH_PACKETS, np.int64), np.zeros(BATCH_PACKETS, np.int64)
    clock: list[tuple[NDArray[Any], NDArray[Any]]] = []
    fragments, place = np.zeros(FRAGMENTS, FRAGMENT), 0
    for batch in batches:
        if batch.count > len(dealt):
            dealt = np.zeros((batch.count, 3), np.int32)
            places, times = np.zeros(batch.count, np.int64), np.zeros(batch.count, np.int64)
        latest = int(notes[lane.LATEST])
        deal(batch.data, batch.count, batch.packets, known, asked, notes, dealt, sizes)
        noted = note_times(batch.count, batch.packets, place, latest, places, times)
        clock.append((places[:noted].copy(), times[:noted].copy()))
        for shard, made in enumerate(growing):
            made.make_room(int(sizes[shard, lane.PACKETS]), int(sizes[shard, lane.BYTES]))
            made.count, made.used = take(
                batch.data, batch.count, batch.first_number, place, batch.packets, batch.numbers, dealt, shard, latest,
                made.count, made.used, made.data, made.packets, made.numbers,
            )  # fmt: skip
        place += batch.count
        fragments = batch.fragments
    clock = clock or [(places[:0], times[:0])]
    held = [np.concatenate(column) for column in zip(*clock, strict=True)]
    return Parted(
        [made.part() for made in growing],
        Clock(held[0], held[1], int(notes[lane.EARLIEST]), bool(notes[lane.SET_BACK])),
        place,
        int(notes[lane.ALONE]),
        fragments.copy(),
        bool(notes[lane.FIRST]),
    )
