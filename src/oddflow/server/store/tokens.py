"""Tokens by which programs use the API; only their hashes are kept."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update

from oddflow.errors import UsageError
from oddflow.server.access.identity import Role
from oddflow.server.access.scope import Scope
from oddflow.server.access.secret import digest, new_secret
from oddflow.server.store.database import Database
from oddflow.server.store.tables import tokens, users

PREFIX = "oddflow_"
SHOWN_LETTERS = len(PREFIX) + 6
MOST_OF_ONE = 50
DEFAULT_DAYS = 90
MOST_DAYS = 365
USED_EACH_S = 60.0


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; not the token.

    Attributes:
        id: Its number.
        user_id, owner: Whose it is.
        name: What its owner calls it.
        prefix: Its first letters, to tell it by.
        role: What it may do; its owner's where that is less now.
        scopes: What it is for.
        created_s, expires_s: Seconds since 1970.
        revoked_s, last_used_s: None where it was not; a use is noted once a minute.
        disabled: Its owner's account is.
    """

    id: int
    user_id: int
    owner: str
    name: str
    prefix: str
    role: Role
    scopes: frozenset[str]
    created_s: float
    expires_s: float
    revoked_s: float | None
    last_used_s: float | None
    disabled: bool


class Tokens:
    """The tokens of a store; `store.tokens`.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, user_id: int, name: str, *, role: Role, scopes: Collection[Scope], days: int, now_s: float
    ) -> tuple[str, Token]:
        """Makes one; the text is shown this once.

        Raises:
            UsageError: Its owner has many already.
        """
        secret = new_secret(PREFIX)
        values = {
            "user_id": user_id, "name": name, "token_hash": digest(secret), "prefix": secret[:SHOWN_LETTERS],
            "role": int(role), "scopes": json.dumps(sorted(str(scope) for scope in scopes)), "created_s": now_s,
            "expires_s": now_s + 86_400.0 * days, "revoked_s": None, "last_used_s": None,
        }  # fmt: skip
        with self._database.writing() as connection:
            good = (tokens.c.user_id == user_id, tokens.c.revoked_s.is_(None), tokens.c.expires_s > now_s)
            if connection.execute(select(func.count()).select_from(tokens).where(*good)).scalar_one() >= MOST_OF_ONE:
                raise UsageError(f"the account has {MOST_OF_ONE} tokens; revoke those that nothing uses")
            token_id = connection.execute(insert(tokens).values(**values).returning(tokens.c.id)).scalar_one()
            return secret, _token(connection.execute(_joined().where(tokens.c.id == token_id)).one())

    def find(self, secret: str, *, now_s: float) -> Token | None:
        """The token of a secret, where it and its owner's account are still good; it is noted that it was used."""
        wanted = _joined().where(
            tokens.c.token_hash == digest(secret),
            tokens.c.revoked_s.is_(None),
            tokens.c.expires_s > now_s,
            users.c.disabled.is_(False),
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            return None
        if row.last_used_s is None or now_s - row.last_used_s >= USED_EACH_S:
            with self._database.writing() as connection:
                connection.execute(update(tokens).where(tokens.c.id == row.id).values(last_used_s=now_s))
        return _token(row)

    def of(self, user_id: int | None = None) -> list[Token]:
        """Those of an account, or of all; the latest first, ended ones among them for a while."""
        wanted = _joined().order_by(tokens.c.id.desc())
        if user_id is not None:
            wanted = wanted.where(tokens.c.user_id == user_id)
        with self._database.reading() as connection:
            return [_token(row) for row in connection.execute(wanted)]

    def get(self, token_id: int) -> Token | None:
        """By its number."""
        with self._database.reading() as connection:
            row = connection.execute(_joined().where(tokens.c.id == token_id)).one_or_none()
        return None if row is None else _token(row)

    def revoke(self, token_id: int, *, now_s: float) -> bool:
        """Ends one for ever; whether it was still good."""
        one = (tokens.c.id == token_id, tokens.c.revoked_s.is_(None))
        with self._database.writing() as connection:
            return connection.execute(update(tokens).where(*one).values(revoked_s=now_s)).rowcount > 0


def _joined() -> Any:
    return select(
        tokens, users.c.name.label("owner"), users.c.role.label("owner_role"), users.c.disabled.label("owner_disabled")
    ).join(users, users.c.id == tokens.c.user_id)


def _token(row: Any) -> Token:
    return Token(
        row.id,
        row.user_id,
        row.owner,
        row.name,
        row.prefix,
        Role(min(row.role, row.owner_role)),
        frozenset(json.loads(row.scopes)),
        row.created_s,
        row.expires_s,
        row.revoked_s,
        row.last_used_s,
        bool(row.owner_disabled),
    )
