"""The one ordered stage: flows by the time of their end, whatever meter or file they came from."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from oddflow.features.columns import integers

ORDER = ("end", "start", "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "first_packet")


def in_end_order(
    batches: Iterable[pa.RecordBatch], *, wait_s: float, max_waiting: int = 65_536
) -> Iterator[pa.RecordBatch]:
    """Sorts flows by end time, then key.

    A flow ends when its last packet passes, but is known to have ended only a time-out later; so flows are held
    back until the latest end seen is `wait_s` past theirs.

    Args:
        batches: Flow batches whose ends are out of order by at most `wait_s`.
        wait_s: The longest time-out of the meters, in seconds.
        max_waiting: When more flows wait, the earlier half goes on at once; memory stays bounded.

    Yields:
        Flow batches whose ends ascend, across batches too; the same ones however the flows came in batches.
    """
    waiting: list[pa.RecordBatch] = []
    held = 0
    latest_ns = 0
    sorted_at = 0
    step = max(1, max_waiting // 8)
    for piece in _pieces(batches, step):
        waiting.append(piece)
        held += piece.num_rows
        latest_ns = max(latest_ns, int(integers(piece, "end").max()))
        if held < sorted_at + step:
            continue
        flows = _sorted(waiting)
        ready = int((integers(flows, "end") < latest_ns - round(wait_s * 1e9)).sum())
        if held > max_waiting:
            ready = max(ready, held // 2)
        if ready:
            yield flows.slice(0, ready)
        waiting = [_own(flows.slice(ready))] if ready < held else []
        held -= ready
        sorted_at = held
    if held:
        yield _sorted(waiting)


class Waiting:
    """Finished flows of a live source, given on in the order in which they ended as far as they came in time.

    Args:
        max_waiting: When more flows wait, the earlier half goes on at once; memory stays bounded.
    """

    def __init__(self, max_waiting: int = 65_536) -> None:
        self._max_waiting = max_waiting
        self._flows: list[pa.RecordBatch] = []
        self.count = 0

    def add(self, flows: pa.RecordBatch) -> None:
        """Takes flows that ended, in any order."""
        self._flows.append(flows)
        self.count += flows.num_rows

    def ready(self, before_ns: int | None) -> pa.RecordBatch | None:
        """The flows that ended before a time, in order, late ones among them; all flows where no time is given."""
        if not self.count:
            return None
        if before_ns is None or self.count > self._max_waiting:
            flows = _sorted(self._flows)
            ready = self.count if before_ns is None else self.count // 2
            self._flows = [_own(flows.slice(ready))] if ready < self.count else []
            self.count -= ready
            return flows.slice(0, ready)
        ended: list[pa.RecordBatch] = []
        waiting: list[pa.RecordBatch] = []
        for flows in self._flows:
            has_ended = integers(flows, "end") < before_ns
            if has_ended.any():
                ended.append(flows if has_ended.all() else flows.filter(pa.array(has_ended)))
            if not has_ended.all():
                waiting.append(flows if not has_ended.any() else flows.filter(pa.array(~has_ended)))
        self._flows = waiting
        self.count -= sum(flows.num_rows for flows in ended)
        return _sorted(ended) if ended else None


def _pieces(batches: Iterable[pa.RecordBatch], step: int) -> Iterator[pa.RecordBatch]:
    """The same flows; after each `step` of them a piece ends."""
    left = step
    for batch in batches:
        first = 0
        while first < batch.num_rows:
            many = min(left, batch.num_rows - first)
            yield batch.slice(first, many)
            first += many
            left = left - many or step


def _sorted(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    table = pa.Table.from_batches(batches)
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in ORDER])
    return table.take(order).combine_chunks().to_batches()[0]


def _own(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A copy that does not keep the larger batch it was sliced from in memory."""
    return pa.Table.from_batches([batch]).take(pa.array(range(batch.num_rows))).combine_chunks().to_batches()[0]
