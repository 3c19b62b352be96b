"""Tells whether a packet carries another one, and where that starts.

Each reader gives (code of the tunnel or 0, its id, the kind of what is inside, its offset). Where the bytes are no such
header, or not all of it was captured, that is 0: the packet is one like any other.
"""

from numba import b1, i8

from oddflow.capture._kind_kernels import (
    ARP,
    IPV4,
    IPV6,
    KIND_ETHERNET,
    KIND_IP,
    KIND_NONE,
    KIND_PPP,
    MPLS,
    of_service,
)
from oddflow.capture._network_kernels import UDP
from oddflow.capture._radio_kernels import KIND_WIFI
from oddflow.capture._read_kernels import network_u16, network_u32, read_byte
from oddflow.jit import kernel

NO_TUNNEL, IP_IN_IP, IPV6_IN_IP, GRE, ERSPAN, VXLAN, GENEVE, GTP_U, TEREDO, L2TP, ETHER_IN_IP, MPLS_IN_IP = range(12)
"""As `schema.Tunnel`."""

MAX_EXTENSIONS = 8

PORT_L2TP, PORT_GTP_U, PORT_TEREDO, PORT_VXLAN, PORT_VXLAN_GPE = 1701, 2152, 3544, 4789, 4790
PORT_GENEVE, PORT_MPLS, PORT_VXLAN_LINUX = 6081, 6635, 8472

TRANSPARENT_BRIDGING, POINT_TO_POINT, ERSPAN_II, ERSPAN_III = 0x6558, 0x880B, 0x88BE, 0x22EB
ARUBA, ARUBA_LAST = 0x8200, 0x8370


@kernel(b1(i8))
def is_tunnel_port(port):
    """Whether packets of a UDP port are looked into."""
    return port in (
        PORT_L2TP, PORT_GTP_U, PORT_TEREDO, PORT_VXLAN, PORT_VXLAN_GPE, PORT_GENEVE, PORT_MPLS, PORT_VXLAN_LINUX
    )  # fmt: skip


@kernel()
def tunnel(data, at, body, end, packet):
    """What a packet carries.

    Args:
        at: Where its transport header starts; body: where its payload does.
        end: Where what was captured of it ends.
    """
    protocol = packet.protocol
    if protocol == UDP:
        kind_of_port = packet.dst_port if is_tunnel_port(packet.dst_port) else packet.src_port
        return of_port(data, body, end, kind_of_port)
    if protocol == 4:
        return IP_IN_IP, 0, IPV4, at
    if protocol == 41:
        return IPV6_IN_IP, 0, IPV6, at
    if protocol == 47:
        return gre(data, at, end)
    if protocol == 97 and at + 2 <= end and read_byte(data, at) == 0x30:  # RFC 3378
        return ETHER_IN_IP, 0, KIND_ETHERNET, at + 2
    if protocol == 143:  # RFC 8986 section 4.9
        return ETHER_IN_IP, 0, KIND_ETHERNET, at
    if protocol == 137:  # RFC 4023
        return MPLS_IN_IP, 0, MPLS, at
    return NO_TUNNEL, 0, KIND_NONE, at


@kernel()
def of_port(data, at, end, port):
    """What the UDP payload at `at` carries."""
    if not is_tunnel_port(port) or at + 8 > end:
        return NO_TUNNEL, 0, KIND_NONE, at
    if port in (PORT_VXLAN, PORT_VXLAN_LINUX, PORT_VXLAN_GPE):
        return vxlan(data, at, port == PORT_VXLAN_GPE)
    if port == PORT_GENEVE:
        return geneve(data, at)
    if port == PORT_GTP_U:
        return gtp(data, at, end)
    if port == PORT_TEREDO:
        return teredo(data, at, end)
    if port == PORT_L2TP:
        return l2tp(data, at, end)
    return MPLS_IN_IP, 0, MPLS, at  # RFC 7510


@kernel()
def vxlan(data, at, is_generic):
    """Reads a VXLAN header (RFC 7348), or its generic form (draft-ietf-nvo3-vxlan-gpe)."""
    flags = read_byte(data, at)
    if not flags & 0x08:
        return NO_TUNNEL, 0, KIND_NONE, at
    kind = KIND_ETHERNET
    if is_generic and flags & 0x04:
        kind = of_service(read_byte(data, at + 3))
    return VXLAN if kind != KIND_NONE else NO_TUNNEL, network_u32(data, at + 4) >> 8, kind, at + 8


@kernel()
def carried(number):
    """The kind of an ether type that names what a tunnel carries, or KIND_NONE."""
    if number == TRANSPARENT_BRIDGING:
        return KIND_ETHERNET
    if number == POINT_TO_POINT:
        return KIND_PPP
    if ARUBA <= number <= ARUBA_LAST and number & 0x0F == 0:
        return KIND_WIFI
    return number if number in (IPV4, IPV6, MPLS, ARP) else KIND_NONE


