"""Reads the headers in front of IP: link layers, VLAN tags, MPLS labels, PPP.

Each step reads one header of a known kind and gives the kind and the offset of what follows, until the kind is one
that no step here reads.
"""

from oddflow.capture._kind_kernels import (
    ARP,
    BACKBONE,
    FABRIC_PATH,
    HSR,
    IPV4,
    IPV6,
    KIND_CISCO_HDLC,
    KIND_ETHERNET,
    KIND_FRAME_RELAY,
    KIND_IP,
    KIND_LOOPBACK,
    KIND_MPLS_CHANNEL,
    KIND_NFLOG,
    KIND_NLPID,
    KIND_NO_PAYLOAD,
    KIND_PFLOG,
    KIND_PKTAP,
    KIND_PPI,
    KIND_PPP,
    KIND_PPP_CONTROL,
    KIND_PPP_HDLC,
    KIND_PPP_OTHER,
    KIND_SAP,
    KIND_SLARP,
    KIND_SNAP,
    KIND_UNKNOWN_LINK,
    KIND_VENDOR,
    MPLS,
    MPLS_MULTICAST,
    NSH,
    OSI,
    PPPOE_DISCOVERY,
    PPPOE_SESSION,
    RARP,
    SPANNING_TREE,
    of_family,
    of_length,
    of_link_type,
    of_protocol,
    of_service,
    of_version,
)
from oddflow.capture._layout import ABSENT, LOST_LINK_TYPE, LOST_NOT_IP, LOST_SNAPPED, LOST_TUNNEL_DEPTH, OK
from oddflow.capture._radio_kernels import (
    KIND_LLC,
    KIND_PRISM,
    KIND_RADIOTAP,
    KIND_WIFI,
    KIND_WIFI_PADDED,
    missing,
    prism,
    radiotap,
    wifi,
)
from oddflow.capture._read_kernels import little_u16, little_u32, network_u16, network_u32, read_byte
from oddflow.jit import kernel

MAX_LINK_HEADERS = 16
MAX_NFLOG_FIELDS = 32


@kernel()
def begin(data, at, end, wire_end, link_type):
    """(loss, kind, offset) of what a link type begins with."""
    kind, header_bytes, place = of_link_type(link_type)
    if kind == KIND_UNKNOWN_LINK:
        return LOST_LINK_TYPE, kind, at
    loss = missing(at, header_bytes, end, wire_end)
    if loss == OK and place >= 0:
        kind = of_protocol(network_u16(data, at + place))
    return loss, kind, at + header_bytes


@kernel()
def frame(data, at, end, wire_end, kind):
    """(loss, kind, offset, outermost VLAN) behind all link headers from one of a known kind on."""
    vlan = ABSENT
    for _ in range(MAX_LINK_HEADERS + 1):
        if kind in (0x8100, 0x88A8, 0x9100, 0x9200):
            loss = missing(at, 4, end, wire_end)
            if loss == OK:
                vlan = network_u16(data, at) & 0x0FFF if vlan == ABSENT else vlan
                kind = of_length(network_u16(data, at + 2))
                at += 4
        elif kind >= 0x0600:
            if kind in (MPLS, MPLS_MULTICAST):
                loss, kind, at = mpls(data, at, end, wire_end)
            elif kind in (PPPOE_SESSION, BACKBONE, HSR, FABRIC_PATH, NSH):
                loss, kind, at = wrapped(data, at, end, wire_end, kind)
            else:
                return OK, kind, at, vlan
        elif kind == KIND_ETHERNET:
            loss = missing(at, 14, end, wire_end)
            if loss == OK:
                kind = of_length(network_u16(data, at + 12))
                at += 14
        elif kind == KIND_IP:
            loss = missing(at, 1, end, wire_end)
            if loss == OK:
                kind = of_version(data, at)
        elif kind in (KIND_LLC, KIND_SNAP, KIND_NLPID):
            loss, kind, at = logical(data, at, end, wire_end, kind)
        elif kind in (KIND_PPP, KIND_PPP_HDLC, KIND_CISCO_HDLC, KIND_FRAME_RELAY):
            loss, kind, at = serial(data, at, end, wire_end, kind)
        elif kind in (KIND_WIFI, KIND_WIFI_PADDED):
            loss, kind, at = wifi(data, at, end, wire_end, kind == KIND_WIFI_PADDED)
        elif kind == KIND_RADIOTAP:
            loss, kind, at = radiotap(data, at, end, wire_end)
        elif kind == KIND_PRISM:
            loss, kind, at = prism(data, at, end, wire_end)
        elif kind in (KIND_LOOPBACK, KIND_NFLOG, KIND_PPI, KIND_PKTAP, KIND_PFLOG):
            loss, kind, at = annotated(data, at, end, wire_end, kind)
        else:
            return OK, kind, at, vlan
        if loss != OK:
            return loss, kind, at, vlan
    return LOST_TUNNEL_DEPTH, kind, at, vlan


