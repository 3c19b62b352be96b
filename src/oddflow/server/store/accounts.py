"""Accounts of people."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from oddflow.errors import UsageError
from oddflow.server.access.identity import Role
from oddflow.server.access.limits import Tries
from oddflow.server.store.database import Database
from oddflow.server.store.tables import users

MOST_ACCOUNTS = 1_000


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may log in.

    Attributes:
        id: Its number.
        name: Lower-case; no two are alike.
        role: What it may do.
        password_hash: As `Passwords` keeps it; empty until its owner has set one.
        disabled: Nobody logs in by it, and its tokens are dead.
        must_change: The password must be changed at the next log-in.
        tries: Failed log-ins, and until when none is looked at.
        created_s, last_login_s: Seconds since 1970; the latter None for nobody yet.
    """

    id: int
    name: str
    role: Role
    password_hash: str = field(repr=False)
    disabled: bool
    must_change: bool
    tries: Tries
    created_s: float
    last_login_s: float | None


class Accounts:
    """The accounts of a store; `store.accounts`.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, role: Role, *, password_hash: str = "", now_s: float) -> Account:
        """Makes one.

        Raises:
            UsageError: The name is taken, or there are very many already.
        """
        with self._database.writing() as connection:
            return self._added(connection, name, role, password_hash, now_s)

    def get(self, user_id: int) -> Account | None:
        """By its number."""
        return self._one(users.c.id == user_id)

    def by_name(self, name: str) -> Account | None:
        """By its name, however it is written."""
        return self._one(users.c.name == name.lower())

    def all(self) -> list[Account]:
        """Every one, by name."""
        with self._database.reading() as connection:
            return [_account(row) for row in connection.execute(select(users).order_by(users.c.name))]

    def change(
        self, user_id: int, *, role: Role | None = None, disabled: bool | None = None, must_change: bool | None = None
    ) -> Account:
        """Changes what is given.

        Raises:
            UsageError: There is no such account, or nobody could keep accounts any more.
        """
        values: dict[str, Any] = {
            name: value
            for name, value in (("role", role), ("disabled", disabled), ("must_change", must_change))
            if value is not None
        }
        with self._database.writing() as connection:
            self._database.claim(connection, 0)  # one change after the other: two admins cannot depose each other
            able = self._admins(connection)
            touched = connection.execute(
                update(users).where(users.c.id == user_id).values(**(values or {"role": users.c.role}))
            )
            if not touched.rowcount:
                raise UsageError(f"there is no account {user_id}")
            if able and not self._admins(connection):
                raise UsageError("this is the last admin who can log in; make another one first")
            return _account(connection.execute(select(users).where(users.c.id == user_id)).one())

    def set_password(self, user_id: int, password_hash: str) -> None:
        """Keeps another one; failed log-ins with the old one are forgotten."""
        with self._database.writing() as connection:
            connection.execute(
                update(users)
                .where(users.c.id == user_id)
                .values(password_hash=password_hash, must_change=False, failed=0, locked_until_s=0.0)
            )

    def rehash(self, user_id: int, old_hash: str, new_hash: str) -> None:
        """The same password with other parameters, unless it was changed meanwhile."""
        with self._database.writing() as connection:
            connection.execute(
                update(users)
                .where(users.c.id == user_id, users.c.password_hash == old_hash)
                .values(password_hash=new_hash)
            )

    def failed(self, user_id: int, now_s: float) -> Tries:
        """A log-in failed."""
        with self._database.writing() as connection:
            row = connection.execute(
                select(users.c.failed, users.c.locked_until_s).where(users.c.id == user_id).with_for_update()
            ).one()
            tries = Tries(row.failed, row.locked_until_s or 0.0).after_failure(now_s)
            self._set_tries(connection, user_id, tries)
            return tries

    def unlock(self, user_id: int) -> None:
        """Forgets failed log-ins."""
        with self._database.writing() as connection:
            self._set_tries(connection, user_id, Tries())

    def logged_in(self, user_id: int, now_s: float) -> None:
        """A log-in went well."""
        with self._database.writing() as connection:
            self._set_tries(connection, user_id, Tries())
            connection.execute(update(users).where(users.c.id == user_id).values(last_login_s=now_s))

    def has_admin(self) -> bool:
        """Whether an admin can log in."""
        with self._database.reading() as connection:
            return self._admins(connection) > 0

    def _added(self, connection: Connection, name: str, role: Role, password_hash: str, now_s: float) -> Account:
        if connection.execute(select(func.count()).select_from(users)).scalar_one() >= MOST_ACCOUNTS:
            raise UsageError(f"there are {MOST_ACCOUNTS} accounts already; disable the ones that nobody uses")
        if connection.execute(select(users.c.id).where(users.c.name == name.lower())).first() is not None:
            raise _taken(name)
        values = {
            "name": name.lower(), "role": int(role), "password_hash": password_hash, "disabled": False, "failed": 0,
            "locked_until_s": 0.0, "must_change": False, "created_s": now_s, "last_login_s": None,
        }  # fmt: skip
        try:
            user_id = connection.execute(insert(users).values(**values).returning(users.c.id)).scalar_one()
        except IntegrityError:
            raise _taken(name) from None
        return _account(connection.execute(select(users).where(users.c.id == user_id)).one())

    def _one(self, condition: ColumnElement[bool]) -> Account | None:
        with self._database.reading() as connection:
            row = connection.execute(select(users).where(condition)).one_or_none()
        return None if row is None else _account(row)

    @staticmethod
    def _admins(connection: Connection) -> int:
        able = (users.c.role == int(Role.ADMIN), users.c.disabled.is_(False), users.c.password_hash != "")
        return int(connection.execute(select(func.count()).select_from(users).where(*able)).scalar_one())

    @staticmethod
    def _set_tries(connection: Connection, user_id: int, tries: Tries) -> None:
        values = {"failed": tries.failed, "locked_until_s": tries.locked_until_s}
        connection.execute(update(users).where(users.c.id == user_id).values(**values))


def _taken(name: str) -> UsageError:
    return UsageError(f"there is an account {name} already; choose another name")


def _account(row: Any) -> Account:
    return Account(
        row.id,
        row.name,
        Role(row.role),
        row.password_hash or "",
        bool(row.disabled),
        bool(row.must_change),
        Tries(row.failed or 0, row.locked_until_s or 0.0),
        row.created_s,
        row.last_login_s,
    )
