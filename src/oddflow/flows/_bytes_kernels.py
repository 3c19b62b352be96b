"""What is kept of a flow's bytes: its first payload as models see it, and the first bytes of each direction,
in stream order, for parsers. The latter lie in chunks of a bounded pool; a direction's chunks form a chain.
"""

import numpy as np

from oddflow._memory_kernels import copy_bytes
from oddflow.capture._layout import FRAGMENT_LATER
from oddflow.flows._key_kernels import TCP, UDP
from oddflow.flows._layout import CHUNKS_FREE, NONE, UNKEPT
from oddflow.jit import kernel

CHUNK_BYTES = 256
TURNS = 4
"""A direction's first bytes end when the other side has answered so often: what comes after STARTTLS is among them."""

CLIENT_BYTES, SERVER_BYTES = 4_096, 512
"""Most first bytes of the initiator's and of the responder's direction."""

SESSION_PAYLOAD, SESSION_FRAMES, FLOW_PAYLOAD, FLOW_FRAMES = 0, 1, 2, 3
"""What `payload` holds: both directions or each apart; transport payload or whole frames (USTC-TK2016's variants).
None is kept where the payload array has no width."""

ETHERNET = 1
NOTHING = np.int64(0)


@kernel()
def mark_reverse(directions, row, start, size):
    """Sets the bits of payload bytes that came from the responder."""
    at, end = start, start + size
    while at < end:
        if at & 7 == 0 and at + 8 <= end:
            directions[row, at >> 3] = 255
            at += 8
        else:
            directions[row, at >> 3] |= 1 << (at & 7)
            at += 1


@kernel()
def blank(payload, row, start, end, at, size):
    """Zeroes `size` bytes at `at` of what is kept in payload[row, start:end]."""
    for place in range(max(start, at), min(end, at + size)):
        payload[row, place] = 0


@kernel()
def blank_addresses(payload, row, start, end, at, data, header, captured_end):
    """Zeroes the addresses of the IP header at data[header], whose copy is at `at`."""
    if header >= captured_end:
        return
    if data[header] >> 4 == 4:
        blank(payload, row, start, end, at + 12, 8)
    elif data[header] >> 4 == 6:
        blank(payload, row, start, end, at + 8, 32)


@kernel()
def has_room(kind, flow, packet, is_reverse, width):
    """Whether any of a packet's bytes may be kept."""
    if kind in (SESSION_PAYLOAD, FLOW_PAYLOAD) and packet.payload_captured == 0:
        return False
    if kind in (FLOW_PAYLOAD, FLOW_FRAMES):
        return (flow.reverse_payload_used if is_reverse else flow.payload_used) < width // 2
    return flow.payload_used < width


@kernel(merged=True)
def keep_payload(kind, flow, row, packet, is_reverse, seen, data, payload, directions):
    """Keeps the first bytes in arrival order; of a retransmission only what is new, of a repeated frame nothing."""
    room_end = np.int64(payload.shape[1])
    start = np.int64(flow.payload_used)
    apart = False
    if kind in (FLOW_PAYLOAD, FLOW_FRAMES):
        apart = is_reverse
        if apart:
            start = room_end // 2 + np.int64(flow.reverse_payload_used)
        else:
            room_end = room_end // 2
    if kind in (SESSION_PAYLOAD, FLOW_PAYLOAD):
        first = np.int64(packet.payload_start) + seen
        size = np.int64(packet.payload_captured) - seen
    else:
        first = np.int64(packet.start)
        size = np.int64(packet.captured) if seen == 0 or seen < packet.payload_length else NOTHING
    size = min(size, room_end - start)
    if size <= 0:
        return
    copy_bytes(payload, row * payload.shape[1] + start, data, first, size)
    if kind == SESSION_PAYLOAD and is_reverse:
        mark_reverse(directions, row, start, size)
    if kind in (SESSION_FRAMES, FLOW_FRAMES):
        end, captured_end = start + size, np.int64(packet.start) + packet.captured
        if packet.link_type == ETHERNET:
            blank(payload, row, start, end, start, 12)
        at = start - packet.start
        ip_start, outer = np.int64(packet.ip_start), np.int64(packet.outer_start)
        blank_addresses(payload, row, start, end, at + ip_start, data, ip_start, captured_end)
        if outer > 0:
            blank_addresses(payload, row, start, end, at + outer, data, outer, captured_end)
    if apart:
        flow.reverse_payload_used += size
    else:
        flow.payload_used += size


@kernel(merged=True)
def chunk_at(way, number, chunk_next, chunk_free, meter):
    """The chunk of a number in a direction's chain, which grows as far as needed; NONE where the pool is empty."""
    chunk = np.int64(way.chunk)
    if chunk == NONE:
        if meter[CHUNKS_FREE] == 0:
            return np.int64(NONE)
        meter[CHUNKS_FREE] -= 1
        chunk = np.int64(chunk_free[meter[CHUNKS_FREE]])
        chunk_next[chunk] = NONE
        way.chunk = chunk
    for _ in range(number):
        following = np.int64(chunk_next[chunk])
        if following == NONE:
            if meter[CHUNKS_FREE] == 0:
                return np.int64(NONE)
            meter[CHUNKS_FREE] -= 1
            following = np.int64(chunk_free[meter[CHUNKS_FREE]])
            chunk_next[following] = NONE
            chunk_next[chunk] = following
        chunk = following
    return chunk


