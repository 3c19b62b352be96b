"""Flow batches made of what a test cares about."""

import pyarrow as pa

from oddflow.schema import FLOW_SCHEMA

S = 10**9
DEFAULTS = {
    "start": 0, "end": 0, "src_ip": "10.0.0.1", "dst_ip": "10.0.0.2", "src_port": 1000, "dst_port": 80, "protocol": 6,
    "ip_version": 4, "payload": b"", "community_id": "", "vlan_id": None, "icmp_type": None, "icmp_code": None,
    "lengths": [0] * 32, "gaps_us": [0] * 32, "is_early": False,
}  # fmt: skip


def _nothing(field):
    return None if pa.types.is_string(field.type) or pa.types.is_binary(field.type) else 0


def flows(rows):
    """A record batch of the flow schema: of each row the given values, else its default, else 0, or null for text."""
    arrays = []
    for field in FLOW_SCHEMA:
        values = [row.get(field.name, DEFAULTS.get(field.name, _nothing(field))) for row in rows]
        arrays.append(
            pa.array(values, pa.int64() if pa.types.is_timestamp(field.type) else field.type).cast(field.type)
        )
    return pa.record_batch(arrays, schema=FLOW_SCHEMA)


def pieces(batch, sizes):
    """A batch in pieces of the given sizes, the last repeated."""
    at, turn, found = 0, 0, []
    while at < batch.num_rows:
        size = sizes[min(turn, len(sizes) - 1)]
        found.append(batch.slice(at, size))
        at, turn = at + size, turn + 1
    return found
