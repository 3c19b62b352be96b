"""What a frame carries, as one number: an ether type, or below 0x0600 one of the KIND_* here."""

from numba import i8, types

from oddflow.capture._radio_kernels import KIND_LLC, KIND_PRISM, KIND_RADIOTAP, KIND_WIFI
from oddflow.capture._read_kernels import read_byte
from oddflow.jit import kernel

IPV4, ARP, RARP, IPV6 = 0x0800, 0x0806, 0x8035, 0x86DD
PPPOE_DISCOVERY, PPPOE_SESSION, MPLS, MPLS_MULTICAST, BACKBONE, HSR = 0x8863, 0x8864, 0x8847, 0x8848, 0x88E7, 0x892F
FABRIC_PATH, NSH = 0x8903, 0x894F

KIND_NONE = 0
KIND_ETHERNET, KIND_IP, KIND_PPP, KIND_PPP_HDLC, KIND_CISCO_HDLC, KIND_SNAP = 1, 2, 3, 4, 5, 7
KIND_NLPID, KIND_FRAME_RELAY, KIND_LOOPBACK, KIND_NFLOG, KIND_PPI, KIND_PKTAP, KIND_PFLOG = 8, 9, 10, 11, 12, 13, 14
KIND_PPP_CONTROL, KIND_PPP_OTHER, KIND_SLARP, KIND_MPLS_CHANNEL, KIND_VENDOR, KIND_NO_PAYLOAD = 40, 41, 42, 43, 44, 45
KIND_SAP = 0x100
"""Plus the service access point of an 802.2 frame."""

KIND_UNKNOWN_LINK = 0x5FF
SPANNING_TREE, OSI, NOVELL = KIND_SAP + 0x42, KIND_SAP + 0xFE, KIND_SAP + 0xFF


@kernel()
def of_version(data, at):
    """The ether type of the IP version in the first half byte, or KIND_NONE."""
    version = read_byte(data, at) >> 4
    return IPV4 if version == 4 else IPV6 if version == 6 else KIND_NONE


@kernel()
def of_family(family):
    """The ether type of an address family, as Linux, the BSDs, macOS and Windows number them."""
    return IPV4 if family == 2 else IPV6 if family in (10, 23, 24, 28, 30) else KIND_NONE


@kernel(types.UniTuple(i8, 3)(i8))
def of_link_type(link_type):
    """(kind, bytes to pass over, where among them the ether type stands or -1) of pcap's LINKTYPE."""
    if link_type == 1:
        return KIND_ETHERNET, 0, -1
    if link_type in (12, 14, 101, 228, 229):
        return KIND_IP, 0, -1
    if link_type in (0, 108):
        return KIND_LOOPBACK, 0, -1
    if link_type == 113:
        return KIND_NONE, 16, 14
    if link_type == 276:
        return KIND_NONE, 20, 0
    if link_type == 105:
        return KIND_WIFI, 0, -1
    if link_type == 127:
        return KIND_RADIOTAP, 0, -1
    if link_type in (119, 163):
        return KIND_PRISM, 0, -1
    if link_type == 192:
        return KIND_PPI, 0, -1
    if link_type in (9, 50):
        return KIND_PPP_HDLC, 0, -1
    if link_type == 204:
        return KIND_PPP_HDLC, 1, -1
    if link_type == 166:
        return KIND_PPP, 2, -1
    if link_type == 51:
        return PPPOE_SESSION, 0, -1
    if link_type in (104, 205):
        return KIND_CISCO_HDLC, 0 if link_type == 104 else 1, -1
    if link_type in (107, 206):
        return KIND_FRAME_RELAY, 0 if link_type == 107 else 1, -1
    if link_type == 239:
        return KIND_NFLOG, 0, -1
    if link_type == 258:
        return KIND_PKTAP, 0, -1
    if link_type == 117:
        return KIND_PFLOG, 0, -1
    if link_type in (10, 100):
        return KIND_LLC, 13 if link_type == 10 else 0, -1
    if link_type == 109:
        return KIND_IP, 12, -1
    if link_type == 226:
        return KIND_IP, 24, -1
    if link_type == 242:
        return KIND_NONE, 44, 40
    return KIND_UNKNOWN_LINK, 0, -1


@kernel()
def of_protocol(number):
    """The kind of an ether type field: Linux writes 1 and 4 for 802.3 and 802.2 frames."""
    if number >= 0x0600:
        return number
    return NOVELL if number == 1 else KIND_LLC if number == 4 else KIND_NONE


@kernel()
def of_length(number):
    """The kind of a field that is an ether type from 1,536 on, and else the length of an 802.2 frame (IEEE 802.3)."""
    return number if number >= 0x0600 else KIND_LLC


@kernel()
def of_service(number):
    """The kind of a next protocol as a network service header and VXLAN-GPE number it."""
    if number in (1, 2):
        return IPV4 if number == 1 else IPV6
    return KIND_ETHERNET if number == 3 else NSH if number == 4 else MPLS if number == 5 else KIND_NONE
