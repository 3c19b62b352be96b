"""Versions of incidents: the store keeps the newest, and knows which became part of another."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from oddflow.server.store.database import Database
from oddflow.server.store.tables import alerts, incident_hosts, incident_notes, incident_records, incidents
from oddflow.server.store.texts import key, words_of
from oddflow.verdicts.incidents.incident import Incident, Severity
from oddflow.verdicts.incidents.record import incident_json

GRAVITY = {severity.value: rank for rank, severity in enumerate(Severity)}
_TABLE = incidents.c


def put(
    database: Database, connection: Connection, told: Sequence[Incident], place: dict[str, str], now_ns: int
) -> None:
    """Takes incidents that are newer than what is known of them.

    A closed one that is graver now is open again.

    Args:
        database: Gives numbers.
        connection: Of a transaction that has claimed some, so that nobody else writes.
        told: The incidents.
        place: Sensor and source.
        now_ns: Now.
    """
    newest = {incident.id: incident for incident in sorted(told, key=_version)}
    columns = (_TABLE.id, _TABLE.alerts, _TABLE.last_ns, _TABLE.severity, _TABLE.state)
    known = {row.id: row for row in connection.execute(select(*columns).where(_TABLE.id.in_(newest)))}
    for incident in newest.values():
        number = database.claim(connection, 1)
        values = place | {"seq": number, "stored_ns": now_ns} | _columns(incident)
        before, record = known.get(incident.id), incident_json(incident)
        if before is None:
            connection.execute(insert(incidents), values | {"born": number})
            connection.execute(insert(incident_records), {"incident_id": incident.id, "record": record})
        elif _version(incident) > (before.alerts, before.last_ns):
            if before.state == "closed" and GRAVITY[incident.severity.value] > GRAVITY.get(before.severity, 0):
                values["state"] = "open"
            connection.execute(update(incidents).where(_TABLE.id == incident.id).values(merged_into="", **values))
            is_its = incident_records.c.incident_id == incident.id
            connection.execute(update(incident_records).where(is_its).values(record=record))
        else:
            continue
        _set_hosts(connection, incident)
        _take_in(database, connection, incident, place)


def _version(incident: Incident) -> tuple[int, int]:
    """Alerts are only ever added to an incident."""
    return incident.alerts, incident.last_ns


def _set_hosts(connection: Connection, incident: Incident) -> None:
    table = incident_hosts.c
    known = set(connection.execute(select(table.host).where(table.incident_id == incident.id)).scalars())
    hosts = {key(host) for host in incident.hosts}
    if new := sorted(hosts - known):
        connection.execute(insert(incident_hosts), [{"host": host, "incident_id": incident.id} for host in new])


def _take_in(database: Database, connection: Connection, incident: Incident, place: dict[str, str]) -> None:
    """An incident is named by its first alert: one whose first alert is another's now is over, and part of that."""
    ids = list(incident.alert_ids)
    parts = connection.execute(
        select(_TABLE.id, _TABLE.state, _TABLE.assignee, _TABLE.verdict)
        .where(_TABLE.first_alert.in_(ids), _TABLE.id != incident.id, _TABLE.merged_into == "")
        .where(_TABLE.sensor == place["sensor"], _TABLE.source == place["source"])
    ).all()
    name = {"incident": incident.id}
    connection.execute(update(alerts).where(alerts.c.id.in_(ids), alerts.c.incident != incident.id).values(name))
    if not parts:
        return
    gone = [part.id for part in parts]
    connection.execute(update(alerts).where(alerts.c.incident.in_(gone)).values(name))
    connection.execute(update(incidents).where(_TABLE.merged_into.in_(gone)).values(merged_into=incident.id))
    noted = update(incident_notes).where(incident_notes.c.incident_id.in_(gone))
    connection.execute(noted.values(incident_id=incident.id))
    for seq, part in enumerate(parts, start=database.claim(connection, len(parts))):
        connection.execute(update(incidents).where(_TABLE.id == part.id).values(merged_into=incident.id, seq=seq))
        itself = update(incidents).where(_TABLE.id == incident.id)
        if part.state == "taken":
            connection.execute(itself.where(_TABLE.state == "open").values(state="taken", assignee=part.assignee))
        if part.verdict:
            connection.execute(itself.where(_TABLE.verdict == "").values(verdict=part.verdict))


def _columns(incident: Incident) -> dict[str, Any]:
    kinds = (incident.category, *incident.techniques, *incident.labels)
    return {
        "id": incident.id,
        "first_ns": incident.first_ns,
        "last_ns": incident.last_ns,
        "severity": incident.severity.value,
        "points": incident.points,
        "category": key(incident.category),
        "alerts": incident.alerts,
        "first_alert": incident.alert_ids[0] if incident.alert_ids else "",
        "words": words_of((incident.id, incident.title, *kinds, *incident.hosts, *incident.evidence)),
    }
