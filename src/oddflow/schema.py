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
    PORT = 3


class Tunnel(IntEnum):
    """What carried a packet, where another packet did: the outermost tunnel."""

    NONE = 0
    IP_IN_IP = 1
    IPV6_IN_IP = 2
    GRE = 3
    ERSPAN = 4
    VXLAN = 5
    GENEVE = 6
    GTP_U = 7
    TEREDO = 8
    L2TP = 9
    ETHER_IN_IP = 10
    MPLS_IN_IP = 11


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
        Column(f"{name}_payload_length_squares", pa.uint64(), "bytes²", f"sum of the squared payload lengths {of}"),
        Column(f"{name}_payload_length_min", pa.uint32(), "bytes", f"least payload length {of}"),
        Column(f"{name}_payload_length_max", pa.uint32(), "bytes", f"greatest payload length {of}"),
        Column(f"{name}_header_bytes", pa.uint64(), "bytes", f"sum of the lengths of IP and transport headers {of}"),
        Column(f"{name}_header_min_bytes", pa.uint32(), "bytes", f"least length of IP and transport headers {of}"),
        Column(f"{name}_gap_sum_us", pa.uint64(), "µs", f"sum of the times between {name} packets"),
        Column(f"{name}_gap_squares_us2", pa.float64(), "µs²", f"sum of the squared times between {name} packets"),
        Column(f"{name}_gap_min_us", pa.uint32(), "µs", f"least time between {name} packets"),
        Column(f"{name}_gap_max_us", pa.uint32(), "µs", f"greatest time between {name} packets"),
        *[
            Column(f"{name}_{flag}", pa.uint32(), "packets", f"number {of} with the TCP flag {flag.upper()}")
            for flag in flags
        ],
        Column(f"{name}_window_first", pa.uint16(), "bytes", f"unscaled TCP window of the first {name} packet"),
        Column(f"{name}_window_max", pa.uint16(), "bytes", f"greatest unscaled TCP window {of}"),
        Column(f"{name}_zero_windows", pa.uint32(), "packets", f"number {of} that close the TCP window"),
        Column(f"{name}_retransmitted_packets", pa.uint32(), "packets", f"number {of} with TCP bytes seen before"),
        Column(f"{name}_retransmitted_bytes", pa.uint64(), "bytes", f"payload {of} that was seen before"),
        Column(
            f"{name}_out_of_order_packets", pa.uint32(), "packets", f"number {of} that fill a gap in the TCP stream"
        ),
        Column(f"{name}_ttl_min", pa.uint8(), "hops", f"least TTL or hop limit {of}"),
        Column(f"{name}_ttl_max", pa.uint8(), "hops", f"greatest TTL or hop limit {of}"),
        Column(
            f"{name}_bulks", pa.uint32(), "",
            f"runs of at least 4 {name} packets with payload that neither payload from the other way nor 1 s breaks",
        ),
        Column(f"{name}_bulk_packets", pa.uint32(), "packets", "packets in these runs"),
        Column(f"{name}_bulk_bytes", pa.uint64(), "bytes", "payload in these runs"),
        Column(f"{name}_bulk_duration_us", pa.uint64(), "µs", "sum of the durations of these runs"),
        Column(
            f"{name}_payload_entropy", pa.float32(), "bits a byte",
            f"Shannon entropy of the kept {name} payload; null where none is kept",
        ),
    ]  # fmt: skip


def _period_columns(name: str, what: str) -> list[Column]:
    return [
        Column(f"{name}_count", pa.uint32(), "", f"number of {what}"),
        Column(f"{name}_sum_us", pa.uint64(), "µs", f"sum of {what}"),
        Column(f"{name}_squares_us2", pa.float64(), "µs²", f"sum of the squares of {what}"),
        Column(f"{name}_min_us", pa.uint32(), "µs", f"least of {what}"),
        Column(f"{name}_max_us", pa.uint32(), "µs", f"greatest of {what}"),
    ]


