"""The twin's link layers."""

import struct

SNAPPED, LINK_TYPE, NOT_IP, IP_HEADER, TRANSPORT_HEADER, TOO_DEEP = range(1, 7)
ARP = 8
IPV4, IPV6 = 0x0800, 0x86DD
MAX_WIRE_BYTES = 262_144
MAX_HEADERS = 16
TAGS = (0x8100, 0x88A8, 0x9100, 0x9200)


class Lost(Exception):
    """Ends the decoding of a packet with the code of its loss."""


class Cursor:
    """Reads the bytes of one packet from front to back."""

    def __init__(self, data: bytes, wire: int) -> None:
        self.data = data  # what was captured of it
        self.wire_end = max(len(data), min(wire, MAX_WIRE_BYTES))
        self.at = 0

    def copy(self) -> "Cursor":
        other = Cursor(self.data, 0)
        other.at, other.wire_end = self.at, self.wire_end
        return other

    def require(self, size: int, malformed: int = NOT_IP) -> None:
        if self.at + size > len(self.data):
            raise Lost(SNAPPED if self.at + size <= self.wire_end else malformed)

    def take(self, form: str, offset: int = 0) -> int:
        return struct.unpack_from(form, self.data, self.at + offset)[0]

    def pull(self, form: str) -> int:
        """Requires a number, takes it and passes it."""
        self.require(struct.calcsize(form))
        number = self.take(form)
        self.at += struct.calcsize(form)
        return number

    def skip(self, size: int) -> None:
        self.require(size)
        self.at += size

    def end_at(self, end: int) -> None:
        self.wire_end = end
        self.data = self.data[:end]


RAW = (12, 14, 101, 228, 229)
BY_LINK_TYPE = {
    1: "ethernet", 0: "loopback", 108: "loopback", 105: "wifi", 127: "radiotap", 119: "prism", 163: "prism", 192: "ppi",
    9: "ppp_hdlc", 50: "ppp_hdlc", 204: "ppp_hdlc", 166: "ppp", 51: 0x8864, 104: "cisco", 205: "cisco",
    107: "frame_relay", 206: "frame_relay", 239: "nflog", 258: "pktap", 117: "pflog", 10: "llc", 100: "llc",
    109: "ip", 226: "ip", 113: "type", 276: "type", 242: "type", **dict.fromkeys(RAW, "ip"),
}  # fmt: skip
BEFORE = {10: 13, 204: 1, 166: 2, 205: 1, 206: 1, 109: 12, 226: 24, 113: 16, 276: 20, 242: 44}
TYPE_AT = {113: 14, 276: 0, 242: 40}


def start(cursor, link_type):
    """The kind that a link type begins with, its fixed part passed."""
    if link_type not in BY_LINK_TYPE:
        return None
    cursor.require(BEFORE.get(link_type, 0))
    kind = BY_LINK_TYPE[link_type]
    if kind == "type":
        kind = protocol(cursor.take(">H", TYPE_AT[link_type]))
    cursor.at += BEFORE.get(link_type, 0)
    return kind


def behind_link_type(cursor, link_type):
    """(ether type or code of what is no IP, outermost VLAN)."""
    kind = start(cursor, link_type)
    if kind is None:
        raise Lost(LINK_TYPE)
    return behind_links(cursor, kind)


def behind_links(cursor, kind):
    names = {1: "ethernet", 2: "ip", 3: "ppp", 16: "wifi"}  # as the tunnels name them
    kind = names.get(kind, kind)
    tags = []
    for _ in range(MAX_HEADERS + 1):
        if kind in TAGS:
            tag = cursor.copy()
            tag.skip(4)
            tags.append(cursor.take(">H") & 0xFFF)
            kind, cursor.at = length_or_type(cursor.take(">H", 2)), tag.at
        elif kind in STEPS:
            kind = STEPS[kind](cursor)
        else:
            return kind, tags[0] if tags else -1
    raise Lost(TOO_DEEP)


