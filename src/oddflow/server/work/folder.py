"""Captures that are put in a folder: each is read once, and what was read is known after any death."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from oddflow.errors import InputError, OddflowError
from oddflow.features.columns import integers
from oddflow.flows.meter import Companion
from oddflow.flows.settings import MeterSettings
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.server.work.channel import Sender
from oddflow.server.work.counters import Count
from oddflow.server.work.handing import Handing
from oddflow.server.work.problem import Problem
from oddflow.server.work.seat import Seat

LOOK_S = 0.25
SETTLED_S = 1.0
"""A file that did not change for so long is whole; one that was renamed to its place is at once."""
PARTIAL = (".part", ".tmp", ".partial", ".crdownload")
MOST_FILES = 100_000
TOLD_BAD = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it was found."""

    name: str
    size: int
    mtime_ns: int

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"name": self.name, "size": self.size, "mtime_ns": self.mtime_ns}


class Journal:
    """Which files of a folder all is known of: one JSON object a line, each on the disk before the next file begins.

    Its one writer is the judge, once alerts of the file are on the disk.
    """

    def __init__(self, state: Path, source: str) -> None:
        self.path = state / "read" / f"{source}.jsonl"

    def read(self) -> set[Found]:
        """All of them; a line that a death cut is passed over."""
        found: set[Found] = set()
        with suppress(FileNotFoundError):
            for line in self.path.read_bytes().splitlines():
                with suppress(ValueError, KeyError, TypeError):
                    told = json.loads(line)
                    found.add(Found(str(told["name"]), int(told["size"]), int(told["mtime_ns"])))
        return found

    def add(self, told: dict[str, object]) -> None:
        """One more, on the disk when this returns; raises OSError where it cannot be written."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        try:
            size = os.fstat(file).st_size
            cut = size and os.pread(file, 1, size - 1) != b"\n"
            os.write(file, (b"\n" if cut else b"") + json.dumps(told).encode() + b"\n")
            os.fsync(file)
        finally:
            os.close(file)


class Folder:
    """Reads what is in a folder, the oldest first, and what is put there later.

    Args:
        seat: The process.
        sender: Where files end.
        sink: Where flows go.
        ledger: Told of all that could not be used.
        settings: How flows are cut.
        companion: What must see packets, too.
        is_over: Whether to end.
        stop: Set by a signal.
    """

    def __init__(
        self,
        seat: Seat,
        sender: Sender,
        sink: Handing,
        ledger: Ledger,
        *,
        settings: MeterSettings,
        companion: Companion | None,
        is_over: Callable[[], bool],
        stop: threading.Event,
    ) -> None:
        self._seat = seat
        self._folder = Path(seat.section.where)
        self._sender = sender
        self._sink = sink
        self._ledger = ledger
        self._settings = settings
        self._companion = companion
        self._is_over = is_over
        self._stop = stop
        self._journal = Journal(seat.shared.settings.service.state, seat.section.name)
        self._read = self._journal.read()
        self._seen: dict[str, tuple[Found, float]] = {}
        self._bad: list[str] = []

    def run(self) -> None:
        """Until it is over."""
        while not self._is_over():
            for found in self._new():
                if self._seat.shared.counters.of(self._seat.source)[Count.THRIFT]:
                    break  # files can wait until their flows can be kept
                self._take(found)
                if self._is_over():
                    return
            self._sink.live()
            self._stop.wait(LOOK_S)

    def _new(self) -> Iterator[Found]:
        """Whole files that were not read yet, the oldest first."""
        try:
            with os.scandir(self._folder) as entries:
                there = [entry for entry, _ in zip(entries, range(MOST_FILES), strict=False)]
        except OSError as error:
            self._sink.problems = [Problem("files", f"{self._folder} cannot be looked into: {error.strerror}", "error")]
            return
        self._sink.problems = self._told()
        found: list[Found] = []
        for entry in there:
            if entry.name.startswith(".") or entry.name.endswith(PARTIAL):
                continue
            with suppress(OSError):
                if entry.is_file():
                    stat = entry.stat()
                    found.append(Found(entry.name, stat.st_size, stat.st_mtime_ns))
        now = time.monotonic()
        seen = {one.name: (one, self._since(one, now)) for one in found}
        self._seen = seen
        for one in sorted(found, key=lambda one: (one.mtime_ns, one.name)):
            if one.size and one not in self._read and now - seen[one.name][1] >= SETTLED_S:
                yield one

    def _since(self, found: Found, now_s: float) -> float:
        """When it was seen first as it is; what did not change for a while before it was seen is whole."""
        before = self._seen.get(found.name)
        if before is not None and before[0] == found:
            return before[1]
        return now_s - SETTLED_S if time.time_ns() - found.mtime_ns > SETTLED_S * 1e9 else now_s

    def _take(self, found: Found) -> None:
        """Hands a file on, and again where the judge died over it."""
        count = self._seat.shared.counters.of(self._seat.source)
        while not self._is_over():
            judges, files = int(count[Count.JUDGES]), int(count[Count.DONE_FILES])
            bad = self._hand_on(self._folder / found.name)
            if self._is_over():
                return
            self._sender.file(found.as_dict() | {"problem": bad})
            while count[Count.JUDGES] == judges and count[Count.DONE_FILES] == files:
                if self._is_over():
                    return
                self._sink.live()
                self._stop.wait(0.005)
            if count[Count.DONE_FILES] != files or found in self._journal.read():
                break
        self._read.add(found)
        if bad:
            self._bad.append(bad)
            self._seat.log.warning("%s", bad, extra={"source": self._seat.section.name, "event": "file-unreadable"})

    def _hand_on(self, path: Path) -> str:
        """Why it could not be read, in words; empty where it was."""
        latest_ns = 0
        try:
            for batch in read_flows(str(path), self._ledger, settings=self._settings, companion=self._companion):
                if self._is_over():
                    return ""
                if batch.num_rows:
                    latest_ns = max(latest_ns, int(integers(batch, "end").max()))
                    self._sink.add(batch)
                    self._sink.tick(latest_ns)
        except InputError as error:
            return f"{path.name}: {error}"
        except (OddflowError, OSError) as error:
            return f"{path.name} cannot be read: {error}"
        return ""

    def _told(self) -> list[Problem]:
        if not self._bad:
            return []
        more = f", and {len(self._bad) - TOLD_BAD} more" if len(self._bad) > TOLD_BAD else ""
        return [Problem("files", "passed over: " + "; ".join(self._bad[-TOLD_BAD:]) + more)]
