"""How NFStream's rules differ from ours: each difference as a small function that takes it away.

Those over packets decide what both meters are given: a capture that one of them touches is written anew, for both.
Those over flows change lists of flows. None looks at a statistic: what is left must be the same flows with the same
packets and bytes, each way.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

TCP, UDP = 6, 17
END_OF_FLOW = 3
IDLE_NS, ACTIVE_NS = 300 * 10**9, 1800 * 10**9
ETHERNET, VLAN = 1, 0x8100
LINK_TYPES_OF_NFSTREAM = (0, 1, 9, 50, 101, 113, 228, 229)
ETHER_TYPES_OF_NFSTREAM = (0x0800, 0x86DD, 0x8847, 0x8848, 0x8864)
"""IP, MPLS and PPPoE."""
MOST_SETBACK_NS = 10**6


class Packet(NamedTuple):
    """A packet of a capture, as our decoder saw it.

    `frame` are its bytes as captured; `ip` those from the innermost IP header on, up to what the header says, none
    where it was lost.
    """

    time_ns: int
    link_type: int
    frame: bytes
    wire: int
    ip: bytes
    ip_length: int
    is_later_fragment: bool
    is_wrapped: bool


class Flow(NamedTuple):
    """A flow of either meter. Each end: address, port, packets and bytes that it sent."""

    protocol: int
    one: tuple[str, int, int, int]
    other: tuple[str, int, int, int]
    start_ns: int
    end_ns: int
    goes_on: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        """Protocol and ends, in any order."""
        return (self.protocol, *sorted([self.one[:2], self.other[:2]]))

    @property
    def what_counts(self) -> tuple[object, ...]:
        """What must be equal: protocol, and the ends with the packets and bytes of each."""
        return (self.protocol, *sorted([self.one, self.other]))

    @property
    def packets(self) -> int:
        """Packets of both ends."""
        return self.one[2] + self.other[2]


def not_ip(packet: Packet) -> bool:
    """NFStream reads whatever follows the link header as IP where its first half byte is 4 or 6.

    ARP, IS-IS, spanning tree and broken headers become flows of made-up protocols there. Here they are losses with a
    reason, or records of ARP; Wireshark sees no IP in them either.
    """
    return not packet.ip


def cut_short(packet: Packet) -> bool:
    """NFStream drops IPv6 packets that the snap length has cut, IPv4 ones that say more than they hold, silently.

    Here they count as long as their headers are there: lengths are told by the IP header, not by what was kept.
    """
    return len(packet.ip) < packet.ip_length


def later_fragment(packet: Packet) -> bool:
    """NFStream drops IPv4 fragments after the first, silently, and takes those of IPv6 for packets with ports.

    Here they belong to the flow of the first one.
    """
    return packet.is_later_fragment


def without_length(packet: Packet) -> bool:
    """NFStream counts 0 or 40 bytes where segmentation offload or a jumbogram leaves the length field empty.

    Here it is the length on the wire, which is what was sent.
    """
    return not packet.ip[2:4].strip(b"\0") if packet.ip[0] >> 4 == 4 else not packet.ip[4:6].strip(b"\0")


def wrapped(packet: Packet) -> bool:
    """NFStream looks into IP in IP, GTP-U, TZSP and CAPWAP, not into GRE, VXLAN, GENEVE or Teredo, and knows few links.

    Here all common tunnels, link types and ether types are read. Both are given the inner packets as plain Ethernet
    frames.
    """
    if packet.is_wrapped or packet.link_type not in LINK_TYPES_OF_NFSTREAM:
        return True
    return packet.link_type == ETHERNET and ether_type(packet.frame) not in ETHER_TYPES_OF_NFSTREAM


def ether_type(frame: bytes) -> int:
    """What follows the 802.1Q tags of an Ethernet frame."""
    at = 12
    while (kind := int.from_bytes(frame[at : at + 2], "big")) == VLAN:
        at += 4
    return kind


LEFT_OUT: tuple[Callable[[Packet], bool], ...] = (not_ip, cut_short, later_fragment, without_length)
"""Packets that neither meter is given; in this order, since the later ones look at the IP header."""


def set_back(packets: list[Packet]) -> bool:
    """NFStream's clock never goes back: late packets take the time of the latest one.

    Here a late packet keeps its time, and a clock that was set back by more than a time-out begins a new flow. Both
    are given the packets in the order of their times.
    """
    latest = 0
    for packet in packets:
        if packet.time_ns < latest - MOST_SETBACK_NS:
            return True
        latest = max(latest, packet.time_ns)
    return False


def ports_of_tcp_and_udp(flow: Flow) -> Flow:
    """NFStream reads ports of TCP and UDP alone, and does not tell ICMP messages apart by type.

    Here SCTP, DCCP and UDP-Lite have ports too, and an ICMP request and its answer are a flow of their own.
    """
    if flow.protocol in {TCP, UDP}:
        return flow
    (one, _, *sent), (other, _, *received) = flow.one, flow.other
    return flow._replace(one=(one, 0, *sent), other=(other, 0, *received), goes_on=True)


def joined(flows: list[Flow]) -> list[Flow]:
    """NFStream does not look at FIN and RST: a connection over the same ports goes on in the flow of the one before.

    Here a flow ends with its connection. And the VLAN is part of NFStream's key: one flow that a switch sends through
    two VLANs is two there. Flows of either kind are joined with the next of their key, as far as time-outs let them.
    """
    by_key = defaultdict(list)
    for flow in sorted(flows, key=lambda flow: flow.start_ns):
        same = by_key[flow.key]
        goes_on = same and same[-1].goes_on and flow.start_ns - same[-1].end_ns <= IDLE_NS
        if goes_on and flow.start_ns - same[-1].start_ns < ACTIVE_NS:
            same[-1] = _sum(same[-1], flow)
        else:
            same.append(flow)
    return [flow for same in by_key.values() for flow in same]


def _sum(flow: Flow, other: Flow) -> Flow:
    """One flow of two with the same key."""
    ends = [other.one, other.other] if other.one[:2] == flow.one[:2] else [other.other, other.one]
    one, two = (
        (mine[0], mine[1], mine[2] + more[2], mine[3] + more[3])
        for mine, more in zip((flow.one, flow.other), ends, strict=True)
    )
    return Flow(flow.protocol, one, two, flow.start_ns, max(flow.end_ns, other.end_ns), other.goes_on)


NORMALISERS = (*LEFT_OUT, wrapped, set_back, ports_of_tcp_and_udp, joined)
