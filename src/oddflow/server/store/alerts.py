"""Alerts in the store: each once, whoever puts it in how often."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Select, func, insert, or_, select, tuple_, union_all

from oddflow.schema import protocol_name
from oddflow.server.store import incident_versions
from oddflow.server.store.alert_filter import AlertFilter, conditions
from oddflow.server.store.database import Database
from oddflow.server.store.page import Page, bounded, number_of, token, whole_of
from oddflow.server.store.tables import alert_records, alerts
from oddflow.server.store.texts import key, words_of
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.incidents.incident import Incident
from oddflow.verdicts.record import alert_json, alert_of_json

__all__ = ["AlertFilter", "Alerts", "StoredAlert", "of_ids"]
AT_ONCE = 500
NO_FILTER = AlertFilter()


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert as the store has it.

    Attributes:
        seq: Grows with each change, over all alerts and incidents.
        born: The `seq` that it was given first; an alert is new to whoever has read up to less.
        sensor, source: Who put it in.
        stored_ns: When; ns since 1970 UTC.
        alert: The alert; its incident is the one that it belongs to now.
        verdict: What people say that it is: "benign", "malicious", or nothing.
    """

    seq: int
    born: int
    sensor: str
    source: str
    stored_ns: int
    alert: Alert
    verdict: str = ""