@kernel(merged=True)
def store(way, data, first, size, offset, chunks, chunk_next, chunk_free, meter):
    """Copies data[first:first + size] to an offset of a direction's first bytes; False where the pool is empty."""
    while size > 0:
        chunk = chunk_at(way, offset // CHUNK_BYTES, chunk_next, chunk_free, meter)
        if chunk == NONE:
            return False
        within = offset % CHUNK_BYTES
        piece = min(size, CHUNK_BYTES - within)
        copy_bytes(chunks, chunk * CHUNK_BYTES + within, data, first, piece)
        first += piece
        offset += piece
        size -= piece
    return True


@kernel(merged=True)
def keep_stream(way, packet, data, limit, chunks, chunk_next, chunk_free, meter):
    """Puts a TCP segment where it belongs; one that leaves a gap waits beyond it."""
    offset = (np.int64(packet.sequence) - np.int64(way.first_sequence)) & 0xFFFFFFFF
    if packet.tcp_flags & 2:
        offset = (offset + 1) & 0xFFFFFFFF
    size = min(np.int64(packet.payload_captured), limit - offset)
    if size <= 0:
        return True
    end = offset + size
    have = np.int64(way.first_bytes)
    skip = max(NOTHING, have - offset) if offset <= have else NOTHING
    if size <= skip:
        return True
    if offset > have:  # one piece may wait; it grows where pieces touch
        if way.late_end == 0:
            way.late_start, way.late_end = offset, end
        elif offset <= way.late_end and end >= way.late_start:
            way.late_start = min(np.int64(way.late_start), offset)
            way.late_end = max(np.int64(way.late_end), end)
        else:
            return True
    if not store(
        way,
        data,
        np.int64(packet.payload_start) + skip,
        size - skip,
        offset + skip,
        chunks,
        chunk_next,
        chunk_free,
        meter,
    ):
        return False
    if offset <= have:
        have = end
        if way.late_end > 0 and way.late_start <= have:
            have = max(have, np.int64(way.late_end))
            way.late_start, way.late_end = 0, 0
        way.first_bytes = have
    return True


@kernel(merged=True)
def keep_datagram(way, packet, data, pair, limit, chunks, chunk_next, chunk_free, meter):
    """Appends a datagram after its length, two bytes in network order."""
    have = np.int64(way.first_bytes)
    size = min(np.int64(packet.payload_captured), limit - have - 2)
    if size <= 0:
        way.is_frozen = 1
        return True
    pair[0] = size >> 8
    pair[1] = size & 255
    if not store(way, pair, 0, 2, have, chunks, chunk_next, chunk_free, meter):
        return False
    if not store(way, data, np.int64(packet.payload_start), size, have + 2, chunks, chunk_next, chunk_free, meter):
        return False
    way.first_bytes = have + 2 + size
    return True


@kernel()
def is_wanted(way, other, packet):
    """Whether a packet's payload belongs to the first bytes: until there are enough, or there have been TURNS."""
    if packet.payload_captured == 0 or packet.fragment >= FRAGMENT_LATER:
        return False
    if other.is_talking:
        other.is_talking = 0
        other.turns += 1
        if other.turns == TURNS:
            other.is_frozen = 1
    way.is_talking = not way.is_frozen
    return not way.is_frozen


@kernel()
def lies_beyond(flow, way, packet, is_reverse):
    """Whether a segment stands beyond the first bytes of its stream, so that none of it is kept."""
    if flow.protocol != TCP:
        return False
    start = np.int64(packet.sequence) + ((np.int64(packet.tcp_flags) >> 1) & 1)
    offset = (start - np.int64(way.first_sequence)) & 0xFFFFFFFF
    return offset >= (SERVER_BYTES if is_reverse else CLIENT_BYTES)


@kernel(merged=True)
def keep_first_bytes(flow, way, packet, is_reverse, data, pair, chunks, chunk_next, chunk_free, meter):
    """Keeps a packet's payload among the first bytes of its direction."""
    limit = SERVER_BYTES if is_reverse else CLIENT_BYTES
    kept = True
    if flow.protocol == TCP:
        kept = keep_stream(way, packet, data, limit, chunks, chunk_next, chunk_free, meter)
    elif flow.protocol == UDP:
        kept = keep_datagram(way, packet, data, pair, limit, chunks, chunk_next, chunk_free, meter)
    if not kept:
        way.is_frozen = 1
        meter[UNKEPT] += 1
    elif way.first_bytes >= limit or flow.protocol not in (TCP, UDP):
        way.is_frozen = 1


@kernel(merged=True)
def free_chunks(way, chunk_next, chunk_free, meter):
    """Gives a direction's chunks back."""
    chunk = np.int64(way.chunk)
    while chunk != NONE:
        following = np.int64(chunk_next[chunk])
        chunk_free[meter[CHUNKS_FREE]] = chunk
        meter[CHUNKS_FREE] += 1
        chunk = following
    way.chunk = NONE


@kernel(merged=True)
def copy_first_bytes(way, chunks, chunk_next, packed, at):
    """Writes a direction's first bytes at packed[at:]; the offset after them."""
    left = np.int64(way.first_bytes)
    chunk = np.int64(way.chunk)
    while left > 0 and chunk != NONE:
        piece = min(left, np.int64(CHUNK_BYTES))
        copy_bytes(packed, at, chunks, chunk * CHUNK_BYTES, piece)
        at += piece
        left -= piece
        chunk = np.int64(chunk_next[chunk])
    return at
