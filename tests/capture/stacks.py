"""Packets in links and tunnels of every kind, and Hypothesis strategies that pile them up and break them."""

import struct
from itertools import pairwise

from hypothesis.strategies import binary, booleans, composite, integers, lists, sampled_from
from tests.capture.build import ether, icmp, ipv4, ipv6, tcp, udp

EXTENSIONS = [0, 43, 44, 51, 60, 135, 139, 140]
LINK_TYPES = [
    0, 1, 9, 10, 12, 14, 50, 51, 100, 101, 104, 105, 107, 108, 109, 113, 117, 119, 127, 163, 166, 192, 204, 205, 206,
    226, 228, 229, 239, 242, 258, 276, 147,
]  # fmt: skip
TYPES = {4: 0x0800, 6: 0x86DD}
WIFI_TO_ACCESS_POINT = b"\x08\x01\0\0" + bytes(20)


def arp(operation=1, sender="10.0.0.1", target="10.0.0.2", hardware_bytes=6, protocol=0x0800):
    """An ARP packet."""
    ends = [bytes(hardware_bytes) + bytes(map(int, address.split("."))) for address in (sender, target)]
    return struct.pack(">HHBBH", 1, protocol, hardware_bytes, 4, operation) + ends[0] + ends[1]


def extension_chain(kinds, last, body):
    """IPv6 extension headers of 8 bytes each (16 for AH), then the body."""
    data = b""
    for kind, following in pairwise([*kinds, last]):
        data += bytes([following, 2 if kind == 51 else 0]) + bytes(14 if kind == 51 else 6)
    return data + body


def snap(packet, kind, organisation=b"\0\0\0"):
    return b"\xaa\xaa\x03" + organisation + struct.pack(">H", kind) + packet


def ppp(packet, version, *, address=True, short=False):
    number = {4: 0x21, 6: 0x57}[version]
    return (b"\xff\x03" if address else b"") + number.to_bytes(1 if short else 2, "big") + packet


def pppoe(inside, code=0):
    return struct.pack(">BBHH", 0x11, code, 7, len(inside)) + inside


def mpls(inside, labels=(16,)):
    last = len(labels) - 1
    return b"".join(struct.pack(">I", label << 12 | (i == last) << 8 | 64) for i, label in enumerate(labels)) + inside


def wifi(packet, version, *, quality=False, four=False, aggregate=False, order=False):
    """An 802.11 data frame."""
    control = 0x0008 | (0x80 if quality else 0) | (0x0300 if four else 0x0100) | (0x8000 if order else 0)
    head = struct.pack("<HH", control, 0) + bytes(20) + (bytes(6) if four else b"")
    if quality:
        head += (b"\x80\0" if aggregate else b"\0\0") + (bytes(4) if order else b"")
    inside = snap(packet, TYPES[version])
    return head + (bytes(12) + struct.pack(">H", len(inside)) if aggregate and quality else b"") + inside


def radiotap(frame, present=0, fields=b""):
    return struct.pack("<BBHI", 0, 0, 8 + len(fields), present) + fields + frame


def nflog_field(kind, value):
    return struct.pack("<HH", len(value) + 4, kind) + value + bytes(-len(value) % 4)


def nflog(packet, version):
    return bytes([2 if version == 4 else 10, 0, 0, 0]) + nflog_field(1, b"1234") + nflog_field(10, b"abc\0d") + (
        nflog_field(9, packet)
    )  # fmt: skip


def framed(link_type, packet, version):
    """A packet as the first bytes of a frame of any link type."""
    kind = struct.pack(">H", TYPES[version])
    family = 2 if version == 4 else 30
    makers = {
        1: lambda: ether(packet, TYPES[version]),
        0: lambda: struct.pack("<I", family) + packet,
        108: lambda: struct.pack(">I", family) + packet,
        9: lambda: ppp(packet, version, short=True),
        50: lambda: ppp(packet, version),
        51: lambda: pppoe(ppp(packet, version, address=False)),
        10: lambda: b"\x50" + bytes(12) + snap(packet, TYPES[version]),
        100: lambda: snap(packet, TYPES[version]),
        104: lambda: b"\x0f\0" + kind + packet,
        105: lambda: wifi(packet, version),
        107: lambda: b"\x18\x41\x03" + (b"\xcc" if version == 4 else b"\x8e") + packet,
        109: lambda: bytes(12) + packet,
        113: lambda: bytes(14) + kind + packet,
        117: lambda: bytes([61, family]) + bytes(62) + packet,
        119: lambda: struct.pack("<II", 0x44, 144) + bytes(136) + wifi(packet, version),
        127: lambda: radiotap(wifi(packet, version)),
        163: lambda: struct.pack(">II", 0x80211001, 64) + bytes(56) + wifi(packet, version),
        166: lambda: b"\1\3" + {4: b"\0\x21", 6: b"\0\x57"}[version] + packet,
        192: lambda: struct.pack("<BBHI", 0, 0, 12, 1) + bytes(4) + ether(packet, TYPES[version]),
        204: lambda: b"\1" + ppp(packet, version),
        205: lambda: b"\1\x8f\0" + kind + packet,
        206: lambda: b"\1\x18\x41" + kind + packet,
        226: lambda: bytes(24) + packet,
        239: lambda: nflog(packet, version),
        242: lambda: bytes(40) + kind + bytes(2) + packet,
        258: lambda: struct.pack("<III", 108, 1, 1) + bytes(96) + ether(packet, TYPES[version]),
        276: lambda: kind + bytes(18) + packet,
    }
    return makers.get(link_type, lambda: packet)()