def length_or_type(number):
    return number if number >= 1536 else "llc"


def protocol(number):
    return number if number >= 1536 else {1: 0x1FF, 4: "llc"}.get(number, 0)


def family(number):
    return IPV4 if number == 2 else IPV6 if number in (10, 23, 24, 28, 30) else 0


def ethernet(cursor):
    cursor.skip(14)
    return length_or_type(cursor.take(">H", -2))


def by_version(cursor):
    cursor.require(1)
    return {4: IPV4, 6: IPV6}.get(cursor.take("B") >> 4, 0)


def mpls(cursor):
    cursor.require(5)
    label = cursor.take(">I")
    cursor.at += 4
    if not label & 0x100:
        return 0x8847
    nibble = cursor.take("B") >> 4
    if nibble in (4, 6):
        return IPV4 if nibble == 4 else IPV6
    if nibble == 1:
        return 43
    known = (IPV4, IPV6, 0x0806, 0x8100, 0x88A8)
    enough = cursor.at + 18 <= len(cursor.data)
    if nibble == 0 and enough and (cursor.take(">H", 16) in known or cursor.take(">H", 12) not in known):
        cursor.at += 4
    return "ethernet"


def pppoe(cursor):
    cursor.require(6)
    code = cursor.take("B", 1)
    cursor.at += 6
    return 0x8863 if code else "ppp"


def backbone(cursor, size=4):
    cursor.require(6)
    cursor.at += size
    return "ethernet"


def redundancy(cursor):
    cursor.skip(6)
    return length_or_type(cursor.take(">H", -2))


def service(cursor):
    cursor.require(6)
    length, following = 4 * (cursor.take("B", 1) % 64), cursor.take("B", 3)
    if length < 8:
        raise Lost(NOT_IP)
    cursor.at += length
    return {1: IPV4, 2: IPV6, 3: "ethernet", 4: 0x894F, 5: 0x8847}.get(following, 0)


def llc(cursor):
    cursor.skip(3)
    point = cursor.take("B", -3)
    return {0xAA: "snap", 0xFE: "nlpid", 0x06: IPV4}.get(point, 0x100 + point)


def nlpid(cursor):
    return {0xCC: IPV4, 0x8E: IPV6, 0x80: "snap"}.get(cursor.pull("B"), 0x1FE)


def snap(cursor):
    cursor.skip(5)
    vendor, number = cursor.data[cursor.at - 5 : cursor.at - 2].hex(), cursor.take(">H", -2)
    if vendor == "0080c2" and number in (1, 7):
        return "ethernet"
    if vendor == "00000c" and number == 0x10B:
        return 0x142
    return number if vendor in ("000000", "0000f8", "00000c") and number >= 1536 else 44


def ppp(cursor):
    cursor.require(2)
    if cursor.data[cursor.at : cursor.at + 2] == b"\xff\x03":
        cursor.at += 2
    cursor.require(2)
    number = cursor.pull("B") if cursor.take("B") & 1 else cursor.pull(">H")
    known = {0x21: IPV4, 0x57: IPV6, 0x281: 0x8847, 0x283: 0x8847}
    return known.get(number, 40 if number >= 0x8000 else 41)


def ppp_hdlc(cursor):
    cursor.require(2)
    return cisco(cursor) if cursor.take("B") in (0x0F, 0x8F) else ppp(cursor)


def cisco(cursor):
    cursor.require(4)
    number = cursor.take(">H", 2)
    if number == 0xFEFE:
        cursor.at += 2
        return "llc"
    cursor.at += 4
    return 42 if number == 0x8035 else protocol(number)


def frame_relay(cursor):
    for _ in range(4):
        cursor.require(3)
        cursor.at += 1
        if cursor.take("B", -1) & 1:
            break
    if cursor.take("B") != 3:
        return protocol(cursor.pull(">H"))
    cursor.at += 1
    if cursor.take("B") == 0:
        cursor.at += 1
    return "nlpid"


