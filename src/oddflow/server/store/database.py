"""The database under the store: who reads, who writes, and what happens where it is down."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import SQLAlchemyError

from oddflow.errors import UsageError
from oddflow.server.store.engines import WRITES, engine_of, shown, url_of
from oddflow.server.store.failures import translated
from oddflow.server.store.tables import counters

SEQ = "seq"


class Database:
    """Connections, and transactions that hold or leave no trace.

    Args:
        url: sqlite:///PATH or postgresql://USER@HOST/DATABASE.
        password: Put in the URL.

    Raises:
        UsageError: The URL is none, or its driver is missing.
        StoreDown: The file cannot be made.
    """

    def __init__(self, url: str, password: str | None = None) -> None:
        self.url = url_of(url, password)
        self.where = shown(self.url)
        self.engine = engine_of(self.url)
        self._pid = os.getpid()
        self._joined: ContextVar[Connection | None] = ContextVar("joined", default=None)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read by; within `writing`, the same one.

        Raises:
            StoreDown: The database cannot be used now.
            UsageError: It was asked for what it cannot hold.
        """
        if (joined := self._joined.get()) is not None:
            yield joined
            return
        with self._connected(writes=False) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection to write by: all of it is on disk when this ends, or nothing where it raises.

        Within another one it is that one's.

        Raises:
            StoreDown, UsageError: As in `reading`.
        """
        if (joined := self._joined.get()) is not None:
            yield joined
            return
        with self._connected(writes=True) as connection:
            token = self._joined.set(connection)
            try:
                yield connection
            finally:
                self._joined.reset(token)

    @contextmanager
    def _connected(self, *, writes: bool) -> Iterator[Connection]:
        if self._pid != os.getpid():  # forked: the parent's connections are the parent's
            self.engine.dispose(close=False)
            self._pid = os.getpid()
        try:
            with self.engine.connect().execution_options(**{WRITES: writes}) as connection, connection.begin():
                yield connection
        except SQLAlchemyError as error:
            raise translated(error, self.where) from None
        except OverflowError as error:  # a number beyond 64 bits
            raise UsageError(f"the store {self.where} cannot hold that: {error}") from None

    def claim(self, connection: Connection, count: int, name: str = SEQ) -> int:
        """So many numbers, the first of them; whoever else writes waits until this transaction ends.

        That makes numbers visible in their order: who has read up to one never misses a smaller one.
        """
        statement = (
            update(counters)
            .where(counters.c.name == name)
            .values(value=counters.c.value + count)
            .returning(counters.c.value)
        )
        return int(connection.execute(statement).scalar_one()) - count + 1

    def counter(self, name: str) -> int:
        """The last number that was given."""
        with self.reading() as connection:
            return int(connection.execute(select(counters.c.value).where(counters.c.name == name)).scalar_one())

    def close(self) -> None:
        """Ends all connections."""
        self.engine.dispose(close=self._pid == os.getpid())