@kernel()
def geneve(data, at):
    """Reads a GENEVE header (RFC 8926)."""
    kind = carried(network_u16(data, at + 2))
    first = read_byte(data, at)
    if first >> 6 != 0 or kind == KIND_NONE:
        return NO_TUNNEL, 0, KIND_NONE, at
    return GENEVE, network_u32(data, at + 4) >> 8, kind, at + 8 + (first & 0x3F) * 4


@kernel()
def gtp(data, at, end):
    """Reads the header of a GTP version 1 data message (3GPP TS 29.281 section 5)."""
    flags = read_byte(data, at)
    if flags & 0xF0 != 0x30 or read_byte(data, at + 1) != 255:
        return NO_TUNNEL, 0, KIND_NONE, at
    tunnel_id = network_u32(data, at + 4)
    at += 8
    if flags & 0x07:
        if at + 4 > end:
            return NO_TUNNEL, 0, KIND_NONE, at
        following = read_byte(data, at + 3) if flags & 0x04 else 0
        at += 4
        for _ in range(MAX_EXTENSIONS):
            if following == 0:
                break
            if at >= end or read_byte(data, at) == 0 or at + read_byte(data, at) * 4 > end:
                return NO_TUNNEL, 0, KIND_NONE, at
            at += read_byte(data, at) * 4
            following = read_byte(data, at - 1)
        if following != 0:
            return NO_TUNNEL, 0, KIND_NONE, at
    return GTP_U, tunnel_id, KIND_IP, at


@kernel()
def teredo(data, at, end):
    """Passes over what Teredo puts before an IPv6 packet (RFC 4380 section 5.1.1)."""
    if network_u16(data, at) == 1:
        at += 13 + read_byte(data, at + 2) + read_byte(data, at + 3)
    if at + 8 <= end and network_u16(data, at) == 0:
        at += 8
    return TEREDO, 0, IPV6, at


@kernel()
def l2tp(data, at, end):
    """Reads the header of an L2TP version 2 data message (RFC 2661 section 3.1)."""
    flags = network_u16(data, at)
    if flags & 0x800F != 0x0002:
        return NO_TUNNEL, 0, KIND_NONE, at
    at += 4 if flags & 0x4000 else 2
    ends_at = at + 4 + (4 if flags & 0x0800 else 0) + (2 if flags & 0x0200 else 0)
    if ends_at > end:
        return NO_TUNNEL, 0, KIND_NONE, at
    tunnel_id = network_u32(data, at)
    if flags & 0x0200:
        ends_at += network_u16(data, ends_at - 2)
    return L2TP, tunnel_id, KIND_PPP, ends_at


@kernel()
def gre(data, at, end):
    """Reads a GRE header (RFC 2784, RFC 2890; version 1, of PPTP: RFC 2637)."""
    if at + 4 > end:
        return NO_TUNNEL, 0, KIND_NONE, at
    flags = network_u16(data, at)
    number = network_u16(data, at + 2)
    version = flags & 7
    has_sequence = flags & 0x1000
    if flags & 0x4000 or version > 1 or (version == 1 and not flags & 0x2000):
        return NO_TUNNEL, 0, KIND_NONE, at
    key_at = at + 8 if flags & 0x8000 else at + 4
    ends_at = key_at + (4 if flags & 0x2000 else 0) + (4 if has_sequence else 0)
    if version == 1 and flags & 0x0080:  # an acknowledgement
        ends_at += 4
    if ends_at > end:
        return NO_TUNNEL, 0, KIND_NONE, at
    key = network_u32(data, key_at) if flags & 0x2000 else 0
    if version == 1:
        is_data = number == POINT_TO_POINT and has_sequence
        return GRE if is_data else NO_TUNNEL, key & 0xFFFF, KIND_PPP, ends_at
    if number in (ERSPAN_II, ERSPAN_III):
        return erspan(data, ends_at, end, number, has_sequence)
    kind = carried(number)
    return GRE if kind != KIND_NONE else NO_TUNNEL, key, kind, ends_at


@kernel()
def erspan(data, at, end, number, has_sequence):
    """Reads an ERSPAN header of type I, which is none, II or III (draft-foschiano-erspan)."""
    if number == ERSPAN_II and not has_sequence:
        return ERSPAN, 0, KIND_ETHERNET, at
    header_bytes = 8 if number == ERSPAN_II else 12
    if at + header_bytes > end or read_byte(data, at) >> 4 != (1 if number == ERSPAN_II else 2):
        return NO_TUNNEL, 0, KIND_NONE, at
    session = network_u16(data, at + 2) & 0x03FF
    if number == ERSPAN_II:
        return ERSPAN, session, KIND_ETHERNET, at + 8
    content = (read_byte(data, at + 10) >> 2) & 0x1F
    if content not in (0, 2):
        return NO_TUNNEL, 0, KIND_NONE, at
    if read_byte(data, at + 11) & 1:
        header_bytes += 8
    return ERSPAN, session, KIND_ETHERNET if content == 0 else KIND_IP, at + header_bytes
