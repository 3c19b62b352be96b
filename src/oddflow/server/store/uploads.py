"""Captures that people sent, and what became of them."""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, tuple_, update

from oddflow.errors import UsageError
from oddflow.server.store.database import Database
from oddflow.server.store.page import Page, bounded, number_of, token
from oddflow.server.store.tables import uploads
from oddflow.server.store.texts import clean, key

STATES = ("waiting", "running", "done", "failed")


@dataclass(frozen=True, slots=True)
class Upload:
    """A capture that was sent.

    Attributes:
        id: Names it.
        at_s: When; seconds since 1970 UTC.
        user: Who sent it.
        name: What they called it.
        size_bytes, sha256: Of its content.
        state: "waiting", "running", "done" or "failed".
        problem: Why it failed.
        result: What came out.
    """

    id: str
    at_s: float
    user: str
    name: str
    size_bytes: int
    sha256: str
    state: str
    problem: str
    result: dict[str, Any]


class Uploads:
    """The uploads of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, user: str, name: str, size_bytes: int, sha256: str, upload_id: str = "") -> Upload:
        """A new one, which waits; its id is made unless it is given."""
        row = {
            "id": key(upload_id) or secrets.token_hex(8),
            "at_s": time.time(),
            "who": clean(user),
            "name": clean(name, 255),
            "size_bytes": size_bytes,
            "sha256": clean(sha256, 64),
        }
        with self._database.writing() as connection:
            return _upload(connection.execute(insert(uploads).values(row).returning(uploads)).one())

    def get(self, upload_id: str) -> Upload | None:
        """One; None where there is none of that id."""
        with self._database.reading() as connection:
            row = connection.execute(select(uploads).where(uploads.c.id == key(upload_id))).first()
        return None if row is None else _upload(row)

    def page(self, after: str | None = None, limit: int = 50, user: str | None = None) -> Page[Upload]:
        """All, the newest first; of one person where a name is given.

        Raises:
            UsageError: `after` or `limit` is wrong.
        """
        limit, table = bounded(limit), uploads.c
        statement = select(uploads).order_by(table.at_s.desc(), table.id.desc()).limit(limit + 1)
        if after is not None:
            statement = statement.where(tuple_(table.at_s, table.id) < tuple_(*number_of(after)))
        if user is not None:
            statement = statement.where(table.who == key(user))
        with self._database.reading() as connection:
            items = [_upload(row) for row in connection.execute(statement)]
        more = len(items) > limit
        return Page(items[:limit], token(items[limit - 1].at_s, items[limit - 1].id) if more else None)

    def update(
        self,
        upload_id: str,
        *,
        state: str | None = None,
        problem: str | None = None,
        result: Mapping[str, Any] | None = None,
    ) -> Upload:
        """Changes what is given.

        Raises:
            UsageError: There is none of that id, or the state is none.
        """
        if state is not None and state not in STATES:
            raise UsageError(f"{state[:80]!r} is no state of an upload; expected {', '.join(STATES)}")
        values = {"id": key(upload_id)}
        values |= {} if state is None else {"state": state}
        values |= {} if problem is None else {"problem": clean(problem)}
        values |= {} if result is None else {"result": json.dumps(result, default=str)}
        with self._database.writing() as connection:
            statement = update(uploads).where(uploads.c.id == values["id"]).values(values).returning(uploads)
            row = connection.execute(statement).first()
        if row is None:
            raise UsageError(f"there is no upload {values['id'][:80]!r}")
        return _upload(row)

    def in_state(self, state: str, limit: int = 100) -> list[Upload]:
        """Those in a state, the oldest first."""
        statement = select(uploads).where(uploads.c.state == key(state)).order_by(uploads.c.at_s)
        with self._database.reading() as connection:
            return [_upload(row) for row in connection.execute(statement.limit(bounded(limit)))]

    def remove(self, upload_id: str) -> bool:
        """Forgets one; whether it was there."""
        with self._database.writing() as connection:
            gone = connection.execute(delete(uploads).where(uploads.c.id == key(upload_id)).returning(uploads.c.id))
            return gone.first() is not None

    def remove_before(self, at_s: float, limit: int = 1_000) -> Sequence[Upload]:
        """Forgets the oldest; gives them, so that their files can be deleted."""
        table = uploads.c
        old = select(table.id).where(table.at_s < at_s).order_by(table.at_s).limit(bounded(limit))
        with self._database.writing() as connection:
            gone = connection.execute(delete(uploads).where(table.id.in_(old)).returning(uploads))
            return [_upload(row) for row in gone]


def _upload(row: Any) -> Upload:
    return Upload(
        row.id,
        row.at_s,
        row.who,
        row.name,
        row.size_bytes,
        row.sha256,
        row.state,
        row.problem,
        json.loads(row.result),
    )
