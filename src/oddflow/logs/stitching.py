"""One-way records to flows: the two halves of a conversation, side by side in one record (RFC 5103).

Halves of the same ends, protocol and exporter stand in the order of their start. Of two neighbours that go opposite
ways, those join first whose times overlap most, or lie nearest; so the parts into which an active timeout cuts a
conversation meet their own counterparts even where one part was lost.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.logs.derive import icmp_ends
from oddflow.schema import DirectionBy

MAX_WAITING = 65_536
MAX_GAP_S = 60.0
WINDOW_ROWS = 1 << 15
"""Joined at a time; not how records arrive but their number decides, so that pieces of any size give the same flows."""

KEY = ("start", "end", "src_ip", "dst_ip", "src_port", "dst_port", "protocol")
FLAGS = "tcp_flags"
SYN, ACK = 0x02, 0x10
SYN_OR_ACK = SYN | ACK
LATEST_NS = (1 << 62) - 1
"""Times are compared up to here (the year 2116), and their differences fit into 64 bits."""

Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]


class Stitcher:
    """Joins one-way records; takes them in their order of arrival, and gives flows out.

    A record has the flow schema's key columns and its own counters as `forward_packets`, `forward_bytes` and so on.
    It may have `tcp_flags` (the union, as in NetFlow), which is used up here, `exporter`, which must be the same for
    both halves, `icmp_type` and `icmp_code` with ports 0, and any other column. A record whose `reverse_packets` is
    known is no half, and passes.

    A flow's `forward_` columns are those of the initiator's half, its `reverse_` columns those of the other; where
    that never came its packets and bytes are 0: the exporter saw none. Other columns are the initiator's, else the
    other half's. `direction_by` says how the initiator was told: it sent a SYN without ACK; else it started earlier;
    else the other port is the lower one; else it arrived earlier.

    Args:
        max_waiting: The most halves that wait for their others; the oldest then go out alone.
        max_gap_s: How far apart in time two halves may lie, and about how long a half waits.
        by_port: Whether of two halves that started at the same time the port tells the initiator; else it is the
            half that arrived first.
        window_rows: How many records are joined at a time.

    Source: RFC 5103 sections 2 and 3 (biflows, and why they are assembled early).
    """

    def __init__(
        self,
        *,
        max_waiting: int = MAX_WAITING,
        max_gap_s: float = MAX_GAP_S,
        by_port: bool = True,
        window_rows: int = WINDOW_ROWS,
    ) -> None:
        self._max_waiting = max_waiting
        self._max_gap_ns = int(max_gap_s * 1e9)
        self._by_port = by_port
        self._window_rows = window_rows
        self._fresh: list[pa.Table] = []
        self._fresh_rows = 0
        self._waiting: pa.Table | None = None
        self._since = np.empty(0, np.int64)

    @property
    def waiting(self) -> int:
        """How many halves wait for their others."""
        return len(self._since)

    def add(self, records: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Takes the next records; flows, where enough have come."""
        table = pa.Table.from_batches([records])
        while table.num_rows:
            part = table.slice(0, self._window_rows - self._fresh_rows)
            table = table.slice(part.num_rows)
            self._fresh.append(part)
            self._fresh_rows += part.num_rows
            if self._fresh_rows == self._window_rows:
                yield from self.settle()

    def settle(self, *, now_ns: int | None = None) -> Iterator[pa.RecordBatch]:
        """Joins what has come so far: for sources that are live, once in a while.

        Args:
            now_ns: The time by which waiting is measured; else the median end of the records that came since.
        """
        if not self._fresh_rows and now_ns is None:
            return
        yield from self._joined(now_ns, over=False)

    def end(self) -> Iterator[pa.RecordBatch]:
        """Joins what is left, and gives out alone whatever still waits."""
        yield from self._joined(None, over=True)

    def _joined(self, now_ns: int | None, *, over: bool) -> Iterator[pa.RecordBatch]:
        held = [self._waiting, *self._fresh] if self._waiting is not None else self._fresh
        if not held:
            return
        records = pa.concat_tables(held, promote_options="default").combine_chunks()
        clock = now_ns if now_ns is not None else self._clock(records)
        since = np.concatenate([self._since, np.full(self._fresh_rows, clock, np.int64)])
        self._fresh, self._fresh_rows = [], 0
        halves = _Halves(records, by_port=self._by_port)
        earlier, later = halves.pairs(self._max_gap_ns)
        alone = np.ones(len(since), np.bool_)
        alone[earlier] = alone[later] = False
        stays = alone & halves.can_join & (clock - since <= self._max_gap_ns) & (not over)
        stays[np.flatnonzero(stays)[: -self._max_waiting or None]] = False
        places = np.flatnonzero(stays)
        self._waiting, self._since = records.take(pa.array(places)), since[places]
        leaves = np.flatnonzero(alone & ~stays)
        flows = _flows(records, halves, earlier, later, leaves)
        yield from flows.to_batches()

    def _clock(self, records: pa.Table) -> int:
        """The median, so that one exporter with a wrong clock ends nobody's waiting."""
        ends = _numbers(records.column("end").slice(records.num_rows - self._fresh_rows))
        return int(np.sort(ends)[len(ends) // 2]) if len(ends) else 0


class _Halves:
    """What is needed to pair n records, (n,) each."""

    def __init__(self, records: pa.Table, *, by_port: bool) -> None:
        self.by_port = by_port
        self.start, self.end = (_clipped(records.column(name)) for name in ("start", "end"))
        self.src_port, self.dst_port, protocol = (_numbers(records.column(name)) for name in KEY[4:])
        flags = _optional(records, FLAGS)
        self.opens = (flags & SYN_OR_ACK == SYN) & (protocol == 6)
        src_end, dst_end, answers = icmp_ends(
            protocol, _optional(records, "icmp_type", -1), _optional(records, "icmp_code", -1)
        )
        codes = _codes(records)
        src = codes[0] << 16 | np.where(src_end >= 0, src_end, self.src_port)
        dst = codes[1] << 16 | np.where(dst_end >= 0, dst_end, self.dst_port)
        self.turned = src > dst
        self.low, self.high = np.minimum(src, dst), np.maximum(src, dst)
        self.kind = _optional_codes(records, "exporter") << 8 | protocol
        self.can_join = _known(records) & (src != dst) & answers & (self.start <= self.end)

    def pairs(self, max_gap_ns: int) -> tuple[Integers, Integers]:
        """Places of the halves that belong together: of the earlier one, and of the other; (m,) each."""
        places = np.flatnonzero(self.can_join)
        places = places[np.lexsort((self.start[places], self._hash()[places]))]  # lexsort is stable: by arrival
        here, there = places[:-1], places[1:]
        overlap = np.minimum(self.end[here], self.end[there]) - np.maximum(self.start[here], self.start[there])
        linked = (
            (self.low[here] == self.low[there])
            & (self.high[here] == self.high[there])
            & (self.kind[here] == self.kind[there])
            & (self.turned[here] != self.turned[there])
            & (overlap >= -max_gap_ns)
        )
        chosen = _best_first(linked, overlap)
        return here[chosen], there[chosen]

    def _hash(self) -> NDArray[np.uint64]:
        """Brings equal keys together; whether they are equal is looked at afterwards."""
        mixed = np.zeros(len(self.low), np.uint64)
        for word in (self.low, self.high, self.kind):
            mixed = (mixed ^ word.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
        return mixed

    def reversed_pairs(self, earlier: Integers, later: Integers) -> tuple[Bools, NDArray[np.uint8]]:
        """Whether the later half is the initiator's, and how that was told: (m,) each."""
        opens_earlier, opens_later = self.opens[earlier], self.opens[later]
        by_syn = opens_earlier != opens_later
        tied = (self.start[earlier] == self.start[later]) & (self.src_port[earlier] != self.dst_port[earlier])
        by_port = tied & self.by_port
        turned = np.where(by_syn, opens_later, by_port & (self.src_port[earlier] < self.dst_port[earlier]))
        both = np.where(opens_earlier, DirectionBy.SYN, DirectionBy.FIRST_PACKET)
        how = np.where(by_syn, DirectionBy.SYN, np.where(by_port, DirectionBy.PORT, both))
        return turned, how.astype(np.uint8)


def _best_first(linked: Bools, weight: Integers) -> Bools:
    """The links that are chosen when the heaviest is taken first, of equals the earlier, and no half is taken twice.

    Down a slope from a peak every other link is taken; one between two slopes only if neither of its neighbours is.

    Args:
        linked: Whether neighbours i and i + 1 may be joined, (n,).
        weight: Of each link, (n,).
    """
    both = linked[:-1] & linked[1:]
    rises = np.zeros(len(linked) + 1, np.bool_)  # whether link i is better than link i - 1
    falls = np.zeros(len(linked) + 1, np.bool_)  # whether link i - 1 is at least as good as link i
    rises[1:-1] = both & (weight[1:] > weight[:-1])
    falls[1:-1] = both & ~rises[1:-1]
    places = np.arange(len(linked))
    left_peak = np.maximum.accumulate(np.where(falls[:-1], 0, places))
    right_peak = np.minimum.accumulate(np.where(rises[1:], len(linked), places)[::-1])[::-1]
    chosen: Bools = linked & ((places - left_peak) % 2 == 0) & ((right_peak - places) % 2 == 0)
    return chosen


def _flows(records: pa.Table, halves: _Halves, earlier: Integers, later: Integers, alone: Integers) -> pa.Table:
    """Flows in the order in which their first halves arrived."""
    turned, how = halves.reversed_pairs(earlier, later)
    initiator = np.concatenate([np.where(turned, later, earlier), alone])
    other = np.concatenate([np.where(turned, earlier, later), np.full(len(alone), -1)])
    how = np.concatenate([how, np.where(halves.opens[alone], DirectionBy.SYN, DirectionBy.FIRST_PACKET)])
    order = np.argsort(np.where(other < 0, initiator, np.minimum(initiator, other)), kind="stable")
    initiator, other, how = initiator[order], other[order], how[order].astype(np.uint8)
    ours = records.take(pa.array(initiator))
    theirs = records.take(pa.array(other, mask=other < 0))
    columns = {name: _common(name, ours, theirs) for name in records.column_names if name != FLAGS}
    for name in records.column_names:
        if name.startswith("forward_"):
            reverse = name.replace("forward_", "reverse_")
            columns[reverse] = _reverse(name, reverse, ours, theirs)
    told = pa.chunked_array([pa.array(how)])
    columns["direction_by"] = pc.coalesce(columns["direction_by"], told) if "direction_by" in columns else told
    return pa.table(columns)


def _common(name: str, ours: pa.Table, theirs: pa.Table) -> Any:
    own, other = ours.column(name), theirs.column(name)
    if name in ("start", "end"):
        extreme = pc.min_element_wise if name == "start" else pc.max_element_wise
        return extreme(own.cast(pa.int64()), other.cast(pa.int64())).cast(own.type)
    if name == "end_reason":
        ended_later = pc.fill_null(pc.greater(theirs.column("end"), ours.column("end")), False)
        return pc.coalesce(pc.if_else(ended_later, other, own), own, other)
    if name.startswith(("forward_", "reverse_")):
        return own
    return pc.coalesce(own, other)


def _reverse(name: str, reverse: str, ours: pa.Table, theirs: pa.Table) -> Any:
    own, other = ours.column(name), theirs.column(name)
    if name in ("forward_packets", "forward_bytes"):
        seen = pc.is_valid(theirs.column("start"))
        nothing = pc.if_else(pc.is_valid(own), pa.scalar(0, own.type), pa.scalar(None, own.type))
        other = pc.if_else(seen, other, nothing)
    return pc.coalesce(ours.column(reverse), other) if reverse in ours.column_names else other


def _known(records: pa.Table) -> Bools:
    """Rows that are halves and have all of a key."""
    known = np.ones(records.num_rows, np.bool_)
    for name in KEY:
        known[~_valid(records, name)] = False
    if "reverse_packets" in records.column_names:
        known[_valid(records, "reverse_packets")] = False
    return known


def _valid(records: pa.Table, name: str) -> Bools:
    valid: Bools = records.column(name).is_valid().to_numpy()
    return valid


def _codes(records: pa.Table) -> tuple[Integers, Integers]:
    """A number for each address, the same for the same text."""
    both = pa.chunked_array([*records.column("src_ip").chunks, *records.column("dst_ip").chunks], pa.string())
    codes = _numbers(pc.dictionary_encode(both).combine_chunks().indices)
    return codes[: records.num_rows], codes[records.num_rows :]


def _optional_codes(records: pa.Table, name: str) -> Integers:
    if name not in records.column_names or records.column(name).null_count == records.num_rows:
        return np.zeros(records.num_rows, np.int64)
    return _numbers(pc.dictionary_encode(records.column(name), "encode").combine_chunks().indices)


def _optional(records: pa.Table, name: str, unknown: int = 0) -> Integers:
    if name not in records.column_names:
        return np.full(records.num_rows, unknown, np.int64)
    return _numbers(records.column(name), unknown)


def _clipped(times: Any) -> Integers:
    return np.clip(_numbers(times), -LATEST_NS, LATEST_NS)


def _numbers(column: Any, unknown: int = 0) -> Integers:
    numbers: Integers = pc.fill_null(column.cast(pa.int64()), unknown).to_numpy()
    return numbers
