"""What the processes of a source have done, and when each process last showed that it lives: memory that they share."""

import mmap
import time
from enum import IntEnum, auto

import numpy as np


class Count(IntEnum):
    """The columns of a source. Each has one writer; the judge's that died is the supervisor for a moment."""

    SENT = 0
    """Flows that the capture put in the channel."""
    BACKLOG = auto()
    """Flows that wait in the capture, since the channel is full."""
    TAKEN = auto()
    """Flows that the judge took out of the channel."""
    JUDGED = auto()
    """Flows that the judge is done with: scored, or handed to the flow store where nothing scores them."""
    PERISHED = auto()
    """Flows that were taken, and died with the judge."""
    JUDGES = auto()
    """How many judges there were: who waits for one can tell that it died."""
    DONE_FILES = auto()
    """Files of a folder that all is known of, since the present judge began."""
    THRIFT = auto()
    """What is not written, since the disk is nearly full: see Thrift."""


class Thrift(IntEnum):
    """What is not written where the disk is nearly full; each with what is above it. Alerts always are."""

    NOTHING = 0
    FLOWS = 1
    """Flow records."""
    PICTURES = 2
    """The first bytes in alerts."""


class Counters:
    """Counters of sources, and a beat for each process; made before the processes are forked.

    >>> counters = Counters(sources=1, slots=2)
    >>> counters.of(0)[Count.SENT] += 5
    >>> counters.queued(0)
    5
    """

    def __init__(self, *, sources: int, slots: int) -> None:
        columns = len(Count)
        self._memory = mmap.mmap(-1, 8 * max(1, sources * columns + slots))
        numbers = np.frombuffer(self._memory, np.int64)
        self._counts = numbers[: sources * columns].reshape(sources, columns)
        self._beats = numbers[sources * columns : sources * columns + slots].view(np.float64)

    def of(self, source: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """The counters of a source, (len(Count),) int64, to read and write."""
        row: np.ndarray[tuple[int, ...], np.dtype[np.int64]] = self._counts[source]
        return row

    def queued(self, source: int) -> int:
        """Flows that the meter gave and nobody has judged yet."""
        row = self._counts[source]
        return max(0, int(row[Count.SENT] + row[Count.BACKLOG] - row[Count.JUDGED] - row[Count.PERISHED]))

    def judge_died(self, source: int) -> int:
        """Counts what died with a judge; how many flows."""
        row = self._counts[source]
        lost = max(0, int(row[Count.TAKEN] - row[Count.JUDGED] - row[Count.PERISHED]))
        row[Count.PERISHED] += lost
        return lost

    def beat(self, slot: int) -> None:
        """The process of a slot lives and goes on."""
        self._beats[slot] = time.monotonic()

    def silent_s(self, slot: int) -> float | None:
        """Since when it has not; None where it never has."""
        last = float(self._beats[slot])
        return time.monotonic() - last if last else None

    def forget(self, slot: int) -> None:
        """Another process begins in a slot."""
        self._beats[slot] = 0.0
