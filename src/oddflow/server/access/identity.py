"""Who asks: a person who is logged in, or a program with a token."""

from dataclasses import dataclass, field
from enum import IntEnum


class Role(IntEnum):
    """What one may do; each may do what those below may."""

    VIEWER = 1
    """Reads all but accounts, tokens of others and the trail of changes."""
    ANALYST = 2
    """Says what alerts are, takes incidents, sends captures."""
    ADMIN = 3
    """Promotes models, keeps accounts, reads the trail."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whoever made a request.

    Attributes:
        user_id: Of the account, also where a token stands for it.
        name: Of the account.
        role: What it may do; a token's own where that is less.
        via: "session" or "token".
        csrf: What a form must send along; empty for tokens.
        token_id: Of the token, where one stands for the account.
        must_change: The password must be changed before anything else.
        scopes: What the token is for; nothing for sessions, which may do all that the role may.
        session: Of a session, its public id; never its secret.
    """

    user_id: int
    name: str
    role: Role
    via: str = "session"
    csrf: str = ""
    token_id: int | None = None
    must_change: bool = field(default=False)
    scopes: frozenset[str] = frozenset()
    session: str = ""
