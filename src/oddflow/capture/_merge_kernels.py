"""Merges the packets of several captures in the order of time.

Files stand in a heap by the time of their next packet; a clock that is set back within a file holds its time at the
latest before, so each file's packets keep their order.
"""

import numpy as np
from numba import i8

from oddflow.capture._layout import PACKET_ARRAY
from oddflow.jit import kernel

FIRST, NEXT, END, KEY, RANK, NUMBER = 0, 1, 2, 3, 4, 5
LANE_FIELDS = 6
"""Of a file that is open: where its room among the records starts, its next packet and the end of those at hand
(places among the records), the time of the next packet (of its running maximum), its rank where times are equal, and
the number of the packet at FIRST."""


@kernel(inline=True)
def comes_first(lanes, one, other):
    """Whether the next packet of one file comes before that of another."""
    if lanes[one, KEY] != lanes[other, KEY]:
        return lanes[one, KEY] < lanes[other, KEY]
    return lanes[one, RANK] < lanes[other, RANK]


@kernel("void(i8[:, ::1], i8[::1], i8, i8)")
def sink(lanes, heap, count, place):
    """Moves a file of the heap down to where it belongs."""
    moved = heap[place]
    while True:
        child = 2 * place + 1
        if child >= count:
            break
        if child + 1 < count and comes_first(lanes, heap[child + 1], heap[child]):
            child += 1
        if not comes_first(lanes, heap[child], moved):
            break
        heap[place] = heap[child]
        place = child
    heap[place] = moved


@kernel("void(i8[:, ::1], i8[::1], i8)")
def rise(lanes, heap, place):
    """Moves a file of the heap up to where it belongs."""
    moved = heap[place]
    while place > 0:
        parent = (place - 1) >> 1
        if not comes_first(lanes, moved, heap[parent]):
            break
        heap[place] = heap[parent]
        place = parent
    heap[place] = moved


@kernel(i8(PACKET_ARRAY, i8[:, ::1], i8[::1], i8, i8, PACKET_ARRAY, i8[::1]))
def merge_packets(records, lanes, heap, count, limit_ns, merged, numbers):
    """Takes packets in the order of time, until a file has none at hand, `merged` is full or the limit is reached.

    Args:
        records: The packets at hand of all files, each file's in a room of its own.
        lanes: (s, LANE_FIELDS); rows are files.
        heap: The rows of the `count` open files, the one whose packet is next on top.
        limit_ns: A packet of this time or later stays.
        merged: Filled with packets; `numbers` with their numbers.

    Returns:
        How many packets were taken.
    """
    taken = np.int64(0)
    while taken < merged.shape[0]:
        lane = heap[0]
        place = lanes[lane, NEXT]
        if lanes[lane, KEY] >= limit_ns:
            break
        merged[taken] = records[place]
        numbers[taken] = lanes[lane, NUMBER] + place - lanes[lane, FIRST]
        taken += 1
        place += 1
        lanes[lane, NEXT] = place
        if place == lanes[lane, END]:
            break
        lanes[lane, KEY] = max(lanes[lane, KEY], records[place].time_ns)
        sink(lanes, heap, count, 0)
    return taken
