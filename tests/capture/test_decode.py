"""Decoding: what the headers of one packet say, and why a packet is lost."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis.strategies import binary, booleans, sampled_from
from tests.capture import build, twin
from tests.capture.build import decoded, ether, icmp, ipv4, ipv6, tcp, udp
from tests.capture.stacks import LINK_TYPES, arp, broken_packets, extension_chain, valid_packets
from tests.examples import some

from oddflow.capture import _layout as layout


def agree(link_type, data, wire, tunnels=True):
    expected = twin.decode(data, link_type, wire, tunnels)
    found = decoded(data, link_type=link_type, wire=wire, tunnels=tunnels)
    assert {name: found[name] for name in expected} == expected


@settings(max_examples=some(1000))
@given(valid_packets(), booleans())
def test_valid_packets_decode_as_the_twin_says(packet, tunnels):
    link_type, data = packet
    agree(link_type, data, len(data), tunnels)


@settings(max_examples=some(3000))
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


def test_more_than_sixteen_link_headers_are_too_deep():
    assert decoded(ether(ipv4(udp()), tags=[(0x8100, 1)] * 16))["loss"] == layout.LOST_TUNNEL_DEPTH


def test_sixteen_link_headers_are_read():
    assert decoded(ether(ipv4(udp()), tags=[(0x8100, 1)] * 15))["loss"] == layout.OK


@pytest.mark.parametrize("family", [10, 23, 24, 28, 30])
def test_loopback_families_of_all_systems_are_ipv6(family):
    assert decoded(struct.pack(">I", family) + ipv6(udp()), link_type=0)["version"] == 6


def test_arp_is_a_record_of_its_own():
    fields = decoded(ether(arp(2, "10.0.0.9", "10.0.0.8"), 0x0806, [(0x8100, 3)]) + bytes(18))
    names = ("loss", "version", "protocol", "src", "dst", "icmp_type", "icmp_code", "vlan")
    assert [fields[name] for name in names] == [0, 0, 0, 0x0A000009, 0x0A000008, 2, 0, 3]
    names = ("ip_start", "ip_length", "src_port", "dst_port", "payload_length")
    assert [fields[name] for name in names] == [18, 28, 0, 0, 0]


def test_reverse_arp_is_one_too():
    fields = decoded(ether(arp(3), 0x8035))
    assert (fields["loss"], fields["version"], fields["icmp_type"], fields["ether_type"]) == (0, 0, 3, 0x8035)


@pytest.mark.parametrize(
    "packet",
    [arp(protocol=0x0801), arp(0), arp(256), arp(hardware_bytes=0), arp(hardware_bytes=33), arp()[:-1], arp()[:7]],
    ids=["not of IPv4", "no operation", "operation 256", "no hardware", "long hardware", "cut", "short"],
)
def test_malformed_arp_is_a_loss_of_its_own(packet):
    assert decoded(ether(packet, 0x0806))["loss"] == layout.LOST_ARP


def test_arp_that_the_capture_cut_is_snapped():
    assert decoded(ether(arp(), 0x0806)[:30], wire=42)["loss"] == layout.LOST_SNAPPED


def test_unknown_link_types_are_lost():
    assert decoded(ipv4(udp()), link_type=147)["loss"] == layout.LOST_LINK_TYPE


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
    fields = decoded(ipv6(struct.pack(">BBHI", 17, 0, 8 << 3, 1) + bytes(20), 44), link_type=101)
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


def test_the_end_of_extension_headers_without_another_is_told():
    fields = decoded(ipv6(extension_chain([60], 59, b"xy"), 60), link_type=101)
    assert (fields["loss"], fields["protocol"], fields["payload_length"]) == (0, 59, 2)


def test_an_ipv4_authentication_header_is_passed_over():
    fields = decoded(ipv4(b"\x06\4" + bytes(22) + tcp(b"x"), 51), link_type=101)
    assert (fields["protocol"], fields["dst_port"], fields["header_bytes"], fields["payload_length"]) == (6, 80, 64, 1)


@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12])
def test_icmp_errors_tell_where_the_packet_stands_that_they_speak_of(kind):
    fields = decoded(ether(ipv4(icmp(kind, 0, ipv4(udp(src=7, dst=9))), 1)))
    assert fields["quoted_start"] == 14 + 20 + 8


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_icmp6_errors_tell_where_the_packet_stands_that_they_speak_of(kind):
    fields = decoded(ether(ipv6(icmp(kind, 0, ipv6(udp(src=7, dst=9))), 58), 0x86DD))
    assert fields["quoted_start"] == 14 + 40 + 8


@pytest.mark.parametrize(
    "packet",
    [
        ipv4(icmp(3, 0, ipv4(udp())[:23]), 1),
        ipv4(icmp(3, 0, ipv4(udp(), options=bytes(4))[:27]), 1),
        ipv4(icmp(8, 0, ipv4(udp())), 1),
        ipv4(icmp(3, 0, ipv6(udp())), 1),
        ipv6(icmp(1, 0, ipv6(udp())[:43]), 58),
        ipv6(icmp(128, 0, ipv6(udp())), 58),
    ],
    ids=["without ports", "without ports behind options", "echo", "not IPv4", "without ports in IPv6", "echo in IPv6"],
)
def test_no_quoted_packet_is_told_of_where_none_can_be_read(packet):
    assert decoded(packet, link_type=101)["quoted_start"] == 0
