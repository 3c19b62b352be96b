"""Traffic that is made to measure with."""

import io
import struct

import pytest
from tests.capture.build import ether, ipv4, ipv6, pcap, read, udp

from oddflow import api
from oddflow.bench.traffic import RECORD_BYTES, SPAN_NS, Traffic, default_captures, write_syn_flood
from oddflow.errors import UsageError


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "x.pcap"
    frames = [ether(ipv4(udp(b"a" * 10))), ether(ipv6(udp()), 0x86DD), ether(b"arp", 0x0806), ether(ipv4(udp()))]
    path.write_bytes(pcap([(i * 100, i, frame, 200) for i, frame in enumerate(frames)]))
    return path


def written(tmp_path, traffic, count):
    path = tmp_path / "out.pcap"
    with path.open("wb") as file:
        size = traffic.write(file, count)
    assert path.stat().st_size == size
    return read(path)[0]


def test_a_repetition_has_other_addresses_and_later_times(tmp_path, capture):
    traffic = Traffic.of([capture])
    packets = written(tmp_path, traffic, 7)
    assert len(traffic.starts) == 3  # what is not IP is left out
    assert [packet.loss for packet in packets] == [0] * 7
    assert len({packet.addresses for packet in packets}) == 5  # the first frame and the last are of one pair
    times = [packet.time_ns for packet in packets]
    assert times == sorted(times)
    assert times[3] - times[0] == SPAN_NS
    assert packets[0].wire == 200
    assert packets[0].data[:27] == packets[3].data[:27]


def test_captures_are_mixed_in_time(tmp_path, capture):
    traffic = Traffic.of([capture, capture])
    packets = written(tmp_path, traffic, 6)
    assert packets[0].data == packets[1].data
    assert packets[4].data == packets[5].data


def test_the_mean_length_is_that_of_the_packets(tmp_path, capture):
    traffic = Traffic.of([capture])
    packets = written(tmp_path, traffic, 3)
    assert traffic.packet_bytes == sum(len(packet.data) for packet in packets) / 3


def test_captures_without_ip_are_refused(tmp_path):
    path = tmp_path / "arp.pcap"
    path.write_bytes(pcap([(0, 0, ether(b"arp", 0x0806))]))
    with pytest.raises(UsageError, match=r"no Ethernet frame with an IP packet in .*arp\.pcap"):
        Traffic.of([path])


def test_every_packet_of_the_flood_is_a_syn_from_another_address(tmp_path):
    path = tmp_path / "flood.pcap"
    with path.open("wb") as file:
        write_syn_flood(file, 100_050)
    packets, ledger = read(path)
    assert (ledger.metered, ledger.lost_total) == (100_050, 0)
    assert len({packet.addresses for packet in packets}) == 100_050
    assert {(packet.header["tcp_flags"], packet.header["dst_port"]) for packet in packets} == {(2, 80)}
    times = [packet.time_ns for packet in packets]
    assert times == sorted(times)


def test_a_flood_is_written_as_long_as_it_says():
    file = io.BytesIO()
    assert write_syn_flood(file, 3) == len(file.getvalue()) == 24 + 3 * (RECORD_BYTES + 54)
    assert struct.unpack("<I", file.getvalue()[:4])[0] == 0xA1B23C4D


def test_captures_are_found_on_every_machine():
    assert all(path.is_file() for path in default_captures(api.examples()))
