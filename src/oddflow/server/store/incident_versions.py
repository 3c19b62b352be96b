"""Versions of incidents: the store keeps the newest, and knows which became part of another."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from oddflow.server.store.tables import incident_hosts, incident_records, incidents
from oddflow.server.store.texts import clean, words_of
from oddflow.verdicts.incidents.incident import Incident
from oddflow.verdicts.incidents.record import incident_json


def put(connection: Connection, told: Sequence[Incident], place: dict[str, str], seq: int, now_ns: int) -> None:
    """Takes incidents that are newer than what is known of them.

    Args:
        connection: Of a transaction that has claimed numbers, so that nobody else writes.
        told: The incidents.
        place: Sensor and source.
        seq: The first of the numbers that are theirs.
        now_ns: Now.
    """
    newest = {incident.id: incident for incident in sorted(told, key=_version)}
    known = {
        row.id: (row.alerts, row.last_ns)
        for row in connection.execute(
            select(incidents.c.id, incidents.c.alerts, incidents.c.last_ns).where(incidents.c.id.in_(newest))
        )
    }
    for number, incident in enumerate(newest.values(), start=seq):
        columns = place | {"seq": number, "stored_ns": now_ns} | _columns(incident)
        if incident.id not in known:
            connection.execute(insert(incidents), columns | {"born": number})
            connection.execute(
                insert(incident_records), {"incident_id": incident.id, "record": incident_json(incident)}
            )
        elif _version(incident) > known[incident.id]:
            connection.execute(update(incidents).where(incidents.c.id == incident.id).values(columns))
            connection.execute(
                update(incident_records)
                .where(incident_records.c.incident_id == incident.id)
                .values(record=incident_json(incident))
            )
        else:
            continue
        _set_hosts(connection, incident)


def _version(incident: Incident) -> tuple[int, int]:
    """Alerts are only ever added to an incident."""
    return incident.alerts, incident.last_ns


def _set_hosts(connection: Connection, incident: Incident) -> None:
    table = incident_hosts.c
    known = set(connection.execute(select(table.host).where(table.incident_id == incident.id)).scalars())
    hosts = {clean(host) for host in incident.hosts}
    if new := sorted(hosts - known):
        connection.execute(insert(incident_hosts), [{"host": host, "incident_id": incident.id} for host in new])


def _columns(incident: Incident) -> dict[str, Any]:
    kinds = (incident.category, *incident.techniques, *incident.labels)
    return {
        "id": incident.id,
        "first_ns": incident.first_ns,
        "last_ns": incident.last_ns,
        "severity": incident.severity.value,
        "points": incident.points,
        "category": clean(incident.category),
        "alerts": incident.alerts,
        "first_alert": incident.alert_ids[0] if incident.alert_ids else "",
        "words": words_of((incident.id, incident.title, *kinds, *incident.hosts, *incident.evidence)),
    }
