"""Link layers: each leads to the same packet, and what is no IP has a name."""

import struct

import pytest
from tests.capture.build import block, decoded, enhanced, ether, interface, ipv4, ipv6, pcap, section, udp
from tests.capture.stacks import LINK_TYPES, TYPES, framed, mpls, nflog_field, ppp, pppoe, radiotap, snap, wifi

from oddflow.capture import _layout as layout
from oddflow.capture.naming import LINK_TYPE_NAMES, kind_name
from oddflow.capture.reader import packets
from oddflow.losses import MAX_DETAILS, Ledger, Loss

PACKETS = {4: ipv4(udp(b"abc", 5000, 53)), 6: ipv6(udp(b"abc", 5000, 53))}
OF_ETHERNET = {
    "two tags": lambda p, k: ether(p, k, [(0x88A8, 100), (0x8100, 200)]),
    "old tags": lambda p, k: ether(p, k, [(0x9100, 100), (0x9200, 200)]),
    "SNAP": lambda p, k: ether(snap(p, k), 8 + len(p)),
    "SNAP behind a tag": lambda p, k: ether(snap(p, k), 8 + len(p), [(0x8100, 1)]),
    "bridged SNAP": lambda p, k: ether(snap(p, k, b"\0\0\xf8"), 8 + len(p)),
    "a label": lambda p, k: ether(mpls(p), 0x8847),
    "three labels": lambda p, k: ether(mpls(p, (1, 2, 3)), 0x8848),
    "a wire under a label": lambda p, k: ether(mpls(ether(p, k)), 0x8847),
    "a wire with control word": lambda p, k: ether(mpls(bytes(4) + ether(p, k)), 0x8847),
    "a wire to an address that starts with 0": lambda p, k: ether(mpls(bytes(6) + ether(p, k)[6:]), 0x8847),
    "PPPoE": lambda p, k: ether(pppoe(ppp(p, 4 if k == 0x800 else 6, address=False)), 0x8864),
    "PPPoE behind two tags": lambda p, k: ether(
        pppoe(ppp(p, 4 if k == 0x800 else 6, address=False)), 0x8864, [(0x88A8, 1), (0x8100, 2)]
    ),
    "labels in PPP": lambda p, k: ether(pppoe(b"\x02\x81" + mpls(p)), 0x8864),
    "a backbone": lambda p, k: ether(bytes(4) + ether(p, k), 0x88E7),
    "a fabric path": lambda p, k: ether(bytes(2) + ether(p, k), 0x8903),
    "redundancy": lambda p, k: ether(bytes(4) + struct.pack(">H", k) + p, 0x892F),
}  # fmt: skip
OF_WIFI = {
    "plain": {},
    "four addresses": {"four": True},
    "quality": {"quality": True},
    "quality and control": {"quality": True, "order": True},
    "all": {"quality": True, "order": True, "four": True},
    "aggregate": {"quality": True, "aggregate": True},
}
NOT_IP = {
    "LLDP": (1, ether(bytes(40), 0x88CC)),
    "spanning tree": (1, ether(b"\x42\x42\x03" + bytes(35), 38)),
    "CDP": (1, ether(snap(bytes(30), 0x2000, b"\0\0\x0c"), 38)),
    "PPPoE discovery": (1, ether(pppoe(b"", 9), 0x8863)),
    "802.11 management": (105, b"\x80\0" + bytes(40)),
    "802.11 control": (105, b"\xd4\0" + bytes(8)),
    "802.11 without data": (105, b"\x48\1" + bytes(22)),
    "802.11 encrypted": (105, b"\x08\x41" + bytes(60)),
    "802.11 fragment": (105, b"\x08\1" + bytes(20) + b"\1\0" + bytes(30)),
    "PPP control": (9, b"\xff\x03\xc0\x21" + bytes(8)),
    "PPP, not of IP": (9, b"\xff\x03\x00\x3d" + bytes(8)),
    "SLARP": (104, b"\x8f\0\x80\x35" + bytes(14)),
    "OSI (IS-IS, ES-IS, CLNP)": (107, b"\x18\x41\x03\x83" + bytes(20)),
    "IPX": (1, ether(b"\xff\xff" + bytes(30), 32)),
    "SNAP of a vendor": (1, ether(snap(bytes(9), 0x0800, b"\1\2\3"), 17)),
    "NFLOG without a packet": (239, b"\2\0\0\0" + nflog_field(1, bytes(4))),
    "MPLS associated channel": (1, ether(mpls(b"\x10" + bytes(30)), 0x8847)),
    "ether type 0x1234": (1, ether(bytes(40), 0x1234)),
    "802.2 service 0x7e": (1, ether(b"\x7e\x7e\x03" + bytes(40), 43)),
    "a frame that ends early": (1, bytes(13)),
    "a link type not read, within another": (192, struct.pack("<BBHI", 0, 0, 8, 147) + bytes(40)),
    "unknown content": (101, bytes(20)),
}


def end(fields):
    return fields["loss"], fields["src_port"], fields["dst_port"], fields["payload_length"]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("link_type", sorted(set(LINK_TYPES) - {147}))
