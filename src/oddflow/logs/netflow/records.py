"""Records of one layout, from many messages, to columns of the flow table: read at once."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.flows.naming.ports import SCTP, TCP, UDP
from oddflow.logs.derive import ICMP, ICMP6
from oddflow.logs.netflow.columns import mac_text, or_null, repeated, text_or_null
from oddflow.logs.netflow.ends import read_ends
from oddflow.logs.netflow.layout import Gathered, Layout, Rows
from oddflow.logs.netflow.options import BOOT, SAMPLER_IDS, Sampling, intervals
from oddflow.logs.netflow.times import LATEST_NS, NS_PER_MS, NS_PER_S, UNKNOWN_NS, Clock, read_times

DCCP, UDP_LITE = 33, 136
WITH_PORTS = (TCP, UDP, DCCP, SCTP, UDP_LITE)
LARGEST_COUNTER = 1 << 62
LARGEST_END_REASON = 5
AHEAD_NS = 366 * 86_400 * NS_PER_S
"""So far may a record's end lie behind the time at which it was sent: who replays records sends old times."""
FLAGS = {"fin": 0x01, "syn": 0x02, "rst": 0x04, "psh": 0x08, "ack": 0x10, "urg": 0x20, "ece": 0x40, "cwr": 0x80}
REVERSED_DIRECTION = 2
"""biflowDirection where the source is the responder (RFC 5103 section 6.3)."""

_BYTES = ("octetDeltaCount", "octetTotalCount", "initiatorOctets", "postOctetDeltaCount")
_PACKETS = ("packetDeltaCount", "packetTotalCount", "initiatorPackets", "postPacketDeltaCount")
_REVERSE_BYTES = ("reverseOctetDeltaCount", "reverseOctetTotalCount", "responderOctets")
_REVERSE_PACKETS = ("reversePacketDeltaCount", "reversePacketTotalCount", "responderPackets")
_SMALL = {
    "length_min": ("minimumIpTotalLength", pa.uint32()), "length_max": ("maximumIpTotalLength", pa.uint32()),
    "ttl_min": ("minimumTTL", pa.uint8()), "ttl_max": ("maximumTTL", pa.uint8()),
}  # fmt: skip

Numbers = NDArray[np.uint64]
Bools = NDArray[np.bool_]


class Context(NamedTuple):
    """What a set's message, and what its exporter told before, say of its records.

    Attributes:
        exporter: Address and domain.
        sent_ns: When it was sent, by the exporter's clock.
        uptime_ms: How long the exporter was up then; UNKNOWN_MS where that is not known.
        sampling: How it samples.
    """

    exporter: str
    sent_ns: int
    uptime_ms: int
    sampling: Sampling


@dataclass(slots=True)
class Pending:
    """Records of one layout that wait to be read together: the bytes of each set, how many, and its context."""

    layout: Layout
    pieces: list[bytes] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)
    texts: dict[str, list[bytes]] = field(default_factory=dict)

    def add(self, gathered: Gathered, context: Context) -> None:
        """Adds the records of a set."""
        self.pieces.append(gathered.data)
        self.counts.append(gathered.records)
        self.contexts.append(context)
        for name, found in gathered.texts.items():
            self.texts.setdefault(name, []).extend(found)


class Unusable(NamedTuple):
    """Records that are no flows: how many, why, and whose the first was."""

    records: int
    why: str
    exporter: str


def read_records(pending: Pending) -> tuple[pa.RecordBatch, list[Unusable]]:
    """One-way records and biflows, and what was none.

    The batch has columns of the flow schema and `tcp_flags`, as the stitcher takes them; where a record is a biflow,
    its `reverse_packets` or `reverse_bytes` are known.
    """
    records = _Records(pending)
    why, reasons = records.unusable()
    unusable = []
    for number, reason in enumerate(reasons, 1):
        places = np.flatnonzero(why == number)
        if len(places):
            unusable.append(Unusable(len(places), reason, records.exporter_of(int(places[0]))))
    columns = dict(records.columns())
    batch = pa.record_batch(list(columns.values()), names=list(columns))
    return (batch.filter(pa.array(why == 0)) if unusable else batch), unusable