class Alerts:
    """The alerts of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, sensor: str, source: str, alerts: Sequence[Alert], incidents: Sequence[Incident]) -> int:
        """Takes alerts and the incidents that they belong to: all on disk when this returns, or none.

        What is known already stays as it is; of an incident, the version with more alerts stays.

        Args:
            sensor: Who puts them in.
            source: Where it has them from.
            alerts: Some of them may be there already.
            incidents: As they are now; older versions of one are passed over.

        Returns:
            How many alerts were new.

        Raises:
            StoreDown: The database cannot be used now; nothing was taken.
        """
        if not alerts and not incidents:
            return 0
        rows = [(alert, alert_json(alert)) for alert in {alert.id: alert for alert in alerts}.values()]
        place = {"sensor": key(sensor), "source": key(source)}
        with self._database.writing() as connection:
            seq = self._database.claim(connection, len(rows))
            now_ns = time.time_ns()
            known = _known(connection, [alert.id for alert, _ in rows])
            new = [(alert, text) for alert, text in rows if alert.id not in known]
            if new:
                connection.execute(
                    insert(_TABLE),
                    [
                        place | {"seq": seq + n, "born": seq + n, "stored_ns": now_ns} | _columns(alert)
                        for n, (alert, _) in enumerate(new)
                    ],
                )
                connection.execute(
                    insert(alert_records), [{"alert_id": alert.id, "record": text} for alert, text in new]
                )
            incident_versions.put(self._database, connection, incidents, place, now_ns)
        return len(new)

    def get(self, alert_id: str) -> StoredAlert | None:
        """One alert; None where there is none of that id."""
        return next(iter(self.of_ids([alert_id])), None)

    def of_ids(self, ids: Sequence[str]) -> list[StoredAlert]:
        """Those of these that are there, in the order in which they are asked for."""
        with self._database.reading() as connection:
            return of_ids(connection, ids)

    def page(self, wanted: AlertFilter = NO_FILTER, after: str | None = None, limit: int = 50) -> Page[StoredAlert]:
        """Alerts that a person looks through, the newest or the highest-scoring first.

        Args:
            wanted: Which ones.
            after: What the page before gave.
            limit: How many rows.

        Raises:
            UsageError: `after` or `limit` is wrong.
        """
        limit = bounded(limit)
        by = _TABLE.c.score if wanted.order == "score" else _TABLE.c.start_ns
        where = list(conditions(wanted))
        if after is not None:
            place = number_of(after) if wanted.order == "score" else whole_of(after)
            where.append(tuple_(by, _TABLE.c.id) < tuple_(*place))
        found = select(_TABLE.c.id, by.label("by")).where(*where)
        statement = _first(found, wanted.host, limit + 1)
        with self._database.reading() as connection:
            ids = [row[0] for row in connection.execute(statement)]
            items = of_ids(connection, ids[:limit])
        if len(ids) <= limit:
            return Page(items)
        last = items[-1].alert
        return Page(items, token(last.score if wanted.order == "score" else last.start_ns, last.id))

    def after(self, seq: int, limit: int = 100) -> list[StoredAlert]:
        """What came or changed after a `seq`, in that order."""
        with self._database.reading() as connection:
            statement = _WHOLE.where(_TABLE.c.seq > seq).order_by(_TABLE.c.seq).limit(bounded(limit))
            return [_stored(row) for row in connection.execute(statement)]

    def highest(self) -> int:
        """The last `seq`; 0 where there is none."""
        with self._database.reading() as connection:
            return connection.execute(select(func.max(_TABLE.c.seq))).scalar_one() or 0

    def count(self, wanted: AlertFilter = NO_FILTER) -> int:
        """How many there are."""
        where = list(conditions(wanted))
        if wanted.host is not None:
            where.append(or_(_TABLE.c.src_ip == key(wanted.host), _TABLE.c.dst_ip == key(wanted.host)))
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(_TABLE).where(*where)).scalar_one())


_TABLE = alerts
_WHOLE = select(
    _TABLE.c.id,
    _TABLE.c.seq,
    _TABLE.c.born,
    _TABLE.c.sensor,
    _TABLE.c.source,
    _TABLE.c.stored_ns,
    _TABLE.c.start_ns,
    _TABLE.c.end_ns,
    _TABLE.c.incident,
    _TABLE.c.verdict,
    alert_records.c.record,
).join_from(_TABLE, alert_records)


def _first(found: Select[Any], host: str | None, count: int) -> Select[Any]:
    """The first so many rows; those of a host by two walks along indexes, as either end of the flow."""
    if host is None:
        return found.order_by(*(column.desc() for column in (found.selected_columns.by, _TABLE.c.id))).limit(count)
    name = key(host)
    ends = (_TABLE.c.src_ip == name, (_TABLE.c.dst_ip == name) & (_TABLE.c.src_ip != name))
    halves = [
        select(found.where(end).order_by(found.selected_columns.by.desc(), _TABLE.c.id.desc()).limit(count).subquery())
        for end in ends
    ]
    both = union_all(*halves).subquery()
    return select(both).order_by(both.c.by.desc(), both.c.id.desc()).limit(count)


def of_ids(connection: Connection, ids: Iterable[str]) -> list[StoredAlert]:
    """See `Alerts.of_ids`."""
    wanted = [key(one) for one in ids]
    found: dict[str, StoredAlert] = {}
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        found |= {row.id: _stored(row) for row in connection.execute(_WHOLE.where(_TABLE.c.id.in_(some)))}
    return [found[one] for one in wanted if one in found]


def _known(connection: Connection, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), AT_ONCE):
        statement = select(_TABLE.c.id).where(_TABLE.c.id.in_(ids[start : start + AT_ONCE]))
        found.update(connection.execute(statement).scalars())
    return found


def _stored(row: Any) -> StoredAlert:
    alert = replace(alert_of_json(row.record), start_ns=row.start_ns, end_ns=row.end_ns, incident=row.incident)
    return StoredAlert(row.seq, row.born, row.sensor, row.source, row.stored_ns, alert, row.verdict)


def _columns(alert: Alert) -> dict[str, Any]:
    reason = alert.reasons[0].text[:200] if alert.reasons else ""
    names = (alert.src_name, alert.dst_name, alert.src_country, alert.dst_country)
    said = (alert.label, alert.category, *alert.techniques, *alert.intelligence, reason)
    ends = (alert.src_ip, alert.dst_ip, f"{alert.dst_ip}:{alert.dst_port}", protocol_name(alert.protocol))
    return {
        "id": alert.id,
        "start_ns": alert.start_ns,
        "end_ns": alert.end_ns,
        "src_ip": key(alert.src_ip),
        "dst_ip": key(alert.dst_ip),
        "score": float(alert.score),
        "category": key(alert.category),
        "incident": alert.incident,
        "words": words_of((alert.id, *ends, *names, *said, alert.community_id, alert.record_id)),
    }
