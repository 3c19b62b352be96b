"""The trail of changes: rows are only added, and each is chained to the one before by a hash."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from oddflow.server.store.database import Database
from oddflow.server.store.page import Page, bounded, token, whole_of
from oddflow.server.store.tables import audit, facts
from oddflow.server.store.texts import clean, key

FIRST = "audit.first"
"""The fact: what the first row that is kept is chained to."""
LAST = "audit.last"
"""The fact: the hash of the last row."""
LONGEST_DETAIL = 64 << 10
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A change.

    Attributes:
        number: Grows; some numbers are of other things.
        at_s: When; seconds since 1970 UTC.
        who, role, ip: Who did it, as what, from where.
        action: What: "incident.close".
        object: To what: an id or a name.
        detail: What else is known.
    """

    number: int
    at_s: float
    who: str
    role: str
    ip: str
    action: str
    object: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether the trail is as it was written.

    Attributes:
        rows: How many are kept.
        problem: What does not fit, in words; empty where all does.
        last: The hash of the last row: who notes it elsewhere can tell that nothing before it was made anew.
    """

    rows: int
    problem: str
    last: str


class Audit:
    """The trail of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        who: str,
        role: str,
        ip: str,
        action: str,
        object: str,  # noqa: A002  (what the column is called)
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes a change down; within `Store.transaction` it holds if and only if the change does."""
        text = json.dumps(detail or {}, sort_keys=True, default=str)
        if len(text) > LONGEST_DETAIL:
            text = json.dumps({"cut": text[:1_000]})
        with self._database.writing() as connection:
            row = {
                "number": self._database.claim(connection, 1),
                "at_s": time.time(),
                "who": key(who),
                "role": clean(str(role)),
                "ip": clean(ip),
                "action": key(action),
                "object": clean(object),
                "detail": text,
            }
            row["chain"] = _chained(_fact(connection, LAST), row)
            connection.execute(insert(audit), row)
            connection.execute(update(facts).where(facts.c.name == LAST).values(value=row["chain"]))

    def page(
        self, after: str | None = None, limit: int = 50, who: str | None = None, action: str | None = None
    ) -> Page[Entry]:
        """Changes, the newest first.

        Raises:
            UsageError: `after` or `limit` is wrong.
        """
        limit = bounded(limit)
        statement = select(audit).order_by(audit.c.number.desc()).limit(limit + 1)
        if after is not None:
            statement = statement.where(audit.c.number < whole_of(after)[0])
        if who is not None:
            statement = statement.where(audit.c.who == key(who))
        if action is not None:
            statement = statement.where(audit.c.action == key(action))
        with self._database.reading() as connection:
            items = [_entry(row) for row in connection.execute(statement)]
        return Page(items[:limit], token(items[limit - 1].number, "") if len(items) > limit else None)

    def verify(self) -> Verified:
        """Goes along the whole chain."""
        rows, number = 0, -1
        with self._database.reading() as connection:
            last, chain = _fact(connection, LAST), _fact(connection, FIRST)
            while True:
                some = connection.execute(
                    select(audit).where(audit.c.number > number).order_by(audit.c.number).limit(AT_ONCE)
                ).all()
                for row in some:
                    chain = _chained(chain, row._asdict())
                    if chain != row.chain:
                        problem = f"row {row.number} does not follow from the one before: either was changed or removed"
                        return Verified(rows, problem, last)
                    rows, number = rows + 1, row.number
                if len(some) < AT_ONCE:
                    break
        return Verified(rows, "" if chain == last else "rows are missing at its end", last)

    def remove_before(self, at_s: float, most: int = AT_ONCE) -> int:
        """Lets the oldest go, as many as are given at most; the chain begins after them."""
        with self._database.writing() as connection:
            self._database.claim(connection, 0)
            old = connection.execute(
                select(audit.c.number, audit.c.at_s, audit.c.chain).order_by(audit.c.number).limit(most)
            ).all()
            count = next((n for n, row in enumerate(old) if row.at_s >= at_s), len(old))
            if count:
                connection.execute(delete(audit).where(audit.c.number <= old[count - 1].number))
                connection.execute(update(facts).where(facts.c.name == FIRST).values(value=old[count - 1].chain))
        return count


def _fact(connection: Connection, name: str) -> str:
    return str(connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar_one())


def _chained(before: str, row: Mapping[str, Any]) -> str:
    names = ("number", "at_s", "who", "role", "ip", "action", "object", "detail")
    told = json.dumps([before, *(row[name] for name in names)], ensure_ascii=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _entry(row: Any) -> Entry:
    return Entry(row.number, row.at_s, row.who, row.role, row.ip, row.action, row.object, json.loads(row.detail))
