"""Where a worker's flows go: a table, or whoever wants them."""

import os
import stat
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from oddflow.errors import OutputError
from oddflow.files import reason_of
from oddflow.flows.meter import Companion
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.logs.table import TableWriter
from oddflow.sensor.privileges import Account

ROWS_HELD = 8_192
MOST_ROWS = 1 << 23
"""A table's directory grows with its rows, in memory until it is closed: then another begins."""


class Sink(Protocol):
    """Takes the flows of one worker."""

    alerts: int
    companion: Companion | None
    """What must see the packets, beside the meter, if anything."""

    def add(self, flows: pa.RecordBatch) -> None:
        """Takes flows that ended."""

    def tick(self, seen_until_ns: int) -> None:
        """Told, about once a second, that all flows that ended before a time less the time-outs have been given."""

    def close(self) -> None:
        """No more will come."""

    def abandon(self) -> None:
        """No more will come, since something failed: nothing half done is left."""


class EachBatch:
    """Hands each batch to a function."""

    def __init__(self, take: Callable[[pa.RecordBatch], None]) -> None:
        self.alerts = 0
        self.companion: Companion | None = None
        self._take = take

    def add(self, flows: pa.RecordBatch) -> None:
        """As Sink."""
        self._take(flows)

    def tick(self, seen_until_ns: int) -> None:
        """As Sink."""

    def close(self) -> None:
        """As Sink."""

    def abandon(self) -> None:
        """As Sink."""


def open_for(path: str, account: Account | None) -> int:
    """Opens a file where an account may not make one, and gives it to that account."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        if account is not None and stat.S_ISREG(os.fstat(file).st_mode):
            os.fchown(file, account.uid, account.gid)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {reason_of(error)}; choose another place") from None
    return file


class TableSink:
    """Writes one worker's table, or one after the other.

    Args:
        path: Its name; where several follow each other, the names say when each began.
        rotate_s: Begins another table after so many seconds; 0 keeps to one, until it has 8 million rows.
        owner: Opens the file in place, at once, for that account, who may make none in its folder. Otherwise a
            table gets its name when it is whole.
        statistics: Adds those of CICFlowMeter.
        privacy: What the flows may tell.
    """

    def __init__(
        self,
        path: str,
        *,
        rotate_s: float = 0.0,
        owner: Account | None = None,
        statistics: bool = False,
        privacy: Privacy = OPEN,
    ) -> None:
        self.alerts = 0
        self.companion: Companion | None = None
        self._path = Path(path)
        self._rotate_s = rotate_s
        self._owner = owner
        self._writing: dict[str, Any] = {"statistics": statistics, "pseudonyms": privacy.fingerprint}
        self._privacy = privacy
        self._held: list[pa.RecordBatch] = []
        self._rows_held = 0
        self._rows = 0
        self._tables = 0
        self._begin()

    def add(self, flows: pa.RecordBatch) -> None:
        """As Sink; small batches are gathered first."""
        self._held.append(self._privacy.apply(flows))
        self._rows_held += flows.num_rows
        if self._rows_held >= ROWS_HELD:
            self._flush()

    def tick(self, seen_until_ns: int) -> None:  # noqa: ARG002
        """As Sink; begins another table when it is time."""
        is_full = self._rows >= MOST_ROWS and self._owner is None
        if is_full or (self._rotate_s and time.monotonic() >= self._until_s):
            self.close()
            self._begin()

    def close(self) -> None:
        """As Sink; the table gets its name."""
        self._flush()
        self._file.close()

    def abandon(self) -> None:
        """As Sink."""
        error = OutputError("abandoned")
        self._file.__exit__(type(error), error, None)

    def _begin(self) -> None:
        self._tables += 1
        self._rows = 0
        self._until_s = time.monotonic() + self._rotate_s
        path = str(self._path)
        if self._rotate_s:
            path = str(self._path.with_stem(f"{self._path.stem}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"))
        elif self._tables > 1:
            path = str(self._path.with_stem(f"{self._path.stem}-{self._tables}"))
        self._file = ExitStack()
        if self._owner is None:
            self._writer = self._file.enter_context(TableWriter(path, **self._writing))
        else:
            opened = self._file.enter_context(os.fdopen(open_for(path, self._owner), "wb"))
            self._writer = self._file.enter_context(TableWriter(path, into=opened, **self._writing))

    def _flush(self) -> None:
        if self._held:
            for batch in pa.Table.from_batches(self._held).combine_chunks().to_batches():
                self._writer.write(batch)
            self._rows += self._rows_held
        self._held, self._rows_held = [], 0
