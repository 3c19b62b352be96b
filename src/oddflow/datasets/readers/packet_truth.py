"""Labels of packets to labels of flows: a flow is what the first of its packets is that is no normal one."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.capture import _layout as layout
from oddflow.capture.extraction import TYPED_PROTOCOLS
from oddflow.capture.packets import PacketBatch
from oddflow.capture.reader import packets
from oddflow.errors import InputError
from oddflow.features.columns import integers
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA

FIELDS = ("src_high", "src_low", "src_port", "dst_high", "dst_low", "dst_port", "protocol", "version")
End = tuple[str, int]
Key = tuple[End, End, int]
"""Both ends in order, so that both directions are alike, and the protocol. ICMP and ARP have no ports here."""


@dataclass(slots=True)
class _Moments:
    """When packets of one key that are attacks came, in order, and what they are."""

    times_ns: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    met: set[int] = field(default_factory=set)

    def sort(self) -> None:
        """Puts packets that a capture has out of order in order of time."""
        pairs = sorted(zip(self.times_ns, self.labels, strict=True))
        self.times_ns, self.labels = [time for time, _ in pairs], [label for _, label in pairs]


@dataclass(slots=True)
class PacketTruth:
    """Attack packets by the ends that they have."""

    names: Sequence[str]
    attacks: int = 0
    _by_key: dict[Key, _Moments] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, labels: NDArray[np.uint8], names: Sequence[str]) -> Self:
        """Looks up the packets of a capture.

        Args:
            path: The capture.
            labels: What each packet is, (n,): 0 for normal, else a place in `names` from 1.
            names: What attacks are called.

        Raises:
            InputError: The capture has not n packets.
        """
        truth = cls(names)
        count = 0
        for batch in packets(str(path), Ledger()):
            count += batch.count
            if count <= len(labels):
                truth._add(batch, labels[count - batch.count : count])
        for moments in truth._by_key.values():
            moments.sort()
        if count != len(labels):
            raise InputError(
                f"{path} has {count:,} packets, and {len(labels):,} are labelled; do they belong together?"
            )
        return truth

    def _add(self, batch: PacketBatch, labels: NDArray[np.uint8]) -> None:
        rows = np.flatnonzero(labels)
        self.attacks += len(rows)
        is_read = batch.field("loss")[rows] == layout.OK
        rows = rows[is_read]
        fields = [batch.field(name)[rows].tolist() for name in FIELDS]
        times = batch.field("time_ns")[rows].tolist()
        for place, row in enumerate(zip(*fields, strict=True)):
            moments = self._by_key.setdefault(packet_key(row), _Moments())
            moments.times_ns.append(times[place])
            moments.labels.append(int(labels[rows[place]]) - 1)

    def labelled(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with the names of attacks; the label of other flows stays as it is."""
        starts, ends = integers(batch, "start").tolist(), integers(batch, "end").tolist()
        columns = (batch.column(name).to_pylist() for name in ("src_ip", "src_port", "dst_ip", "dst_port", "protocol"))
        labels = batch.column("label").to_pylist()
        for place, (src, src_port, dst, dst_port, protocol) in enumerate(zip(*columns, strict=True)):
            moments = self._by_key.get(flow_key((src, src_port), (dst, dst_port), protocol))
            if moments is None:
                continue
            first = bisect_left(moments.times_ns, starts[place])
            last = bisect_left(moments.times_ns, ends[place] + 1)
            if first < last:
                labels[place] = self.names[moments.labels[first]]
                moments.met.update(range(first, last))
        column = FLOW_SCHEMA.get_field_index("label")
        return batch.set_column(column, FLOW_SCHEMA.field(column), pa.array(labels, pa.string()))

    def told(self) -> list[str]:
        """Attack packets that belong to no flow, if there are any."""
        met = sum(len(moments.met) for moments in self._by_key.values())
        missed = self.attacks - met
        return [f"{missed:,} of {self.attacks:,} attack packets belong to no flow"] if missed else []


def flow_key(one: End, other: End, protocol: int) -> Key:
    """What a flow between two ends has in common with its packets."""
    if protocol in TYPED_PROTOCOLS:
        one, other = (one[0], 0), (other[0], 0)
    return (one, other, protocol) if one <= other else (other, one, protocol)


def packet_key(row: tuple[Any, ...]) -> Key:
    """The same from the FIELDS of a packet."""
    src_high, src_low, src_port, dst_high, dst_low, dst_port, protocol, version = row
    src, dst = (
        str(IPv6Address((high << 64) + low) if version == 6 else IPv4Address(low))
        for high, low in ((src_high, src_low), (dst_high, dst_low))
    )
    return flow_key((src, src_port), (dst, dst_port), protocol)
