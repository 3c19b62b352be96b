"""Flows of a source that grows, handed on as they come."""

import time
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from oddflow.sensor.sink import Sink

TICK_S = 1.0
MOST_ROWS = 32_768
"""Flows between two ticks, however fast they come: a log's past is read faster than it was written."""


def pursue(batches: Iterator[pa.RecordBatch], sink: Sink, *, tick_s: float = TICK_S) -> int:
    """Gives flows to a sink until there are no more, and closes it; how many there were.

    The sink's clock is that of the flows: the latest end, and what has passed since it came.

    Args:
        batches: Flow batches; empty ones while none come.
        sink: Told every so often up to when flows were seen.
        tick_s: How often.
    """
    flows, since_tick, latest_ns = 0, 0, 0
    came_s = next_tick = time.monotonic()
    try:
        for batch in batches:
            now = time.monotonic()
            if batch.num_rows:
                flows += batch.num_rows
                since_tick += batch.num_rows
                latest_ns, came_s = max(latest_ns, pc.max(batch.column("end").cast(pa.int64())).as_py()), now
                sink.add(batch)
            if latest_ns and (now >= next_tick or since_tick >= MOST_ROWS):
                sink.tick(latest_ns + round((now - came_s) * 1e9))
                next_tick, since_tick = now + tick_s, 0
        sink.close()
    except BaseException:
        sink.abandon()
        raise
    return flows
