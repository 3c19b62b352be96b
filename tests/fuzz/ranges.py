"""The range of every column of the flow table, and how columns bind each other.

A column that has no rule here is an error: whoever adds one says what it can hold.
"""

import re
from ipaddress import ip_address

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oddflow.schema import COLUMNS, NAMING_COLUMNS, PAYLOAD_BYTES, RECORD_COLUMNS, TUNNEL_NAMES, DirectionBy, FlowEnd

LATEST_NS = 1 << 62
COMMUNITY_ID = re.compile(r"1:[A-Za-z0-9+/]{27}=")
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
WAYS = ("forward", "reverse")


class Batch:
    """A flow batch as NumPy columns; nulls of integers are -1."""

    def __init__(self, batch):
        self.batch = batch

    def __getitem__(self, name):
        column = self.batch.column(name)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        if pa.types.is_integer(column.type) and column.null_count:
            column = pc.fill_null(column.cast(pa.int64()), -1)
        return column.to_numpy(zero_copy_only=False)

    def text(self, name):
        return self.batch.column(name).to_pylist()

    def list(self, name):
        return np.array(self.batch.column(name).flatten()).reshape(self.batch.num_rows, -1).astype(np.int64)


def between(low, high):
    """A rule: every value lies in low..high."""
    return lambda batch, name: (batch[name] >= low) & (batch[name] <= high)


def at_most(other):
    """A rule: never more than another column, of the same direction where this is one of a direction."""
    return lambda batch, name: batch[name] <= batch[way_of(name) + other]


def way_of(name):
    """forward_ or reverse_, or nothing."""
    return next((f"{way}_" for way in WAYS if name.startswith(f"{way}_")), "")


def nullable(rule):
    """A rule for a column that may be null, which reads as -1."""
    return lambda batch, name: (batch[name] == -1) | rule(batch, name)


def address(batch, name):
    """An address in canonical text, of the flow's IP version."""
    return [
        (version == 0) or (ip_address(text).version == version and str(ip_address(text)) == text)
        for text, version in zip(batch.text(name), batch["ip_version"], strict=True)
    ]


def nothing_after_the_last(batch, name):
    """Zeros after the flow's last packet."""
    count = (batch["forward_packets"] + batch["reverse_packets"]).astype(np.int64)
    values = batch.list(name)
    after = np.arange(values.shape[1]) >= count[:, None]
    return (values * after == 0).all(axis=1)


def payload(batch, name):
    """No more bytes than are kept, and than the packets carried."""
    sizes = np.array([len(value) for value in batch.text(name)])
    return (sizes <= PAYLOAD_BYTES) & (sizes <= batch["forward_payload_bytes"] + batch["reverse_payload_bytes"])


def least(batch, name):
    """A minimum: no more than its maximum."""
    return batch[name] <= batch[name.replace("_min", "_max")]


def mean_between(batch, name):
    """A sum of bytes: between packets × the least and × the greatest length."""
    way = way_of(name)
    packets = batch[f"{way}packets"]
    return (batch[name] >= packets * batch[f"{way}length_min"]) & (batch[name] <= packets * batch[f"{way}length_max"])


def squares_of(total, greatest):
    """A rule: a sum of squares, held against the sum: Σ² ≤ n Σx² (Cauchy-Schwarz) and Σx² ≤ max Σ."""

    def rule(batch, name):
        way = way_of(name)
        sums, packets = batch[way + total].astype(float), batch[f"{way}packets"].astype(float)
        value = batch[name].astype(float)
        return (sums**2 <= packets * value * ROOM) & (value <= sums * batch[way + greatest] * ROOM)

    return rule


def of_periods(batch, name):
    """Sum and sum of squares of times: between count × the least and × the greatest, where the latter is not held."""
    count, least_us, most_us = (batch[name.split("_")[0] + end] for end in ("_count", "_min_us", "_max_us"))
    power = 2 if "squares" in name else 1
    low, high = count * least_us.astype(float) ** power, count * most_us.astype(float) ** power
    value = batch[name].astype(float)
    return (low <= value * ROOM) & ((value <= high * ROOM) | (most_us == LARGEST_U32))


def gap_squares(batch, name):
    """A sum of squared gaps: at most the sum times the greatest."""
    way = way_of(name)
    return batch[name] <= batch[f"{way}gap_sum_us"].astype(float) * batch[f"{way}gap_max_us"] * ROOM


