"""A copy of a store in SQLite, made while it is used."""

import os
import sqlite3
from pathlib import Path

from oddflow.errors import OutputError, UsageError
from oddflow.files import reason_of
from oddflow.server.store.database import Database


def back_up(database: Database, path: Path) -> None:
    """Writes the copy, whole or not at all, for its owner alone.

    Raises:
        UsageError: The store is in PostgreSQL, or the file is there already.
        OutputError: It cannot be written.
    """
    if not database.is_sqlite:
        raise UsageError("PostgreSQL is backed up by its own tools; see pg_dump(1)")
    if path.exists():
        raise UsageError(f"{path} is there already; name a new file")
    part = path.with_name(path.name + ".part")
    try:
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        source = sqlite3.connect(str(database.url.database), timeout=30)
        target = sqlite3.connect(part)
        try:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        finally:
            target.close()
            source.close()
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.rename(path)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {reason_of(error)}; make room, or choose another place") from None
