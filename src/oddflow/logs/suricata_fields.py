"""The fields of Suricata's EVE records that are read, and the flow columns that they make.

Source: Suricata's `etc/schema.json`; doc/userguide/output/eve/eve-json-format.rst.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.logs.casting import times_or_null
from oddflow.logs.derive import ICMP, ICMP6
from oddflow.logs.protocols import protocol_numbers
from oddflow.logs.stitching import FLAGS
from oddflow.logs.texts import safe_texts
from oddflow.schema import FLOW_SCHEMA, FlowEnd

ETHERNET_BYTES, TAG_BYTES = 14, 4
"""Suricata counts whole frames; flows count IP lengths."""

LABEL_CHARACTERS, TEXT_CHARACTERS = 1_024, 512
HAVE_PORTS = (6, 17, 132)

_TEXT, _NUMBER, _FLAG = pa.string(), pa.int64(), pa.bool_()
_QUESTIONS = pa.list_(pa.struct([("rrname", _TEXT), ("rrtype", _TEXT)]))
_SOFTWARE = pa.struct([("proto_version", _TEXT), ("software_version", _TEXT)])
_HASH = pa.struct([("hash", _TEXT)])

EVE_SCHEMA = pa.schema({
    "timestamp": _TEXT, "event_type": _TEXT, "flow_id": _NUMBER, "proto": _TEXT, "app_proto": _TEXT,
    "src_ip": _TEXT, "src_port": _NUMBER, "dest_ip": _TEXT, "dest_port": _NUMBER,
    "icmp_type": _NUMBER, "icmp_code": _NUMBER, "community_id": _TEXT, "vlan": pa.list_(_NUMBER), "host": _TEXT,
    "direction": _TEXT,
    "flow": pa.struct({
        "pkts_toserver": _NUMBER, "pkts_toclient": _NUMBER, "bytes_toserver": _NUMBER, "bytes_toclient": _NUMBER,
        "start": _TEXT, "end": _TEXT, "state": _TEXT, "reason": _TEXT,
        "src_ip": _TEXT, "src_port": _NUMBER, "dest_ip": _TEXT, "dest_port": _NUMBER,
    }),
    "netflow": pa.struct({
        "pkts": _NUMBER, "bytes": _NUMBER, "start": _TEXT, "end": _TEXT, "min_ttl": _NUMBER, "max_ttl": _NUMBER,
    }),
    "tcp": pa.struct({"tcp_flags": _TEXT}),
    "alert": pa.struct({"signature": _TEXT, "category": _TEXT, "severity": _NUMBER}),
    "dns": pa.struct({
        "type": _TEXT, "rrname": _TEXT, "rrtype": _TEXT, "rcode": _TEXT, "queries": _QUESTIONS, "query": _QUESTIONS,
    }),
    "tls": pa.struct({
        "sni": _TEXT, "version": _TEXT, "client_alpns": pa.list_(_TEXT), "ja3": _HASH, "ja4": _TEXT,
    }),
    "quic": pa.struct({"sni": _TEXT, "version": _TEXT, "ja3": _HASH, "ja4": _TEXT}),
    "http": pa.struct({"hostname": _TEXT, "http_method": _TEXT, "http_user_agent": _TEXT, "status": _NUMBER}),
    "ssh": pa.struct({"client": _SOFTWARE, "server": _SOFTWARE}),
})  # fmt: skip

_NOT_OF_FLOWS = {"netflow", "tcp", "alert", "dns", "tls", "quic", "http", "ssh", "direction", "timestamp"}
_NOT_OF_THEIR_FLOW = {"src_ip", "src_port", "dest_ip", "dest_port"}
FLOW_SCHEMA_OF_EVE = pa.schema([
    pa.field("flow", pa.struct([inner for inner in field.type if inner.name not in _NOT_OF_THEIR_FLOW]))
    if field.name == "flow"
    else field
    for field in EVE_SCHEMA
    if field.name not in _NOT_OF_FLOWS
])  # fmt: skip
"""What `flow` records have; fewer fields are read faster."""

APPLICATIONS = {
    "http": "http", "http2": "http2", "ftp": "ftp", "smtp": "smtp", "tls": "tls", "ssh": "ssh", "imap": "imap",
    "pop3": "pop3", "smb": "smb", "dcerpc": "dcerpc", "dns": "dns", "modbus": "modbus", "enip": "ethernet-ip",
    "dnp3": "dnp3", "nfs": "nfs", "ntp": "ntp", "tftp": "tftp", "ike": "isakmp", "krb5": "kerberos", "quic": "quic",
    "dhcp": "dhcp", "sip": "sip", "rfb": "vnc", "mqtt": "mqtt", "pgsql": "postgresql", "telnet": "telnet",
    "websocket": "websocket", "ldap": "ldap", "snmp": "snmp", "rdp": "rdp", "bittorrent-dht": "bittorrent",
    "mdns": "mdns", "llmnr": "llmnr", "irc": "irc",
}  # fmt: skip
"""What Suricata's `app_proto` is called here; names that are not in this list (`failed`, say) are none."""

