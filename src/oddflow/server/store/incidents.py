"""Incidents in the store, and what people do about them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, func, insert, select, tuple_, update

from oddflow.errors import UsageError
from oddflow.server.store.alerts import of_ids
from oddflow.server.store.database import Database
from oddflow.server.store.page import Page, bounded, token, whole_of
from oddflow.server.store.tables import incident_hosts, incident_notes, incident_records, incidents
from oddflow.server.store.texts import clean, holds_all, key
from oddflow.verdicts.incidents.incident import Incident
from oddflow.verdicts.incidents.record import ToldIncident

VERDICTS = ("", "benign", "malicious")
MOST_NOTES = 1_000
LONGEST_NOTE = 10_000


@dataclass(frozen=True, slots=True)
class Note:
    """What a person wrote about an incident; `at_s` in seconds since 1970 UTC."""

    at_s: float
    user: str
    text: str


@dataclass(frozen=True, slots=True)
class StoredIncident:
    """An incident as the store has it.

    Attributes:
        seq: Grows with each change, over all alerts and incidents.
        born: The `seq` that it was given first.
        sensor, source: Who put it in.
        stored_ns: When it last came or changed.
        incident: The incident; its top alerts are those that are still kept.
        state: "open", "taken" or "closed".
        verdict: What people say that it is: "benign", "malicious", or nothing.
        assignee: Who took it.
        why: Why it was closed.
        merged_into: The incident that it turned out to be part of; empty where it stands for itself.
        notes: The oldest first; a page of many incidents leaves them out.
    """

    seq: int
    born: int
    sensor: str
    source: str
    stored_ns: int
    incident: Incident
    state: str = "open"
    verdict: str = ""
    assignee: str = ""
    why: str = ""
    merged_into: str = ""
    notes: Sequence[Note] = field(default=())


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """What incidents must have; None is anything.

    Attributes:
        source, sensor: Where they came from.
        severity: "low", "medium", "high" or "critical".
        state: "open", "taken" or "closed"; "active" for the first two.
        verdict: "benign", "malicious", or "" for nothing yet.
        since_ns, until_ns: They ended from the first on, and began before the second; ns since 1970 UTC.
        host: Takes part.
        text: Each of its words is in the title, the kinds, the hosts or the evidence.
        order: The newest or the gravest first.
    """

    source: str | None = None
    sensor: str | None = None
    severity: str | None = None
    state: str | None = None
    verdict: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    host: str | None = None
    text: str = ""
    order: Literal["newest", "gravest"] = "newest"


NO_FILTER = IncidentFilter()
_TABLE = incidents
_WHOLE = select(_TABLE, incident_records.c.record).join_from(_TABLE, incident_records)


class Incidents:
    """The incidents of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, incident_id: str) -> StoredIncident | None:
        """One incident with its notes; None where there is none of that id."""
        name = key(incident_id)
        with self._database.reading() as connection:
            row = connection.execute(_WHOLE.where(_TABLE.c.id == name)).first()
            if row is None:
                return None
            noted = incident_notes.c
            notes = connection.execute(
                select(noted.at_s, noted.who, noted.text).where(noted.incident_id == name).order_by(noted.id)
            )
            return _stored([row], connection, {name: [Note(*note) for note in notes]})[0]

    def page(
        self, wanted: IncidentFilter = NO_FILTER, after: str | None = None, limit: int = 50
    ) -> Page[StoredIncident]:
        """Incidents that a person looks through, without their notes.

        Args:
            wanted: Which ones.
            after: What the page before gave.
            limit: How many rows.

        Raises:
            UsageError: `after` or `limit` is wrong.
        """
        limit = bounded(limit)
        by = _TABLE.c.points if wanted.order == "gravest" else _TABLE.c.last_ns
        where = _conditions(wanted)
        if after is not None:
            where.append(tuple_(by, _TABLE.c.id) < tuple_(*whole_of(after)))
        statement = _WHOLE.where(*where).order_by(by.desc(), _TABLE.c.id.desc()).limit(limit + 1)
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
            items = _stored(rows[:limit], connection)
        if len(rows) <= limit:
            return Page(items)
        last = items[-1].incident
        return Page(items, token(last.points if wanted.order == "gravest" else last.last_ns, last.id))

    def after(self, seq: int, limit: int = 100) -> list[StoredIncident]:
        """What came or changed after a `seq`, in that order; also what became part of another."""
        statement = _WHOLE.where(_TABLE.c.seq > seq).order_by(_TABLE.c.seq).limit(bounded(limit))
        with self._database.reading() as connection:
            return _stored(connection.execute(statement).all(), connection)

    def highest(self) -> int:
        """The last `seq`; 0 where there is none."""
        with self._database.reading() as connection:
            return connection.execute(select(func.max(_TABLE.c.seq))).scalar_one() or 0

    def count(self, wanted: IncidentFilter = NO_FILTER) -> int:
        """How many there are."""
        statement = select(func.count()).select_from(_TABLE).where(*_conditions(wanted))
        with self._database.reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def by_severity(self, wanted: IncidentFilter = NO_FILTER) -> dict[str, int]:
        """How many there are of each severity."""
        statement = select(_TABLE.c.severity, func.count()).where(*_conditions(wanted)).group_by(_TABLE.c.severity)
        with self._database.reading() as connection:
            return {severity: int(count) for severity, count in connection.execute(statement)}

    def take(self, incident_id: str, user: str) -> None:
        """Someone sees to it; a closed one is open again.

        Raises:
            UsageError: There is none of that id.
        """
        self._change(incident_id, state="taken", assignee=clean(user), why="")

    def close(self, incident_id: str, user: str, why: str = "") -> None:
        """It is dealt with.

        Raises:
            UsageError: There is none of that id.
        """
        self._change(incident_id, state="closed", assignee=clean(user), why=clean(why, LONGEST_NOTE))

    def reopen(self, incident_id: str) -> None:
        """It is not dealt with, and nobody's.

        Raises:
            UsageError: There is none of that id.
        """
        self._change(incident_id, state="open", assignee="", why="")

    def set_verdict(self, incident_id: str, verdict: str) -> None:
        """What a person says that it is.

        Raises:
            UsageError: There is none of that id, or the verdict is none.
        """
        if verdict not in VERDICTS:
            raise UsageError(f"{verdict[:80]!r} is no verdict; expected benign, malicious or nothing")
        self._change(incident_id, verdict=verdict)

    def note(self, incident_id: str, user: str, text: str) -> None:
        """Writes something down about it.

        Raises:
            UsageError: There is none of that id, or it has too many notes, or the note is empty or too long.
        """
        said = text.strip()
        if not said or len(said) > LONGEST_NOTE:
            raise UsageError(f"the note has {len(said):,} characters; expected 1 to {LONGEST_NOTE:,}")
        with self._database.writing() as connection:
            self._change(incident_id)
            table, name = incident_notes.c, key(incident_id)
            there = select(func.count()).select_from(incident_notes).where(table.incident_id == name)
            if connection.execute(there).scalar_one() >= MOST_NOTES:
                raise UsageError(f"incident {name} has {MOST_NOTES:,} notes already; close it")
            note = {"incident_id": name, "at_s": time.time(), "who": clean(user), "text": clean(said, LONGEST_NOTE)}
            connection.execute(insert(incident_notes), note)

    def _change(self, incident_id: str, **values: str) -> None:
        name = key(incident_id)
        with self._database.writing() as connection:
            seq = self._database.claim(connection, 1)
            statement = update(_TABLE).where(_TABLE.c.id == name).values(seq=seq, **values).returning(_TABLE.c.id)
            if connection.execute(statement).first() is None:
                raise UsageError(f"there is no incident {name[:80]!r}")


