"""Brings the tables of a store to what this version needs, once, whoever else starts at the same time."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from oddflow.errors import StoreDown, UsageError
from oddflow.server.store.database import Database
from oddflow.server.store.engines import WRITES
from oddflow.server.store.failures import translated

REVISIONS = ("0001", "0002", "0003")
"""All there are, the oldest first."""
LOCK = 0x0DDF_1035
"""The key of PostgreSQL's advisory lock."""
FOLDER = Path(__file__).parent / "migrations"


def migrate(database: Database) -> None:
    """Runs what revisions are missing, all or none.

    Raises:
        UsageError: A newer version made the store, or something else did.
        StoreDown: The database cannot be used now.
    """
    if revision_of(database) == REVISIONS[-1]:
        return
    try:
        with database.engine.connect() as connection:
            if database.is_sqlite:  # tables are made anew where columns change: nothing may follow them meanwhile
                connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
                connection.commit()
            try:
                with connection.execution_options(**{WRITES: True}).begin():
                    _run(connection, database)
            finally:
                connection.invalidate()
    except SQLAlchemyError as error:
        raise translated(error, database.where) from None


def check_revision(database: Database) -> None:
    """That the tables are what this version needs.

    Raises:
        UsageError: They are not.
    """
    if (found := revision_of(database)) != REVISIONS[-1]:
        raise UsageError(
            f"the store {database.where} has the tables of {found or 'nothing'}, this version needs {REVISIONS[-1]}; "
            "start the service, which brings them there"
        )


def revision_of(database: Database) -> str:
    """The revision of the tables; empty where there are none.

    Raises:
        UsageError: This version does not know it.
    """
    with database.reading() as connection:
        return _revision(connection, database.where)


def _revision(connection: Connection, where: str) -> str:
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        if strange := sorted(tables):
            raise UsageError(
                f"the store {where} holds tables of something else ({', '.join(strange[:3])}); give an empty database"
            )
        return ""
    found = [row[0] for row in connection.execute(text("SELECT version_num FROM alembic_version"))]
    if found and found[0] not in REVISIONS:
        raise UsageError(
            f"the store {where} was made by a newer version of Oddflow (revision {found[0]}, known here is "
            f"{REVISIONS[-1]}); install that version again, or put back a back-up from before"
        )
    return str(found[0]) if found else ""


def _run(connection: Connection, database: Database) -> None:
    from alembic import command  # noqa: PLC0415  (only where something is to be done)

    if not database.is_sqlite:
        # a large table takes its time, and so does waiting for another process that changes it
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        if (encoding := connection.execute(text("SHOW server_encoding")).scalar_one()) != "UTF8":
            raise UsageError(
                f"the store {database.where} is encoded as {encoding}; make it with: createdb --encoding=UTF8 "
                "--template=template0"
            )
    if _revision(connection, database.where) == REVISIONS[-1]:
        return  # another process was quicker
    command.upgrade(alembic_config(connection), "head")
    if database.is_sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
        raise StoreDown(f"the store {database.where} is damaged: {tuple(broken)}; put a back-up in its place")


def alembic_config(connection: Connection) -> Any:
    """What Alembic wants to know."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
