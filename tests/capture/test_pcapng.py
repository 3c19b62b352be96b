"""pcapng files: sections, interfaces, clocks, every packet block, damage, block sizes."""

import random
import shutil
import struct
import subprocess
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers, lists, sampled_from, tuples
from tests.capture.build import (
    block,
    enhanced,
    ether,
    interface,
    ipv4,
    obsolete,
    option,
    read,
    section,
    simple,
    udp,
)
from tests.examples import some

FRAME = ether(ipv4(udp(b"hello")))
RAW = ipv4(udp(b"hello"))
LATEST_NS = 1 << 62


def of(tmp_path, data, block_bytes=4 << 20):
    path = tmp_path / "x.pcapng"
    path.write_bytes(data)
    return read(path, block_bytes)


@pytest.mark.parametrize("order", ["<", ">"])
def test_an_enhanced_packet_has_its_time_and_bytes(tmp_path, order):
    data = section(order) + interface(order=order) + enhanced(FRAME, 1_700_000_000_123_456, order=order)
    packets, ledger = of(tmp_path, data)
    assert [(p.time_ns, p.data, p.loss) for p in packets] == [(1_700_000_000_123_456_000, FRAME, 0)]
    assert ledger.complete


def test_sections_may_change_their_byte_order(tmp_path):
    data = b"".join(section(o) + interface(order=o) + enhanced(FRAME, 7, order=o) for o in "<>><")
    assert [p.time_ns for p in of(tmp_path, data)[0]] == [7000] * 4


def test_interfaces_count_anew_in_each_section(tmp_path):
    data = section() + interface(1) + interface(101) + enhanced(RAW, number=1)
    data += section() + interface(101) + enhanced(RAW, number=0)
    assert [p.link_type for p in of(tmp_path, data)[0]] == [101, 101]


def test_each_interface_has_its_own_link_type_and_clock(tmp_path):
    data = section() + interface(1) + interface(101, resolution=9)
    data += enhanced(RAW, 5, number=1) + enhanced(FRAME, 5, number=0)
    assert [(p.link_type, p.time_ns) for p in of(tmp_path, data)[0]] == [(101, 5), (1, 5000)]


