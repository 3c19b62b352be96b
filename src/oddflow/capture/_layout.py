"""What is known of a packet, as one record, and the codes of losses; shared by kernels and Python.

A record's fields are read and written at places known when a kernel is compiled, so one bounds check a packet,
on the record's own index, is all that is needed.
"""

import numba
import numpy as np

from oddflow.losses import Loss

PACKET = np.dtype(
    [
        ("time_ns", np.int64),
        ("hash", np.uint64),
        ("src_high", np.uint64),
        ("src_low", np.uint64),
        ("dst_high", np.uint64),
        ("dst_low", np.uint64),
        ("start", np.int32),
        ("captured", np.int32),
        ("wire", np.int32),
        ("link_type", np.int32),
        ("ip_start", np.int32),
        ("ip_length", np.int32),
        ("payload_start", np.int32),
        ("payload_captured", np.int32),
        ("payload_length", np.int32),
        ("quoted_start", np.int32),
        ("outer_start", np.int32),
        ("sequence", np.uint32),
        ("acknowledgement", np.uint32),
        ("tunnel_id", np.uint32),
        ("src_port", np.uint16),
        ("dst_port", np.uint16),
        ("window", np.uint16),
        ("header_bytes", np.uint16),
        ("vlan", np.int16),
        ("icmp_type", np.int16),
        ("icmp_code", np.int16),
        ("ether_type", np.uint16),
        ("loss", np.uint8),
        ("version", np.uint8),
        ("protocol", np.uint8),
        ("ttl", np.uint8),
        ("tcp_flags", np.uint8),
        ("fragment", np.uint8),
        ("tunnel", np.uint8),
    ],
    align=True,
)
"""One packet.

time_ns: capture time, ns since 1970 UTC. hash: of its flow's key, noted by the meter.
src_*, dst_*: addresses, the upper and lower 64 bits; IPv4 in the lower 32.
start, captured, wire: where its bytes stand in the batch's buffer, how many there are, how many there were.
link_type: pcap's LINKTYPE, -1 of an undeclared interface.
ip_start: where the (innermost) IP or ARP header starts. ip_length: its length in bytes by the IP header.
payload_start, payload_captured, payload_length: the transport payload: where, how much is there, how much it was.
quoted_start: in an ICMP error, where the quoted IP header starts; else 0.
outer_start: in a tunnel, where the outermost IP header starts; else 0. tunnel: `schema.Tunnel` of the outermost one, or
0; tunnel_id: its VNI, TEID, key or session. All other fields are of the innermost packet.
header_bytes: lengths of IP header, extension headers and transport header.
vlan: the outermost VLAN, or ABSENT. icmp_type, icmp_code: or ABSENT; of ARP the opcode and 0.
ether_type: what the innermost frame carries, an ether type or a KIND_*.
version: 4, 6, or 0 for ARP. protocol: IP protocol number; for ARP 0.
fragment: WHOLE, FRAGMENT_FIRST, FRAGMENT_LATER (with its flow's ports) or FRAGMENT_ALONE (without).
loss: OK, or why the packet cannot be metered; other fields then mean nothing but ether_type and those of its place.
"""

PACKET_ARRAY = numba.from_dtype(PACKET)[::1]
"""The Numba type of an array of packets."""

FRAGMENT = np.dtype(
    [
        ("src_high", np.uint64),
        ("src_low", np.uint64),
        ("dst_high", np.uint64),
        ("dst_low", np.uint64),
        ("time_ns", np.int64),
        ("identification", np.uint32),
        ("tunnel_id", np.uint32),
        ("src_port", np.uint16),
        ("dst_port", np.uint16),
        ("icmp_type", np.int16),
        ("icmp_code", np.int16),
        ("version", np.uint8),
        ("named", np.uint8),
        ("protocol", np.uint8),
    ],
    align=True,
)
"""What later fragments need of the first: `named` is the protocol in its IPv4 header, 0 of IPv6; version 0: empty."""

FRAGMENT_ARRAY = numba.from_dtype(FRAGMENT)[::1]
FRAGMENT_WAYS = 4
FRAGMENTS = 4096
"""First fragments that are remembered, in sets of FRAGMENT_WAYS."""

ABSENT = -1

WHOLE, FRAGMENT_FIRST, FRAGMENT_LATER, FRAGMENT_ALONE = 0, 1, 2, 3

OK = 0
LOST_SNAPPED = 1
LOST_LINK_TYPE = 2
LOST_NOT_IP = 3
LOST_IP_HEADER = 4
LOST_TRANSPORT_HEADER = 5
LOST_TUNNEL_DEPTH = 6
LOST_RECORD = 7
LOST_ARP = 8

LOSS_OF_CODE = {
    LOST_SNAPPED: Loss.SNAPPED,
    LOST_LINK_TYPE: Loss.LINK_TYPE,
    LOST_NOT_IP: Loss.NOT_IP,
    LOST_IP_HEADER: Loss.IP_HEADER,
    LOST_TRANSPORT_HEADER: Loss.TRANSPORT_HEADER,
    LOST_TUNNEL_DEPTH: Loss.TUNNEL_DEPTH,
    LOST_RECORD: Loss.RECORD,
    LOST_ARP: Loss.ARP,
}

WALK_MORE = 0
WALK_FULL = 1
WALK_DAMAGED = 2
WALK_ATTENTION = 3
"""What a walk over a block ended with: bytes used up, batch full, damage, or a pcapng block for Python."""