_APPLICATION = (pa.array(list(APPLICATIONS)), pa.array(list(APPLICATIONS.values())))
_RCODES = pa.array(
    [
        "NOERROR",
        "FORMERR",
        "SERVFAIL",
        "NXDOMAIN",
        "NOTIMP",
        "REFUSED",
        "YXDOMAIN",
        "YXRRSET",
        "NXRRSET",
        "NOTAUTH",
        "NOTZONE",
    ]
)
_TLS_VERSIONS = {"TLSv1": "TLS 1.0", "SSLv3": "SSL 3.0", "SSLv2": "SSL 2.0", "UNDETERMINED": None}
_TLS = (pa.array(list(_TLS_VERSIONS)), pa.array(list(_TLS_VERSIONS.values())))
_END_REASONS = (
    pa.array(["timeout", "forced", "shutdown", "tcp_reuse"]),
    pa.array([FlowEnd.IDLE, FlowEnd.FORCED, FlowEnd.FORCED, FlowEnd.END_OF_FLOW], pa.uint8()),
)

FACTS = (
    "label", "dns_query", "dns_type", "dns_rcode", "tls_sni", "tls_alpn", "tls_server_version", "ja3", "ja4",
    "http_method", "http_host", "http_user_agent", "http_status", "ssh_client", "ssh_server",
)  # fmt: skip
"""Columns that records of other kinds fill."""

Columns = dict[str, Any]


