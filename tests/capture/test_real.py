"""Real captures: scapy and the kernel say the same of every packet."""

import struct

import pytest
from tests.capture import twin
from tests.capture.build import ipv4 as ip
from tests.capture.build import pcap, read, tcp, udp

from oddflow.capture.extraction import Wanted, extract_packets
from oddflow.errors import UsageError


def captures(shared):
    return sorted(p for p in (shared / "captures").rglob("*.pcap*") if p.stat().st_size < 60_000)[::6]


def test_every_packet_of_real_captures_decodes_as_the_twin_says(shared):
    compared = 0
    for path in captures(shared):
        for packet in read(path)[0]:
            expected = twin.decode(packet.data, packet.link_type, packet.wire)
            found = packet.header | {"loss": packet.loss}
            high, low, far_high, far_low = packet.addresses
            found |= {"src": high << 64 | low, "dst": far_high << 64 | far_low}
            assert {name: found[name] for name in expected} == expected, (path, packet.number)
            compared += 1
    assert compared > 2000


@pytest.mark.parametrize("block_bytes", [500, 4096])
def test_small_blocks_give_the_packets_of_real_captures(shared, block_bytes):
    for path in captures(shared)[::4]:
        assert read(path, block_bytes)[0] == read(path)[0], path


def test_the_packets_of_one_flow_are_copied_out_byte_by_byte(tmp_path):
    records = [(i, 0, ip(udp(bytes([i]), 4000 + i % 2, 53), src="10.0.0.1")) for i in range(20)]
    records += [(30, 0, ip(tcp(b"x", 4000, 53), 6))]
    path, out = tmp_path / "x.pcap", tmp_path / "out.pcap"
    path.write_bytes(pcap(records, link_type=101))
    wanted = Wanted(("10.0.0.1", 4001), ("10.0.0.2", 53), 17, 3 * 10**9, 15 * 10**9)
    written = extract_packets(str(path), wanted, str(out))
    assert written == 7
    assert [(p.time_ns, p.data) for p in read(out)[0]] == [(i * 10**9, records[i][2]) for i in range(3, 16, 2)]


def test_a_flow_that_a_capture_does_not_hold_leaves_no_file(tmp_path):
    path, out = tmp_path / "x.pcap", tmp_path / "out.pcap"
    path.write_bytes(pcap([(1, 0, ip(udp()))], link_type=101))
    with pytest.raises(UsageError, match="holds no packet of this flow"):
        extract_packets(str(path), Wanted(("1.1.1.1", 1), ("2.2.2.2", 2), 17, 0, 2**60), str(out))
    assert list(tmp_path.iterdir()) == [path]


def test_the_twin_itself_knows_a_packet_by_heart():
    packet = ip(struct.pack(">HHHH", 5000, 53, 11, 0) + b"abc")
    fields = twin.decode(packet, 101, len(packet))
    assert (fields["src_port"], fields["dst_port"], fields["payload_start"], fields["payload_length"]) == (
        5000, 53, 28, 3,
    )  # fmt: skip
