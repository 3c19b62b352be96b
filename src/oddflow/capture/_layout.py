"""Where decoded header fields stand in a packet batch, and the codes of losses; shared by kernels and Python."""

from oddflow.losses import Loss

LOSS = 0
VERSION = 1
PROTOCOL = 2
SRC_PORT = 3
DST_PORT = 4
IP_LENGTH = 5
PAYLOAD_START = 6
PAYLOAD_CAPTURED = 7
PAYLOAD_LENGTH = 8
TCP_FLAGS = 9
TTL = 10
WINDOW = 11
VLAN = 12
ICMP_TYPE = 13
ICMP_CODE = 14
FRAGMENT = 15
HEADER_FIELDS = 16

ABSENT = -1
"""Stands in VLAN, ICMP_TYPE and ICMP_CODE where a packet has none."""

OK = 0
LOST_SNAPPED = 1
LOST_LINK_TYPE = 2
LOST_NOT_IP = 3
LOST_IP_HEADER = 4
LOST_TRANSPORT_HEADER = 5
LOST_TUNNEL_DEPTH = 6
LOST_RECORD = 7

LOSS_OF_CODE = {
    LOST_SNAPPED: Loss.SNAPPED,
    LOST_LINK_TYPE: Loss.LINK_TYPE,
    LOST_NOT_IP: Loss.NOT_IP,
    LOST_IP_HEADER: Loss.IP_HEADER,
    LOST_TRANSPORT_HEADER: Loss.TRANSPORT_HEADER,
    LOST_TUNNEL_DEPTH: Loss.TUNNEL_DEPTH,
    LOST_RECORD: Loss.RECORD,
}

WALK_MORE = 0
WALK_FULL = 1
WALK_DAMAGED = 2
WALK_ATTENTION = 3
"""What a walk over a block ended with: bytes used up, batch full, damage, or a pcapng block for Python."""