class _Records:
    """n records of a layout."""

    def __init__(self, pending: Pending) -> None:
        self._layout = pending.layout
        self._contexts = pending.contexts
        self._texts = pending.texts
        self._rows: Rows = pending.layout.rows(b"".join(pending.pieces))
        self._of_set = np.repeat(np.arange(len(pending.counts)), pending.counts)
        self._clock = self._read_clock()
        self._interval = self._read_interval()
        self.start, self.end = read_times(self._layout, self._rows, self._clock)
        self._ends = read_ends(self._layout, self._rows)
        self._packets, self._reverse_packets = self._first(_PACKETS), self._first(_REVERSE_PACKETS)
        self._bytes, self._reverse_bytes = self._first(_BYTES), self._first(_REVERSE_BYTES)
        direction = self._numbers("biflowDirection")
        self._turned = None if direction is None else direction == REVERSED_DIRECTION

    def exporter_of(self, row: int) -> str:
        """Who exported a record."""
        return self._contexts[int(self._of_set[row])].exporter

    def unusable(self) -> tuple[NDArray[np.int64], list[str]]:
        """Which reason makes each record unusable, from 1, or 0; and the reasons."""
        counters = (self._packets, self._bytes, self._reverse_packets, self._reverse_bytes)
        none = np.ones(len(self._rows), np.bool_)
        large = np.zeros(len(self._rows), np.bool_)
        for counter in (counter for counter in counters if counter is not None):
            none &= counter == 0
            large |= counter > np.uint64(LARGEST_COUNTER) // np.maximum(self._interval, np.uint64(1))
        ends = self._ends
        has_ports = np.isin(ends.protocol, WITH_PORTS)
        known = (self.start != UNKNOWN_NS) & (self.end != UNKNOWN_NS) & (self.end <= LATEST_NS)
        found = [
            (none, self._no_counters()),
            (large, "a counter beyond 2^62"),
            (~ends.has_addresses, "no addresses"),
            (ends.protocol < 0, "no protocol"),
            (has_ports & ((ends.src_port < 0) | (ends.dst_port < 0)), "no ports"),
            (~known, self._no_time()),
            (known & (self.start > self.end), "it ends before it starts"),
            (known & (self.end > self._clock.sent_ns + AHEAD_NS), "it ends a year after it was sent, or later"),
        ]
        why = np.zeros(len(self._rows), np.int64)
        for number, (rows, _) in enumerate(found, 1):
            why[(why == 0) & rows] = number
        return why, [reason for _, reason in found]

    def columns(self) -> Iterator[tuple[str, pa.Array]]:
        """The columns by name."""
        ends, swapped = self._ends, self._turned
        src, dst = ends.addresses(swapped)
        has_ports = np.isin(ends.protocol, WITH_PORTS)
        src_port, dst_port = (np.where(has_ports, np.maximum(port, 0), 0) for port in (ends.src_port, ends.dst_port))
        yield "start", pa.array(self.start, pa.timestamp("ns", "UTC"))
        yield "end", pa.array(self.end, pa.timestamp("ns", "UTC"))
        yield "src_ip", src
        yield "dst_ip", dst
        yield "src_port", pa.array(self._side(src_port, dst_port).astype(np.uint16))
        yield "dst_port", pa.array(self._side(dst_port, src_port).astype(np.uint16))
        yield "protocol", or_null(ends.protocol, ends.protocol >= 0, pa.uint8())
        yield "ip_version", pa.array(ends.versions.astype(np.uint8))
        yield "exporter", repeated([context.exporter for context in self._contexts], self._of_set)
        if (self._interval > 1).any():
            yield "sampling_interval", or_null(self._interval, self._interval > 1, pa.uint32())
        yield from self._counters()
        yield from self._flags()
        yield from self._icmp()
        yield from self._others()

    def _counters(self) -> Iterator[tuple[str, pa.Array]]:
        factor = np.maximum(self._interval, np.uint64(1))
        for name, ours, theirs in (
            ("packets", self._packets, self._reverse_packets), ("bytes", self._bytes, self._reverse_bytes),
        ):  # fmt: skip
            for column, own, other in ((f"forward_{name}", ours, theirs), (f"reverse_{name}", theirs, ours)):
                values = self._either(own, other)
                if values is not None:
                    safe = np.minimum(values, np.uint64(LARGEST_COUNTER) // factor)
                    yield column, pa.array(safe * factor)
        for name, (element, kind) in _SMALL.items():
            reverse = f"reverse{element[0].upper()}{element[1:]}"
            yield from self._both_ways(name, self._numbers(element), self._numbers(reverse), kind)

    def _flags(self) -> Iterator[tuple[str, pa.Array]]:
        """The union of flags says which flag no packet had; and all, where there was but one packet."""
        is_tcp = self._ends.protocol == TCP
        ours, theirs = self._numbers("tcpControlBits"), self._numbers("reverseTcpControlBits")
        union = self._either(ours, theirs)
        if union is not None:
            yield "tcp_flags", or_null(union & np.uint64(0xFF), is_tcp, pa.uint8())
        for name, bit in FLAGS.items():
            counted = f"tcp{name.capitalize()}TotalCount"
            counts = self._numbers(counted), self._numbers(f"reverse{counted[0].upper()}{counted[1:]}")
            mine = self._flag(ours, bit, self._packets) if counts[0] is None else self._counted(counts[0])
            other = self._flag(theirs, bit, self._reverse_packets) if counts[1] is None else self._counted(counts[1])
            yield from self._both_ways_known(name, mine, other, pa.uint32())

    def _flag(self, union: Numbers | None, bit: int, packets: Numbers | None) -> tuple[Numbers, Bools] | None:
        if union is None:
            return None
        has = (union & np.uint64(bit)) > 0
        # no TCP packet is without any flag, save in a scan: such a union was not taken
        told = ((union & np.uint64(0xFF)) > 0) & (self._interval <= 1)
        single = np.zeros(len(union), np.bool_) if packets is None else packets == 1
        return has.astype(np.uint64), (self._ends.protocol == TCP) & told & (~has | single)

    def _counted(self, counts: Numbers) -> tuple[Numbers, Bools]:
        return counts, (self._ends.protocol == TCP) & (counts <= np.uint64(0xFFFFFFFF)) & (self._interval <= 1)

    def _icmp(self) -> Iterator[tuple[str, pa.Array]]:
        ends, layout = self._ends, self._layout
        is_4, is_6 = ends.protocol == ICMP, ends.protocol == ICMP6
        if not (is_4 | is_6).any():
            return
        both = np.full(len(self._rows), -1, np.int64)
        for mask, version in ((is_4, 4), (is_6, 6)):
            found = layout.numbers(self._rows, f"icmpTypeCodeIPv{version}")
            kind = layout.numbers(self._rows, f"icmpTypeIPv{version}")
            code = layout.numbers(self._rows, f"icmpCodeIPv{version}")
            if found is None and kind is not None:
                found = kind << np.uint64(8) | (np.uint64(0) if code is None else code)
            told = ends.dst_port if found is None else np.minimum(found, np.uint64(1 << 16)).astype(np.int64)
            both = np.where(mask, told, both)
        known = (both >= 0) & (both < 1 << 16)
        yield "icmp_type", or_null(both >> 8, known, pa.uint8())
        yield "icmp_code", or_null(both & 0xFF, known, pa.uint8())

    def _others(self) -> Iterator[tuple[str, pa.Array]]:
        vlan = self._first(("vlanId", "dot1qVlanId"))
        if vlan is not None:
            yield "vlan_id", or_null(vlan, (vlan > 0) & (vlan < 4095), pa.uint16())
        reason = self._numbers("flowEndReason")
        if reason is not None:
            yield "end_reason", or_null(reason, (reason > 0) & (reason <= LARGEST_END_REASON), pa.uint8())
        number = self._numbers("flowId")
        if number is not None:
            yield "record_id", pa.array(number).cast(pa.string())
        names = self._texts.get("applicationName")
        if names is None and "applicationName" in self._layout:
            names = self._rows["applicationName"].tolist()
        if names is not None:
            yield "app_by_signature", text_or_null(names)
        src, dst = self._mac("sourceMacAddress", "postSourceMacAddress"), self._mac(
            "destinationMacAddress", "postDestinationMacAddress"
        )  # fmt: skip
        if src is not None and dst is not None:
            yield "src_mac", mac_text(src if self._turned is None else np.where(self._turned[:, None], dst, src))
            yield "dst_mac", mac_text(dst if self._turned is None else np.where(self._turned[:, None], src, dst))

    def _mac(self, *names: str) -> Rows | None:
        return next((self._rows[name] for name in names if name in self._layout), None)

    def _numbers(self, name: str) -> Numbers | None:
        return self._layout.numbers(self._rows, name)

    def _first(self, names: tuple[str, ...]) -> Numbers | None:
        return next((found for name in names if (found := self._numbers(name)) is not None), None)

    def _side(self, own: Any, other: Any) -> Any:
        return own if self._turned is None else np.where(self._turned, other, own)

    def _either(self, own: Numbers | None, other: Numbers | None) -> Numbers | None:
        """A direction's numbers, where the record's own directions are those of the flow or the other way round."""
        if self._turned is None or (own is None and other is None):
            return own
        nothing = np.zeros(len(self._rows), np.uint64)
        return np.where(self._turned, nothing if other is None else other, nothing if own is None else own)

    def _both_ways(self, name: str, own: Numbers | None, other: Numbers | None, kind: Any) -> Any:
        known = [None if v is None else (v, (v > 0) & (v <= np.uint64(2**kind.bit_width - 1))) for v in (own, other)]
        return self._both_ways_known(name, known[0], known[1], kind)

    def _both_ways_known(
        self, name: str, own: tuple[Numbers, Bools] | None, other: tuple[Numbers, Bools] | None, kind: Any
    ) -> Iterator[tuple[str, pa.Array]]:
        nothing = (np.zeros(len(self._rows), np.uint64), np.zeros(len(self._rows), np.bool_))
        for column, ours, theirs in ((f"forward_{name}", own, other), (f"reverse_{name}", other, own)):
            if ours is None and (theirs is None or self._turned is None):
                continue
            values, known = (self._side(*pair) for pair in zip(ours or nothing, theirs or nothing, strict=True))
            yield column, or_null(values, known, kind)

    def _read_clock(self) -> Clock:
        sent = np.array([context.sent_ns for context in self._contexts], np.int64)[self._of_set]
        uptime = np.array([context.uptime_ms for context in self._contexts], np.int64)[self._of_set]
        boot = self._numbers(BOOT)
        if boot is not None:
            uptime = sent // NS_PER_MS - np.minimum(boot, np.uint64(1 << 62)).astype(np.int64)
        return Clock(sent, uptime)

    def _read_interval(self) -> Numbers:
        """One packet of so many was looked at, (n,): as the record says, else its sampler, else its exporter."""
        own = intervals(self._layout, self._rows)
        if own is not None:
            return own
        every = np.array([context.sampling.every for context in self._contexts], np.uint64)[self._of_set]
        sampler = self._first(SAMPLER_IDS)
        samplings = [context.sampling for context in self._contexts]
        if sampler is None or not any(sampling.by_sampler for sampling in samplings):
            return every
        pairs, places = np.unique(np.stack([self._of_set.astype(np.uint64), sampler], 1), axis=0, return_inverse=True)
        known = [samplings[place].by_sampler.get(number, samplings[place].every) for place, number in pairs.tolist()]
        return np.array(known, np.uint64)[places.ravel()]

    def _no_counters(self) -> str:
        if "natEvent" in self._layout:
            return "a NAT event, not a flow"
        if "firewallEvent" in self._layout:
            return "a firewall event, not a flow"
        return "no packets and no bytes"

    def _no_time(self) -> str:
        told = any(name in self._layout for name in ("flowStartSysUpTime", "flowEndSysUpTime"))
        return "times since the exporter's start, which it has not told" if told else "no time"