@pytest.mark.parametrize("resolution", [*range(13), 15, 18])
@given(ticks=integers(0, 2**63 - 1))
def test_decimal_clocks_are_read_exactly(tmp_path_factory, resolution, ticks):
    data = section() + interface(resolution=resolution) + enhanced(FRAME, ticks)
    expected = min(LATEST_NS, ticks * 10**9 // 10**resolution)
    assert of(tmp_path_factory.getbasetemp(), data)[0][0].time_ns == expected


@pytest.mark.parametrize("power", [0, 1, 10, 20, 29, 30, 32, 40, 62])
@given(ticks=integers(0, 2**63 - 1))
def test_binary_clocks_are_read_to_the_nanosecond(tmp_path_factory, power, ticks):
    data = section() + interface(resolution=0x80 | power) + enhanced(FRAME, ticks)
    exact = min(Fraction(LATEST_NS), Fraction(ticks * 10**9, 2**power))
    found = of(tmp_path_factory.getbasetemp(), data)[0][0].time_ns
    assert -1 < found - exact <= Fraction(1, 10**6)  # rounded down, but for the 53 bits of a float


@pytest.mark.parametrize(
    ("offset_s", "expected_ns"),
    [(1_000, 1_005 * 10**9), (-3, 2 * 10**9), (-6, 0), (-(2**63), 0), (2**63 - 1, 2**32 * 10**9 + 5 * 10**9)],
)
def test_the_offset_of_a_clock_is_added_and_held_in_bounds(tmp_path, offset_s, expected_ns):
    data = section() + interface(offset_s=offset_s) + enhanced(FRAME, 5_000_000)
    assert of(tmp_path, data)[0][0].time_ns == expected_ns


def test_times_past_all_bounds_are_held_at_the_latest(tmp_path):
    data = section() + interface(resolution=0, offset_s=2**62) + enhanced(FRAME, 2**64 - 1) + enhanced(FRAME, 2**61)
    assert [p.time_ns for p in of(tmp_path, data)[0]] == [LATEST_NS, LATEST_NS]


@pytest.mark.parametrize("order", ["<", ">"])
def test_obsolete_packets_are_read(tmp_path, order):
    data = section(order) + interface(order=order) + obsolete(FRAME, 9, order=order)
    assert [(p.time_ns, p.data) for p in of(tmp_path, data)[0]] == [(9000, FRAME)]


def test_simple_packets_take_the_time_of_the_packet_before(tmp_path):
    data = section() + interface() + simple(FRAME) + enhanced(FRAME, 4) + simple(FRAME)
    assert [(p.time_ns, p.data) for p in of(tmp_path, data)[0]] == [(0, FRAME), (4000, FRAME), (4000, FRAME)]


def test_simple_packets_are_cut_at_the_snap_length(tmp_path):
    data = section() + interface(snap=42) + simple(FRAME[:42], wire=len(FRAME))
    assert [(p.data, p.wire) for p in of(tmp_path, data)[0]] == [(FRAME[:42], len(FRAME))]


def test_a_simple_packet_without_an_interface_is_damage(tmp_path):
    packets, ledger = of(tmp_path, section() + simple(FRAME))
    assert not packets
    assert "malformed" in ledger.damages[0]


def test_blocks_that_hold_no_packet_are_passed_over(tmp_path):
    others = b"".join(block(kind, bytes(20)) for kind in (4, 5, 10, 0xBAD, 0x80000001))
    packets, ledger = of(tmp_path, section() + others + interface() + others + enhanced(FRAME) + others)
    assert (len(packets), ledger.complete) == (1, True)


def test_a_packet_of_an_undeclared_interface_is_lost(tmp_path):
    packets, ledger = of(tmp_path, section() + interface() + enhanced(FRAME, number=1) + enhanced(FRAME))
    assert len(packets) == 2
    assert ledger.as_dict()["losses"] == {"link type not read: of an interface that was never declared": 1}


@pytest.mark.parametrize("version", [(1, 0), (1, 2)])
def test_known_versions_are_read(tmp_path, version):
    assert len(of(tmp_path, section(version=version) + interface() + enhanced(FRAME))[0]) == 1


def test_a_section_of_an_unknown_version_is_damage(tmp_path):
    packets, ledger = of(tmp_path, section() + interface() + enhanced(FRAME) + section(version=(2, 0)) + interface())
    assert len(packets) == 1
    assert ledger.damages


@pytest.mark.parametrize(
    "broken",
    [
        struct.pack("<III", 6, 0, 0),
        struct.pack("<II", 6, 13) + bytes(5) + struct.pack("<I", 13) + bytes(3),
        enhanced(FRAME)[:-4] + struct.pack("<I", 16),
        block(6, bytes(16)),
        block(6, struct.pack("<IIIII", 0, 0, 0, 500, 500) + FRAME),
        block(1, bytes(4)),
    ],
    ids=["length 0", "odd length", "lengths differ", "short body", "captured past the block", "short interface"],
)
def test_a_malformed_block_is_damage_and_the_packets_before_it_stay(tmp_path, broken):
    packets, ledger = of(tmp_path, section() + interface() + enhanced(FRAME) + broken + enhanced(FRAME))
    assert len(packets) == 1
    assert "after packet 1 is malformed" in ledger.damages[0]


def test_too_many_interfaces_are_damage(tmp_path):
    packets, ledger = of(tmp_path, section() + interface() * 4097 + enhanced(FRAME))
    assert (len(packets), len(ledger.damages)) == (0, 1)


@pytest.mark.parametrize("block_bytes", [100, 4 << 20])
def test_a_block_longer_than_the_limit_is_passed_over_and_a_packet_in_it_counted(tmp_path, block_bytes):
    long = option(1, b"x" * 65_532) * 9
    data = section() + interface() + block(4, long) + enhanced(FRAME)
    data += block(6, struct.pack("<IIIII", 0, 0, 0, len(FRAME), len(FRAME)) + FRAME + bytes(2) + long) + enhanced(FRAME)
    packets, ledger = of(tmp_path, data, block_bytes)
    assert len(packets) == 2
    assert ledger.as_dict()["losses"] == {"record that cannot be read: packet block longer than 512 KiB": 1}
    assert not ledger.damages


def mixed():
    """Several sections, orders, interfaces and every kind of packet block: (bytes, ends of packets, of all blocks)."""
    data, packets, blocks = b"", [], []
    for order in "<>":
        pieces = [section(order), interface(1, order=order), interface(101, resolution=9, order=order)]
        for i in range(4):
            pieces += [
                enhanced(FRAME, 10**6 + i, order=order),
                enhanced(RAW, 10**9 + i, number=1, order=order),
                simple(FRAME, order=order),
                obsolete(FRAME[: 30 + i], 10**6, order=order),
                block(5, bytes(16), order),
            ]
        for place, piece in enumerate(pieces):
            data += piece
            blocks.append(len(data))
            if place >= 3 and place % 5 != 2:
                packets.append(len(data))
    return data, packets, blocks


@pytest.mark.parametrize("block_bytes", [1, 7, 16, 61, 100, 999])
def test_blocks_of_any_size_give_the_same_packets(tmp_path, block_bytes):
    data, ends, _ = mixed()
    packets = of(tmp_path, data, block_bytes)[0]
    assert len(packets) == len(ends)
    assert packets == of(tmp_path, data)[0]


def test_a_cut_at_any_of_the_first_400_bytes_gives_the_whole_packets_before(tmp_path):
    data, ends, borders = mixed()
    for cut in range(4, 400):
        packets, ledger = of(tmp_path, data[:cut])
        assert len(packets) == sum(end <= cut for end in ends)
        assert bool(ledger.damages) != (cut in borders)


def test_a_cut_anywhere_gives_the_whole_packets_before(tmp_path):
    chance = random.Random(2)
    data, ends, _ = mixed()
    for cut in chance.sample(range(400, len(data)), 80):
        assert len(of(tmp_path, data[:cut], chance.randrange(1, 200))[0]) == sum(end <= cut for end in ends)


@settings(max_examples=some(300))
@given(lists(tuples(integers(4, 1500), integers(0, 255)), max_size=8), sampled_from([64, 333, 4 << 20]))
def test_damaged_bytes_never_raise_and_every_packet_is_counted(tmp_path_factory, changes, block_bytes):
    held = bytearray(mixed()[0])
    for place, value in changes:
        if place < len(held):
            held[place] = value
    packets, ledger = of(tmp_path_factory.getbasetemp(), bytes(held), block_bytes)
    unread = ledger.reasons["record that cannot be read: packet block longer than 512 KiB"]
    assert ledger.total == len(packets) + unread


SECRETS, JOURNAL, CUSTOM, CUSTOM_NO_COPY, INTERFACE_STATISTICS, NAMES = 10, 9, 0xBAD, 0x40000BAD, 5, 4


@pytest.mark.parametrize("kind", [SECRETS, JOURNAL, CUSTOM, CUSTOM_NO_COPY, INTERFACE_STATISTICS, NAMES, 0x7FFFFFFF])
@pytest.mark.parametrize("order", ["<", ">"])
def test_each_block_without_packets_is_passed_over_in_either_order(tmp_path, kind, order):
    other = block(kind, struct.pack(order + "II", 6, 60) + bytes(60), order)
    data = section(order) + other + interface(order=order) + other + enhanced(FRAME, 5, order=order) + other
    packets, ledger = of(tmp_path, data)
    assert ([p.data for p in packets], ledger.complete) == ([FRAME], True)


def described(*options, link_type=1, order="<"):
    """An interface block with these options."""
    return block(1, struct.pack(order + "HHI", link_type, 0, 0) + b"".join(options), order)


@pytest.mark.parametrize(
    ("options", "expected_ns"),
    [
        ([option(2, b"eth0"), option(9, b"\x09"), option(12, b"Linux"), option(0, b"")], 5),
        ([option(9, b"\x09"), option(14, struct.pack("<q", 3)), option(0, b"")], 3 * 10**9 + 5),
        ([option(9, b"\x09")], 5),  # the end of the options may be left out
        ([option(0, b""), option(9, b"\x09")], 5000),  # what comes after it does not count
        ([option(9, b"\x09\x00"), option(14, b"\x01")], 5000),  # a wrong length is no clock
        ([struct.pack("<HH", 9, 200)], 5000),  # longer than its block
    ],
)
def test_the_options_of_an_interface(tmp_path, options, expected_ns):
    packets, ledger = of(tmp_path, section() + described(*options) + enhanced(FRAME, 5))
    assert [p.time_ns for p in packets] == [expected_ns]
    assert ledger.complete


def test_options_after_a_packet_are_no_part_of_it(tmp_path):
    comment = option(1, b"odd") + option(2, bytes(4)) + option(0, b"")
    head = struct.pack("<IIIII", 0, 0, 5, len(FRAME), len(FRAME) + 900)
    padded = FRAME + bytes(-len(FRAME) % 4)
    packets, _ = of(tmp_path, section() + interface() + block(6, head + padded + comment) + enhanced(FRAME, 6))
    assert [(p.time_ns, p.data, p.wire) for p in packets] == [
        (5000, FRAME, len(FRAME) + 900),
        (6000, FRAME, len(FRAME)),
    ]


def test_an_interface_may_be_declared_between_packets(tmp_path):
    data = section(options=option(1, b"a section") + option(0, b"")) + interface() + enhanced(FRAME, 1)
    data += interface(101, resolution=0x80 | 20) + enhanced(RAW, 3 << 20, number=1) + enhanced(FRAME, 4)
    packets, ledger = of(tmp_path, data)
    assert [(p.time_ns, p.link_type) for p in packets] == [(1000, 1), (3 * 10**9, 101), (4000, 1)]
    assert ledger.complete


def test_interfaces_of_several_link_types_and_clocks_are_what_tshark_reads(tmp_path):
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    data, at_s = b"", 1_700_000_000
    for order in "<>":
        data += section(order) + interface(1, order=order) + interface(101, resolution=9, order=order)
        data += interface(113, resolution=0x80 | 10, offset_s=1000, order=order) + interface(
            108, resolution=3, order=order
        )
        data += block(CUSTOM_NO_COPY, bytes(24), order) if order == "<" else b""
        cooked = struct.pack(">HHH8sH", 0, 1, 6, bytes(8), 0x0800) + RAW
        data += enhanced(FRAME, at_s * 10**6 + 7, order=order) + enhanced(RAW, at_s * 10**9 + 7, number=1, order=order)
        data += enhanced(cooked, at_s << 10 | 3, number=2, order=order) + obsolete(FRAME, at_s * 10**6 + 8, order=order)
        data += enhanced(struct.pack(">I", 2) + RAW, at_s * 1000 + 5, number=3, order=order)
    packets, ledger = of(tmp_path, data)
    assert ledger.complete
    words = ["tshark", "-n", "-r", str(tmp_path / "x.pcapng"), "-Y", "udp", "-T", "fields"]
    fields = ["frame.time_epoch", "frame.cap_len", "udp.srcport"]
    done = subprocess.run(
        [*words, *(word for field in fields for word in ("-e", field))], capture_output=True, text=True, check=True
    )
    theirs = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(int(float(at)), int(size), port) for at, size, port in theirs] == [
        (p.time_ns // 10**9, len(p.data), "1000") for p in packets
    ]
    assert [float(at) % 1 for at, *_ in theirs] == pytest.approx([p.time_ns % 10**9 / 1e9 for p in packets], abs=1e-6)
