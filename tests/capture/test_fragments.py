"""Fragments: later ones have the ports of their first, while that is remembered."""

import struct

import numpy as np
from hypothesis import given, settings
from hypothesis.strategies import booleans, integers, lists, sampled_from, tuples
from tests.capture import build, twin
from tests.capture.build import decoded, icmp, ipv4, ipv6, pcap, tcp, udp
from tests.capture.stacks import gre
from tests.examples import some

from oddflow.capture import _layout as layout
from oddflow.capture._fragment_kernels import MAX_AGE_NS
from oddflow.capture.packets import PacketBatch
from oddflow.losses import Ledger

SECOND = 10**9
NAMES = ("loss", "protocol", "src_port", "dst_port", "icmp_type", "icmp_code", "fragment", "payload_length")


def numbered(packet, number):
    return packet[:4] + struct.pack(">H", number) + packet[6:]


def first4(body, protocol=17, number=7, **ends):
    return numbered(ipv4(body, protocol, fragment=0x2000, **ends), number)


def later4(protocol=17, number=7, offset=3, body=bytes(16), **ends):
    return numbered(ipv4(body, protocol, fragment=offset, **ends), number)


def piece6(body, protocol=17, number=7, offset=0, *, more=1, before=b"", kind=44):
    return ipv6(before + struct.pack(">BBHI", protocol, 0, offset << 3 | more, number) + body, kind)


def batch_of(packets, sets=None):
    """Raw IP packets with their times, decoded in batches of the sizes given."""
    data = np.frombuffer(b"".join(packet for packet, _ in packets) + bytes(8), np.uint8).copy()
    batch = PacketBatch.empty(data, max(1, len(packets)))
    if sets:
        batch.fragments = np.zeros(sets * layout.FRAGMENT_WAYS, layout.FRAGMENT)
    batch.count = len(packets)
    at = 0
    for row, (packet, time_ns) in zip(batch.packets, packets, strict=False):
        row["start"], row["captured"], row["wire"], row["link_type"] = at, len(packet), len(packet), 101
        row["time_ns"] = time_ns
        at += len(packet)
    return batch


def attributed(*packets, **options):
    timed = [packet if isinstance(packet, tuple) else (packet, 0) for packet in packets]
    batch = batch_of(timed, **options)
    batch.decode(Ledger())
    return [{name: int(row[name]) for name in NAMES} for row in batch.packets[: batch.count]]


def test_a_later_fragment_has_the_ports_of_the_first():
    _, later = attributed(first4(udp(b"abc", 5000, 53)), later4())
    assert (later["src_port"], later["dst_port"], later["fragment"]) == (5000, 53, layout.FRAGMENT_LATER)
    assert later["payload_length"] == 16


def test_a_later_ipv6_fragment_has_the_ports_and_the_protocol_of_the_first():
    options = bytes([17, 0]) + bytes(6)
    first = piece6(options + udp(b"abc", 5000, 53), protocol=60)
    _, later = attributed(first, piece6(bytes(16), protocol=60, offset=9, more=0))
    assert (later["protocol"], later["dst_port"], later["fragment"]) == (17, 53, layout.FRAGMENT_LATER)


def test_extension_headers_before_the_fragment_header_are_passed_over():
    hop = bytes([44, 0]) + bytes(6)
    pair = [piece6(udp(b"", 1, 2), before=hop, kind=0), piece6(bytes(8), before=hop, kind=0, offset=1, more=0)]
    assert attributed(*pair)[1]["dst_port"] == 2


def test_a_later_fragment_of_icmp_has_the_type_of_the_first():
    _, later = attributed(first4(icmp(8, 0, b"x" * 16), 1), later4(1))
    assert (later["icmp_type"], later["icmp_code"], later["fragment"]) == (8, 0, layout.FRAGMENT_LATER)


def test_a_later_fragment_that_comes_before_its_first_stays_alone():
    early, _ = attributed(later4(), first4(udp()))
    assert (early["dst_port"], early["fragment"]) == (0, layout.FRAGMENT_ALONE)


def test_other_identifications_protocols_and_ends_are_other_packets():
    first = first4(udp(b"abc", 5000, 53))
    others = [later4(number=8), later4(6), later4(src="10.0.0.9"), later4(dst="10.0.0.9")]
    others += [piece6(bytes(8), offset=1)]
    assert {later["fragment"] for later in attributed(first, *others)[1:]} == {layout.FRAGMENT_ALONE}


def test_a_first_fragment_is_forgotten_after_30_s():
    first = first4(udp(b"abc", 5000, 53))
    found = attributed((first, 0), (later4(), MAX_AGE_NS), (later4(), MAX_AGE_NS + 1))
    assert [fields["dst_port"] for fields in found] == [53, 53, 0]


