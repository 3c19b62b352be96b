"""Tunnels: the innermost packet counts, and what carries it where that cannot be read."""

import struct

import pytest
from tests.capture.build import decoded, ether, ipv4, ipv6, tcp, udp
from tests.capture.stacks import (
    arp,
    erspan,
    geneve,
    gre,
    gtp,
    l2tp,
    mpls,
    ppp,
    pptp,
    service,
    teredo,
    vxlan,
    wifi,
)

from oddflow.capture import _layout as layout
from oddflow.capture import _tunnel_kernels as kernels
from oddflow.schema import Tunnel

INNER = {4: ipv4(tcp(b"abc", 5000, 443), 6, src="10.9.9.1"), 6: ipv6(tcp(b"abc", 5000, 443), 6)}
FRAME = ether(INNER[4])
CARRIERS = {
    "IPv4 in IPv4": (ipv4(INNER[4], 4), Tunnel.IP_IN_IP, 0),
    "IPv4 in IPv6": (ipv6(INNER[4], 4), Tunnel.IP_IN_IP, 0),
    "IPv6 in IPv4": (ipv4(INNER[6], 41), Tunnel.IPV6_IN_IP, 0),
    "IPv6 in IPv6": (ipv6(INNER[6], 41), Tunnel.IPV6_IN_IP, 0),
    "GRE of IPv4": (ipv4(gre(INNER[4], 0x0800), 47), Tunnel.GRE, 0),
    "GRE of IPv6": (ipv4(gre(INNER[6], 0x86DD), 47), Tunnel.GRE, 0),
    "GRE with all fields": (ipv6(gre(INNER[4], 0x0800, checksum=True, key=77, sequence=1), 47), Tunnel.GRE, 77),
    "GRE of Ethernet": (ipv4(gre(FRAME, 0x6558, key=0xFFFFFFFF), 47), Tunnel.GRE, 0xFFFFFFFF),
    "GRE of MPLS": (ipv4(gre(mpls(INNER[4]), 0x8847), 47), Tunnel.GRE, 0),
    "GRE of 802.11": (ipv4(gre(wifi(INNER[4], 4), 0x8200), 47), Tunnel.GRE, 0),
    "GRE of aggregated 802.11": (
        ipv4(gre(wifi(INNER[4], 4, quality=True, aggregate=True), 0x8240), 47), Tunnel.GRE, 0
    ),
    "PPTP": (ipv4(pptp(ppp(INNER[4], 4), call=9), 47), Tunnel.GRE, 9),
    "PPTP with an acknowledgement": (ipv4(pptp(ppp(INNER[6], 6), 9, acknowledged=True), 47), Tunnel.GRE, 9),
    "ERSPAN I": (ipv4(erspan(FRAME, 0), 47), Tunnel.ERSPAN, 0),
    "ERSPAN II": (ipv4(erspan(FRAME, 1, 1023), 47), Tunnel.ERSPAN, 1023),
    "ERSPAN III": (ipv4(erspan(FRAME, 2, 5), 47), Tunnel.ERSPAN, 5),
    "ERSPAN III of IP": (ipv4(erspan(INNER[6], 2, 5, content=2), 47), Tunnel.ERSPAN, 5),
    "ERSPAN III with a subheader": (ipv4(erspan(FRAME, 2, 5, sub_header=True), 47), Tunnel.ERSPAN, 5),
    "VXLAN": (ipv4(udp(vxlan(FRAME, 0xFFFFFF), 1, 4789)), Tunnel.VXLAN, 0xFFFFFF),
    "VXLAN of Linux": (ipv6(udp(vxlan(FRAME), 1, 8472)), Tunnel.VXLAN, 5000),
    "VXLAN-GPE of IPv4": (ipv4(udp(vxlan(INNER[4], following=1), 1, 4790)), Tunnel.VXLAN, 5000),
    "VXLAN-GPE of a service header": (
        ipv4(udp(vxlan(service(INNER[4], 1), following=4), 1, 4790)), Tunnel.VXLAN, 5000
    ),
    "VXLAN-GPE of Ethernet": (ipv4(udp(vxlan(FRAME, following=3), 1, 4790)), Tunnel.VXLAN, 5000),
    "GENEVE": (ipv4(udp(geneve(FRAME), 1, 6081)), Tunnel.GENEVE, 5000),
    "GENEVE with options, of IPv6": (ipv4(udp(geneve(INNER[6], 0x86DD, options=63), 1, 6081)), Tunnel.GENEVE, 5000),
    "GTP-U": (ipv4(udp(gtp(INNER[4]), 2152, 2152)), Tunnel.GTP_U, 77),
    "GTP-U with a number": (ipv4(udp(gtp(INNER[4], sequence=True), 2152, 2152)), Tunnel.GTP_U, 77),
    "GTP-U with extension headers": (ipv4(udp(gtp(INNER[6], extensions=8), 2152, 2152)), Tunnel.GTP_U, 77),
    "Teredo": (ipv4(udp(teredo(INNER[6]), 3544, 9)), Tunnel.TEREDO, 0),
    "Teredo with all": (ipv4(udp(teredo(INNER[6], authentication=True, origin=True), 9, 3544)), Tunnel.TEREDO, 0),
    "L2TP": (ipv4(udp(l2tp(ppp(INNER[4], 4)), 1701, 1701)), Tunnel.L2TP, 3 << 16 | 9),
    "L2TP with all fields": (
        ipv4(udp(l2tp(ppp(INNER[6], 6), sequence=True, offset=6), 1701, 1701)), Tunnel.L2TP, 3 << 16 | 9
    ),
    "Ethernet in IP": (ipv4(b"\x30\0" + FRAME, 97), Tunnel.ETHER_IN_IP, 0),
    "Ethernet in segment routing": (ipv6(FRAME, 143), Tunnel.ETHER_IN_IP, 0),
    "MPLS in IP": (ipv4(mpls(INNER[4]), 137), Tunnel.MPLS_IN_IP, 0),
    "MPLS in UDP": (ipv4(udp(mpls(INNER[4]), 1, 6635)), Tunnel.MPLS_IN_IP, 0),
}  # fmt: skip
ORDINARY = {
    "no IP in it": ipv4(b"\x55" + bytes(40), 4),
    "another version": ipv4(INNER[6], 4),
    "longer than what carries it": ipv4(ipv4(tcp(), 6, length=60), 4),
    "cut inside": ipv4(INNER[4][:30], 4),
    "GRE keepalive": ipv4(gre(b"", 0), 47),
    "GRE with routing": ipv4(b"\x40\0\x08\0" + bytes(4) + INNER[4], 47),
    "GRE of version 2": ipv4(b"\0\2\x08\0" + INNER[4], 47),
    "PPTP acknowledgement alone": ipv4(struct.pack(">HHHHI", 0x2081, 0x880B, 0, 5, 1), 47),
    "GRE cut in its header": ipv4(b"\xb0\0\x08\0\0\0", 47),
    "ERSPAN III of neither Ethernet nor IP": ipv4(erspan(FRAME, 2, content=7), 47),
    "ERSPAN of an unknown version": ipv4(gre(b"\x50" + bytes(7) + FRAME, 0x88BE, sequence=1), 47),
    "LLDP in GRE": ipv4(gre(ether(bytes(40), 0x88CC), 0x6558), 47),
    "VXLAN without its flag": ipv4(udp(bytes(8) + FRAME, 1, 4789)),
    "VXLAN-GPE of an unknown protocol": ipv4(udp(vxlan(FRAME, following=6), 1, 4790)),
    "VXLAN-GPE of an empty service header": ipv4(udp(vxlan(service(FRAME, 3, 0), following=4), 1, 4790)),
    "GENEVE of version 1": ipv4(udp(b"\x40" + geneve(FRAME)[1:], 1, 6081)),
    "GTP echo": ipv4(udp(b"\x32\1\0\4" + bytes(8), 2152, 2152)),
    "GTP of version 0": ipv4(udp(b"\x1e\xff" + gtp(INNER[4])[2:], 2152, 2152)),
    "GTP with an empty extension header": ipv4(udp(b"\x34\xff\0\x20" + bytes(7) + b"\x85\0" + INNER[4], 2152, 2152)),
    "GTP with nine extension headers": ipv4(udp(gtp(INNER[4], extensions=9), 2152, 2152)),
    "Teredo of IPv4": ipv4(udp(teredo(INNER[4]), 3544, 9)),
    "L2TP control": ipv4(udp(b"\xc8\2\0\x14" + bytes(16), 1701, 1701)),
    "L2TP of version 3": ipv4(udp(b"\0\3\0\0" + bytes(4) + INNER[4], 1701, 1701)),
    "L2TP whose offset leads out": ipv4(udp(l2tp(b"", offset=0)[:-2] + b"\xff\xff", 1701, 1701)),
    "Ethernet in IP of version 2": ipv4(b"\x20\0" + FRAME, 97),
    "a name server": ipv4(udp(vxlan(FRAME), 1, 53)),
    "nothing": ipv4(b"", 41),
}


