"""Extraction finds the packets of a flow wherever the decoder found them."""

import struct

import pytest
from tests.capture.build import ether, ipv4, pcap, read, tcp, udp
from tests.capture.stacks import arp, gre, vxlan

from oddflow.capture.extraction import Wanted, extract_packets
from oddflow.errors import UsageError


@pytest.fixture
def extracted(tmp_path):
    """A way to extract a flow of a capture of some frames, one a second: the numbers of the frames that it holds."""

    def extract(frames, src, dst, protocol, first_packet=1, **options):
        source, output = tmp_path / "x.pcap", str(tmp_path / "y.pcap")
        source.write_bytes(pcap([(i, 0, frame) for i, frame in enumerate(frames)]))
        wanted = Wanted(src, dst, protocol, 0, 10**18, first_packet)
        extract_packets(str(source), wanted, output, **options)
        return [packet.time_ns // 10**9 for packet in read(output)[0]]

    return extract


A, B = ("10.0.0.1", 5000), ("10.0.0.2", 443)
INSIDE = ipv4(tcp(b"x", 5000, 443), 6)
BACK = ipv4(tcp(b"x", 443, 5000), 6, src=B[0], dst=A[0])
OUTSIDE = {"src": "192.0.2.1", "dst": "192.0.2.2"}
TUNNELLED = [ether(ipv4(udp(vxlan(ether(packet)), 9, 4789), **OUTSIDE)) for packet in (INSIDE, BACK)]


def test_a_flow_inside_a_tunnel_is_found_and_what_carries_it_is_written(extracted):
    assert extracted([ether(INSIDE), *TUNNELLED, ether(ipv4(udp()))], A, B, 6) == [0, 1, 2]


def test_without_a_look_into_tunnels_only_what_carries_a_flow_is_found(extracted):
    ends = (OUTSIDE["src"], 9), (OUTSIDE["dst"], 4789)
    assert extracted([ether(INSIDE), *TUNNELLED], *ends, 17, tunnels=False) == [1, 2]


def test_what_carries_a_flow_is_none_where_tunnels_are_looked_into(extracted):
    with pytest.raises(UsageError, match="no packet of this flow"):
        extracted(TUNNELLED, (OUTSIDE["src"], 9), (OUTSIDE["dst"], 4789), 17)


def test_later_fragments_belong_to_their_flow(extracted):
    first = ether(ipv4(udp(b"abc", 5000, 443), fragment=0x2000))
    later = [ether(ipv4(bytes(16), fragment=3 + i)) for i in range(2)]
    assert extracted([later[0], first, *later], A, B, 17, first_packet=2) == [1, 2, 3]


def test_arp_requests_are_found_with_their_answers(extracted):
    ask, answer = ether(arp(1, A[0], B[0]), 0x0806), ether(arp(2, B[0], A[0]), 0x0806)
    frames = [ask, answer, ether(arp(3, A[0], B[0]), 0x8035), ether(INSIDE), answer]
    assert extracted(frames, (A[0], 0), (B[0], 0), 0) == [0, 1, 4]


def test_a_packet_of_ip_protocol_0_is_no_arp(extracted):
    frames = [ether(ipv4(b"xyz", 0)), ether(arp(1, A[0], B[0]), 0x0806), ether(ipv4(b"", 0))]
    assert extracted(frames, (A[0], 0), (B[0], 0), 0) == [0, 2]


def test_a_flow_in_gre_is_found(extracted):
    frame = ether(ipv4(gre(INSIDE, 0x0800), 47, **OUTSIDE))
    assert extracted([frame, ether(struct.pack(">I", 0), 0x88CC)], A, B, 6) == [0]
