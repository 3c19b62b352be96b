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
        Flow batches whose ends ascend, across batches too.
    """
    waiting: list[pa.RecordBatch] = []
    held = 0
    latest_ns = 0
    sorted_at = 0
    for batch in batches:
        waiting.append(batch)
        held += batch.num_rows
        latest_ns = max(latest_ns, int(integers(batch, "end").max()))
        if held < sorted_at + max_waiting // 8:
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


def _sorted(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    table = pa.Table.from_batches(batches)
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in ORDER])
    return table.take(order).combine_chunks().to_batches()[0]


def _own(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A copy that does not keep the larger batch it was sliced from in memory."""
    return pa.Table.from_batches([batch]).take(pa.array(range(batch.num_rows))).combine_chunks().to_batches()[0]