class Event:
    """The fields of n records, (n,) each; a dot goes into an object: `flow.start`."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._columns: Columns = {}

    def __getitem__(self, path: str) -> Any:
        """A field of all records, (n,); null where a record lacks it."""
        if path not in self._columns:
            outer, _, inner = path.rpartition(".")
            if outer and self[outer].type.get_field_index(inner) >= 0:
                column = pc.struct_field(self[outer], inner)
            elif outer:
                column = pa.nulls(self._table.num_rows, EVE_SCHEMA.field(outer).type.field(inner).type)
            elif inner in self._table.column_names:
                column = self._table.column(inner).combine_chunks()
            else:
                column = pa.nulls(self._table.num_rows, EVE_SCHEMA.field(inner).type)
            self._columns[path] = column
        return self._columns[path]

    @property
    def count(self) -> int:
        """How many records, n."""
        return int(self._table.num_rows)

    def filter(self, rows: NDArray[np.bool_]) -> "Event":
        """Some of the records."""
        return self if rows.all() else Event(self._table.filter(pa.array(rows)))

    def first(self, *paths: str) -> Any:
        """The first of these fields that is known in each record."""
        return pc.coalesce(*(self[path] for path in paths))


def fitting(values: Any, name: str) -> Any:
    """Whole numbers as a flow column; null where they are out of its range."""
    kind = FLOW_SCHEMA.field(name).type
    try:
        return values.cast(kind)
    except pa.ArrowInvalid:
        most = 2 ** min(kind.bit_width, 63) - 1
        fits = pc.and_(pc.greater_equal(values, 0), pc.less_equal(values, most))
        return pc.if_else(fits, values, pa.scalar(None, pa.int64())).cast(kind)


def _first_of_lists(lists: Any) -> Any:
    """The first element of each of n lists, (n,); null where there is none."""
    filled = pc.greater(pc.fill_null(pc.list_value_length(lists), 0), 0).to_numpy(zero_copy_only=False)
    if not filled.any():
        return pa.nulls(len(lists), lists.type.value_type)
    firsts = pc.list_element(lists.filter(pa.array(filled)), 0)
    return firsts.take(pa.array(np.cumsum(filled) - 1, mask=~filled))


def key_columns(event: Event, *, turned: Any = None) -> Columns:
    """Who talked with whom, and what the source calls it.

    Args:
        turned: Whether the record's source is the responder, (n,).
    """
    protocol = protocol_numbers(event["proto"])
    has_ports = pc.is_in(protocol, pa.array(HAVE_PORTS, pa.uint8()))
    is_icmp = pc.is_in(protocol, pa.array([ICMP, ICMP6], pa.uint8()))
    ends = {
        "src_ip": event.first("flow.src_ip", "src_ip"),
        "dst_ip": event.first("flow.dest_ip", "dest_ip"),
        "src_port": event.first("flow.src_port", "src_port"),
        "dst_port": event.first("flow.dest_port", "dest_port"),
    }
    if turned is not None:
        turned = pc.and_(turned, pc.is_null(event["flow.src_ip"]))
        ends = {
            name: pc.if_else(turned, ends[other], ends[name])
            for name, other in zip(ends, ("dst_ip", "src_ip", "dst_port", "src_port"), strict=True)
        }
    for name in ("src_port", "dst_port"):
        ends[name] = pc.if_else(has_ports, fitting(ends[name], name), pa.scalar(0, pa.uint16()))
    unknown = pa.scalar(None, pa.int64())
    return ends | {
        "protocol": protocol,
        "icmp_type": fitting(pc.if_else(is_icmp, event["icmp_type"], unknown), "icmp_type"),
        "icmp_code": fitting(pc.if_else(is_icmp, event["icmp_code"], unknown), "icmp_code"),
        "vlan_id": fitting(_first_of_lists(event["vlan"]), "vlan_id"),
        "community_id": event["community_id"],
        "record_id": event["flow_id"].cast(pa.string()),
        "exporter": safe_texts(event["host"], TEXT_CHARACTERS, escaped=False),
        "app_by_signature": _renamed(event["app_proto"], _APPLICATION),
        "flow_id": event["flow_id"],
    }


def _renamed(texts: Any, names: tuple[Any, Any]) -> Any:
    return names[1].take(pc.index_in(texts, names[0]))


def ip_bytes(frames: Any, packets: Any, event: Event) -> Any:
    """The IP lengths of packets whose frames have so many bytes: without the Ethernet header and VLAN tags."""
    tags = pc.fill_null(pc.list_value_length(event["vlan"]), 0).cast(pa.int64())
    header = pc.add(pc.multiply(tags, TAG_BYTES), ETHERNET_BYTES)
    at_most = pc.min_element_wise(packets, 1 << 40, skip_nulls=False)  # so that no product leaves 64 bits
    return pc.max_element_wise(pc.subtract(frames, pc.multiply(at_most, header)), 0, skip_nulls=False)


def counters(event: Event) -> Columns:
    """Packets and bytes of both ways, and times, of flow records and of alerts that carry a flow."""
    columns: Columns = {"start": times_or_null(event["flow.start"])}
    for way, side in (("forward", "toserver"), ("reverse", "toclient")):
        packets, frames = event[f"flow.pkts_{side}"], event[f"flow.bytes_{side}"]
        columns[f"{way}_packets"] = fitting(packets, f"{way}_packets")
        columns[f"{way}_bytes"] = fitting(ip_bytes(frames, packets, event), f"{way}_bytes")
    return columns


def end_reasons(event: Event) -> Any:
    """Why flows ended: a connection that was closed ended by itself, whenever that was noticed."""
    closed = pc.fill_null(pc.equal(event["flow.state"], "closed"), False)
    return pc.if_else(closed, pa.scalar(FlowEnd.END_OF_FLOW, pa.uint8()), _renamed(event["flow.reason"], _END_REASONS))


def flow_columns(event: Event) -> Columns:
    """What `flow` records say."""
    more = {"end": times_or_null(event["flow.end"]), "end_reason": end_reasons(event)}
    more["is_early"] = pc.is_null(event["event_type"])  # they are final
    return key_columns(event) | counters(event) | more


def netflow_columns(event: Event) -> Columns:
    """What `netflow` records say: one way each, the first of a flow that of the initiator."""
    packets, frames = event["netflow.pkts"], event["netflow.bytes"]
    flags = event["tcp.tcp_flags"]
    is_hex = pc.fill_null(pc.match_substring_regex(flags, "^[0-9a-fA-F]{1,2}$"), False)
    hexadecimal = pc.binary_join_element_wise("0x", flags, "")
    return key_columns(event) | {
        "start": times_or_null(event["netflow.start"]),
        "end": times_or_null(event["netflow.end"]),
        "forward_packets": fitting(packets, "forward_packets"),
        "forward_bytes": fitting(ip_bytes(frames, packets, event), "forward_bytes"),
        "forward_ttl_min": fitting(event["netflow.min_ttl"], "forward_ttl_min"),
        "forward_ttl_max": fitting(event["netflow.max_ttl"], "forward_ttl_max"),
        FLAGS: pc.if_else(is_hex, hexadecimal, pa.scalar(None, pa.string())).cast(pa.uint8()),
    }


def alert_columns(event: Event) -> Columns:
    """What alerts say of their flow up to then; the flow ends with the alert as far as they know."""
    turned = pc.fill_null(pc.equal(event["direction"], "to_client"), False)
    end = times_or_null(event["timestamp"])
    return key_columns(event, turned=turned) | counters(event) | {"end": end}


def fact_columns(event: Event) -> Columns:
    """What records of all kinds say of their flow's application, and what alerts call it."""
    is_answer = pc.is_in(event["dns.type"], pa.array(["answer", "response"]))
    rcode = pc.index_in(event["dns.rcode"], _RCODES).cast(pa.uint8())
    version = event["tls.version"]
    told = pc.is_in(version, _TLS[0])
    texts = {
        "label": _labels(event),
        "dns_query": pc.coalesce(event["dns.rrname"], _question(event, "rrname")),
        "dns_type": pc.coalesce(event["dns.rrtype"], _question(event, "rrtype")),
        "tls_sni": event.first("tls.sni", "quic.sni"),
        "tls_alpn": pc.binary_join(event["tls.client_alpns"], ","),
        "tls_server_version": pc.if_else(told, _renamed(version, _TLS), version),
        "ja3": event.first("tls.ja3.hash", "quic.ja3.hash"),
        "ja4": event.first("tls.ja4", "quic.ja4"),
        "http_method": event["http.http_method"],
        "http_host": event["http.hostname"],
        "http_user_agent": event["http.http_user_agent"],
        "ssh_client": _banner(event, "client"),
        "ssh_server": _banner(event, "server"),
    }
    limits = {"label": LABEL_CHARACTERS}
    return {
        name: safe_texts(column, limits.get(name, TEXT_CHARACTERS), escaped=False) for name, column in texts.items()
    } | {
        "dns_rcode": pc.if_else(is_answer, rcode, pa.scalar(None, pa.uint8())),
        "http_status": fitting(event["http.status"], "http_status"),
    }


def _labels(event: Event) -> Any:
    severity = event["alert.severity"].cast(pa.string())
    category = pc.coalesce(event["alert.category"], pa.scalar(""))
    in_words = pc.binary_join_element_wise(category, pc.binary_join_element_wise("severity ", severity, ""), ", ")
    more = pc.coalesce(in_words, category)
    return pc.binary_join_element_wise(event["alert.signature"], pc.binary_join_element_wise("[", more, "]", ""), " ")


def _question(event: Event, field: str) -> Any:
    """Of the first question, where they are a list."""
    return pc.struct_field(_first_of_lists(event.first("dns.queries", "dns.query")), field)


def _banner(event: Event, side: str) -> Any:
    protocol, software = event[f"ssh.{side}.proto_version"], event[f"ssh.{side}.software_version"]
    return pc.binary_join_element_wise("SSH", protocol, software, "-")
