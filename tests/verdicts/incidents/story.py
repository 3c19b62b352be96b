"""Alerts that tell stories: a scan, logins, an upload, a tunnel, a flood."""

from oddflow.verdicts.alert import Reason
from tests.verdicts.make import alert

SECOND = 1_000_000_000
START_NS = 1_700_000_000 * SECOND
ATTACKER, VICTIM, OUTSIDE = "10.0.0.66", "10.0.0.5", "203.0.113.9"


def odd(at_s, src=ATTACKER, dst=VICTIM, port=22, *, lasted_s=0.5, data=200, feature="pair_ports_10s", **changes):
    start_ns = START_NS + round(at_s * SECOND)
    reason = Reason(feature, 9.0, 0.0, 3.0, 0.9, f"{feature} of 9; normal here: at most 3")
    fields = {
        "id": f"{abs(hash((at_s, src, dst, port))):016x}"[:12],
        "start_ns": start_ns,
        "end_ns": start_ns + round(lasted_s * SECOND),
        "src_ip": src,
        "src_port": 40_000 + int(at_s) % 20_000,
        "dst_ip": dst,
        "dst_port": port,
        "reasons": (reason,),
        "payload": b"",
        "payload_bytes": data,
        "size_bytes": data + 100,
    }
    return alert(**fields | changes)


def scan(at_s=0.0, ports=100, src=ATTACKER, dst=VICTIM, **changes):
    return [odd(at_s + 0.01 * n, src, dst, n + 1, data=0, lasted_s=0.001, **changes) for n in range(ports)]


def logins(at_s, times=20, src=ATTACKER, dst=VICTIM, port=22, **changes):
    return [odd(at_s + n, src, dst, port, feature="service_flows_10s", **changes) for n in range(times)]


def upload(at_s, src, dst=OUTSIDE, **changes):
    return odd(at_s, src, dst, 443, data=50_000_000, feature="forward_bytes", lasted_s=20, **changes)
