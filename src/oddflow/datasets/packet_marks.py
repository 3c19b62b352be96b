"""Labels of packets to marks of a flow's first packets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.capture import _layout as layout
from oddflow.capture.reader import packets
from oddflow.datasets.readers.packet_labels import packet_labels
from oddflow.datasets.readers.packet_truth import FIELDS, Key, flow_key, packet_key
from oddflow.errors import InputError
from oddflow.features.columns import integers
from oddflow.losses import Ledger
from oddflow.schema import SEQUENCE_PACKETS

NAMES = tuple(map(str, range(256)))
"""A label is a number; 0 is normal."""


@dataclass(slots=True)
class PacketMarks:
    """What each packet of a capture is, found again by its ends and its time.

    Packets of one key that come between a flow's start and end are the flow's, in their order: so the k-th of them is
    the k-th of its sequence, however precise the gaps are.
    """

    attacks: int = 0
    _times_ns: dict[Key, NDArray[np.int64]] = field(default_factory=dict)
    _labels: dict[Key, NDArray[np.bool_]] = field(default_factory=dict)

    @classmethod
    def read(cls, capture: str, labels: str) -> Self:
        """Reads a capture and the file of its labels: lines of `packet number;label`, packet 1 first, 0 for normal.

        About 24 bytes of memory a packet.

        Raises:
            InputError: Either cannot be read, or they have not as many packets.
        """
        given = packet_labels(Path(labels), NAMES)
        columns: list[list[NDArray[np.uint64]]] = [[] for _ in FIELDS]
        times, kept, count = [], [], 0
        for batch in packets(capture, Ledger()):
            is_read = batch.field("loss") == layout.OK
            for place, name in enumerate(FIELDS):
                columns[place].append(batch.field(name)[is_read].astype(np.uint64))
            times.append(batch.field("time_ns")[is_read].astype(np.int64))
            kept.append(np.flatnonzero(is_read) + count)
            count += batch.count
        if count != len(given):
            raise InputError(
                f"{capture} has {count:,} packets, and {labels} labels {len(given):,}; do they belong together?"
            )
        found = cls(int((given > 0).sum()))
        if count:
            found._sort(
                np.stack([np.concatenate(column) for column in columns], axis=1),
                np.concatenate(times),
                given[np.concatenate(kept)] > 0,
            )
        return found

    def _sort(self, ends: NDArray[np.uint64], times_ns: NDArray[np.int64], labels: NDArray[np.bool_]) -> None:
        """Groups packets (n, fields) by their key; both directions have the same."""
        rows, way = np.unique(ends, axis=0, return_inverse=True)
        keys: dict[Key, list[int]] = {}
        for place, row in enumerate(rows.tolist()):
            keys.setdefault(packet_key(tuple(row)), []).append(place)
        group = np.empty(len(rows), np.int64)
        for number, places in enumerate(keys.values()):
            group[places] = number
        group = group[way.reshape(-1)]
        order = np.lexsort((times_ns, group))
        edges = np.searchsorted(group[order], np.arange(len(keys) + 1))
        for number, key in enumerate(keys):
            taken = order[edges[number] : edges[number + 1]]
            self._times_ns[key], self._labels[key] = times_ns[taken], labels[taken]

    def of(self, batch: pa.RecordBatch) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether any packet of each flow is an attack, (n,), and which of its first are: (n, 32)."""
        marks = np.zeros((batch.num_rows, SEQUENCE_PACKETS), bool)
        is_attack = np.zeros(batch.num_rows, bool)
        starts, ends = integers(batch, "start"), integers(batch, "end")
        columns = (batch.column(name).to_pylist() for name in ("src_ip", "src_port", "dst_ip", "dst_port", "protocol"))
        for place, (src, src_port, dst, dst_port, protocol) in enumerate(zip(*columns, strict=True)):
            key = flow_key((src, src_port), (dst, dst_port), protocol)
            times_ns = self._times_ns.get(key)
            if times_ns is None:
                continue
            first = np.searchsorted(times_ns, starts[place], side="left")
            behind = np.searchsorted(times_ns, ends[place], side="right")
            labels = self._labels[key][first:behind]
            is_attack[place] = labels.any()
            marks[place, : len(labels)] = labels[:SEQUENCE_PACKETS]
        return is_attack, marks
