"""One partition as a replica judges it: what it holds is a function of the records alone, in their order."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oddflow.errors import InputError
from oddflow.losses import Ledger, Loss
from oddflow.server.stream.checkpoint import Checkpoint, Known
from oddflow.server.stream.record import HEADER, Head, flows_of
from oddflow.server.work.growth import Growth
from oddflow.server.work.verdict_counts import HANDED
from oddflow.server.work.watching import Watched
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.memory import memory_of, remind

MOST_SENDERS = 1_024
STEP_NS = 500_000_000
"""Flows are judged together in steps of so much of their time: few at a time would cost ten times as much each."""
MOST_WAITING = 4_096
"""Or as soon as so many wait."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it came.

    Attributes:
        offset: Its place in the partition.
        head: What its header holds; empty where it has none of ours.
        body: Its value.
    """

    offset: int
    head: bytes
    body: bytes

    @classmethod
    def of(cls, message: object) -> "Record":
        """From a message of confluent_kafka."""
        headers = message.headers() or []  # type: ignore[attr-defined]
        head = next((value for name, value in headers if name == HEADER), None)
        return cls(message.offset(), head or b"", message.value() or b"")  # type: ignore[attr-defined]


class Lane:
    """A partition, from its checkpoint on.

    Flows are judged once they ended before what all who ship to the partition have given, less patience; nothing else
    tells when, so whoever reads the same records comes to the same alerts.

    Attributes:
        number: The partition's.
        offset: The first record that was not taken.
        checkpoints: How many there were of the partition.
        repeated: Records that came a second time, and were passed over.
        gone: Records that the stream no longer held.
        other: Records of senders who know another number of partitions.
        changed: Whether anything was taken since the last checkpoint.

    Args:
        number: The partition's.
        checkpoint: Where it goes on; None at its beginning.
        watched: A new watcher of the source's model; None where flows are only kept.
        keep: Takes flows that nothing judges.
        ledger: Told of records and flows that are used and lost.
        partitions: How many there should be.
        silent_s: Who sent nothing for so long holds nobody up.
    """

    def __init__(
        self,
        number: int,
        checkpoint: Checkpoint | None,
        watched: Watched | None,
        *,
        keep: Callable[[pa.RecordBatch], None],
        ledger: Ledger,
        partitions: int,
        silent_s: float,
    ) -> None:
        begun = checkpoint or Checkpoint(offset=-1)
        self.number = number
        self.offset = begun.offset
        self.checkpoints = begun.number
        self.repeated = self.gone = self.other = 0
        self.changed = False
        self.growth = Growth()
        self.owners = dict(begun.owners)
        self._watched = watched
        self._known = dict(begun.known)
        self._judged_ns = begun.judged_ns
        self._keep = keep
        self._ledger = ledger
        self._partitions = partitions
        self._silent_ns = round(silent_s * 1e9)
        self._taken_s = time.monotonic()
        self.is_new = watched is not None and begun.memory is not None and begun.model != watched.fingerprint
        if watched is not None and begun.memory is not None and not self.is_new:
            remind(watched.watcher, begun.memory)

    @property
    def watched(self) -> Watched | None:
        """What judges."""
        return self._watched

    @property
    def waiting(self) -> int:
        """Flows that wait for others that ended before them."""
        return self._watched.watcher.waiting if self._watched is not None else 0

    def take(self, record: Record) -> list[Alert]:
        """One more record; the alerts that it brings."""
        if record.offset < self.offset:
            return []
        if 0 <= self.offset < record.offset:
            self.gone += record.offset - self.offset
        self.offset = record.offset + 1
        self.changed = True
        self._taken_s = time.monotonic()
        try:
            head = Head.parse(record.head)
            if not self._is_new(head):
                self.repeated += 1
                return []
            flows = flows_of(record.body, self._ledger)
        except InputError as error:
            self._ledger.lost(Loss.MESSAGE, 1, str(error).partition(":")[0])
            return []
        self.other += head.of != self._partitions
        for batch in flows:
            self._add(batch, head.sent_ns)
        return self._alerts()

    def settle(self) -> list[Alert]:
        """Alerts of the flows that wait, where nothing has come for long: nothing will tell that they need not."""
        if not self.waiting or self._watched is None or (time.monotonic() - self._taken_s) * 1e9 < self._silent_ns:
            return []
        self.changed = True
        return self._watched.watcher.alerts(None)

    def checkpoint(self, owner: str) -> Checkpoint:
        """All that it holds, as the next checkpoint."""
        self.owners.pop(owner, None)
        self.owners[owner] = self.checkpoints + 1
        watched = self._watched
        return Checkpoint(
            self.offset,
            self.checkpoints + 1,
            watched.fingerprint if watched is not None else "",
            memory_of(watched.watcher) if watched is not None else None,
            self._known,
            self.owners,
            self._judged_ns,
        )

    def _is_new(self, head: Head) -> bool:
        known = self._known.get(head.sender, Known())
        if (head.run, head.number) <= (known.run, known.number):
            return False
        self._known[head.sender] = Known(head.run, head.number, head.seen_ns, head.sent_ns, head.ended)
        while len(self._known) > MOST_SENDERS:
            del self._known[min(self._known, key=lambda one: self._known[one].sent_ns)]
        return True

    def _add(self, flows: pa.RecordBatch, sent_ns: int) -> None:
        if self._watched is None:
            self._keep(flows)
            return
        if not self._watched.has_arp:  # kept all the same
            is_arp = pc.fill_null(pc.equal(flows.column("ip_version"), 0), False)
            if pc.any(is_arp).as_py():
                self._keep(flows.filter(is_arp))
        stamps = pa.array(np.full(flows.num_rows, sent_ns), pa.int64())
        self._watched.watcher.add(flows.append_column(HANDED, stamps))

    def _alerts(self) -> list[Alert]:
        if self._watched is None:
            return []
        latest_ns = max(one.sent_ns for one in self._known.values())
        holding = [
            one.seen_ns for one in self._known.values() if not one.ended and one.sent_ns > latest_ns - self._silent_ns
        ]
        if not holding:
            return self._watched.watcher.alerts(None)
        until_ns = min(holding)
        if until_ns < self._judged_ns + STEP_NS and self.waiting < MOST_WAITING:
            return []
        self._judged_ns = max(self._judged_ns, until_ns)
        return self._watched.watcher.alerts(self._judged_ns)
