"""What was wrong with the service, from when to when."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update

from oddflow.server.store import texts
from oddflow.server.store.database import Database
from oddflow.server.store.page import Page, bounded, token, whole_of
from oddflow.server.store.tables import notices
from oddflow.server.store.texts import clean

_COLUMNS = select(
    notices.c.id,
    notices.c.seq,
    notices.c.sensor,
    notices.c.source,
    notices.c.code,
    notices.c.level,
    notices.c.text,
    notices.c.began_s,
    notices.c.ended_s,
)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that was or is wrong.

    Attributes:
        id: Counts them.
        seq: Grows with each change.
        sensor, source: Whose; the source is empty where it is of the service.
        code: What it is, in a word that stays the same: "disk_full".
        level: "info", "warning" or "error".
        text: What it is and what to do, in words.
        began_s, ended_s: Seconds since 1970 UTC; None while it lasts.
    """

    id: int
    seq: int
    sensor: str
    source: str
    code: str
    level: str
    text: str
    began_s: float
    ended_s: float | None = None


class Notices:
    """The notices of a store; of one sensor, source and code, one at most lasts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, sensor: str, source: str, code: str, level: str, text: str) -> bool:
        """Something is wrong from now on; where it was already, it is told as it is now.

        Returns:
            Whether it is new.
        """
        key = {"sensor": texts.key(sensor), "source": texts.key(source), "code": texts.key(code)}
        told = {"level": clean(level), "text": clean(text)}
        table = notices.c
        with self._database.writing() as connection:
            seq = self._database.claim(connection, 1)
            where = [table[name] == value for name, value in key.items()] + [table.ended_s.is_(None)]
            known = connection.execute(select(table.id, table.level, table.text).where(*where)).first()
            if known is None:
                connection.execute(insert(notices), key | told | {"seq": seq, "began_s": time.time()})
            elif (known.level, known.text) != (told["level"], told["text"]):
                connection.execute(update(notices).where(table.id == known.id).values(seq=seq, **told))
        return known is None

    def end(self, sensor: str, source: str, code: str) -> bool:
        """It is over; whether it was there."""
        table, key = notices.c, texts.key
        with self._database.writing() as connection:
            seq = self._database.claim(connection, 1)
            ended = connection.execute(
                update(notices)
                .where(table.sensor == key(sensor), table.source == key(source), table.code == key(code))
                .where(table.ended_s.is_(None))
                .values(ended_s=time.time(), seq=seq)
                .returning(table.id)
            )
            return ended.first() is not None

    def current(self) -> list[Notice]:
        """What lasts, the newest first."""
        with self._database.reading() as connection:
            found = connection.execute(_COLUMNS.where(notices.c.ended_s.is_(None)).order_by(notices.c.id.desc()))
            return _told(found.all())

    def page(self, after: str | None = None, limit: int = 50) -> Page[Notice]:
        """All, the newest first.

        Raises:
            UsageError: `after` or `limit` is wrong.
        """
        limit = bounded(limit)
        statement = _COLUMNS.order_by(notices.c.id.desc()).limit(limit + 1)
        if after is not None:
            statement = statement.where(notices.c.id < whole_of(after)[0])
        with self._database.reading() as connection:
            items = _told(connection.execute(statement).all())
        return Page(items[:limit], token(items[limit - 1].id, "") if len(items) > limit else None)

    def after(self, seq: int, limit: int = 100) -> list[Notice]:
        """What began, changed or ended after a `seq`, in that order."""
        statement = _COLUMNS.where(notices.c.seq > seq).order_by(notices.c.seq).limit(bounded(limit))
        with self._database.reading() as connection:
            return _told(connection.execute(statement).all())

    def highest(self) -> int:
        """The last `seq`; 0 where there is none."""
        with self._database.reading() as connection:
            return connection.execute(select(func.max(notices.c.seq))).scalar_one() or 0


def _told(rows: Sequence[Any]) -> list[Notice]:
    return [Notice(*row) for row in rows]