@kernel()
def mpls(data, at, end, wire_end):
    """Reads one label (RFC 3032); below the last one it guesses, as RFC 4928 and RFC 4385 say: (loss, kind, offset)."""
    loss = missing(at, 5, end, wire_end)
    if loss != OK:
        return loss, MPLS, at
    is_last = read_byte(data, at + 2) & 1
    at += 4
    if not is_last:
        return OK, MPLS, at
    first = read_byte(data, at) >> 4
    if first in (4, 6):
        return OK, IPV4 if first == 4 else IPV6, at
    if first == 1:
        return OK, KIND_MPLS_CHANNEL, at
    if first == 0 and at + 18 <= end:  # a control word of four bytes, or an address that begins so
        without = network_u16(data, at + 12)
        behind = network_u16(data, at + 16)
        if behind in (IPV4, IPV6, ARP, 0x8100, 0x88A8) or without not in (IPV4, IPV6, ARP, 0x8100, 0x88A8):
            at += 4
    return OK, KIND_ETHERNET, at


@kernel()
def wrapped(data, at, end, wire_end, kind):
    """Reads a PPPoE header (RFC 2516), an I-tag (IEEE 802.1ah), an HSR tag (IEC 62439-3), Cisco's FabricPath or a
    network service header (RFC 8300): (loss, kind, offset)."""
    loss = missing(at, 6, end, wire_end)
    if loss != OK:
        return loss, kind, at
    if kind == NSH:
        length = (read_byte(data, at + 1) & 0x3F) * 4
        if length < 8:
            return LOST_NOT_IP, kind, at
        return OK, of_service(read_byte(data, at + 3)), at + length
    if kind in (BACKBONE, FABRIC_PATH):
        return OK, KIND_ETHERNET, at + (4 if kind == BACKBONE else 2)
    if kind == HSR:
        return OK, of_length(network_u16(data, at + 4)), at + 6
    return OK, KIND_PPP if read_byte(data, at + 1) == 0 else PPPOE_DISCOVERY, at + 6


@kernel()
def logical(data, at, end, wire_end, kind):
    """Reads an 802.2 header, SNAP (RFC 1042) or a network layer identifier (ISO 9577): (loss, kind, offset)."""
    if kind == KIND_LLC:
        loss = missing(at, 3, end, wire_end)
        if loss != OK:
            return loss, kind, at
        point = read_byte(data, at)
        if point == 0xAA:
            return OK, KIND_SNAP, at + 3
        if point == 0xFE:
            return OK, KIND_NLPID, at + 3
        return OK, IPV4 if point == 0x06 else KIND_SAP + point, at + 3
    if kind == KIND_NLPID:
        loss = missing(at, 1, end, wire_end)
        if loss != OK:
            return loss, kind, at
        identifier = read_byte(data, at)
        following = IPV4 if identifier == 0xCC else IPV6 if identifier == 0x8E else OSI
        return OK, KIND_SNAP if identifier == 0x80 else following, at + 1
    loss = missing(at, 5, end, wire_end)
    if loss != OK:
        return loss, kind, at
    organisation = network_u32(data, at) >> 8
    number = network_u16(data, at + 3)
    at += 5
    if organisation == 0x0080C2 and number in (1, 7):  # bridged Ethernet (RFC 2427)
        return OK, KIND_ETHERNET, at
    if organisation == 0x00000C and number == 0x010B:
        return OK, SPANNING_TREE, at
    if organisation in (0, 0x0000F8, 0x00000C) and number >= 0x0600:
        return OK, number, at
    return OK, KIND_VENDOR, at


