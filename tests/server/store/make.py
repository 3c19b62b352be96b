"""Alerts, incidents and rules to put in stores."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from oddflow.verdicts.alert import Alert, Reason
from oddflow.verdicts.feedback.rule import Rule, Scope, Verdict
from oddflow.verdicts.incidents.gathering import Incidents
from oddflow.verdicts.incidents.incident import Incident

BEGIN_NS = 1_700_000_000_000_000_000


def alert(n: int, **fields: Any) -> Alert:
    """The nth alert: a second after the one before, of one of ten hosts."""
    usual: dict[str, Any] = {
        "id": f"{n:012x}",
        "start_ns": BEGIN_NS + n * 10**9 + 7,
        "end_ns": BEGIN_NS + (n + 1) * 10**9 + 9,
        "src_ip": f"10.0.0.{n % 10}",
        "src_port": 1_024 + n % 50_000,
        "dst_ip": f"10.1.0.{n % 7}",
        "dst_port": 443,
        "protocol": 6,
        "community_id": f"1:{n}",
        "score": 1.5 + n % 100 / 7,
        "rarity": "above all 10,000 normal flows",
        "reasons": (Reason("bytes", 3e6, 0.0, 2e5, 0.75, f"{n:,} bytes in 9 s"),),
        "packets": 9,
        "size_bytes": 4_000,
        "lengths": (60, -1_400),
        "gaps_us": (0, 312),
        "payload": b"GET / HTTP/1.1\r\n\0\xff",
        "source": "eth0",
        "first_packet": n,
        "wireshark_filter": "ip",
        "threshold": 1.2,
        "row": bytes(range(1, 9)),
        "payload_bytes": 18,
    }
    return Alert(**usual | fields)


def alerts(count: int, first: int = 0, **fields: Any) -> list[Alert]:
    """So many of them."""
    return [alert(n, **fields) for n in range(first, first + count)]


def incidents_of(found: list[Alert]) -> list[Incident]:
    """What the real road makes of alerts."""
    gathered = Incidents(1.2)
    for one in found:
        gathered.add(one)
    return gathered.open()


def incident(found: list[Alert], **fields: Any) -> Incident:
    """The first of them."""
    first = replace(incidents_of(found)[0], **fields)
    return replace(first, top=tuple(replace(one, incident=first.id) for one in first.top))


def rule(of: Alert, verdict: Verdict = Verdict.BENIGN, **fields: Any) -> Rule:
    """What a person says of an alert."""
    return Rule.of(of, verdict, Scope.FLOW, made=datetime(2026, 1, 1, tzinfo=UTC), **fields)