@pytest.mark.parametrize("name", CARRIERS)
def test_the_packet_in_a_tunnel_is_the_one_that_counts(name):
    packet, tunnel, number = CARRIERS[name]
    fields = decoded(ether(packet, 0x0800 if packet[0] >> 4 == 4 else 0x86DD, [(0x8100, 6)]))
    assert (fields["loss"], fields["dst_port"], fields["tcp_flags"], fields["payload_length"]) == (0, 443, 0x10, 3)
    assert (fields["tunnel"], fields["tunnel_id"], fields["outer_start"], fields["vlan"]) == (tunnel, number, 18, 6)
    assert fields["ip_start"] == 18 + len(packet) - fields["ip_length"]


@pytest.mark.parametrize("name", CARRIERS)
def test_what_carries_a_packet_counts_where_tunnels_are_not_looked_into(name):
    packet, _, _ = CARRIERS[name]
    fields = decoded(packet, link_type=101, tunnels=False)
    outer = packet[9] if packet[0] >> 4 == 4 else packet[6]
    assert (fields["loss"], fields["protocol"], fields["ip_length"]) == (0, outer, len(packet))
    assert (fields["tunnel"], fields["tunnel_id"], fields["outer_start"], fields["tcp_flags"]) == (0, 0, 0, 0)


