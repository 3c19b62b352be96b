"""What a coverage-guided fuzzer's bytes mean: a few packets, or a whole capture."""

from tests.fuzz.mutate import FIRST_NS, LINK_TYPES, STEPS_NS
from tests.fuzz.road import Packet, capture_of, check
from tests.fuzz.tight import check_tight

PACKETS, CAPTURE = 0, 1
MOST_PACKETS = 8


def packets_in(data):
    """Packets, each as link type, time step, two bytes of length, and its bytes."""
    packets, at, now = [], 0, FIRST_NS
    while at + 4 <= len(data) and len(packets) < MOST_PACKETS:
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        packet = data[at + 4 : at + 4 + size]
        now = max(0, now + STEPS_NS[data[at + 1] % len(STEPS_NS)])
        packets.append(Packet(LINK_TYPES[data[at] % len(LINK_TYPES)], now, packet, size))
        at += 4 + size
    return packets


def input_of(packets):
    """The bytes that mean these (link type, bytes), each a millisecond after the one before."""
    parts = [bytes([PACKETS])]
    for link_type, data in packets[:MOST_PACKETS]:
        kind = LINK_TYPES.index(link_type) if link_type in LINK_TYPES else 1
        parts.append(bytes([kind, 4]) + len(data).to_bytes(2, "big") + data)
    return b"".join(parts)


def run(data):
    """Sends an input down the road; its digest."""
    if data[:1] and data[0] & 1 == CAPTURE:
        check_tight(data[1:])
        return check(data[1:])
    packets = packets_in(data[1:])
    capture = capture_of(packets)
    check_tight(capture)
    return check(capture, sent=len(packets))
