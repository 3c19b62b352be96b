"""Browsers in which people were logged in before: their tries at a password are counted apart from everybody's.

So whoever fails on purpose locks out nobody but himself (OWASP: device cookies).
"""

from sqlalchemy import delete, insert, select

from oddflow.server.access.identity import Role
from oddflow.server.access.secret import digest, new_secret
from oddflow.server.store.database import Database
from oddflow.server.store.tables import links

PURPOSE = "browser"
KNOWN_DAYS = 180
MOST_OF_ONE = 20


class Browsers:
    """The known browsers of a store; `store.browsers`. They are kept among the links, by their hashes.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, user_id: int, secret: str, *, now_s: float) -> bool:
        """Whether an account was logged in in a browser before; its cookie holds the secret."""
        if not secret:
            return False
        one = (links.c.token_hash == digest(secret), links.c.purpose == PURPOSE, links.c.user_id == user_id)
        with self._database.reading() as connection:
            return (
                connection.execute(select(links.c.user_id).where(*one, links.c.expires_s > now_s)).first() is not None
            )

    def add(self, user_id: int, *, now_s: float) -> str:
        """One more; its secret. The account's oldest is forgotten where it has many."""
        secret = new_secret()
        own = (links.c.user_id == user_id, links.c.purpose == PURPOSE)
        latest_first = select(links.c.token_hash).where(*own).order_by(links.c.expires_s.desc())
        with self._database.writing() as connection:
            beyond = connection.execute(latest_first.offset(MOST_OF_ONE - 1)).scalars().all()
            connection.execute(delete(links).where(links.c.token_hash.in_(beyond)))
            connection.execute(
                insert(links).values(
                    token_hash=digest(secret),
                    purpose=PURPOSE,
                    user_id=user_id,
                    role=int(Role.VIEWER),
                    expires_s=now_s + 86_400.0 * KNOWN_DAYS,
                    used_s=None,
                )
            )
        return secret

    def forget(self, user_id: int) -> None:
        """All of an account's, where its password is changed."""
        with self._database.writing() as connection:
            connection.execute(delete(links).where(links.c.user_id == user_id, links.c.purpose == PURPOSE))
