"""Connections to SQLite and PostgreSQL, each set up the way the store needs it."""

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from oddflow.errors import StoreDown, UsageError
from oddflow.files import reason_of

WRITES = "oddflow_writes"
"""Execution option of connections that write."""
BUSY_MS = 30_000
CONNECT_S = 5
MOST_CONNECTIONS = 16
PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_MS}",
    "PRAGMA foreign_keys=ON",
    "PRAGMA synchronous=FULL",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cache_size=-4096",
    "PRAGMA temp_store=MEMORY",
    f"PRAGMA journal_size_limit={64 << 20}",
)


def url_of(text: str, password: str | None) -> URL:
    """The URL of a store: sqlite:///PATH or postgresql://USER@HOST/DATABASE.

    Raises:
        UsageError: It is neither, or lacks what such a URL needs.
    """
    wanted = "expected sqlite:///PATH or postgresql://USER@HOST/DATABASE"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise UsageError(f"the store's URL is none; {wanted}") from None  # it may hold a password: not shown
    backend = url.drivername.partition("+")[0]
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        if not url.database or url.database == ":memory:":
            raise UsageError(f"the store's URL {text!r} names no file; {wanted}")
        return url.set(drivername="sqlite+pysqlite")
    if backend in {"postgresql", "postgres"} and url.drivername.partition("+")[2] in {"", "psycopg"}:
        if not url.database:
            raise UsageError(f"the store's URL {shown(url)} names no database; {wanted}")
        url = url.set(drivername="postgresql+psycopg")
        return url if password is None else url.set(password=password)
    raise UsageError(f"the store's URL begins with {url.drivername!r}; {wanted}")


def shown(url: URL) -> str:
    """A URL without its password; of SQLite, the path."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True).replace("+psycopg", "")


def engine_of(url: URL) -> Engine:
    """An engine; nothing is connected yet.

    Raises:
        UsageError: The driver is not installed.
        StoreDown: The file cannot be made.
    """
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)


def _postgresql(url: URL) -> Engine:
    options = f"-c statement_timeout={2 * BUSY_MS} -c lock_timeout={BUSY_MS} -c timezone=UTC"
    try:
        return create_engine(
            url,
            pool_pre_ping=True,
            pool_size=MOST_CONNECTIONS // 2,
            max_overflow=MOST_CONNECTIONS // 2,
            pool_timeout=CONNECT_S,
            connect_args={
                "connect_timeout": CONNECT_S,
                "application_name": "oddflow",
                "client_encoding": "UTF8",
                "options": options,
            },
        )
    except ImportError:
        raise UsageError("PostgreSQL needs its driver; install it with pip install 'oddflow[postgres]'") from None


def _sqlite(url: URL) -> Engine:
    _made(Path(str(url.database)))
    engine = create_engine(
        url,
        pool_size=MOST_CONNECTIONS // 2,
        max_overflow=MOST_CONNECTIONS // 2,
        pool_timeout=BUSY_MS / 1_000,
        connect_args={"timeout": BUSY_MS / 1_000},
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _made(path: Path) -> None:
    """An empty file that only its owner may read: it will hold accounts."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreDown(
            f"the store {path} cannot be opened: {reason_of(error)}; see that its folder is there and that the user "
            "of the service may write it"
        ) from None


def _set_up(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: Python's module would leave it out before DDL
    for pragma in PRAGMAS:
        connection.execute(pragma)
    # the change to WAL does not wait for others as all else does, and is made once in a file's life
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL")


def _begin(connection: Connection) -> None:
    # a transaction that reads first and writes later could not be let through beside another: it says so at once
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
