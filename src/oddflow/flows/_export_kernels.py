"""The end of a flow: its numbers and bytes are copied out, and its row is free at once."""

import numpy as np

from oddflow._memory_kernels import copy_bytes, copy_every, fetch
from oddflow.flows._bytes_kernels import (
    FLOW_FRAMES,
    FLOW_PAYLOAD,
    SESSION_PAYLOAD,
    copy_first_bytes,
    free_chunks,
)
from oddflow.flows._entropy_kernels import session_entropies, span_entropy
from oddflow.flows._key_kernels import remove_slot
from oddflow.flows._layout import CACHE_LINE_BYTES, DONE_COUNT, FLOW_BYTES, FREE_COUNT, ROOM, WAYS_BYTES
from oddflow.flows._list_kernels import list_of, unlink
from oddflow.jit import kernel

MOST_FIRST_BYTES = 4_096


@kernel(merged=True)
def room_left(finished, done):
    """How many more flows can be copied out, whatever bytes they hold."""
    return min(
        finished.flows.shape[0] - done,
        (finished.client.shape[0] - finished.client_ends[done]) // MOST_FIRST_BYTES,
        (finished.server.shape[0] - finished.server_ends[done]) // MOST_FIRST_BYTES,
    )


@kernel(merged=True)
def fetch_room(finished, done):
    """Has the room of the next finished flow brought into the cache."""
    for line in range(0, FLOW_BYTES, CACHE_LINE_BYTES):
        fetch(finished.flows, done, line)
    for line in range(0, WAYS_BYTES, CACHE_LINE_BYTES):
        fetch(finished.ways, 2 * done, line)


@kernel(merged=True)
def copy_out(rows, finished, kind, row):
    """Appends a flow as it stands now to the finished ones."""
    done = rows.meter[DONE_COUNT]
    flow = rows.flows[row]
    forward, reverse = rows.ways[row, 0], rows.ways[row, 1]
    used, reverse_used = np.int64(flow.payload_used), np.int64(flow.reverse_payload_used)
    middle = rows.payload.shape[1] // 2
    forward.payload_entropy, reverse.payload_entropy = np.float32(np.nan), np.float32(np.nan)
    if kind == SESSION_PAYLOAD and used > 0:
        entropies = session_entropies(rows.payload, rows.directions, row, used, rows.counts)
        forward.payload_entropy, reverse.payload_entropy = entropies
    elif kind == FLOW_PAYLOAD:
        forward.payload_entropy = span_entropy(rows.payload, row, np.int64(0), used, rows.counts)
        reverse.payload_entropy = span_entropy(rows.payload, row, middle, middle + reverse_used, rows.counts)
    if done + 1 < finished.flows.shape[0]:
        fetch_room(finished, done + 1)
    finished.flows[done] = flow
    finished.ways[done, 0] = forward
    finished.ways[done, 1] = reverse
    many = rows.lengths.shape[1]
    copy_every(finished.lengths, done * many, rows.lengths, row * many, 1, many)
    copy_every(finished.gaps, done * many, rows.gaps, row * many, 1, many)
    at = np.int64(finished.payload_ends[done])
    width = rows.payload.shape[1]
    copy_bytes(finished.payload, at, rows.payload, row * width, used)
    finished.payload_ends[done + 1] = at + used
    if kind in (FLOW_PAYLOAD, FLOW_FRAMES):
        at = np.int64(finished.reverse_ends[done])
        copy_bytes(finished.reverse, at, rows.payload, row * width + middle, reverse_used)
        finished.reverse_ends[done + 1] = at + reverse_used
    at = np.int64(finished.client_ends[done])
    finished.client_ends[done + 1] = copy_first_bytes(forward, rows.chunks, rows.chunk_next, finished.client, at)
    at = np.int64(finished.server_ends[done])
    finished.server_ends[done + 1] = copy_first_bytes(reverse, rows.chunks, rows.chunk_next, finished.server, at)
    rows.meter[DONE_COUNT] = done + 1
    rows.meter[ROOM] = room_left(finished, done + 1)


@kernel(merged=True)
def finish(rows, finished, kind, row, reason):
    """Ends a flow."""
    flow = rows.flows[row]
    remove_slot(rows.slots, rows.flows, row)
    unlink(rows.links, rows.meter, row, list_of(flow))
    flow.end_reason = reason
    copy_out(rows, finished, kind, row)
    free_chunks(rows.ways[row, 0], rows.chunk_next, rows.chunk_free, rows.meter)
    free_chunks(rows.ways[row, 1], rows.chunk_next, rows.chunk_free, rows.meter)
    rows.free[rows.meter[FREE_COUNT]] = row
    rows.meter[FREE_COUNT] += 1
