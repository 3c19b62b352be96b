"""Flow batches with what the names look at."""

import pyarrow as pa

from oddflow.schema import FLOW_SCHEMA

DEFAULTS = {
    "src_ip": "10.0.0.1", "src_port": 40000, "dst_ip": "10.0.0.2", "dst_port": 80, "protocol": 6, "ip_version": 4,
    "forward_packets": 1, "reverse_packets": 1, "forward_payload_packets": 1, "reverse_payload_packets": 1,
    "forward_payload_bytes": 100, "reverse_payload_bytes": 100, "forward_gap_sum_us": 0, "reverse_gap_sum_us": 0,
    "forward_gap_squares_us2": 0.0, "reverse_gap_squares_us2": 0.0,
}  # fmt: skip


def batch(rows):
    """A batch of FLOW_SCHEMA; a row names only what it differs in."""
    columns = {
        field.name: pa.array([(DEFAULTS | row).get(field.name) for row in rows], field.type) for field in FLOW_SCHEMA
    }
    return pa.record_batch(list(columns.values()), schema=FLOW_SCHEMA)


def way(name, gaps_s, payload_bytes):
    """The columns of a direction whose packets come after these gaps, each with this payload."""
    gaps_us = [gap * 1e6 for gap in gaps_s]
    return {
        f"{name}_packets": len(gaps_us) + 1, f"{name}_payload_packets": len(gaps_us) + 1,
        f"{name}_payload_bytes": payload_bytes * (len(gaps_us) + 1), f"{name}_gap_sum_us": round(sum(gaps_us)),
        f"{name}_gap_squares_us2": sum(gap * gap for gap in gaps_us),
    }  # fmt: skip
