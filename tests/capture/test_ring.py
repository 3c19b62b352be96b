"""The kernel's ring: its blocks against a plain-Python twin, and on a real pair of interfaces."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddflow.capture import _layout as layout
from oddflow.capture._ring_kernels import walk_ring
from oddflow.capture.ring import RingSettings
from oddflow.errors import UsageError

BLOCK_BYTES = 4_096
HAS_TAG, HAS_TAG_PROTOCOL = 1 << 4, 1 << 6


def frame_record(at_mac, header, data, *, seconds=1_700_000_000, ns=5, wire=None, tag=None, tpid=None, last=False):
    """One packet of a block as linux/if_packet.h lays it out: header, address, room, frame."""
    status = (HAS_TAG if tag is not None else 0) | (HAS_TAG_PROTOCOL if tpid is not None else 0)
    size = (at_mac + len(data) + 7) // 8 * 8
    wire = len(data) if wire is None else wire
    fields = (
        0 if last else size,
        seconds,
        ns,
        len(data),
        wire,
        status,
        at_mac,
        at_mac + header,
        0,
        tag or 0,
        tpid or 0,
    )
    packed = struct.pack("=6IHHIIH10x", *fields)
    return (packed + bytes(at_mac - len(packed)) + data).ljust(size, b"\0")


def block(records, claimed=None, first=48):
    """A block of records."""
    head = struct.pack("=2I3IIQ4I", 1, 0, 1, len(records) if claimed is None else claimed, first, 0, 1, 0, 0, 0, 0)
    content = head.ljust(first, b"\0") + b"".join(records)
    return content.ljust(BLOCK_BYTES, b"\xee")[:BLOCK_BYTES]


def twin(content, *, is_ip):
    """(time, bytes, wire length) of each packet, read with struct."""
    content = bytearray(content)
    claimed, at = struct.unpack_from("=2I", content, 12)
    found = []
    while len(found) < claimed and at + 68 <= len(content):
        following, seconds, ns, captured, wire, status, mac, net = struct.unpack_from("=6IHH", content, at)
        tag, tpid = struct.unpack_from("=IH", content, at + 32)
        if mac < 68 or (is_ip and net < mac) or at + mac + captured > len(content):
            break
        start = at + mac
        if is_ip:
            cut = min(net - mac, captured)
            start, captured, wire = start + cut, captured - cut, wire - cut
        elif status & HAS_TAG and captured >= 12 and mac >= 72:
            tag_protocol = tpid if status & HAS_TAG_PROTOCOL else 0x8100
            tagged = bytes(content[start : start + 12]) + struct.pack(">HH", tag_protocol, tag & 0xFFFF)
            start, captured, wire = start - 4, captured + 4, wire + 4
            content[start : start + 16] = tagged
        found.append((seconds * 10**9 + ns, start, captured, min(wire, 2**31 - 1)))
        if following < 68:
            break
        at += following
    # Cut out at the end: the packets of a damaged block may overlap, and a tag put back then changes its neighbour.
    return [(time, bytes(content[start : start + size]), wire) for time, start, size, wire in found], claimed


def walked(content, *, is_ip=False, capacity=64):
    data = np.frombuffer(content, np.uint8).copy()
    packets = np.zeros(capacity, layout.PACKET)
    count, claimed = walk_ring(data, 1, is_ip, packets)
    found = []
    for packet in packets[:count]:
        start, captured = int(packet["start"]), int(packet["captured"])
        assert 0 <= start <= start + captured <= len(content)
        assert packet["link_type"] == 1
        found.append((int(packet["time_ns"]), data[start : start + captured].tobytes(), int(packet["wire"])))
    return found, claimed


records = st.builds(
    frame_record,
    st.integers(72, 120),
    st.integers(0, 40),
    st.binary(max_size=200),
    seconds=st.integers(0, 2**32 - 1),
    ns=st.integers(0, 10**9 - 1),
    wire=st.none() | st.integers(300, 2**32 - 5),
    tag=st.none() | st.integers(0, 0xFFFF),
    tpid=st.none() | st.sampled_from([0x8100, 0x88A8]),
)


@given(st.lists(records, max_size=12), st.booleans())
def test_a_block_is_read_as_its_twin_reads_it(packets, is_ip):
    content = block(packets)
    assert walked(content, is_ip=is_ip) == twin(content, is_ip=is_ip)


@given(st.lists(records, min_size=1, max_size=6), st.lists(st.tuples(st.integers(0, 1_500), st.integers(0, 255))))
def test_a_damaged_block_is_read_as_its_twin_reads_it_and_never_past_its_end(packets, changes):
    content = bytearray(block(packets))
    for place, value in changes:
        content[place] = value
    assert walked(bytes(content)) == twin(bytes(content), is_ip=False)


def test_a_tag_is_put_back_before_the_type():
    frame = bytes(range(12)) + b"\x08\x00" + b"x" * 30
    ((_, data, wire),), _ = walked(block([frame_record(86, 14, frame, tag=0x6005, tpid=0x88A8)]))
    assert data == bytes(range(12)) + b"\x88\xa8\x60\x05\x08\x00" + b"x" * 30
    assert wire == len(frame) + 4


def test_what_does_not_fit_the_batch_is_told_by_the_claim():
    found, claimed = walked(block([frame_record(86, 14, b"x" * 20)] * 5), capacity=3)
    assert len(found) == 3
    assert claimed == 5


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("ring_bytes", 4_096, "expected 256 KiB to 4 GiB"),
        ("block_timeout_ms", 0, "expected 1 to 10,000"),
        ("snap_bytes", 20, "expected 64 to 262,144"),
    ],
)
def test_settings_that_no_ring_can_keep_are_refused(field, value, said):
    with pytest.raises(UsageError, match=said):
        RingSettings(**{field: value})


def test_a_small_ring_still_has_several_blocks():
    assert RingSettings(ring_bytes=1 << 18).blocks == 2
    assert RingSettings().blocks == 64
