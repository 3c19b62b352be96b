"""STIX 2.1 bundles (OASIS standard, 10 June 2021): what was seen, between whom, and why it is told.

All ids are deterministic: a bundle that is sent again says the same of the same objects.
"""

import json
import uuid
from typing import Any

from oddflow.outputs.notice import Notice, is_address
from oddflow.verdicts.alert import utc

OBSERVABLES = uuid.UUID("00abedb4-aa42-466c-9fed-23fe77a8a1ee")
"""The namespace that section 2.9 gives ids of observables."""
OURS = uuid.uuid5(OBSERVABLES, "oddflow")
CREATED = "2024-01-01T00:00:00.000Z"
"""Of the identity that speaks: one object, whoever makes it."""


def bundle(notice: Notice) -> dict[str, Any]:
    """An identity, the addresses and names, the traffic, the observation and a note; sightings of what is named."""
    at = _time(notice.end_ns)
    speaker = _object("identity", "Oddflow", CREATED, name="Oddflow", identity_class="system")
    seen = _observables(notice)
    refs = sorted(seen)
    made: list[dict[str, Any]] = [speaker, *seen.values()]

    def ours(kind: str, what: str, **fields: Any) -> dict[str, Any]:
        return _object(kind, f"{notice.id} {what}", at, created_by_ref=speaker["id"], **fields)

    about: list[str] = []
    if refs:
        observed = ours(
            "observed-data", "observed", number_observed=1, object_refs=refs,
            first_observed=_time(notice.start_ns), last_observed=at,
        )  # fmt: skip
        made.append(observed)
        about = [observed["id"]]
    if notice.kind == "incident":
        story = ours("incident", "incident", name=notice.title)
        made.append(story)
        about = [*about, story["id"]]
    for technique in notice.techniques:
        attack = _object(
            "attack-pattern", technique, CREATED, name=technique,
            external_references=[{"source_name": "mitre-attack", "external_id": technique}],
        )  # fmt: skip
        made.append(attack)
        made.append(_sighting(ours, attack["id"], about, notice))
    for text in notice.intelligence:
        named = text.partition(" ")[0]
        if pattern := _pattern(named):
            indicator = _object(
                "indicator", text, CREATED, name=text, pattern=pattern, pattern_type="stix", valid_from=CREATED,
                indicator_types=["malicious-activity"],
            )  # fmt: skip
            made += [indicator, _sighting(ours, indicator["id"], about, notice)]
    note = ours(
        "note", "note", abstract=notice.title, content="\n".join(dict.fromkeys((notice.title, *notice.reasons))),
        object_refs=about or [speaker["id"]],
        external_references=[{"source_name": "oddflow", "external_id": notice.id}],
        labels=[notice.name, f"severity:{notice.severity.name.lower()}"],
    )  # fmt: skip
    made.append(note)
    return {"type": "bundle", "id": f"bundle--{uuid.uuid5(OURS, notice.id + note['id'])}", "objects": made}


def _sighting(ours: Any, of: str, about: list[str], notice: Notice) -> dict[str, Any]:
    observed = [ref for ref in about if ref.startswith("observed-data--")]
    fields = {"observed_data_refs": observed} if observed else {}
    made: dict[str, Any] = ours(
        "sighting", f"sighting {of}", sighting_of_ref=of, count=1,
        first_seen=_time(notice.start_ns), last_seen=_time(notice.end_ns), **fields,
    )  # fmt: skip
    return made


def _observables(notice: Notice) -> dict[str, dict[str, Any]]:
    """Addresses, names and the traffic between them, by id (section 6)."""
    made: dict[str, dict[str, Any]] = {}
    of_address: dict[str, str] = {}
    for host in dict.fromkeys(notice.hosts):
        if is_address(host):
            address = _observable("ipv6-addr" if ":" in host else "ipv4-addr", {"value": host})
            made[address["id"]] = address
            of_address[host] = address["id"]
    for name, address_text in ((notice.src_name, notice.src_ip), (notice.dst_name, notice.dst_ip)):
        if name and address_text in of_address:
            domain = _observable("domain-name", {"value": name}) | {"resolves_to_refs": [of_address[address_text]]}
            made[domain["id"]] = domain
    if notice.src_ip in of_address and notice.dst_ip in of_address:
        protocols = ["ipv6" if ":" in notice.src_ip else "ipv4", notice.transport]
        identifying: dict[str, Any] = {
            "start": _time(notice.start_ns),
            "src_ref": of_address[notice.src_ip],
            "dst_ref": of_address[notice.dst_ip],
            "protocols": protocols,
        }
        ended = _time(notice.end_ns) > identifying["start"]  # as far as microseconds tell
        if ended:
            identifying["end"] = _time(notice.end_ns)
        if notice.src_port or notice.dst_port:
            identifying |= {"src_port": notice.src_port, "dst_port": notice.dst_port}
        traffic = _observable("network-traffic", identifying) | ({"is_active": False} if ended else {})
        made[traffic["id"]] = traffic
    return made


def _observable(kind: str, identifying: dict[str, Any]) -> dict[str, Any]:
    """Its id is made of what identifies it, as canonical JSON (section 2.9, RFC 8785)."""
    canonical = json.dumps(identifying, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": f"{kind}--{uuid.uuid5(OBSERVABLES, canonical)}",
    } | identifying


def _object(kind: str, what: str, created: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": f"{kind}--{uuid.uuid5(OURS, f'{kind} {what}')}",
        "created": created,
        "modified": created,
    } | fields


def _pattern(named: str) -> str:
    """What is looked for, as a STIX pattern; empty for what patterns have no word for."""
    quoted = named.replace("\\", "\\\\").replace("'", "\\'")
    if is_address(named):
        return f"[{'ipv6' if ':' in named else 'ipv4'}-addr:value = '{quoted}']"
    return f"[domain-name:value = '{quoted}']" if "." in named else ""


def _time(time_ns: int) -> str:
    return utc(time_ns)
