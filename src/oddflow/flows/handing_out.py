"""In which order one meter would have handed out the flows that several meters, each of its own shard, have finished.

Before each packet a meter looks for flows whose time-out has passed; then the packet itself may end the flow of its
key, and complete an early record. Flows whose time-out passes before the same packet come list by list, each list in
the order of its flows' last packets. All of that is told by four numbers a flow, and by how time went on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.flows import _layout as layout
from oddflow.flows._key_kernels import TCP
from oddflow.flows._meter_kernels import AFTER_CLOSE, IDLE_DATAGRAM, IDLE_TCP, SLACK

TAGS = pa.schema(
    [
        pa.field("ended_at", pa.int64(), nullable=False),
        pa.field("due_ns", pa.int64(), nullable=False),
        pa.field("waited_in", pa.int64(), nullable=False),
        pa.field("last_packet", pa.int64(), nullable=False),
        pa.field("end_ns", pa.int64(), nullable=False),
        pa.field("is_early", pa.bool_(), nullable=False),
    ]
)
"""ended_at: the place, among all packets, of the one that ended the flow; -1 where its time-out did, -2 where the end
of input did. due_ns: the time after which its time-out has passed. waited_in: 0 among open TCP flows, 1 among closed
ones, 2 among all others. last_packet: the place of its last packet; end_ns: its time. is_early: whether the flow has
not ended."""

OPEN, CLOSED, DATAGRAM = 0, 1, 2
AT_THE_END = np.iinfo(np.int64).max
BY_TIME, BY_PACKET, EARLY = 0, 1, 2
DRAINED_FIRST = np.array([1, 0, 2])
"""Where two lists' first flows end at the same time, the closed one's is drained first."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How time goes on among packets that are read one after another.

    Attributes:
        places: (n,) the places, ascending, of the packets that are later than all before them.
        times_ns: (n,) their times.
        earliest_ns: The earliest time of any packet; the latest possible one where there is none.
        is_set_back: Whether a packet is so much earlier than another before it that the clock must have been set back.
    """

    places: NDArray[np.int64]
    times_ns: NDArray[np.int64]
    earliest_ns: int
    is_set_back: bool = False

    @property
    def latest_ns(self) -> int:
        """The time at the end; the earliest possible one where there is no packet."""
        return int(self.times_ns[-1]) if len(self.times_ns) else np.iinfo(np.int64).min

    def after(self, places: int) -> "Clock":
        """The same clock, among packets before which there are so many others."""
        return Clock(self.places + places, self.times_ns, self.earliest_ns, self.is_set_back)


def tags_of(records: NDArray[np.void], limits: NDArray[np.int64]) -> pa.RecordBatch:
    """TAGS of finished flows, from their records, (n,) FLOW; `limits` are the meter's."""
    is_closed, is_tcp = records["closed"] != 0, records["protocol"] == TCP
    waited_in = np.where(is_closed, CLOSED, np.where(is_tcp, OPEN, DATAGRAM))
    timeouts = limits[[IDLE_TCP, AFTER_CLOSE, IDLE_DATAGRAM]]
    columns: list[NDArray[Any]] = [
        records["ended_at"].copy(),
        records["end_ns"] + timeouts[waited_in] + limits[SLACK],
        waited_in.astype(np.int64),
        records["last_packet"].copy(),
        records["end_ns"].copy(),
        records["is_early"] != 0,
    ]
    return pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=TAGS)


def handed_out(flows: pa.Table, clocks: Sequence[Clock]) -> NDArray[np.int64]:
    """The order, (n,), in which one meter would have handed out n flows of all shards.

    Exact where packets come in the order of time; where some are late, for all flows but those behind one in their list
    that was late itself and ended by other means meanwhile.

    Args:
        flows: With TAGS among its columns.
        clocks: Of all packets that the flows' meters have seen since flows were handed out last, one after another.
    """
    tags = {name: flows[name].to_numpy() for name in TAGS.names}
    early, waited_in, last = tags["is_early"], tags["waited_in"], tags["last_packet"]
    trigger = tags["ended_at"].copy()
    phase = np.where(early, EARLY, BY_PACKET)
    within = last.copy()
    by_time = trigger == layout.NONE
    trigger[by_time] = _triggers(_risen(tags["due_ns"], waited_in, last, by_time)[by_time], clocks)
    phase[by_time] = BY_TIME
    drained = trigger == layout.DRAINED
    trigger[drained] = AT_THE_END
    rank = waited_in.copy()
    rank[~by_time & ~drained] = 0
    # lists are drained by who has been quiet longest: first the time, then the list
    phase[drained] = _risen(tags["end_ns"], waited_in, last, drained)[drained]
    rank[drained] = DRAINED_FIRST[waited_in[drained]]
    return np.lexsort((within, rank, phase, trigger))


def _risen(
    times_ns: NDArray[np.int64], waited_in: NDArray[np.int64], last: NDArray[np.int64], which: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """For those flows, the latest time of any that stands before them in their list, or of their own."""
    risen = times_ns.copy()
    for waiting in (OPEN, CLOSED, DATAGRAM):
        rows = np.flatnonzero(which & (waited_in == waiting))
        rows = rows[np.argsort(last[rows], kind="stable")]
        risen[rows] = np.maximum.accumulate(times_ns[rows])
    return risen


def _triggers(due_ns: NDArray[np.int64], clocks: Sequence[Clock]) -> NDArray[np.int64]:
    """The places of the first packets that are later than times that are due."""
    places = np.concatenate([clock.places for clock in clocks] or [np.empty(0, np.int64)])
    times_ns = np.maximum.accumulate(np.concatenate([clock.times_ns for clock in clocks] or [np.empty(0, np.int64)]))
    found = np.searchsorted(times_ns, due_ns, side="right")
    return np.append(places, AT_THE_END - 1)[found]
