"""What the meter knows of a flow and of each of its directions, as records; shared by kernels and Python.

Sums are int64 and minima and maxima are narrow, so that a flow's numbers merge exactly and lie in few cache lines.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
from numba import i2, i4, i8, types, u1, u2, u4

FLOW = np.dtype(
    [
        ("a_high", np.uint64),
        ("a_low", np.uint64),
        ("b_high", np.uint64),
        ("b_low", np.uint64),
        ("ends", np.uint64),
        ("hash", np.uint64),
        ("start_ns", np.int64),
        ("end_ns", np.int64),
        ("first_packet", np.int64),
        ("gap_sum_us", np.int64),
        ("gap_squares_us2", np.int64),
        ("active_start_ns", np.int64),
        ("active_sum_us", np.int64),
        ("active_squares_us2", np.int64),
        ("idle_sum_us", np.int64),
        ("idle_squares_us2", np.int64),
        ("handshake_ns", np.int64),
        ("src_mac", np.int64),
        ("dst_mac", np.int64),
        ("outer_src_high", np.uint64),
        ("outer_src_low", np.uint64),
        ("outer_dst_high", np.uint64),
        ("outer_dst_low", np.uint64),
        ("last_packet", np.int64),
        ("ended_at", np.int64),
        ("gap_min_us", np.uint32),
        ("gap_max_us", np.uint32),
        ("active_min_us", np.uint32),
        ("active_max_us", np.uint32),
        ("active_count", np.uint32),
        ("idle_min_us", np.uint32),
        ("idle_max_us", np.uint32),
        ("idle_count", np.uint32),
        ("subflows", np.uint32),
        ("fragments", np.uint32),
        ("icmp_errors", np.uint32),
        ("tunnel_id", np.uint32),
        ("responder_rtt_us", np.int64),
        ("initiator_rtt_us", np.int64),
        ("vlan", np.int16),
        ("icmp_type", np.int16),
        ("icmp_code", np.int16),
        ("icmp_error_type", np.int16),
        ("icmp_error_code", np.int16),
        ("payload_used", np.uint16),
        ("reverse_payload_used", np.uint16),
        ("protocol", np.uint8),
        ("version", np.uint8),
        ("end_reason", np.uint8),
        ("direction_by", np.uint8),
        ("swapped", np.uint8),
        ("closed", np.uint8),
        ("handshake", np.uint8),
        ("sequence", np.uint8),
        ("tunnel", np.uint8),
        ("outer_version", np.uint8),
        ("is_early", np.uint8),
    ],
    align=True,
)
"""One flow. a_*, b_*, ends: its key, as `_key_kernels.py` makes it; swapped: whether the initiator is its greater end.
handshake: HANDSHAKE_*, and handshake_ns the time of that step. sequence: lengths noted. *_used: payload bytes kept.
What may be unknown is NONE there: vlan, icmp_*, *_rtt_us, *_mac. last_packet, ended_at: the places among all packets
of its last one, and of the one that ended it: NONE where time did, DRAINED where the input's end did."""

WAY = np.dtype(
    [
        ("packets", np.int64),
        ("bytes", np.int64),
        ("payload_bytes", np.int64),
        ("length_squares", np.int64),
        ("payload_length_squares", np.int64),
        ("header_bytes", np.int64),
        ("gap_sum_us", np.int64),
        ("gap_squares_us2", np.int64),
        ("last_ns", np.int64),
        ("retransmitted_bytes", np.int64),
        ("bulk_bytes", np.int64),
        ("bulk_duration_us", np.int64),
        ("bulk_start_ns", np.int64),
        ("bulk_last_ns", np.int64),
        ("payload_packets", np.uint32),
        ("length_min", np.uint32),
        ("length_max", np.uint32),
        ("payload_length_min", np.uint32),
        ("payload_length_max", np.uint32),
        ("header_min_bytes", np.uint32),
        ("gap_min_us", np.uint32),
        ("gap_max_us", np.uint32),
        ("fin", np.uint32),
        ("syn", np.uint32),
        ("rst", np.uint32),
        ("psh", np.uint32),
        ("ack", np.uint32),
        ("urg", np.uint32),
        ("ece", np.uint32),
        ("cwr", np.uint32),
        ("zero_windows", np.uint32),
        ("retransmitted_packets", np.uint32),
        ("out_of_order_packets", np.uint32),
        ("bulks", np.uint32),
        ("bulk_packets", np.uint32),
        ("run_packets", np.uint32),
        ("run_bytes", np.uint32),
        ("first_sequence", np.uint32),
        ("next_sequence", np.uint32),
        ("hole_start", np.uint32),
        ("hole_end", np.uint32),
        ("chunk", np.int32),
        ("first_bytes", np.int32),
        ("late_start", np.int32),
        ("late_end", np.int32),
        ("payload_entropy", np.float32),
        ("window_first", np.uint16),
        ("window_max", np.uint16),
        ("ttl_min", np.uint8),
        ("ttl_max", np.uint8),
        ("has_sequence", np.uint8),
        ("is_frozen", np.uint8),
        ("is_talking", np.uint8),
        ("turns", np.uint8),
    ],
    align=True,
)
"""One direction of a flow. run_*, bulk_start_ns, bulk_last_ns: the bulk that goes on. *_sequence, hole_*: what was seen
of a TCP stream. chunk: the first chunk of its first bytes, or NONE; first_bytes: how many are there without a gap;
late_*: a piece beyond the gap; turns: how often the other side has answered."""