def _conditions(wanted: IncidentFilter) -> list[ColumnElement[bool]]:
    column = _TABLE.c
    found: list[ColumnElement[bool]] = [column.merged_into == ""]
    found += [
        column[name] == key(value)
        for name in ("source", "sensor", "severity", "verdict")
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.state == "active":
        found.append(column.state != "closed")
    elif wanted.state is not None:
        found.append(column.state == key(wanted.state))
    if wanted.since_ns is not None:
        found.append(column.last_ns >= wanted.since_ns)
    if wanted.until_ns is not None:
        found.append(column.first_ns < wanted.until_ns)
    if wanted.host is not None:
        of_host = select(incident_hosts.c.incident_id).where(incident_hosts.c.host == key(wanted.host))
        found.append(column.id.in_(of_host))
    return [*found, *holds_all(column.words, wanted.text)]


def _stored(
    rows: Sequence[Any], connection: Connection, notes: dict[str, list[Note]] | None = None
) -> list[StoredIncident]:
    told = [ToldIncident(row.record) for row in rows]
    wanted = list(dict.fromkeys(one for each in told for one in each.top))
    top = {one.alert.id: one.alert for one in of_ids(connection, wanted)}
    return [
        StoredIncident(
            row.seq,
            row.born,
            row.sensor,
            row.source,
            row.stored_ns,
            each.incident([top[one] for one in each.top if one in top]),
            row.state,
            row.verdict,
            row.assignee,
            row.why,
            row.merged_into,
            (notes or {}).get(row.id, ()),
        )
        for row, each in zip(rows, told, strict=True)
    ]
