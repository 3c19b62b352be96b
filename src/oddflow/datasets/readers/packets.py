"""A capture with a label for each packet as rows of packets, for detectors that score packets."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from oddflow.capture import _layout as layout
from oddflow.capture.reader import packets
from oddflow.datasets.readers.packet_labels import packet_labels
from oddflow.datasets.readers.piece import Piece, Task
from oddflow.errors import InputError
from oddflow.features.incremental import FEATURES, IncrementalStatistics, within_bounds


def packet_rows(task: Task) -> Iterator[Piece]:
    """Incremental statistics of each packet that is not lost, (n, 100), with its own label and time.

    Without a file of labels, all are the section's first class.

    Raises:
        InputError: The labels are not those of the capture's packets.
    """
    names = pa.array(task.section.names, pa.string())
    labels = packet_labels(task.truth, task.section.names) if task.truth else None
    statistics, count = IncrementalStatistics(), 0
    for batch in packets(str(task.path), task.ledger):
        before, count = count, count + batch.count
        if labels is not None and count > len(labels):
            continue
        x = within_bounds(statistics.add(batch, range(batch.count)))
        is_read = batch.field("loss") == layout.OK
        what = np.zeros(batch.count, np.uint8) if labels is None else labels[before:count]
        yield Piece(
            x=x,
            features=FEATURES,
            labels=names.take(pa.array(what[is_read])),
            times_ns=batch.field("time_ns")[is_read],
        )
    if labels is not None and count != len(labels):
        raise InputError(
            f"{task.path} has {count:,} packets, and {len(labels):,} are labelled; do they belong together?"
        )
