"""Elastic Common Schema, version 8. Source: https://www.elastic.co/guide/en/ecs/8.11/"""

from typing import Any

from oddflow import __version__
from oddflow.outputs.notice import Notice, Severity, is_address
from oddflow.schema import protocol_name
from oddflow.verdicts.alert import utc

VERSION = "8.11.0"
RISK = {Severity.LOW: 21, Severity.MEDIUM: 47, Severity.HIGH: 73}
"""As Elastic's own detection rules map severities to risk scores."""


def ecs(notice: Notice) -> dict[str, Any]:
    """The notice as a document; what ECS has no field for stands under `oddflow`."""
    hosts = [name for name in (notice.src_name, notice.dst_name) if name]
    return _filled(
        {
            "@timestamp": utc(notice.start_ns),
            "ecs": {"version": VERSION},
            "message": notice.title,
            "event": {
                "id": notice.id,
                "kind": "alert",
                "category": ["network", "intrusion_detection"],
                "type": ["connection"] if notice.src_ip else ["info"],
                "module": "oddflow",
                "dataset": f"oddflow.{notice.kind}",
                "provider": "oddflow",
                "reason": "; ".join(notice.reasons),
                "severity": int(notice.severity),
                "risk_score": RISK[notice.severity],
                "start": utc(notice.start_ns),
                "end": utc(notice.end_ns),
                "duration": notice.end_ns - notice.start_ns,
            },
            "source": _end(notice.src_ip, notice.src_port, notice.src_name, notice.src_country),
            "destination": _end(notice.dst_ip, notice.dst_port, notice.dst_name, notice.dst_country),
            "network": _network(notice),
            "related": {"ip": [host for host in dict.fromkeys(notice.hosts) if is_address(host)], "hosts": hosts},
            "rule": {"name": notice.name, "category": notice.category},
            "threat": {"framework": "MITRE ATT&CK", "technique": {"id": list(notice.techniques)}}
            if notice.techniques
            else {},
            "observer": {"product": "Oddflow", "vendor": "Oddflow", "type": "ids", "version": __version__},
            "file": {"path": notice.source},
            "oddflow": {
                "score": notice.score,
                "rarity": notice.rarity,
                "category_probability": notice.probability if notice.category else None,
                "intelligence": list(notice.intelligence),
                "alerts": list(notice.alert_ids),
                "pseudonyms": notice.pseudonyms,
            },
        }
    )


def _network(notice: Notice) -> dict[str, Any]:
    if notice.protocol is None:
        return {}
    name = protocol_name(notice.protocol)
    return {
        "transport": {"icmp6": "ipv6-icmp"}.get(name, name),
        "iana_number": str(notice.protocol),
        "type": ("ipv6" if ":" in notice.src_ip else "ipv4") if is_address(notice.src_ip) else "",
        "community_id": notice.community_id,
        "packets": notice.packets,
        "bytes": notice.size_bytes,
    }


def _end(address: str, port: int, name: str, country: str) -> dict[str, Any]:
    return {
        "address": address,
        "ip": address if is_address(address) else "",
        "port": port or None,
        "domain": name,
        "geo": {"country_iso_code": country},
    }


def _filled(record: dict[str, Any]) -> dict[str, Any]:
    """The same without what is empty: ECS leaves absent what is not known."""
    kept: dict[str, Any] = {}
    for name, value in record.items():
        inner = _filled(value) if isinstance(value, dict) else value
        if inner not in ("", None, [], {}):
            kept[name] = inner
    return kept
