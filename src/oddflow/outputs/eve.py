"""EVE JSON, as Suricata writes alerts: whatever reads its eve.json reads this.

Source: https://docs.suricata.io/en/latest/output/eve/eve-json-format.html and its etc/schema.json.
"""

import json
from typing import Any

from oddflow import __version__
from oddflow.outputs.notice import Notice, Severity
from oddflow.schema import AttackCategory
from oddflow.verdicts.alert import utc

GENERATOR = 0x0DDF
"""The `gid` of all our signatures: Suricata's own is 1."""
SEVERITIES = {Severity.HIGH: 1, Severity.MEDIUM: 2, Severity.LOW: 3}
SIGNATURES = {category.value: number for number, category in enumerate(AttackCategory, start=1)}


def eve(notice: Notice) -> dict[str, Any]:
    """The notice as an `alert` event.

    Suricata's flow_id is kept where the flow came from its log; any other is made of the notice's id.
    """
    record: dict[str, Any] = {"timestamp": _time(notice.start_ns), "event_type": "alert", "flow_id": _flow_id(notice)}
    if notice.src_ip:
        record |= {
            "src_ip": notice.src_ip, "src_port": notice.src_port,
            "dest_ip": notice.dst_ip, "dest_port": notice.dst_port,
            "proto": (notice.transport if not notice.transport.isdigit() else f"{notice.protocol:03d}").upper(),
            "flow": {"start": _time(notice.start_ns), "end": _time(notice.end_ns), "alerted": True},
        }  # fmt: skip
    if notice.community_id:
        record["community_id"] = notice.community_id
    if notice.source:
        record["pcap_filename"] = notice.source
    record["alert"] = {
        "action": "allowed",
        "gid": GENERATOR,
        "signature_id": SIGNATURES.get(notice.category, 0),
        "rev": 1,
        "signature": f"ODDFLOW {notice.name}",
        "category": notice.category.replace("_", " "),
        "severity": SEVERITIES[notice.severity],
        "metadata": _metadata(notice),
    }
    return record


def _metadata(notice: Notice) -> dict[str, list[str]]:
    """What EVE has no field for, in its way: lists of text."""
    facts: dict[str, list[str]] = {
        "oddflow_id": [notice.id],
        "oddflow_version": [__version__],
        "oddflow_kind": [notice.kind],
        "title": [notice.title],
        "reasons": list(notice.reasons),
        "rarity": [notice.rarity],
        "score": [] if notice.score is None else [f"{notice.score:.6g}"],
        "category_probability": [f"{notice.probability:.3f}"] if notice.category else [],
        "mitre_technique_id": list(notice.techniques),
        "intelligence": list(notice.intelligence),
        "src_name": [notice.src_name],
        "dest_name": [notice.dst_name],
        "src_country": [notice.src_country],
        "dest_country": [notice.dst_country],
        "hosts": [] if notice.src_ip else list(notice.hosts),
        "alerts": list(notice.alert_ids),
        "signature_severity": [{1: "Critical", 2: "Major", 3: "Minor"}[SEVERITIES[notice.severity]]],
    }
    return {name: values for name, values in facts.items() if any(values)}


def _time(time_ns: int) -> str:
    return utc(time_ns).removesuffix("Z") + "+0000"


def _flow_id(notice: Notice) -> int:
    record = notice.record_id
    if record.isascii() and record.isdigit() and int(record[:20]) < 1 << 63 and len(record) <= 19:
        return int(record)
    try:
        return int(notice.id[:13], 16)  # 52 bits: JSON numbers are exact up to 53
    except ValueError:
        return int.from_bytes(json.dumps(notice.id).encode()[1:7])
