"""What is kept of a flow: the flow record, whose verdict it got, and its addresses in a form that can be compared."""

import ipaddress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.schema import FLOW_SCHEMA

ADDRESS_BYTES = 16
"""An IPv6 address; an IPv4 one is mapped into ::ffff:0:0/96 (RFC 4291, section 2.5.5.2)."""

VERDICT_FIELDS = (
    pa.field("source", pa.string()),
    pa.field("score", pa.float32()),
    pa.field("is_alert", pa.bool_()),
    pa.field("src_key", pa.binary(ADDRESS_BYTES)),
    pa.field("dst_key", pa.binary(ADDRESS_BYTES)),
)
"""What the store adds; readers of flow tables pass over these columns."""

STORED_SCHEMA = pa.schema([*FLOW_SCHEMA, *VERDICT_FIELDS])

PAYLOAD = ("payload", "reverse_payload")
FEW_VALUES = [
    "src_ip", "dst_ip", "src_key", "dst_key", "protocol", "ip_version", "end_reason", "direction_by", "capture",
    "source", "exporter", "label", "src_mac", "dst_mac", "tunnel", "tls_sni", "tls_alpn", "tls_version",
    "tls_server_version", "ja3", "ja4", "dns_query", "dns_type", "http_method", "http_host", "http_user_agent",
    "ssh_client", "ssh_server", "app_by_port", "app_by_signature", "app_by_statistics", "app_by_behaviour",
    "dst_port", "src_port", "vlan_id",
]  # fmt: skip
"""Columns that a dictionary makes smaller."""

PRUNED_BY = ["start", "end", "src_ip", "dst_ip", "src_key", "dst_key", "src_port", "dst_port", "protocol", "score",
             "is_alert", "source", "ip_version"]  # fmt: skip
"""Columns whose least and greatest value are written with each group of rows, so that a search can pass over it."""

SEARCHED = [
    "start", "end", "source", "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "ip_version", "forward_packets",
    "reverse_packets", "forward_bytes", "reverse_bytes", "app_by_port", "app_by_signature", "tls_sni", "http_host",
    "dns_query", "score", "is_alert", "community_id", "end_reason", "src_key", "dst_key",
]  # fmt: skip
"""What is asked for most: of days that are over these columns are kept a second time, by themselves."""

SIEVED = {name: {"ndv": 4_096, "fpp": 0.01} for name in ("src_ip", "dst_ip", "community_id")}
"""Columns with a Bloom filter for each group of rows (Bloom 1970; Parquet's is in blocks, Putze et al. 2007)."""


def key_of(address: str) -> bytes | None:
    """An address as 16 bytes in the order of addresses; None for what is none.

    >>> key_of("10.0.0.5").hex(), key_of("fd00::5").hex(), key_of("nobody")
    ('00000000000000000000ffff0a000005', 'fd000000000000000000000000000005', None)
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    return found.packed if found.version == 6 else bytes(10) + b"\xff\xff" + found.packed


def stored(
    flows: pa.RecordBatch,
    source: str,
    scores: NDArray[Any] | None,
    over: NDArray[Any] | None,
    *,
    payload: bool,
) -> pa.RecordBatch:
    """Flows as they are stored: (n, columns of the flow schema) -> (n, columns of STORED_SCHEMA).

    Early records are left out: the final one follows.

    Args:
        flows: Final and early records.
        source: Where they come from.
        scores: Of each flow, (n,); None where nothing judges.
        over: Whether each is an alert, (n,).
        payload: Whether first bytes are kept.
    """
    count = flows.num_rows
    columns = [
        pa.nulls(count, field.type) if field.name in PAYLOAD and not payload else flows.column(field.name)
        for field in FLOW_SCHEMA
    ]
    kept = pa.record_batch(
        [
            *columns,
            pa.repeat(pa.scalar(source), count),
            pa.nulls(count, pa.float32()) if scores is None else _numbers(scores),
            pa.repeat(pa.scalar(False), count) if over is None else pa.array(np.asarray(over, np.bool_)),
            _keys(flows.column("src_ip")),
            _keys(flows.column("dst_ip")),
        ],
        schema=STORED_SCHEMA,
    )
    early = pc.fill_null(flows.column("is_early"), False)
    return kept.filter(pc.invert(early)) if pc.any(early).as_py() else kept


def _numbers(scores: NDArray[Any]) -> pa.Array:
    """Scores, null where one is no number."""
    scores = np.asarray(scores, np.float32)
    return pa.array(scores, mask=~np.isfinite(scores))


def _keys(addresses: pa.Array) -> pa.Array:
    coded = addresses.dictionary_encode()
    keys = pa.array([key_of(address) for address in coded.dictionary.to_pylist()], pa.binary(ADDRESS_BYTES))
    return keys.take(coded.indices)