def gre(inside, kind, *, checksum=False, key=None, sequence=None):
    flags = (0x8000 if checksum else 0) | (0x2000 if key is not None else 0) | (0x1000 if sequence is not None else 0)
    fields = [bytes(4) if checksum else b""]
    fields += [struct.pack(">I", value) for value in (key, sequence) if value is not None]
    return struct.pack(">HH", flags, kind) + b"".join(fields) + inside


def pptp(inside, call=5, acknowledged=False):
    flags = 0x3001 | (0x80 if acknowledged else 0)
    return struct.pack(">HHHHI", flags, 0x880B, len(inside), call, 1) + bytes(4 if acknowledged else 0) + inside


def service(inside, following, words=2):
    """A network service header and what it carries."""
    return bytes([0, words, 1, following]) + bytes(max(4, 4 * words - 4)) + inside


def erspan(frame, version, session=100, *, sub_header=False, content=0):
    """The GRE header and body of ERSPAN type I, II or III (0, 1, 2)."""
    if version == 0:
        return gre(frame, 0x88BE)
    if version == 1:
        return gre(struct.pack(">HHI", 0x1000, session, 0) + frame, 0x88BE, sequence=1)
    head = struct.pack(">HHII", 0x2000, session, 0, content << 10 | int(sub_header))
    return gre(head + (bytes(8) if sub_header else b"") + frame, 0x22EB, sequence=1)


def vxlan(inside, number=5000, *, following=None):
    flags = 0x08 if following is None else 0x0C
    return struct.pack(">BHBI", flags, 0, following or 0, number << 8) + inside


def geneve(inside, kind=0x6558, number=5000, options=0):
    return struct.pack(">BBHI", options, 0, kind, number << 8) + bytes(4 * options) + inside


def gtp(packet, number=77, *, sequence=False, extensions=0):
    flags = 0x30 | (2 if sequence else 0) | (4 if extensions else 0)
    optional = b""
    if sequence or extensions:
        optional = struct.pack(">HBB", 1, 0, 0x85 if extensions else 0)
        for left in range(extensions, 0, -1):
            optional += bytes([1, 0, 0, 0x85 if left > 1 else 0])
    return struct.pack(">BBHI", flags, 255, len(optional) + len(packet), number) + optional + packet


def teredo(packet, *, authentication=False, origin=False):
    head = b"\0\1\2\3" + bytes(2 + 3 + 9) if authentication else b""
    return head + (bytes(8) if origin else b"") + packet


def l2tp(inside, *, length=True, sequence=False, offset=None, session=9):
    flags = 2 | (0x4000 if length else 0) | (0x0800 if sequence else 0) | (0x0200 if offset is not None else 0)
    head = struct.pack(">H", flags) + (b"\0\0" if length else b"") + struct.pack(">HH", 3, session)
    head += bytes(4) if sequence else b""
    return head + (struct.pack(">H", offset) + bytes(offset) if offset is not None else b"") + inside


def around(packet, version, draw):
    """Another packet that carries this one: (packet, version)."""
    kind = TYPES[version]
    frame = ether(packet, kind, draw(sampled_from([(), ((0x8100, 9),)])))
    outer = draw(sampled_from(["ip", "gre", "erspan", "vxlan", "gpe", "geneve", "gtp", "teredo", "l2tp", "other"]))
    choices = {
        "ip": lambda: [(4 if version == 4 else 41, packet)],
        "gre": lambda: [
            (47, gre(packet, kind, checksum=draw(booleans()), key=draw(sampled_from([None, 0xFFFFFFFF])))),
            (47, gre(frame, 0x6558, sequence=draw(sampled_from([None, 1])))),
            (47, pptp(ppp(packet, version), acknowledged=draw(booleans()))),
            (47, gre(wifi(packet, version), 0x8200)),
            (47, gre(mpls(packet), 0x8847)),
        ],
        "erspan": lambda: [(47, erspan(frame, draw(integers(0, 2)), 1023, sub_header=draw(booleans())))],
        "vxlan": lambda: [(17, udp(vxlan(frame), 5, port)) for port in (4789, 8472)],
        "gpe": lambda: [(17, udp(vxlan(packet, following=1 if version == 4 else 2), 5, 4790))],
        "geneve": lambda: [(17, udp(geneve(frame, options=draw(sampled_from([0, 1, 63]))), 5, 6081))],
        "gtp": lambda: [
            (17, udp(gtp(packet, sequence=draw(booleans()), extensions=draw(integers(0, 9))), 2152, 2152))
        ],
        "teredo": lambda: [
            (17, udp(teredo(packet, authentication=draw(booleans()), origin=draw(booleans())), 3544, 9))
        ],
        "l2tp": lambda: [
            (17, udp(l2tp(ppp(packet, version), offset=draw(sampled_from([None, 0, 4]))), 1701, 1701))
        ],
        "other": lambda: [
            (97, b"\x30\0" + frame),
            (143, frame),
            (137, mpls(packet, (1, 2))),
            (17, udp(mpls(packet), 1, 6635)),
        ],
    }  # fmt: skip
    protocol, body = draw(sampled_from(choices[outer]()))
    if draw(booleans()):
        return ipv4(body, protocol, fragment=draw(sampled_from([0] * 9 + [0x2000]))), 4
    return ipv6(body, protocol), 6


