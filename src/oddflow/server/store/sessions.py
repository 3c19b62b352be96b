"""Sessions of people who are logged in; of a session's secret only the hash is kept."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, insert, select, update

from oddflow.server.access.identity import Role
from oddflow.server.access.secret import digest, new_secret
from oddflow.server.store.database import Database
from oddflow.server.store.tables import sessions, users

MOST_OF_ONE = 20
SEEN_EACH_S = 60.0
PUBLIC_LETTERS = 16
"""Of the hash: enough to tell sessions apart, nothing to get in by."""


@dataclass(frozen=True, slots=True)
class Session:
    """A log-in.

    Attributes:
        id: Public; no secret.
        user_id, name, role, must_change: Of its account, as they are now.
        csrf: What its forms carry.
        created_s, expires_s, last_seen_s: Seconds since 1970; a request is noted once a minute.
        ip, agent: From where, and by which browser, it began.
    """

    id: str
    user_id: int
    name: str
    role: Role
    must_change: bool
    csrf: str = field(repr=False)
    created_s: float
    expires_s: float
    last_seen_s: float
    ip: str
    agent: str


class Sessions:
    """The sessions of a store; `store.sessions`.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, user_id: int, *, expires_s: float, ip: str, agent: str, now_s: float) -> str:
        """Makes one, and ends the account's oldest where it has many; returns its secret."""
        secret = new_secret()
        with self._database.writing() as connection:
            oldest_first = (
                select(sessions.c.id_hash).where(sessions.c.user_id == user_id).order_by(sessions.c.last_seen_s.desc())
            )
            beyond = connection.execute(oldest_first.offset(MOST_OF_ONE - 1)).scalars().all()
            connection.execute(delete(sessions).where(sessions.c.id_hash.in_(beyond)))
            connection.execute(
                insert(sessions).values(
                    id_hash=digest(secret),
                    user_id=user_id,
                    created_s=now_s,
                    expires_s=expires_s,
                    last_seen_s=now_s,
                    csrf=new_secret(),
                    ip=ip[:64],
                    agent=agent[:200],
                )
            )
        return secret

    def find(self, secret: str, *, idle_s: float, now_s: float, by_person: bool = True) -> Session | None:
        """The session of a secret, where it and its account are still good.

        Args:
            secret: From the cookie.
            idle_s: How long nobody may have done anything.
            now_s: Seconds since 1970.
            by_person: It is noted that somebody did something; a page that renews itself is nobody.
        """
        id_hash = digest(secret)
        wanted = _joined().where(
            sessions.c.id_hash == id_hash,
            sessions.c.expires_s > now_s,
            sessions.c.last_seen_s > now_s - idle_s,
            users.c.disabled.is_(False),
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            return None
        if by_person and now_s - row.last_seen_s >= SEEN_EACH_S:
            with self._database.writing() as connection:
                connection.execute(update(sessions).where(sessions.c.id_hash == id_hash).values(last_seen_s=now_s))
        return _session(row)

    def of(self, user_id: int, *, idle_s: float, now_s: float) -> list[Session]:
        """Those of an account that are still good, the latest first."""
        good = (sessions.c.expires_s > now_s, sessions.c.last_seen_s > now_s - idle_s)
        wanted = _joined().where(sessions.c.user_id == user_id, *good).order_by(sessions.c.last_seen_s.desc())
        with self._database.reading() as connection:
            return [_session(row) for row in connection.execute(wanted)]

    def end(self, user_id: int, session_id: str) -> bool:
        """Ends one of an account's by its public id; whether there was one."""
        if len(session_id) != PUBLIC_LETTERS or not session_id.isalnum():
            return False
        one = (sessions.c.user_id == user_id, sessions.c.id_hash.startswith(session_id, autoescape=True))
        with self._database.writing() as connection:
            return connection.execute(delete(sessions).where(*one)).rowcount > 0

    def end_by_secret(self, secret: str) -> None:
        """Ends the one of a secret."""
        with self._database.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.id_hash == digest(secret)))

    def end_all(self, user_id: int) -> int:
        """Ends all of an account's; returns how many."""
        with self._database.writing() as connection:
            return connection.execute(delete(sessions).where(sessions.c.user_id == user_id)).rowcount


def _joined() -> Any:
    return select(sessions, users.c.name, users.c.role, users.c.must_change).join(
        users, users.c.id == sessions.c.user_id
    )


def _session(row: Any) -> Session:
    return Session(
        row.id_hash[:PUBLIC_LETTERS],
        row.user_id,
        row.name,
        Role(row.role),
        bool(row.must_change),
        row.csrf,
        row.created_s,
        row.expires_s,
        row.last_seen_s,
        row.ip,
        row.agent,
    )