@kernel()
def serial(data, at, end, wire_end, kind):
    """Reads PPP (RFC 1661, RFC 1662), Cisco HDLC or frame relay (RFC 2427): (loss, kind, offset)."""
    loss = missing(at, 2, end, wire_end)
    if loss != OK:
        return loss, kind, at
    if kind == KIND_FRAME_RELAY:
        return frame_relay(data, at, end, wire_end)
    if kind == KIND_CISCO_HDLC or (kind == KIND_PPP_HDLC and read_byte(data, at) in (0x0F, 0x8F)):
        loss = missing(at, 4, end, wire_end)
        if loss != OK:
            return loss, kind, at
        number = network_u16(data, at + 2)
        if number == 0xFEFE:
            return OK, KIND_LLC, at + 2
        return OK, KIND_SLARP if number == RARP else of_protocol(number), at + 4
    if network_u16(data, at) == 0xFF03:
        at += 2
    loss = missing(at, 2, end, wire_end)
    if loss != OK:
        return loss, kind, at
    number = read_byte(data, at)
    is_short = number & 1  # protocol field compression
    if not is_short:
        number = network_u16(data, at)
    at += 2 - is_short
    if number == 0x21:
        return OK, IPV4, at
    if number == 0x57:
        return OK, IPV6, at
    if number in (0x0281, 0x0283):
        return OK, MPLS, at
    return OK, KIND_PPP_CONTROL if number >= 0x8000 else KIND_PPP_OTHER, at


@kernel()
def frame_relay(data, at, end, wire_end):
    """Reads a frame relay header, of the IETF or of Cisco: (loss, kind, offset)."""
    for _ in range(4):  # an address of two to four bytes; the last has bit 0 set
        loss = missing(at, 3, end, wire_end)
        if loss != OK:
            return loss, KIND_FRAME_RELAY, at
        at += 1
        if read_byte(data, at - 1) & 1:
            break
    if read_byte(data, at) != 0x03:
        return OK, of_protocol(network_u16(data, at)), at + 2
    at += 1
    if read_byte(data, at) == 0:  # padding
        at += 1
    return OK, KIND_NLPID, at


@kernel()
def annotated(data, at, end, wire_end, kind):
    """Passes over what a capturing system writes before a packet: (loss, kind, offset)."""
    loss = missing(at, 12 if kind == KIND_PKTAP else 8 if kind == KIND_PPI else 4, end, wire_end)
    if loss != OK:
        return loss, kind, at
    if kind == KIND_LOOPBACK:
        family = little_u32(data, at)
        return OK, of_family(network_u32(data, at) if family > 0xFFFF else family), at + 4
    if kind == KIND_NFLOG:
        return nflog(data, at, end, wire_end)
    if kind == KIND_PFLOG:
        length = (read_byte(data, at) + 3) // 4 * 4
        loss = missing(at, max(4, length), end, wire_end)
        return loss, of_family(read_byte(data, at + 1)) if loss == OK else kind, at + max(4, length)
    length = little_u32(data, at) if kind == KIND_PKTAP else little_u16(data, at + 2)
    link_type = little_u32(data, at + 8 if kind == KIND_PKTAP else at + 4)
    if length < (12 if kind == KIND_PKTAP else 8):
        return LOST_NOT_IP, kind, at
    loss = missing(at, length, end, wire_end)
    if loss != OK:
        return loss, kind, at
    loss, inner, at = begin(data, at + length, end, wire_end, link_type)
    return OK if loss == LOST_LINK_TYPE else loss, inner, at


@kernel()
def nflog(data, at, end, wire_end):
    """Finds the payload among the fields of Linux's netfilter log (LINKTYPE_NFLOG): (loss, kind, offset)."""
    family = read_byte(data, at)
    at += 4
    for _ in range(MAX_NFLOG_FIELDS):
        if at + 4 > end:
            break
        length = little_u16(data, at)
        if length < 4:
            return LOST_NOT_IP, KIND_NFLOG, at
        if little_u16(data, at + 2) & 0x7FFF == 9:
            return OK, of_family(family), at + 4
        at += (length + 3) // 4 * 4
    return LOST_SNAPPED if end < wire_end else OK, KIND_NO_PAYLOAD, at