def test_each_link_type_leads_to_the_same_packet(link_type, version):
    assert end(decoded(framed(link_type, PACKETS[version], version), link_type=link_type)) == (0, 5000, 53, 3)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", OF_ETHERNET)
def test_each_header_between_ethernet_and_ip_leads_to_the_same_packet(name, version):
    assert end(decoded(OF_ETHERNET[name](PACKETS[version], TYPES[version]))) == (0, 5000, 53, 3)


@pytest.mark.parametrize("name", OF_WIFI)
def test_each_kind_of_802_11_data_leads_to_the_same_packet(name):
    assert end(decoded(wifi(PACKETS[6], 6, **OF_WIFI[name]), link_type=105)) == (0, 5000, 53, 3)


@pytest.mark.parametrize(
    ("present", "fields", "padding"),
    [
        (0, b"", 0),
        (1 << 2, b"\x02\0", 0),
        (0x80000000, struct.pack("<I", 0), 0),
        (2, b"\x10\0", 0),
        (2, b"\x20\0", 2),
        (3, bytes(8) + b"\x20\0", 2),
        (0x80000003, bytes(4) + bytes(4) + bytes(8) + b"\x20\0", 2),
    ],
)
def test_radiotap_headers_are_passed_over_and_their_padding_is_believed(present, fields, padding):
    frame = wifi(PACKETS[4], 4, quality=True)
    frame = frame[:26] + bytes(padding) + frame[26:]
    assert end(decoded(radiotap(frame, present, fields), link_type=127)) == (0, 5000, 53, 3)


@pytest.mark.parametrize("link_type", [9, 50])
def test_what_starts_as_cisco_hdlc_is_read_so_among_ppp(link_type):
    assert end(decoded(b"\x0f\0\x08\0" + PACKETS[4], link_type=link_type)) == (0, 5000, 53, 3)


def test_pseudo_wires_are_told_apart_by_what_stands_behind_either_start():
    frame = bytes(4) + ether(PACKETS[4])[4:]  # an address that starts like a control word
    assert end(decoded(ether(mpls(frame), 0x8847))) == (0, 5000, 53, 3)


def test_the_outermost_tag_is_told_whatever_stands_between():
    frame = ether(pppoe(ppp(PACKETS[4], 4, address=False)), 0x8864, [(0x88A8, 100), (0x8100, 200)])
    assert decoded(frame)["vlan"] == 100


@pytest.mark.parametrize("name", NOT_IP)
def test_what_is_no_ip_is_counted_by_name(tmp_path, name):
    link_type, frame = NOT_IP[name]
    (tmp_path / "x.pcap").write_bytes(pcap([(0, 0, frame)], link_type=link_type))
    ledger = Ledger()
    list(packets(str(tmp_path / "x.pcap"), ledger))
    assert ledger.as_dict()["losses"] == {f"not IP: {name}": 1}


def test_at_most_64_details_of_a_reason_are_kept(tmp_path):
    frames = [(0, 0, ether(bytes(40), 0x1000 + i)) for i in range(100)]
    (tmp_path / "x.pcap").write_bytes(pcap(frames))
    ledger = Ledger()
    list(packets(str(tmp_path / "x.pcap"), ledger))
    assert len(ledger.reasons) == MAX_DETAILS + 1
    assert (ledger.reasons["not IP: other"], ledger.lost_total) == (36, 100)


def test_each_link_type_that_is_not_read_is_counted_by_name(tmp_path):
    blocks = [section(), interface(147), interface(249), interface(999)]
    blocks += [enhanced(b"x" * 20, number=i) for i in (0, 1, 1, 2, 3)]
    (tmp_path / "x.pcapng").write_bytes(b"".join(blocks))
    ledger = Ledger()
    list(packets(str(tmp_path / "x.pcapng"), ledger))
    assert ledger.as_dict()["losses"] == {
        f"{Loss.LINK_TYPE}: 249 (USBPcap)": 2,
        f"{Loss.LINK_TYPE}: of an interface that was never declared": 1,
        f"{Loss.LINK_TYPE}: 147 (user 0)": 1,
        f"{Loss.LINK_TYPE}: 999": 1,
    }


def test_link_type_names_start_with_their_number():
    assert all(name.split(" ", 1)[0] == str(number) for number, name in LINK_TYPE_NAMES.items() if number >= 0)


def test_every_kind_has_a_name():
    assert all(kind_name(kind) for kind in range(65536))


def test_a_frame_that_the_capture_cut_is_snapped():
    assert decoded(ether(PACKETS[4])[:10], wire=60)["loss"] == layout.LOST_SNAPPED


def test_a_block_of_an_unknown_kind_between_packets_is_passed_over(tmp_path):
    (tmp_path / "x.pcapng").write_bytes(
        section() + interface() + enhanced(ether(PACKETS[4])) + block(0x0BAD, bytes(40)) + enhanced(ether(PACKETS[6]))
    )
    assert sum(batch.count for batch in packets(str(tmp_path / "x.pcapng"), Ledger())) == 2
