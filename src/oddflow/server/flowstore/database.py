"""DuckDB, fenced in: it reads one folder, in so much memory, for so long."""

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from oddflow.errors import InputError, OddflowError, UsageError

MEMORY_MIB = 512
THREADS = 2
MOST_AT_ONCE = 2
"""Searches that run; others wait."""
MOST_SECONDS = 10.0
WAITS_S = 10.0
MOST_SPILLED_GIB = 8


class Busy(OddflowError):
    """So many searches run that one more would wait too long."""


class TooLong(UsageError):
    """A search ran out of time."""


class PartGone(OddflowError):
    """A part was deleted between being listed and being read: it was merged, or is too old."""


class Database:
    """Answers SQL over Parquet files of one folder.

    Args:
        folder: All that it may read.
        memory_mib: What all searches together may take.
        threads: Cores that it uses.
        at_once: Searches that run at the same time.
        spills: Where it puts aside what does not fit its memory, a folder in `folder` of nobody else's; None for
            nowhere: then what takes more is refused.
    """

    def __init__(
        self,
        folder: Path,
        *,
        memory_mib: int = MEMORY_MIB,
        threads: int = THREADS,
        at_once: int = MOST_AT_ONCE,
        spills: Path | None = None,
    ) -> None:
        self._folder = folder.resolve()
        self._memory_mib = memory_mib
        self._threads = threads
        self._spills = spills
        self._turns = threading.BoundedSemaphore(at_once)
        self._made = threading.Lock()
        self._connection: Any = None

    def close(self) -> None:
        """Gives its memory back."""
        with self._made:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def cursor(self, seconds: float = MOST_SECONDS) -> Iterator[Any]:
        """A cursor whose statements end after so many seconds in all.

        Raises:
            Busy: No turn came.
            TooLong: The time is up.
            PartGone: A file is no longer there.
            UsageError: The question takes more memory than there is.
            InputError: A file is damaged.
        """
        if not self._turns.acquire(timeout=WAITS_S):
            raise Busy("too many searches run at this moment; try again in a few seconds")
        try:
            cursor = self._open().cursor()
            timer = threading.Timer(seconds, cursor.interrupt)
            timer.daemon = True
            timer.start()
            try:
                yield cursor
            except duckdb.InterruptException:
                raise TooLong(
                    f"the search took longer than {seconds:g} s; name a shorter time, like last 2h, or a host"
                ) from None
            except duckdb.OutOfMemoryException:
                raise UsageError(
                    f"the search takes more than {self._memory_mib} MiB of memory; name a shorter time"
                ) from None
            except (duckdb.BinderException, duckdb.ConversionException, duckdb.OutOfRangeException) as error:
                raise UsageError(
                    f"this cannot be answered: {str(error).splitlines()[0]}; ask from the first page, or otherwise"
                ) from None
            except duckdb.IOException as error:
                raise PartGone(str(error).splitlines()[0]) from None
            except duckdb.Error as error:
                raise InputError(f"the flow store cannot be read: {str(error).splitlines()[0]}") from None
            finally:
                timer.cancel()
                cursor.close()
        finally:
            self._turns.release()

    def _open(self) -> Any:
        with self._made:
            if self._connection is None:
                if self._spills is not None:
                    shutil.rmtree(self._spills, ignore_errors=True)  # of who was killed
                self._connection = duckdb.connect(
                    ":memory:",
                    config={
                        "memory_limit": f"{self._memory_mib}MiB",
                        "threads": self._threads,
                        "temp_directory": "" if self._spills is None else str(self._spills.absolute()),
                        "max_temp_directory_size": f"{MOST_SPILLED_GIB}GiB",
                        "preserve_insertion_order": self._spills is None,
                        "autoinstall_known_extensions": False,
                        "autoload_known_extensions": False,
                        "allow_community_extensions": False,
                        "allow_persistent_secrets": False,
                    },
                )
                folder = str(self._folder).replace("'", "''")
                self._connection.execute(f"SET allowed_directories = ['{folder}']")
                self._connection.execute("SET enable_external_access = false")
                self._connection.execute("SET TimeZone = 'UTC'")
                self._connection.execute("SET lock_configuration = true")
            return self._connection


def table_of(cursor: Any, sql: str, values: Sequence[Any]) -> pa.Table:
    """What a statement answers."""
    return cursor.sql(sql, params=list(values)).to_arrow_table()