APPLICATION_COLUMNS: tuple[Column, ...] = (
    Column("tls_sni", pa.string(), "", "name of the server that a TLS, DTLS or QUIC client asks for"),
    Column("tls_alpn", pa.string(), "", "all protocols that the client offers (ALPN), commas between"),
    Column("tls_version", pa.string(), "", "newest TLS or DTLS version that the client offers"),
    Column("tls_server_version", pa.string(), "", "version that the server chose; null for QUIC"),
    Column("ja3", pa.string(), "", "JA3 of the ClientHello"),
    Column("ja4", pa.string(), "", "JA4 of the ClientHello"),
    Column("dns_query", pa.string(), "", "name of the first DNS question"),
    Column("dns_type", pa.string(), "", "type of the first DNS question"),
    Column("dns_rcode", pa.uint8(), "", "code of the answer to it"),
    Column("http_method", pa.string(), "", "method of the first HTTP request"),
    Column("http_host", pa.string(), "", "Host header of the first HTTP request"),
    Column("http_user_agent", pa.string(), "", "User-Agent header of the first HTTP request"),
    Column("http_status", pa.uint16(), "", "status of the first HTTP response"),
    Column("ssh_client", pa.string(), "", "SSH banner of the client"),
    Column("ssh_server", pa.string(), "", "SSH banner of the server"),
    Column("quic_version", pa.uint32(), "", "version in the client's first QUIC packet with one"),
)
"""What the first bytes of a flow say. Text from the wire is printable ASCII; other bytes and backslashes are \\xNN."""

NAMING_COLUMNS: tuple[Column, ...] = (
    Column("app_by_port", pa.string(), "", "service that the ports are registered for"),
    Column("app_by_signature", pa.string(), "", "application that the first bytes look like"),
    Column("app_by_statistics", pa.string(), "", "kind of talk that counts and times look like"),
    Column("app_by_behaviour", pa.string(), "", "pattern in which the two hosts behave"),
)
"""The four ways to name an application, side by side (docs/applications.md)."""

RECORD_COLUMNS: tuple[Column, ...] = (
    Column("record_id", pa.string(), "", "what the source calls this record: Zeek's uid, Suricata's flow_id"),
    Column("exporter", pa.string(), "", "who exported the record: address and observation domain"),
    Column(
        "sampling_interval", pa.uint32(), "packets",
        "one packet of so many was looked at, and the counters are estimates: multiplied by it; null where all were",
    ),
    Column("label", pa.string(), "", "what the source says that the flow is, in its own words: a class, an alert"),
)  # fmt: skip
"""What only records of other tools carry; null for flows that were metered here."""