@pytest.mark.parametrize("name", ORDINARY)
def test_what_holds_no_packet_is_a_packet_like_any_other(name):
    packet = ORDINARY[name]
    fields = decoded(ether(packet))
    assert (fields["loss"], fields["protocol"], fields["tunnel"]) == (0, packet[9], 0)
    assert (fields["ip_length"], fields["outer_start"], fields["ip_start"]) == (len(packet), 0, 14)


@pytest.mark.parametrize("name", CARRIERS)
def test_what_carries_a_packet_counts_wherever_the_capture_cuts_it(name):
    packet, tunnel, _ = CARRIERS[name]
    inner_bytes = len(INNER[4] if INNER[4] in packet else INNER[6])
    headers_end = len(packet) - 3  # before the payload
    for cut in range(len(packet) - inner_bytes, len(packet) + 1):
        fields = decoded(packet[:cut], link_type=101, wire=len(packet))
        assert (fields["loss"], fields["tunnel"]) == (0, tunnel if cut >= headers_end else 0)


def test_the_outermost_tunnel_is_told_and_the_innermost_packet():
    inside = ipv4(udp(gtp(INNER[6], 8), 2152, 2152), src="10.2.0.1")
    fields = decoded(ipv4(udp(vxlan(ether(inside), 4), 1, 4789)), link_type=101)
    assert (fields["tunnel"], fields["tunnel_id"], fields["version"], fields["dst_port"]) == (Tunnel.VXLAN, 4, 6, 443)


@pytest.mark.parametrize(
    ("body", "tunnel"),
    [
        (udp(vxlan(ether(arp(2), 0x0806)), 1, 4789), Tunnel.VXLAN),
        (udp(geneve(arp(2), 0x0806), 1, 6081), Tunnel.GENEVE),
    ],
)
def test_arp_in_a_tunnel_is_a_record_of_its_own(body, tunnel):
    fields = decoded(ipv4(body), link_type=101)
    assert (fields["loss"], fields["version"], fields["icmp_type"], fields["tunnel"]) == (0, 0, 2, tunnel)


def nested(tunnels):
    packet = INNER[4]
    for _ in range(tunnels):
        packet = ipv4(packet, 4)
    return packet


def test_four_tunnels_are_entered():
    fields = decoded(nested(4), link_type=101)
    assert (fields["loss"], fields["protocol"], fields["ip_start"]) == (0, 6, 80)


def test_five_tunnels_are_too_deep():
    assert decoded(nested(5), link_type=101)["loss"] == layout.LOST_TUNNEL_DEPTH


def test_of_broken_tunnels_the_innermost_packet_that_can_be_read_counts():
    fields = decoded(ipv4(ipv4(ipv4(b"\x99" * 40, 4), 4), 4), link_type=101)
    assert (fields["loss"], fields["protocol"], fields["ip_start"], fields["outer_start"]) == (0, 4, 40, 0)


def test_the_first_fragment_of_what_carries_a_packet_leads_to_it():
    fields = decoded(ipv4(INNER[4][:40], 4, fragment=0x2000), link_type=101)
    assert (fields["loss"], fields["protocol"], fields["tunnel"], fields["fragment"]) == (0, 6, 1, layout.WHOLE)
    assert (fields["payload_length"], fields["payload_captured"]) == (3, 0)


def test_a_later_fragment_of_what_carries_a_packet_is_not_looked_into():
    fields = decoded(ipv4(INNER[4], 4, fragment=0x2001), link_type=101)
    assert (fields["loss"], fields["protocol"], fields["tunnel"]) == (0, 4, 0)


def test_the_kernels_number_tunnels_as_the_schema_does():
    assert [getattr(kernels, "NO_TUNNEL" if not t else t.name) for t in Tunnel] == list(Tunnel)