@composite
def bare_packets(draw):
    """(IP packet, version) without a tunnel."""
    payload = draw(binary(max_size=40))
    protocol = draw(sampled_from([6, 17, 1, 58, 132, 33, 136, 47, 50, 51, 59, 89]))
    body = {
        6: lambda: tcp(
            payload, draw(integers(0, 65535)), 443, draw(integers(0, 255)), options=bytes(4) * draw(integers(0, 3))
        ),
        17: lambda: udp(payload, draw(integers(0, 65535)), 53, draw(sampled_from([0, 8, 8 + len(payload), 70]))),
        1: lambda: icmp(draw(integers(0, 20)), draw(integers(0, 5)), draw(sampled_from([payload, ipv4(udp(payload))]))),
        58: lambda: icmp(draw(sampled_from([1, 2, 3, 4, 128, 135])), 0, draw(sampled_from([payload, ipv6(udp())]))),
        51: lambda: b"\x11\4" + bytes(22) + udp(payload),
    }.get(protocol, lambda: payload + bytes(12))()
    length = draw(sampled_from([None, None, None, 0, 20, 60]))
    fragment = draw(sampled_from([0, 0, 0, 0x2000, 0x2001, 185]))
    if draw(booleans()):
        return ipv4(body, protocol, length=length, fragment=fragment, options=bytes(4) * draw(integers(0, 10))), 4
    kinds = draw(lists(sampled_from(EXTENSIONS), max_size=18))
    return ipv6(extension_chain(kinds, protocol, body), kinds[0] if kinds else protocol, length=length), 6


@composite
def valid_packets(draw):
    """(link type, bytes) of a packet that any capture could hold, in up to five tunnels."""
    packet, version = draw(bare_packets())
    for _ in range(draw(sampled_from([0, 0, 1, 1, 2, 3, 5]))):
        packet, version = around(packet, version, draw)
    link_type = draw(sampled_from(LINK_TYPES))
    if link_type != 1:
        return link_type, framed(link_type, packet, version)
    tags = draw(lists(sampled_from([(0x8100, 7), (0x88A8, 4095), (0x9100, 0), (0x9200, 1)]), max_size=17))
    kind = TYPES[version]
    return 1, draw(
        sampled_from(
            [
                ether(packet, kind, tags),
                ether(packet, kind),
                ether(snap(packet, kind), 60, tags[:2]),
                ether(pppoe(ppp(packet, version, address=False)), 0x8864),
                ether(mpls(packet, range(1, 1 + len(tags[:3]) or 2)), 0x8847),
                ether(mpls(bytes(4) + ether(packet, kind)), 0x8847),
                ether(mpls(ether(packet, kind)), 0x8848),
                ether(bytes(4) + ether(packet, kind), 0x88E7),
                ether(bytes(2) + ether(packet, kind), 0x8903),
                ether(service(packet, 1 if version == 4 else 2, draw(integers(1, 6))), 0x894F),
                ether(bytes(4) + struct.pack(">H", kind) + packet, 0x892F),
                ether(
                    arp(draw(integers(0, 3)), hardware_bytes=draw(integers(0, 8))), draw(sampled_from([2054, 32821]))
                ),
            ]
        )
    )


@composite
def broken_packets(draw):
    """(link type, bytes, wire length) of a valid packet with some bytes changed, then cut, then claimed longer."""
    link_type, data = draw(valid_packets())
    held = bytearray(data)
    for place, value in draw(
        lists(sampled_from([(p, v) for p in range(120) for v in (0, 1, 5, 44, 51, 64, 96, 255)]), max_size=4)
    ):
        if place < len(held):
            held[place] = value
    cut = draw(integers(0, len(held)))
    wire = draw(sampled_from([len(held), len(held), cut, 0, len(held) + 9, 2**31, 2**32 - 1]))
    return link_type, bytes(held[: cut if draw(booleans()) else None]), wire
