"""What each worker has counted so far, in memory that it shares with its supervisor."""

import mmap
from dataclasses import dataclass
from enum import IntEnum, auto

import numpy as np

from oddflow.losses import Ledger, Loss

LOSSES = tuple(Loss)


class Count(IntEnum):
    """The columns of a tally; those of the losses come behind, one for each reason."""

    PACKETS = 0
    METERED = auto()
    BYTES = auto()
    FLOWS = auto()
    OPEN_FLOWS = auto()
    EVICTED_FLOWS = auto()
    ALERTS = auto()


@dataclass(frozen=True, slots=True)
class Totals:
    """A moment's sums over all workers; `lost` by reason."""

    packets: int
    metered: int
    bytes: int
    flows: int
    open_flows: int
    evicted_flows: int
    alerts: int
    lost: dict[Loss, int]

    @property
    def lost_total(self) -> int:
        """For all reasons."""
        return sum(self.lost.values())


class Tally:
    """One row of counters a worker, (workers, columns) int64; a row has one writer, a number is written whole."""

    def __init__(self, workers: int) -> None:
        columns = len(Count) + len(LOSSES)
        self._memory = mmap.mmap(-1, 8 * workers * columns)  # shared with the processes that are forked
        self.rows = np.frombuffer(self._memory, np.int64).reshape(workers, columns)

    def tell(self, worker: int, ledger: Ledger) -> None:
        """Writes a worker's losses; details of a reason are summed."""
        row = self.rows[worker]
        lost = np.zeros(len(LOSSES), np.int64)
        for reason, count in ledger.reasons.items():
            for place, loss in enumerate(LOSSES):
                if reason.startswith(loss):
                    lost[place] += count
        row[len(Count) :] = lost
        row[Count.METERED] = ledger.metered
        row[Count.PACKETS] = ledger.metered + lost.sum()

    def totals(self) -> Totals:
        """The sums over all workers now."""
        sums = [int(value) for value in self.rows.sum(axis=0)]
        return Totals(
            packets=sums[Count.PACKETS],
            metered=sums[Count.METERED],
            bytes=sums[Count.BYTES],
            flows=sums[Count.FLOWS],
            open_flows=sums[Count.OPEN_FLOWS],
            evicted_flows=sums[Count.EVICTED_FLOWS],
            alerts=sums[Count.ALERTS],
            lost=dict(zip(LOSSES, sums[len(Count) :], strict=True)),
        )