def gap_sum(batch, name):
    """A sum of gaps: between the greatest and (packets - 1) × the greatest."""
    way = way_of(name)
    packets = batch[f"{way}packets"] if way else batch["forward_packets"] + batch["reverse_packets"]
    most = batch[f"{way}gap_max_us"].astype(float)
    return (batch[name] >= most) & (batch[name] <= np.maximum(packets.astype(float) - 1, 0) * most)


def header_sum(batch, name):
    """A sum of header lengths: at least packets × the least."""
    packets = batch[f"{way_of(name)}packets"]
    return (batch[name] >= packets * batch[f"{way_of(name)}header_min_bytes"]) & (batch[name] <= packets * 65_535)


def bulks(batch, name):
    """Each bulk has four packets at least."""
    return batch[name].astype(np.int64) * 4 <= batch[f"{way_of(name)}bulk_packets"]


def bulk_duration(batch, name):
    """No pause in a bulk is longer than a second."""
    return batch[name] <= batch[f"{way_of(name)}bulk_packets"].astype(np.int64) * 1_000_000


def entropy(batch, name):
    """From 0 to 8 bits a byte; null where no byte is kept."""
    return [value is None or 0 <= value <= 8 for value in batch.text(name)]


def of_packets(batch, name):
    """No more than the packets of both directions."""
    return batch[name] <= batch["forward_packets"] + batch["reverse_packets"]


def subflows(batch, name):
    """At least one, at most a packet each."""
    return (batch[name] >= 1) & of_packets(batch, name)


def matches(pattern):
    """A rule: text of a form, or null."""
    form = re.compile(pattern)
    return lambda batch, name: [text is None or form.fullmatch(text) is not None for text in batch.text(name)]


def null_unless(condition, rule):
    """A rule: a value where a condition of the batch holds, null where not."""
    return lambda batch, name: np.where(condition(batch), np.asarray(rule(batch, name), bool), batch[name] == -1)


def outer_address(batch, name):
    """An address in canonical text, where there is a tunnel."""
    return [
        (text is None) == (tunnel is None) and (text is None or str(ip_address(text)) == text)
        for text, tunnel in zip(batch.text(name), batch.text("tunnel"), strict=True)
    ]


def known_name(batch, name):
    """One of the names in the column's own dictionary, or null."""
    return [text is None or NAME.fullmatch(text) is not None for text in batch.text(name)]


NAME = re.compile(r"[a-z0-9][a-z0-9 ._+/-]{0,63}", re.IGNORECASE)
TLS_VERSIONS = r"(SSL|TLS|DTLS) ?[0-9.]+( draft [0-9]+)?|0x[0-9a-f]{4}"
TEXTS = (
    "tls_sni", "tls_alpn", "dns_query", "dns_type", "http_method", "http_host", "http_user_agent", "ssh_client",
    "ssh_server",
)  # fmt: skip
"""Text from the wire: printable ASCII, whatever was sent."""

LARGEST_U32 = 2**32 - 1
ROOM = 1 + 1e-9
ANY_COUNT = between(0, 2**63)
TUNNELS = "|".join(name for name in TUNNEL_NAMES.values() if name)
OF_A_DIRECTION = {
    "packets": ANY_COUNT,
    "bytes": mean_between,
    "payload_bytes": at_most("bytes"),
    "payload_packets": at_most("packets"),
    "length_squares": squares_of("bytes", "length_max"),
    "length_min": least,
    "length_max": between(0, 2**31),
    "payload_length_squares": squares_of("payload_bytes", "payload_length_max"),
    "payload_length_min": least,
    "payload_length_max": at_most("length_max"),
    "header_bytes": header_sum,
    "header_min_bytes": between(0, 65_535),
    "gap_sum_us": gap_sum,
    "gap_squares_us2": gap_squares,
    "gap_min_us": least,
    "gap_max_us": between(0, 3_000_000_000),
    "window_first": at_most("window_max"),
    "window_max": between(0, 65_535),
    "zero_windows": at_most("packets"),
    "retransmitted_packets": at_most("packets"),
    "retransmitted_bytes": at_most("payload_bytes"),
    "out_of_order_packets": at_most("packets"),
    "ttl_min": least,
    "ttl_max": between(0, 255),
    "bulks": bulks,
    "bulk_packets": at_most("payload_packets"),
    "bulk_bytes": at_most("payload_bytes"),
    "bulk_duration_us": bulk_duration,
    "payload_entropy": entropy,
} | dict.fromkeys(FLAGS, at_most("packets"))


def absent(batch, name):
    return [value is None for value in batch.text(name)]


