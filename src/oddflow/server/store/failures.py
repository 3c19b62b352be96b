"""What a database says went wrong, in words that tell what to do."""

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import (
    TimeoutError as PoolTimeout,
)

from oddflow.errors import OddflowError, StoreDown, UsageError

SAYINGS = (
    ("database or disk is full", "the disk is full; make room on it"),
    ("no space left", "the disk is full; make room on it"),
    ("could not extend file", "the disk is full; make room on it"),
    ("readonly database", "it may not be written; give its file and folder to the user that the service runs as"),
    ("unable to open database file", "it cannot be opened; see that its folder is there and may be written"),
    ("database is locked", "another program holds it; end that program, or wait"),
    ("disk i/o error", "the disk failed, or is full; see the system's log and make room"),
    ("malformed", "its file is damaged; put a back-up in its place"),
    ("not a database", "its file is no database; move it away, or put a back-up in its place"),
    ("password authentication failed", "the password is wrong; see [store] password"),
    ("no password supplied", "it wants a password; see [store] password"),
    ("failed: permission denied", "who runs the service may not open its socket; let it enter the folder"),
    ("permission denied", "the user of the URL may not do that; let it own the database"),
    ("does not exist", "the database or the user is not there; make them, see docs/store.md"),
    ("connection refused", "nobody answers there; start the database server"),
    ("too many clients", "it has no connection left; raise max_connections"),
    ("statement timeout", "it took too long; see what else keeps it busy"),
    ("lock timeout", "another program holds it; end that program, or wait"),
)


def translated(error: SQLAlchemyError, where: str) -> OddflowError:
    """What to raise instead.

    Args:
        error: What SQLAlchemy raised.
        where: Which database, without its password.
    """
    said = str(error.orig) if isinstance(error, StatementError) and error.orig is not None else str(error)
    said = " ".join(said.split())
    if isinstance(error, PoolTimeout):
        return StoreDown(f"the store {where} is too busy: all connections are in use; try again later")
    if isinstance(error, IntegrityError):
        return UsageError(f"the store {where} refuses that: {said}")
    values_are_wrong = isinstance(error, DataError) or (
        isinstance(error, StatementError) and not isinstance(error, DBAPIError)
    )
    if values_are_wrong:
        return UsageError(f"the store {where} cannot hold that: {said}")
    lower = said.lower()
    for sign, advice in SAYINGS:
        if sign in lower:
            return StoreDown(f"the store {where} cannot be used: {advice} ({said})")
    if isinstance(error, ProgrammingError):
        return StoreDown(f"the store {where} is not as this version made it ({said}); see docs/store.md")
    return StoreDown(f"the store {where} cannot be reached: {said}; it is tried again with the next call")
