"""Decoding: what the headers of one packet say, and why a packet is lost."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis.strategies import binary, composite, integers, lists, sampled_from
from tests.capture import build, twin
from tests.capture.build import decoded, ether, icmp, ipv4, ipv6, tcp, udp

from oddflow.capture import _layout as layout

LINK_TYPES = [1, 0, 12, 14, 101, 108, 113, 228, 229, 276, 105]
EXTENSIONS = [0, 43, 44, 51, 60, 135, 139, 140]


def extension_chain(kinds, last, body):
    """IPv6 extension headers of 8 bytes each (16 for AH), then the body."""
    data = b""
    for kind, following in pairwise([*kinds, last]):
        data += bytes([following, 2 if kind == 51 else 0]) + bytes(14 if kind == 51 else 6)
    return data + body


def framed(link_type, packet, version):
    kind = 0x0800 if version == 4 else 0x86DD
    if link_type == 1:
        return ether(packet, kind)
    if link_type == 113:
        return bytes(14) + struct.pack(">H", kind) + packet
    if link_type == 276:
        return struct.pack(">H", kind) + bytes(18) + packet
    if link_type in (0, 108):
        family = 2 if version == 4 else 30
        return struct.pack("<I" if link_type == 0 else ">I", family) + packet
    return packet


@composite
def valid_packets(draw):
    """(link type, bytes) of a packet that any capture could hold."""
    payload = draw(binary(max_size=40))
    protocol = draw(sampled_from([6, 17, 1, 58, 132, 33, 136, 47, 50, 89]))
    body = {
        6: lambda: tcp(
            payload, draw(integers(0, 65535)), 443, draw(integers(0, 255)), options=bytes(4) * draw(integers(0, 3))
        ),
        17: lambda: udp(payload, draw(integers(0, 65535)), 53, draw(sampled_from([0, 8, 8 + len(payload), 70]))),
        1: lambda: icmp(draw(integers(0, 20)), draw(integers(0, 5)), payload),
        58: lambda: icmp(draw(integers(100, 160)), 0, payload),
    }.get(protocol, lambda: payload + bytes(12))()
    link_type = draw(sampled_from(LINK_TYPES))
    length = draw(sampled_from([None, None, None, 0, 20, 60]))
    fragment = draw(sampled_from([0, 0, 0, 0x2000, 0x2001, 185]))
    if draw(integers(0, 1)):
        options = bytes(4) * draw(integers(0, 10))
        packet, version = ipv4(body, protocol, length=length, fragment=fragment, options=options), 4
    else:
        kinds = draw(lists(sampled_from(EXTENSIONS), max_size=18))
        body = extension_chain(kinds, protocol, body)
        packet, version = ipv6(body, kinds[0] if kinds else protocol, length=length), 6
    tags = draw(lists(sampled_from([(0x8100, 7), (0x88A8, 4095), (0x9100, 0)]), max_size=10))
    if link_type == 1 and tags:
        return 1, ether(packet, 0x0800 if version == 4 else 0x86DD, tags)
    return link_type, framed(link_type, packet, version)


@composite
def broken_packets(draw):
    """(link type, bytes, wire length) of a valid packet with some bytes changed, then cut, then claimed longer."""
    link_type, data = draw(valid_packets())
    held = bytearray(data)
    for place, value in draw(
        lists(sampled_from([(p, v) for p in range(64) for v in (0, 1, 5, 44, 51, 64, 96, 255)]), max_size=4)
    ):
        if place < len(held):
            held[place] = value
    cut = draw(integers(0, len(held)))
    wire = draw(sampled_from([len(held), len(held), cut, 0, len(held) + 9, 2**31, 2**32 - 1]))
    return link_type, bytes(held[: cut if draw(integers(0, 1)) else None]), wire


def agree(link_type, data, wire):
    expected = twin.decode(data, link_type, wire)
    found = decoded(data, link_type=link_type, wire=wire)
    assert {name: found[name] for name in expected} == expected


@given(valid_packets())
def test_valid_packets_decode_as_the_twin_says(packet):
    link_type, data = packet
    agree(link_type, data, len(data))


@settings(max_examples=1500)
@given(broken_packets())
def test_broken_packets_decode_as_the_twin_says(packet):
    agree(*packet)


@given(binary(max_size=120), sampled_from(LINK_TYPES))
def test_arbitrary_bytes_decode_as_the_twin_says(data, link_type):
    agree(link_type, data, len(data))


def test_every_cut_of_a_tagged_ipv6_tcp_packet_decodes_as_the_twin_says():
    body = extension_chain([0, 44, 60], 6, tcp(b"hello", options=bytes(8)))
    data = ether(ipv6(body, 0), 0x86DD, [(0x88A8, 5), (0x8100, 6)])
    for cut in range(len(data) + 1):
        agree(1, data[:cut], len(data))
        agree(1, data[:cut], cut)


def test_the_outermost_vlan_of_qinq_is_told():
    assert decoded(ether(ipv4(udp()), tags=[(0x88A8, 100), (0x8100, 200)]))["vlan"] == 100


def test_nine_vlan_tags_are_too_deep():
    assert decoded(ether(ipv4(udp()), tags=[(0x8100, 1)] * 9))["loss"] == layout.LOST_TUNNEL_DEPTH


def test_eight_vlan_tags_are_read():
    assert decoded(ether(ipv4(udp()), tags=[(0x8100, 1)] * 8))["loss"] == layout.OK


@pytest.mark.parametrize("link_type", [0, 1, 12, 14, 101, 108, 113, 228, 276])
def test_each_link_type_leads_to_the_same_ipv4_packet(link_type):
    fields = decoded(framed(link_type, ipv4(udp(b"abc", 5000, 53)), 4), link_type=link_type)
    assert (fields["loss"], fields["src_port"], fields["dst_port"], fields["payload_length"]) == (0, 5000, 53, 3)


@pytest.mark.parametrize("link_type", [0, 1, 12, 14, 101, 108, 113, 229, 276])
def test_each_link_type_leads_to_the_same_ipv6_packet(link_type):
    fields = decoded(framed(link_type, ipv6(udp(b"abc", 5000, 53)), 6), link_type=link_type)
    assert (fields["loss"], fields["src_port"], fields["dst_port"], fields["payload_length"]) == (0, 5000, 53, 3)


@pytest.mark.parametrize("family", [10, 23, 24, 28, 30])
def test_loopback_families_of_all_systems_are_ipv6(family):
    assert decoded(struct.pack(">I", family) + ipv6(udp()), link_type=0)["version"] == 6


def test_snap_frames_lead_to_ip():
    frame = ether(b"\xaa\xaa\x03\0\0\0\x08\x00" + ipv4(udp()), 8 + 28)
    assert decoded(frame)["loss"] == layout.OK


def test_arp_is_no_ip():
    assert decoded(ether(bytes(28), 0x0806))["loss"] == layout.LOST_NOT_IP


def test_unknown_link_types_are_lost():
    assert decoded(ipv4(udp()), link_type=105)["loss"] == layout.LOST_LINK_TYPE


def test_sixteen_extension_headers_are_read():
    assert decoded(ipv6(extension_chain([60] * 16, 17, udp()), 60), link_type=101)["loss"] == layout.OK


def test_seventeen_extension_headers_are_too_deep():
    fields = decoded(ipv6(extension_chain([60] * 17, 17, udp()), 60), link_type=101)
    assert fields["loss"] == layout.LOST_TUNNEL_DEPTH


def test_an_authentication_header_is_passed_over():
    assert decoded(ipv6(extension_chain([51], 6, tcp()), 51), link_type=101)["dst_port"] == 80


def test_the_first_fragment_has_ports():
    assert decoded(ipv4(udp(b"x"), fragment=0x2000), link_type=101)["dst_port"] == 53


def test_later_fragments_have_no_ports():
    fields = decoded(ipv4(udp(b"x"), fragment=0x2001), link_type=101)
    assert (fields["loss"], fields["dst_port"], fields["fragment"], fields["payload_length"]) == (0, 0, 3, 9)


def test_later_ipv6_fragments_have_no_ports():
    body = struct.pack(">BBHI", 17, 0, 8 << 3, 1) + bytes(20)
    fields = decoded(ipv6(body, 44), link_type=101)
    assert (fields["loss"], fields["protocol"], fields["dst_port"], fields["fragment"]) == (0, 17, 0, 3)


def test_a_packet_snapped_inside_its_headers_is_lost_as_snapped():
    data = ipv4(tcp(b"abc"), 6)
    assert decoded(data[:30], link_type=101, wire=len(data))["loss"] == layout.LOST_SNAPPED


def test_a_packet_that_ends_inside_its_headers_is_malformed():
    data = ipv4(tcp(), 6, length=30)[:30]
    assert decoded(data, link_type=101)["loss"] == layout.LOST_TRANSPORT_HEADER


def test_a_packet_snapped_inside_its_payload_keeps_its_length():
    data = ipv4(udp(bytes(100)))
    fields = decoded(data[:50], link_type=101, wire=len(data))
    assert (fields["payload_length"], fields["payload_captured"]) == (100, 22)


def test_an_offloaded_length_of_zero_is_taken_from_the_wire():
    fields = decoded(ether(ipv4(tcp(bytes(3000)), 6, length=0)))
    assert (fields["ip_length"], fields["payload_length"]) == (3040, 3000)


def test_an_offloaded_length_never_passes_the_longest_packet():
    fields = decoded(ether(ipv4(tcp(), 6, length=0)), wire=2**32 - 1)
    assert fields["ip_length"] == 262_144 - 14


def test_ethernet_padding_is_no_payload():
    assert decoded(ether(ipv4(tcp(), 6)) + bytes(6))["payload_length"] == 0


def test_the_length_of_udp_bounds_its_payload():
    assert decoded(ipv4(udp(b"abcdef", length=10)), link_type=101)["payload_length"] == 2


def test_addresses_are_those_of_the_header():
    fields = decoded(build.ipv6(udp(), src=(1 << 127) + 5, dst=9), link_type=101)
    assert (fields["src"], fields["dst"]) == ((1 << 127) + 5, 9)