def test_the_clock_may_be_set_back_a_little():
    assert attributed((first4(udp()), 10 * SECOND), (later4(), 9 * SECOND))[1]["dst_port"] == 53


def test_a_first_fragment_sent_again_counts_anew():
    found = attributed(first4(udp(b"", 1, 2)), first4(udp(b"", 3, 4)), later4())
    assert found[2]["dst_port"] == 4


def test_the_oldest_first_fragment_makes_room():
    firsts = [(first4(udp(b"", 1, 100 + i), number=i), i) for i in range(layout.FRAGMENT_WAYS + 1)]
    laters = [(later4(number=i), 9) for i in range(layout.FRAGMENT_WAYS + 1)]
    found = attributed(*firsts, *laters, sets=1)
    assert [fields["dst_port"] for fields in found[-layout.FRAGMENT_WAYS - 1 :]] == [0, 101, 102, 103, 104]


def test_a_first_fragment_too_small_for_the_header_still_has_its_ports():
    first, later = attributed(first4(tcp()[:8], 6), later4(6, offset=1))
    assert (first["loss"], first["dst_port"], first["payload_length"]) == (0, 80, 0)
    assert (later["dst_port"], later["fragment"]) == (80, layout.FRAGMENT_LATER)


def test_a_first_fragment_without_ports_is_lost():
    first, later = attributed(first4(b"\0\1", 6), later4(6, offset=1))
    assert first["loss"] == layout.LOST_TRANSPORT_HEADER
    assert (later["loss"], later["fragment"]) == (0, layout.FRAGMENT_ALONE)


def test_fragments_that_overlap_are_counted_each():
    found = attributed(first4(udp(bytes(32))), later4(offset=1), later4(offset=1), later4(offset=8191))
    assert [fields["payload_length"] for fields in found] == [32, 16, 16, 16]


def test_fragments_inside_a_tunnel_are_attributed():
    pieces = [first4(udp(b"abc", 5000, 53)), later4()]
    found = attributed(*(ipv4(gre(piece, 0x0800, key=1), 47) for piece in pieces))
    assert found[1]["dst_port"] == 53


def test_fragments_of_different_tunnels_are_kept_apart():
    first, later = first4(udp(b"abc", 5000, 53)), later4()
    found = attributed(ipv4(gre(first, 0x0800, key=1), 47), ipv4(gre(later, 0x0800, key=2), 47))
    assert found[1]["fragment"] == layout.FRAGMENT_ALONE


def test_an_ipv6_packet_in_one_fragment_is_whole():
    fields = decoded(piece6(udp(), more=0), link_type=101)
    assert (fields["fragment"], fields["dst_port"]) == (layout.WHOLE, 53)


def test_blocks_of_any_size_attribute_the_same(tmp_path):
    pieces = [first4(udp(b"abc", 5000, 53), number=i) for i in range(50)] + [later4(number=i) for i in range(50)]
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([(i, 0, piece) for i, piece in enumerate(pieces)], link_type=101))
    small, _ = build.read(path, block_bytes=64)
    large, _ = build.read(path)
    assert [(p.header["dst_port"], p.header["fragment"]) for p in small] == [
        (p.header["dst_port"], p.header["fragment"]) for p in large
    ]


PIECES = tuples(
    booleans(), booleans(), integers(0, 2), sampled_from([6, 17, 1, 51, 89]), sampled_from(["10.0.0.1", "10.0.0.3"]),
    sampled_from([0, SECOND, 31 * SECOND]), integers(0, 3),
)  # fmt: skip


def piece(described):
    is_first, is_newer, number, protocol, src, _, port = described
    bodies = {
        6: tcp(b"", 9, port),
        17: udp(b"", 9, port),
        1: icmp(8, port),
        51: b"\x11\4" + bytes(22) + udp(b"", 9, port),
    }
    held = bodies.get(protocol, bytes(20))
    if is_newer:
        return piece6(held if is_first else bytes(9), protocol, number, 0 if is_first else 5)
    if is_first:
        return first4(held, protocol, number, src=src)
    return later4(protocol, number, src=src)


@settings(max_examples=some(300))
@given(lists(PIECES, max_size=40))
def test_fragments_are_attributed_as_the_twin_says(pieces):
    now, timed = 0, []
    for described in pieces:
        now += described[5]
        timed.append((piece(described), now))
    expected = twin.attribute(timed)
    found = attributed(*timed)
    names = [name for name in NAMES if name != "loss"]
    for one, other in zip(found, expected, strict=True):
        assert one["loss"] == other["loss"]
        if not one["loss"]:
            assert {name: one[name] for name in names} == {name: other[name] for name in names}
