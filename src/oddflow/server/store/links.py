"""Links that are good for one use: by them people set their passwords, the first admin among them."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from oddflow.server.access.identity import Role
from oddflow.server.access.secret import digest, new_secret
from oddflow.server.store.accounts import Account, Accounts
from oddflow.server.store.database import Database
from oddflow.server.store.tables import links

LINK_S = 24 * 3_600
FIRST, PASSWORD = "first", "password"


@dataclass(frozen=True, slots=True)
class Link:
    """What a link is for.

    Attributes:
        account: Whose password it sets; None where it makes the first admin.
        expires_s: Seconds since 1970.
    """

    account: Account | None
    expires_s: float


class Links:
    """The links of a store; `store.links`. Only their hashes are kept.

    Args:
        database: Where they are kept.
        accounts: Whose they are.
    """

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._database = database
        self._accounts = accounts

    def add(self, account: Account | None, *, now_s: float) -> str:
        """A link's secret, good for a day; earlier ones of the account are dead.

        Args:
            account: Whose password it sets; None for the first admin.
            now_s: Seconds since 1970.
        """
        secret = new_secret()
        with self._database.writing() as connection:
            if account is not None:
                self._kill(connection, account.id)
            connection.execute(
                insert(links).values(
                    token_hash=digest(secret),
                    purpose=FIRST if account is None else PASSWORD,
                    user_id=None if account is None else account.id,
                    role=int(Role.ADMIN if account is None else account.role),
                    expires_s=now_s + LINK_S,
                    used_s=None,
                )
            )
        return secret

    def get(self, secret: str, *, now_s: float) -> Link | None:
        """What a link is for; None where it is not good, or no longer."""
        wanted = select(links).where(
            links.c.token_hash == digest(secret),
            links.c.purpose.in_((FIRST, PASSWORD)),
            links.c.used_s.is_(None),
            links.c.expires_s > now_s,
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).one_or_none()
            if row is None:
                return None
            if row.purpose == FIRST:
                return None if self._accounts.has_admin() else Link(None, row.expires_s)
            account = self._accounts.get(row.user_id)
            return None if account is None or account.disabled else Link(account, row.expires_s)

    def use(self, secret: str, *, name: str, password_hash: str, now_s: float) -> Account | None:
        """Sets the password that a link is for, once; None where it is not good, or no longer.

        Args:
            secret: Of the link.
            name: Of the first admin's account; an account that is there keeps its own.
            password_hash: As `Passwords` keeps it.
            now_s: Seconds since 1970.

        Raises:
            UsageError: The name is taken.
        """
        with self._database.writing() as connection:
            link = self.get(secret, now_s=now_s)
            if link is None:
                return None
            # whoever comes second waits for this row and then finds it used
            mine = update(links).where(links.c.token_hash == digest(secret), links.c.used_s.is_(None))
            if not connection.execute(mine.values(used_s=now_s)).rowcount:
                return None
            if link.account is None:
                # all links to a first admin die with the first that is used: two people cannot both become it
                connection.execute(delete(links).where(links.c.purpose == FIRST, links.c.used_s.is_(None)))
                return self._accounts.add(name, Role.ADMIN, password_hash=password_hash, now_s=now_s)
            self._kill(connection, link.account.id)
            self._accounts.set_password(link.account.id, password_hash)
            return self._accounts.get(link.account.id)

    def drop(self, user_id: int) -> None:
        """An account's are good no longer."""
        with self._database.writing() as connection:
            self._kill(connection, user_id)

    @staticmethod
    def _kill(connection: Connection, user_id: int) -> None:
        connection.execute(delete(links).where(links.c.user_id == user_id, links.c.purpose == PASSWORD))