WITHIN_FLOW = frozenset(
    {
        "hash", "handshake_ns", "handshake", "sequence", "closed", "payload_used", "reverse_payload_used",
        "last_packet", "ended_at",
    }
)  # fmt: skip
WITHIN_WAY = frozenset(
    {
        "last_ns", "bulk_start_ns", "bulk_last_ns", "run_packets", "run_bytes", "first_sequence", "next_sequence",
        "hole_start", "hole_end", "chunk", "first_bytes", "late_start", "late_end", "has_sequence", "is_frozen",
        "is_talking", "turns",
    }
)  # fmt: skip
"""Fields that matter while a flow is open, and that no column is made of."""

FLOW_BYTES, WAYS_BYTES, CACHE_LINE_BYTES = FLOW.itemsize, 2 * WAY.itemsize, 64

FLOW_ARRAY = numba.from_dtype(FLOW)[::1]
WAY_ARRAY = numba.from_dtype(WAY)[:, ::1]


class Rows(NamedTuple):
    """The meter's open flows. Each row is one; the last is never used: it is what a new flow's row starts as.

    slots: the hash table, (a power of 2, 2): a row or NONE, and bits of its hash.
    flows (n,) FLOW and ways (n, 2) WAY, forward and reverse.
    links (n, 2): the rows before and after in its list. meter: the counters below. free (n,): a stack of unused rows.
    lengths, gaps (n, 32). payload (n, width); directions (n, 98): a bit for each payload byte from the responder.
    chunks (m, 256): pieces of first bytes; chunk_next (m,): the piece that follows; chunk_free (m,): unused ones.
    counts (2, 256) and pair (2,): room to work in.
    """

    slots: Any
    flows: Any
    ways: Any
    links: Any
    meter: Any
    free: Any
    lengths: Any
    gaps: Any
    payload: Any
    directions: Any
    chunks: Any
    chunk_next: Any
    chunk_free: Any
    counts: Any
    pair: Any


class Finished(NamedTuple):
    """Flows that have ended, in their order, until they are handed out: meter[DONE_COUNT] of them.

    Bytes of flow i end at ends[i + 1] of their buffer: payload, the responder's where directions are apart, and the
    first bytes of each direction.
    """

    flows: Any
    ways: Any
    lengths: Any
    gaps: Any
    payload: Any
    payload_ends: Any
    reverse: Any
    reverse_ends: Any
    client: Any
    client_ends: Any
    server: Any
    server_ends: Any


ROWS = types.NamedTuple(  # type: ignore[no-untyped-call]
    (
        i4[:, ::1], FLOW_ARRAY, WAY_ARRAY, i4[:, ::1], i8[::1], i4[::1], i2[:, ::1], u4[:, ::1], u1[:, ::1], u1[:, ::1],
        u1[:, ::1], i4[::1], i4[::1], u2[:, ::1], u1[::1],
    ),
    Rows,
)  # fmt: skip
FINISHED = types.NamedTuple(  # type: ignore[no-untyped-call]
    (
        FLOW_ARRAY, WAY_ARRAY, i2[:, ::1], u4[:, ::1], u1[::1], i4[::1], u1[::1], i4[::1], u1[::1], i4[::1], u1[::1],
        i4[::1],
    ),
    Finished,
)  # fmt: skip
"""The Numba types of both."""

HANDSHAKE_NONE, HANDSHAKE_SYN, HANDSHAKE_SYN_ACK, HANDSHAKE_DONE = 0, 1, 2, 3

# The meter's own counters, in one int64 vector.
OPEN_HEAD, OPEN_TAIL, CLOSED_HEAD, CLOSED_TAIL = 0, 1, 2, 3
FREE_COUNT = 4
DONE_COUNT = 5
WATERMARK = 6
EVICTED = 7
DATAGRAM_HEAD, DATAGRAM_TAIL = 8, 9
NEXT_CHECK = 10
CHUNKS_FREE = 11
UNKEPT = 12
ROOM = 13
LATEST = 14
METER_FIELDS = 15

NONE = -1
DRAINED = -2
