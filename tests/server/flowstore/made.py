"""Flows moved in time, and stores that hold them."""

import numpy as np
import pyarrow as pa

from oddflow.server.flowstore.flow_store import FlowStore

HOUR_NS = 3_600_000_000_000
DAY = 20_000
"""The first day, since 1970: 2024-10-04."""
THRESHOLD = 3.0


def spread(flows, hours, first):
    """The same flows, their ends spread evenly over so many hours from the `first` since 1970."""
    lasted = [int(value) for value in np.diff(times(flows), axis=0)[0]]
    end = first * HOUR_NS + (np.arange(flows.num_rows) * (hours * HOUR_NS) // flows.num_rows).astype(np.int64)
    for name, values in (("start", end - lasted), ("end", end)):
        field = flows.schema.field(name)
        flows = flows.set_column(flows.schema.get_field_index(name), field, pa.array(values).cast(field.type))
    return flows


def times(flows):
    """Starts and ends, (2, n), ns."""
    return np.stack([flows.column(name).cast(pa.int64()).to_numpy() for name in ("start", "end")])


def write(folder, flows, scores, sources=("lan",), parts=3):
    """Flows by turns to one source and the other, in so many parts."""
    with FlowStore(folder) as store:
        for number, source in enumerate(sources):
            writer = store.writer(source)
            mine = np.arange(number, flows.num_rows, len(sources))
            for piece in np.array_split(mine, parts):
                writer.add(flows.take(pa.array(piece)), scores[piece], scores[piece] > THRESHOLD)
                writer.flush()
            assert (writer.stored, writer.shed, writer.problem) == (len(mine), 0, "")
            writer.close()
