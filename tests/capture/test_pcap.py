"""pcap files: byte orders, time units, damage, block sizes."""

import random

import pytest
from hypothesis import given, settings
from hypothesis.strategies import binary, integers, lists, sampled_from, tuples
from tests.capture.build import MAGIC_KUZNETZOV, MAGIC_NS, MAGIC_US, ether, ipv4, pcap, read, udp
from tests.examples import some

from oddflow.errors import UnknownFormat, Unreadable

FRAME = ether(ipv4(udp(b"hello")))
RECORDS = [(1_700_000_000 + i, 1000 + i, FRAME[: 20 + i]) for i in range(30)]


def whole_packets(data, cut, header=16, start=24):
    """How many packets of a little-endian pcap end within its first `cut` bytes."""
    count, at = 0, start
    while at + header <= cut:
        at += header + int.from_bytes(data[at + 8 : at + 12], "little")
        count += at <= cut
    return count


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "ns"), [(MAGIC_US, 1000), (MAGIC_NS, 1), (MAGIC_KUZNETZOV, 1000)])
def test_times_and_bytes_are_those_of_the_file(tmp_path, order, magic, ns):
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap(RECORDS, order=order, magic=magic))
    packets, ledger = read(path)
    assert [(p.time_ns, p.data) for p in packets] == [(s * 10**9 + f * ns, d) for s, f, d in RECORDS]
    assert not ledger.damages


def test_packets_are_numbered_from_one(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap(RECORDS))
    assert [p.number for p in read(path, 1000)[0]] == list(range(1, 31))


def test_the_latest_time_of_the_format_is_read(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([(2**32 - 1, 999_999, FRAME)]))
    assert read(path)[0][0].time_ns == (2**32 - 1) * 10**9 + 999_999_000


@given(lists(tuples(integers(0, 2**32 - 1), integers(0, 999_999), binary(max_size=300)), max_size=40), integers(1, 700))
def test_blocks_of_any_size_give_the_same_packets(tmp_path_factory, records, block_bytes):
    path = tmp_path_factory.getbasetemp() / "blocks.pcap"
    path.write_bytes(pcap(records, link_type=101))
    assert read(path, block_bytes)[0] == read(path)[0]


def test_more_packets_than_a_batch_holds_are_all_read(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([(i, 0, b"\x45") for i in range(40_000)], link_type=101))
    packets, ledger = read(path)
    assert [p.time_ns for p in packets] == [i * 10**9 for i in range(40_000)]
    assert ledger.total == 40_000


def test_a_cut_at_any_of_the_first_400_bytes_gives_the_whole_packets_before(tmp_path):
    data, path = pcap(RECORDS), tmp_path / "cut.pcap"
    for cut in range(4, 400):
        path.write_bytes(data[:cut])
        packets, ledger = read(path)
        whole = whole_packets(data, cut)
        assert [p.data for p in packets] == [record[2] for record in RECORDS[:whole]]
        at_border = cut in {24 + 16 * i + sum(len(r[2]) for r in RECORDS[:i]) for i in range(30)}
        assert bool(ledger.damages) != at_border


def test_a_cut_anywhere_gives_the_whole_packets_before(tmp_path):
    chance = random.Random(1)
    records = [(i, 0, chance.randbytes(chance.randrange(1500))) for i in range(60)]
    data, path = pcap(records), tmp_path / "cut.pcap"
    for cut in chance.sample(range(24, len(data)), 60):
        path.write_bytes(data[:cut])
        assert len(read(path, chance.randrange(50, 5000))[0]) == whole_packets(data, cut)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_less_than_a_magic_number_is_no_capture(tmp_path, size):
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([])[:size])
    with pytest.raises(UnknownFormat):
        read(path)


def test_an_empty_file_cannot_be_read(tmp_path):
    path = tmp_path / "x.pcap"
    path.touch()
    with pytest.raises(Unreadable, match="empty"):
        read(path)


def test_a_packet_of_the_greatest_length_is_read(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([(1, 0, bytes(262_144)), (2, 0, FRAME)]))
    packets, ledger = read(path, 1000)
    assert [len(p.data) for p in packets] == [262_144, len(FRAME)]
    assert not ledger.damages


def test_a_longer_packet_is_damage_and_the_packets_before_it_stay(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([(1, 0, FRAME), (1, 0, bytes(262_145)), (2, 0, FRAME)]))
    packets, ledger = read(path)
    assert len(packets) == 1
    assert "packet 2 claims more than 262144 bytes" in ledger.damages[0]


def test_a_file_without_packets_is_whole(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([]))
    packets, ledger = read(path)
    assert (packets, ledger.complete, ledger.total) == ([], True, 0)


def test_packets_of_an_unknown_link_type_are_lost_by_its_name(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap(RECORDS, link_type=249))
    ledger = read(path)[1]
    assert ledger.as_dict()["losses"] == {"link type not read: 249 (USBPcap)": 30}


@pytest.mark.parametrize("bits", [0x24000000, 0xF0000000, 0x04000000])
def test_the_length_of_the_frame_check_sequence_is_no_link_type(tmp_path, bits):
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([(1, 0, FRAME)], link_type=bits | 1))
    assert read(path)[1].metered == 1


@settings(max_examples=some(300))
@given(
    lists(tuples(integers(0, 800), integers(0, 255)), max_size=8),
    sampled_from([64, 333, 4 << 20]),
)
def test_damaged_bytes_never_raise_and_every_packet_is_counted(tmp_path_factory, changes, block_bytes):
    held = bytearray(pcap([(i, 0, FRAME) for i in range(10)]))
    for place, value in changes:
        if 4 <= place < len(held):
            held[place] = value
    path = tmp_path_factory.getbasetemp() / "damaged.pcap"
    path.write_bytes(held)
    packets, ledger = read(path, block_bytes)
    assert ledger.total == len(packets)


def test_lost_packets_and_metered_ones_are_all_that_came(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([(1, 0, FRAME), (1, 0, ether(bytes(28), 0x0806)), (1, 0, FRAME[:20])]))
    ledger = read(path)[1]
    assert (ledger.metered, ledger.lost_total, ledger.total) == (1, 2, 3)


def test_a_scapy_capture_is_read_as_scapy_wrote_it(tmp_path):
    scapy = pytest.importorskip("scapy.all")
    sent = [scapy.Ether() / scapy.IP(dst="10.9.9.9") / scapy.UDP(dport=i) / bytes(i) for i in range(1, 50)]
    path = tmp_path / "x.pcap"
    scapy.wrpcap(str(path), sent)
    assert [p.header["dst_port"] for p in read(path)[0]] == list(range(1, 50))
