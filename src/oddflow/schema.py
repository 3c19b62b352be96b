"""The flow record: every column with its type, unit and meaning, the same whatever the source.

A flow batch is an Arrow record batch with exactly these columns; what a source cannot know is null.
Counters are integers so that they merge exactly (RFC 5103: `forward` is from the initiator).
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

import pyarrow as pa

SEQUENCE_PACKETS = 32
PAYLOAD_BYTES = 784


class FlowEnd(IntEnum):
    """Why a flow ended (IPFIX flowEndReason, RFC 5102 section 5.11.3)."""

    IDLE = 1
    ACTIVE = 2
    END_OF_FLOW = 3
    FORCED = 4
    LACK_OF_RESOURCES = 5


class DirectionBy(IntEnum):
    """How the initiator was told from the responder."""

    SYN = 1
    FIRST_PACKET = 2


class AttackCategory(StrEnum):
    """What an attack is, coarsely; every data set's labels map to these."""

    NORMAL = "normal"
    DOS = "dos"
    PROBE = "probe"
    R2L = "r2l"
    U2R = "u2r"
    BOTNET = "botnet"
    EXFILTRATION = "exfiltration"
    TUNNEL = "tunnel"
    WEB = "web"
    BRUTE_FORCE = "brute_force"
    POLICY = "policy"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the flow table."""

    name: str
    type: Any
    unit: str
    meaning: str


def _direction_columns(name: str) -> list[Column]:
    of = f"of {name} packets"
    flags = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"]
    return [
        Column(f"{name}_packets", pa.uint64(), "packets", f"number {of}"),
        Column(f"{name}_bytes", pa.uint64(), "bytes", f"sum of the IP lengths {of}"),
        Column(f"{name}_payload_bytes", pa.uint64(), "bytes", f"sum of the transport payload lengths {of}"),
        Column(f"{name}_payload_packets", pa.uint64(), "packets", f"number {of} that carry payload"),
        Column(f"{name}_length_squares", pa.uint64(), "bytes²", f"sum of the squared IP lengths {of}"),
        Column(f"{name}_length_min", pa.uint32(), "bytes", f"least IP length {of}"),
        Column(f"{name}_length_max", pa.uint32(), "bytes", f"greatest IP length {of}"),
        Column(f"{name}_gap_sum_us", pa.uint64(), "µs", f"sum of the times between {name} packets"),
        Column(f"{name}_gap_squares_us2", pa.float64(), "µs²", f"sum of the squared times between {name} packets"),
        Column(f"{name}_gap_min_us", pa.uint64(), "µs", f"least time between {name} packets"),
        Column(f"{name}_gap_max_us", pa.uint64(), "µs", f"greatest time between {name} packets"),
        *[
            Column(f"{name}_{flag}", pa.uint32(), "packets", f"number {of} with the TCP flag {flag.upper()}")
            for flag in flags
        ],
        Column(f"{name}_window_first", pa.uint16(), "bytes", f"unscaled TCP window of the first {name} packet"),
        Column(f"{name}_window_max", pa.uint16(), "bytes", f"greatest unscaled TCP window {of}"),
        Column(f"{name}_ttl_min", pa.uint8(), "hops", f"least TTL or hop limit {of}"),
        Column(f"{name}_ttl_max", pa.uint8(), "hops", f"greatest TTL or hop limit {of}"),
    ]


COLUMNS: tuple[Column, ...] = (
    Column("start", pa.timestamp("ns", "UTC"), "ns", "time of the first packet"),
    Column("end", pa.timestamp("ns", "UTC"), "ns", "time of the last packet"),
    Column("src_ip", pa.string(), "", "address of the initiator"),
    Column("src_port", pa.uint16(), "", "port of the initiator; 0 where the protocol has none"),
    Column("dst_ip", pa.string(), "", "address of the responder"),
    Column("dst_port", pa.uint16(), "", "port of the responder; 0 where the protocol has none"),
    Column("protocol", pa.uint8(), "", "IP protocol number"),
    Column("ip_version", pa.uint8(), "", "4 or 6"),
    Column("vlan_id", pa.uint16(), "", "outermost VLAN of the first packet; null without a tag"),
    Column("icmp_type", pa.uint8(), "", "type of the first ICMP message; null for others"),
    Column("icmp_code", pa.uint8(), "", "code of the first ICMP message; null for others"),
    Column("community_id", pa.string(), "", "Community ID 1.0, seed 0"),
    Column("end_reason", pa.uint8(), "", "FlowEnd: why the flow ended"),
    Column("direction_by", pa.uint8(), "", "DirectionBy: how the initiator was told"),
    Column("first_packet", pa.uint64(), "", "number of the first packet in its capture file, from 1"),
    Column("capture", pa.string(), "", "that file, where several are read as one; else null"),
    *_direction_columns("forward"),
    *_direction_columns("reverse"),
    Column("gap_squares_us2", pa.float64(), "µs²", "sum of the squared times between packets"),
    Column("gap_min_us", pa.uint64(), "µs", "least time between packets"),
    Column("gap_max_us", pa.uint64(), "µs", "greatest time between packets"),
    Column(
        "lengths",
        pa.list_(pa.int16(), SEQUENCE_PACKETS),
        "bytes",
        "IP lengths of the first packets, negative when from the responder, 0 after the last",
    ),
    Column("gaps_us", pa.list_(pa.uint32(), SEQUENCE_PACKETS), "µs", "times since the packet before"),
    Column("payload", pa.binary(), "", "first transport payload bytes of both directions, in arrival order"),
)

FLOW_SCHEMA = pa.schema([pa.field(column.name, column.type) for column in COLUMNS])

PROTOCOL_NAMES = {
    1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 41: "ipv6", 46: "rsvp", 47: "gre", 50: "esp", 51: "ah",
    58: "icmp6", 88: "eigrp", 89: "ospf", 103: "pim", 112: "vrrp", 132: "sctp", 136: "udplite",
}  # fmt: skip


def protocol_name(number: int) -> str:
    """The protocol's usual lower-case name, or its number as text."""
    return PROTOCOL_NAMES.get(number, str(number))