COLUMNS: tuple[Column, ...] = (
    Column("start", pa.timestamp("ns", "UTC"), "ns", "time of the first packet"),
    Column("end", pa.timestamp("ns", "UTC"), "ns", "time of the last packet"),
    Column("src_ip", pa.string(), "", "address of the initiator"),
    Column("src_port", pa.uint16(), "", "port of the initiator; 0 where the protocol has none"),
    Column("dst_ip", pa.string(), "", "address of the responder"),
    Column("dst_port", pa.uint16(), "", "port of the responder; 0 where the protocol has none"),
    Column("protocol", pa.uint8(), "", "IP protocol number; 0 for ARP"),
    Column("ip_version", pa.uint8(), "", "4 or 6; 0 for ARP"),
    Column("vlan_id", pa.uint16(), "", "outermost VLAN of the first packet; null without a tag"),
    Column("icmp_type", pa.uint8(), "", "type of the first ICMP message; null for others"),
    Column("icmp_code", pa.uint8(), "", "code of the first ICMP message; null for others"),
    Column("arp_operation", pa.uint16(), "", "operation of the first ARP packet: 1 asks, 2 answers; null for others"),
    Column("src_mac", pa.string(), "", "Ethernet address of the initiator's side; null on other links"),
    Column("dst_mac", pa.string(), "", "Ethernet address of the responder's side; null on other links"),
    Column("tunnel", pa.string(), "", "the outermost tunnel around the first packet; null without one"),
    Column("tunnel_id", pa.uint32(), "", "its VNI, TEID, key or session; null where it has none"),
    Column("tunnel_src_ip", pa.string(), "", "source address of its outer header"),
    Column("tunnel_dst_ip", pa.string(), "", "destination address of its outer header"),
    Column("community_id", pa.string(), "", "Community ID 1.0, seed 0; null for ARP"),
    Column("is_early", pa.bool_(), "", "an early record; the final one follows"),
    Column("end_reason", pa.uint8(), "", "FlowEnd: why the flow ended; null in an early record"),
    Column("direction_by", pa.uint8(), "", "DirectionBy: how the initiator was told"),
    Column("first_packet", pa.uint64(), "", "number of the first packet in its capture file, from 1"),
    Column("capture", pa.string(), "", "that file, where several are read as one; else null"),
    *RECORD_COLUMNS,
    *_direction_columns("forward"),
    *_direction_columns("reverse"),
    Column("fragments", pa.uint32(), "packets", "number of packets that are IP fragments"),
    Column("icmp_errors", pa.uint32(), "packets", "ICMP errors that speak of this flow and came while it was open"),
    Column("icmp_error_type", pa.uint8(), "", "type of the first of them"),
    Column("icmp_error_code", pa.uint8(), "", "code of the first of them"),
    Column("responder_rtt_us", pa.uint32(), "µs", "from the last SYN to its answer: the way to the responder and back"),
    Column("initiator_rtt_us", pa.uint32(), "µs", "from that answer to the ACK: the way to the initiator and back"),
    Column("subflows", pa.uint32(), "", "1 + silences longer than 1 s"),
    *_period_columns("active", "the times of activity that a silence longer than 5 s divides"),
    *_period_columns("idle", "the silences longer than 5 s"),
    Column("gap_sum_us", pa.uint64(), "µs", "sum of the times between packets"),
    Column("gap_squares_us2", pa.float64(), "µs²", "sum of the squared times between packets"),
    Column("gap_min_us", pa.uint32(), "µs", "least time between packets"),
    Column("gap_max_us", pa.uint32(), "µs", "greatest time between packets"),
    *APPLICATION_COLUMNS,
    *NAMING_COLUMNS,
    Column(
        "lengths",
        pa.list_(pa.int16(), SEQUENCE_PACKETS),
        "bytes",
        "IP lengths of the first packets, negative when from the responder, 0 after the last",
    ),
    Column("gaps_us", pa.list_(pa.uint32(), SEQUENCE_PACKETS), "µs", "times since the packet before"),
    Column(
        "payload",
        pa.binary(),
        "",
        "first payload bytes, in arrival order, retransmissions left out: of both directions or, where asked, of the "
        "initiator; transport payload or, where asked, frames with their addresses zeroed",
    ),
    Column("reverse_payload", pa.binary(), "", "the same of the responder, where directions are kept apart; else null"),
)

FLOW_SCHEMA = pa.schema([pa.field(column.name, column.type) for column in COLUMNS])

TUNNEL_NAMES = {
    Tunnel.NONE: "", Tunnel.IP_IN_IP: "ipip", Tunnel.IPV6_IN_IP: "ipv6", Tunnel.GRE: "gre", Tunnel.ERSPAN: "erspan",
    Tunnel.VXLAN: "vxlan", Tunnel.GENEVE: "geneve", Tunnel.GTP_U: "gtp-u", Tunnel.TEREDO: "teredo",
    Tunnel.L2TP: "l2tp", Tunnel.ETHER_IN_IP: "etherip", Tunnel.MPLS_IN_IP: "mpls",
}  # fmt: skip
"""What people read in place of a tunnel's number."""

PROTOCOL_NAMES = {
    1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 41: "ipv6", 46: "rsvp", 47: "gre", 50: "esp", 51: "ah",
    58: "icmp6", 88: "eigrp", 89: "ospf", 103: "pim", 112: "vrrp", 132: "sctp", 136: "udplite",
}  # fmt: skip


def protocol_name(number: int) -> str:
    """The protocol's usual lower-case name, or its number as text."""
    return PROTOCOL_NAMES.get(number, str(number))
