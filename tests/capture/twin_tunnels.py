"""The twin's tunnels: (code, id, kind of what is inside, cursor at it), or None."""

ETHERNET, IP, PPP, WIFI = 1, 2, 3, 16
IPV4, IPV6, MPLS = 0x0800, 0x86DD, 0x8847
CARRIED = {IPV4: IPV4, IPV6: IPV6, MPLS: MPLS, 0x0806: 0x0806, 0x6558: ETHERNET, 0x880B: PPP}
CARRIED |= dict.fromkeys(range(0x8200, 0x8371, 16), WIFI)


class Short(Exception):
    """There are fewer bytes than the header needs."""


class Bytes:
    """What was captured of a header and what follows."""

    def __init__(self, cursor):
        self.cursor = cursor
        self.held = cursor.data[cursor.at :]

    def number(self, at, size):
        if at + size > len(self.held):
            raise Short
        return int.from_bytes(self.held[at : at + size], "big")

    def inside(self, code, number, kind, at):
        inner = self.cursor.copy()
        inner.at += at
        return code, number, kind, inner


def tunnel(header, body, fields):
    try:
        if fields["protocol"] == 17:
            return of_port(Bytes(body), fields)
        return of_protocol(Bytes(header), fields["protocol"])
    except Short:
        return None


def of_protocol(head, protocol):
    if protocol in (4, 41):
        return head.inside(1, 0, IPV4, 0) if protocol == 4 else head.inside(2, 0, IPV6, 0)
    if protocol == 143:
        return head.inside(10, 0, ETHERNET, 0)
    if protocol == 137:
        return head.inside(11, 0, MPLS, 0)
    if protocol == 97 and head.number(0, 2) >> 8 == 0x30:
        return head.inside(10, 0, ETHERNET, 2)
    return gre(head) if protocol == 47 else None


def gre(head):
    flags, number = head.number(0, 2), head.number(2, 2)
    version, at, key = flags & 7, 4, 0
    if flags & 0x4000 or version > 1:
        return None
    at += 4 if flags & 0x8000 else 0
    if flags & 0x2000:
        key = head.number(at, 4)
        at += 4
    elif version == 1:
        return None
    at += 4 if flags & 0x1000 else 0
    at += 4 if version == 1 and flags & 0x80 else 0
    if at > len(head.held):
        return None
    if version == 1:
        return head.inside(3, key & 0xFFFF, PPP, at) if number == 0x880B and flags & 0x1000 else None
    if number == 0x88BE and not flags & 0x1000:
        return head.inside(4, 0, ETHERNET, at)
    if number in (0x88BE, 0x22EB):
        size, version = (8, 1) if number == 0x88BE else (12, 2)
        last = head.number(at + size - 1, 1)
        if head.number(at, 1) >> 4 != version:
            return None
        kind = {0: ETHERNET, 2: IP}.get(head.number(at + 10, 1) >> 2 & 31) if version == 2 else ETHERNET
        if version == 2 and last & 1:
            size += 8
        return None if kind is None else head.inside(4, head.number(at + 2, 2) & 0x3FF, kind, at + size)
    return head.inside(3, key, CARRIED[number], at) if number in CARRIED else None


def of_port(body, fields):
    port = fields["dst_port"] if fields["dst_port"] in PORTS else fields["src_port"]
    if port not in PORTS:
        return None
    body.number(0, 8)
    return READERS[port](body)


def vxlan(body):
    return body.inside(5, body.number(4, 3), ETHERNET, 8) if body.number(0, 1) & 8 else None


def vxlan_gpe(body):
    if body.number(0, 1) & 12 != 12:
        return vxlan(body)
    kind = {1: IPV4, 2: IPV6, 3: ETHERNET, 4: 0x894F, 5: MPLS}.get(body.number(3, 1))
    return None if kind is None else body.inside(5, body.number(4, 3), kind, 8)


def geneve(body):
    words, kind = body.number(0, 1), CARRIED.get(body.number(2, 2))
    return None if words > 63 or kind is None else body.inside(6, body.number(4, 3), kind, 8 + 4 * words)


def teredo(body):
    at = 13 + body.number(2, 1) + body.number(3, 1) if body.number(0, 2) == 1 else 0
    if at + 8 <= len(body.held) and body.number(at, 2) == 0:
        at += 8
    return body.inside(8, 0, IPV6, at)


def l2tp(body):
    flags = body.number(0, 2)
    if flags & 0x8000 or flags & 15 != 2:
        return None
    at = 4 if flags & 0x4000 else 2
    number = body.number(at, 4)
    at += 4
    if flags & 0x0800:
        body.number(at, 4)
        at += 4
    if flags & 0x0200:
        at += 2 + body.number(at, 2)
    return body.inside(9, number, PPP, at)


def gtp(body):
    flags = body.number(0, 1)
    if flags >> 4 != 3 or body.number(1, 1) != 255:
        return None
    at = 8
    if flags & 7:
        following = body.number(11, 1) if flags & 4 else 0
        body.number(8, 4)
        at = 12
        seen = 0
        while following:
            seen += 1
            size = 4 * body.number(at, 1)
            if size == 0 or seen > 8:
                return None
            following = body.number(at + size - 1, 1)
            at += size
    return body.inside(7, body.number(4, 4), IP, at)


READERS = {
    1701: l2tp, 2152: gtp, 3544: teredo, 4789: vxlan, 4790: vxlan_gpe, 6081: geneve, 8472: vxlan,
    6635: lambda body: body.inside(11, 0, MPLS, 0),
}  # fmt: skip
PORTS = tuple(READERS)
