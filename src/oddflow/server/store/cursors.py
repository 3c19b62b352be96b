"""How far readers of the store have come, by their names."""

from sqlalchemy import insert, select, update

from oddflow.server.store.database import Database
from oddflow.server.store.tables import cursors
from oddflow.server.store.texts import key


class Cursors:
    """The cursors of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> int:
        """How far one has come; 0 where it never began."""
        with self._database.reading() as connection:
            found = connection.execute(select(cursors.c.value).where(cursors.c.name == key(name))).scalar()
        return int(found or 0)

    def set(self, name: str, value: int) -> None:
        """It has come so far."""
        called = key(name)
        with self._database.writing() as connection:
            self._database.claim(connection, 0)
            statement = update(cursors).where(cursors.c.name == called).values(value=value).returning(cursors.c.name)
            if connection.execute(statement).first() is None:
                connection.execute(insert(cursors), {"name": called, "value": value})
