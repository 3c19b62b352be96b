"""Flow records on disk: an hour a partition, written whole, searched with SQL, deleted when they are old."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from oddflow.server.flowstore.compacting import Beat, compact, silent
from oddflow.server.flowstore.database import Database
from oddflow.server.flowstore.downloading import MOST_ROWS, Format, download
from oddflow.server.flowstore.host_courses import Courses, host_courses
from oddflow.server.flowstore.host_list import HostPage, HostQuestion, list_hosts
from oddflow.server.flowstore.host_picture import DAY_S, HostPicture, host_picture
from oddflow.server.flowstore.making import rollup
from oddflow.server.flowstore.over_time import OverTime, over_time
from oddflow.server.flowstore.page import FlowPage
from oddflow.server.flowstore.query import Query
from oddflow.server.flowstore.retention import Swept, sweep
from oddflow.server.flowstore.searching import again, search
from oddflow.server.flowstore.usage import FlowUsage, usage
from oddflow.server.flowstore.writing import EVERY_S, FlowWriter

ALL_HOSTS = HostQuestion()
CHORE_SECONDS = 30.0
"""Who keeps the store begins nothing further after so long, and goes on the next time."""
KEEPING_MIB = 128
"""It works beside who judges: what does not fit waits on the disk."""


class FlowStore:
    """The flows of all sources in one folder.

    Any number of processes may search it; one writes each source, one keeps it (`compact`, `rollup`, `sweep`).

    Args:
        folder: Where they are; made when something is written.
        keep_days: Hours that were stored longer ago are deleted by `sweep`.
        keep_bytes: And the oldest beyond this.
    """

    def __init__(self, folder: Path, *, keep_days: float = 30, keep_bytes: int = 20 << 30) -> None:
        self.folder = folder
        self.keep_days = keep_days
        self.keep_bytes = keep_bytes
        self._database = Database(folder)
        self._keeping = Database(folder, memory_mib=KEEPING_MIB, threads=1, at_once=1, spills=folder / ".spilled")

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Closes it."""
        self.close()

    def close(self) -> None:
        """Gives back what searches took."""
        self._database.close()
        self._keeping.close()

    def writer(
        self, source: str, *, payload: bool = True, pseudonyms: str = "", every_s: float = EVERY_S
    ) -> FlowWriter:
        """Who writes flows of a source; see FlowWriter."""
        return FlowWriter(self.folder, source, payload=payload, pseudonyms=pseudonyms, every_s=every_s)

    def search(self, query: Query, limit: int = 100, after: str | None = None) -> FlowPage:
        """The first flows that a question asks for, or those after a page's `next`.

        Args:
            query: The question.
            limit: How many, where the question does not ask for fewer.
            after: Where the page before ended.

        Raises:
            UsageError: It takes too long or too much memory, or `after` is none of this question.
            Busy: Too many search now.
        """
        return search(self._database, self.folder, query, limit, after)

    def over_time(self, query: Query, *, most_looked: int | None = None) -> OverTime | None:
        """How many flows a question finds over time; None where there is nothing to look at, or too much.

        Args:
            query: The question.
            most_looked: Of more flows than these nothing is counted.

        Raises:
            UsageError: It takes too long or too much memory.
            Busy: Too many search now.
        """
        return again(lambda: over_time(self._database, self.folder, query, most_looked=most_looked))

    def download(self, query: Query, kind: Format, limit: int = MOST_ROWS) -> Iterator[bytes]:
        """All flows that a question asks for, up to `limit`, as the pieces of a CSV or Parquet file.

        CSV has what people look at, no cell a formula; Parquet has the whole records, to be read as a source again.

        Raises:
            UsageError: It takes too long or too much memory.
        """
        return download(self._database, self.folder, query, kind, limit)

    def compact(self, now_s: float | None = None, *, seconds: float = CHORE_SECONDS, beat: Beat = silent) -> int:
        """Merges small parts; how many became fewer.

        Args:
            now_s: The time; now unless given.
            seconds: Nothing further is begun after so long; what was begun is done, however long it takes.
            beat: Called while it is done, at least every MAKING_SECONDS.

        Raises:
            OutputError: The disk is full, or may not be written.
        """
        return compact(self.folder, time.time() if now_s is None else now_s, seconds=seconds, beat=beat)

    def rollup(self, now_s: float | None = None, *, seconds: float = CHORE_SECONDS, beat: Beat = silent) -> int:
        """Makes what searches and pages of hosts are fast by; how many files. Arguments as of `compact`.

        Raises:
            OutputError: The disk is full, or may not be written.
        """
        now_s = time.time() if now_s is None else now_s
        try:
            return rollup(self._keeping, self.folder, now_s, seconds=seconds, beat=beat)
        finally:
            self._keeping.close()  # the memory of an hour's sum is not held until the next

    def sweep(self, now_s: float | None = None) -> Swept:
        """Deletes what is too old or too much; never the current hour."""
        now_s = time.time() if now_s is None else now_s
        return sweep(self.folder, now_s, keep_days=self.keep_days, keep_bytes=self.keep_bytes)

    def hosts(self, since_s: float, until_s: float, question: HostQuestion = ALL_HOSTS) -> HostPage:
        """The hosts of a stretch of time, by whole hours.

        Raises:
            UsageError: They cannot be sorted so, a network is wrong, or the answer takes too long.
        """
        return again(lambda: list_hosts(self._database, self.folder, since_s, until_s, question))

    def courses(
        self, hosts: Sequence[str], since_s: float, until_s: float, *, sources: frozenset[str] | None = None
    ) -> Courses:
        """Flows of some hosts in each hour of a stretch of time, both ends included; of each host (hours,).

        Raises:
            UsageError: The answer takes too long.
        """
        return again(lambda: host_courses(self._database, self.folder, hosts, since_s, until_s, sources=sources))

    def host(
        self,
        address: str,
        since_s: float,
        until_s: float,
        *,
        change_s: float = DAY_S,
        sources: frozenset[str] | None = None,
    ) -> HostPicture:
        """What is normal for a host, and what changed in the last `change_s` of a stretch of time.

        Raises:
            UsageError: It is no address, or the answer takes too long.
        """
        return again(
            lambda: host_picture(
                self._database, self.folder, address, since_s, until_s, change_s=change_s, sources=sources
            )
        )

    def usage(self) -> FlowUsage:
        """What there is."""
        return usage(self.folder)