def loopback(cursor):
    cursor.skip(4)
    number = cursor.take("<I", -4)
    return family(number if number <= 0xFFFF else cursor.take(">I", -4))


def pflog(cursor):
    cursor.require(4)
    kind = family(cursor.take("B", 1))
    cursor.skip(max(4, -(-cursor.take("B") // 4) * 4))
    return kind


def noted(cursor, size, length, link_type):
    if length < size:
        raise Lost(NOT_IP)
    cursor.skip(length)
    return start(cursor, link_type) if link_type in BY_LINK_TYPE else 0x5FF


def ppi(cursor):
    cursor.require(8)
    return noted(cursor, 8, cursor.take("<H", 2), cursor.take("<I", 4))


def pktap(cursor):
    cursor.require(12)
    return noted(cursor, 12, cursor.take("<I"), cursor.take("<I", 8))


def nflog(cursor):
    cursor.require(4)
    of = cursor.take("B")
    cursor.at += 4
    for _ in range(32):
        if cursor.at + 4 > len(cursor.data):
            break
        length, field = cursor.take("<H"), cursor.take("<H", 2)
        if length < 4:
            raise Lost(NOT_IP)
        if field & 0x7FFF == 9:
            cursor.at += 4
            return family(of)
        cursor.at += -(-length // 4) * 4
    if len(cursor.data) < cursor.wire_end:
        raise Lost(SNAPPED)
    return 45


def radiotap(cursor):
    cursor.require(8)
    length, present = cursor.take("<H", 2), cursor.take("<I", 4)
    if length < 8 or cursor.take("B"):
        raise Lost(NOT_IP)
    cursor.require(length)
    header = cursor.data[cursor.at : cursor.at + length]
    cursor.at += length
    place, word = 8, present
    while word >> 31 and place + 4 <= length:
        word = struct.unpack_from("<I", header, place)[0]
        place += 4
    if not present & 2:
        return "wifi"
    if present & 1:
        place += -place % 8 + 8
    return "wifi_padded" if header[place : place + 1] and header[place] & 0x20 else "wifi"


def prism(cursor):
    cursor.require(8)
    big, little = cursor.take(">I", 4), cursor.take("<I", 4)
    length = big if cursor.take(">I") >> 12 == 0x80211 else min(big, little)
    if length < 8:
        raise Lost(NOT_IP)
    cursor.skip(length)
    return "wifi"


def wifi(cursor, padded=False):
    cursor.require(2)
    first, flags = cursor.take("B"), cursor.take("B", 1)
    if first & 0x0C != 0x08:
        return 32 if first & 0x0C == 0 else 33
    if first & 0x40:
        return 34
    if flags & 0x40:
        return 35
    size = quality = 30 if flags & 3 == 3 else 24
    if first & 0x80:
        size += 6 if flags & 0x80 else 2
    if padded:
        size += -size % 4
    cursor.require(size)
    if cursor.take("<H", 22) % 16:
        return 36
    aggregate = first & 0x80 and cursor.take("B", quality) & 0x80
    cursor.at += size + (14 if aggregate else 0)
    return "llc"


STEPS = {
    "ethernet": ethernet, "ip": by_version, 0x8847: mpls, 0x8848: mpls, 0x8864: pppoe, 0x88E7: backbone,
    0x8903: lambda cursor: backbone(cursor, 2), 0x892F: redundancy, 0x894F: service,
    "llc": llc, "nlpid": nlpid, "snap": snap, "ppp": ppp, "ppp_hdlc": ppp_hdlc, "cisco": cisco,
    "frame_relay": frame_relay, "loopback": loopback, "pflog": pflog, "ppi": ppi, "pktap": pktap, "nflog": nflog,
    "radiotap": radiotap, "prism": prism, "wifi": wifi, "wifi_padded": lambda cursor: wifi(cursor, padded=True),
}  # fmt: skip