OF_A_FLOW = {
    "start": lambda batch, name: (batch[name] >= 0) & (batch[name] <= batch["end"]),
    "end": between(0, LATEST_NS),
    "src_ip": address,
    "dst_ip": address,
    "src_port": between(0, 65_535),
    "dst_port": between(0, 65_535),
    "protocol": between(0, 255),
    "ip_version": lambda batch, name: np.isin(batch[name], (0, 4, 6)),
    "vlan_id": nullable(between(0, 4095)),
    "icmp_type": nullable(between(0, 255)),
    "icmp_code": nullable(between(0, 255)),
    "arp_operation": null_unless(lambda batch: batch["ip_version"] == 0, between(0, 65_535)),
    "src_mac": matches("([0-9a-f]{2}:){5}[0-9a-f]{2}"),
    "dst_mac": matches("([0-9a-f]{2}:){5}[0-9a-f]{2}"),
    "tunnel": matches(TUNNELS),
    "tunnel_id": nullable(between(0, LARGEST_U32)),
    "tunnel_src_ip": outer_address,
    "tunnel_dst_ip": outer_address,
    "community_id": lambda batch, name: [
        (text is None) == (version == 0) and (text is None or COMMUNITY_ID.fullmatch(text) is not None)
        for text, version in zip(batch.text(name), batch["ip_version"], strict=True)
    ],
    "is_early": lambda batch, name: [value is False for value in batch.text(name)],
    "end_reason": lambda batch, name: np.isin(batch[name], list(FlowEnd)),
    "direction_by": lambda batch, name: np.isin(batch[name], list(DirectionBy)),
    "first_packet": lambda batch, name: batch[name] >= 1,
    "fragments": of_packets,
    "icmp_errors": ANY_COUNT,
    "icmp_error_type": null_unless(lambda batch: batch["icmp_errors"] > 0, between(0, 255)),
    "icmp_error_code": null_unless(lambda batch: batch["icmp_errors"] > 0, between(0, 255)),
    "responder_rtt_us": nullable(between(0, LARGEST_U32)),
    "initiator_rtt_us": nullable(between(0, LARGEST_U32)),
    "subflows": subflows,
    "active_count": lambda batch, name: batch[name] == batch["idle_count"].astype(np.int64) + 1,
    "idle_count": lambda batch, name: batch[name] < batch["subflows"],
    "gap_sum_us": gap_sum,
    "gap_squares_us2": gap_squares,
    "gap_min_us": least,
    "gap_max_us": between(0, 3_000_000_000),
    "lengths": nothing_after_the_last,
    "gaps_us": nothing_after_the_last,
    "payload": payload,
    "capture": absent,
    "reverse_payload": absent,
    "tls_version": matches(TLS_VERSIONS),
    "tls_server_version": matches(TLS_VERSIONS),
    "ja3": matches("[0-9a-f]{32}"),
    "ja4": matches("[tqd][0-9a-z]{9}_[0-9a-f]{12}_[0-9a-f]{12}"),
    "dns_rcode": nullable(between(0, 15)),
    "http_status": nullable(between(100, 999)),
    "quic_version": nullable(between(1, LARGEST_U32)),
} | dict.fromkeys((c.name for c in RECORD_COLUMNS), absent) | dict.fromkeys(TEXTS, matches("[\\x20-\\x7e]*")) | {
    column.name: known_name for column in NAMING_COLUMNS} | {
    f"{kind}_{name}": rule
    for kind in ("active", "idle")
    for name, rule in {
        "sum_us": of_periods, "squares_us2": of_periods, "min_us": least, "max_us": between(0, LARGEST_U32),
    }.items()
}  # fmt: skip

RULES = OF_A_FLOW | {f"{way}_{name}": rule for way in WAYS for name, rule in OF_A_DIRECTION.items()}


def row_of(batch, row):
    """A flow as a dictionary, times in ns."""
    columns = zip(batch.schema.names, batch.slice(row, 1).columns, strict=True)
    return {name: (c.cast(pa.int64()) if pa.types.is_timestamp(c.type) else c).to_pylist()[0] for name, c in columns}


def check_ranges(batch):
    """Raises AssertionError where a value of a flow batch is out of its column's range."""
    unknown = [column.name for column in COLUMNS if column.name not in RULES]
    assert not unknown, f"no range is known of {', '.join(unknown)}: say in tests/fuzz/ranges.py what they can hold"
    columns = Batch(batch)
    for name, rule in RULES.items():
        fine = np.asarray(rule(columns, name), bool)
        if not fine.all():
            row = int(np.flatnonzero(~fine)[0])
            raise AssertionError(f"{name} is out of its range in {row_of(batch, row)}")
    packets = columns["forward_packets"] + columns["reverse_packets"]
    assert packets.min() >= 1, "a flow without a packet"
