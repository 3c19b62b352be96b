"""The meter once more, in plain Python over dictionaries: what the kernel is compared with."""

import base64
import hashlib
import math
import struct
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from ipaddress import ip_address

import numpy as np
import pyarrow as pa
from tests.capture import twin as decoder

from oddflow.capture.packets import PacketBatch
from oddflow.flows.meter import Meter
from oddflow.flows.settings import MeterSettings
from oddflow.losses import Ledger
from oddflow.schema import APPLICATION_COLUMNS, NAMING_COLUMNS, RECORD_COLUMNS

FIN, SYN, RST, ACK = 1, 2, 4, 16
IDLE, ACTIVE, END_OF_FLOW, FORCED, LACK_OF_RESOURCES = 1, 2, 3, 4, 5
SLACK_NS = 10**9
FLAGS = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"]
ICMP_PAIRS = {
    1: {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 9: 10, 10: 9},
    58: {128: 129, 129: 128, 133: 134, 134: 133, 135: 136, 136: 135, 130: 131, 131: 130, 144: 145, 145: 144,
         139: 140, 140: 139},
}  # fmt: skip


def community_id(protocol, version, src, dst, src_port, dst_port, *, seed=0):
    """The ID of the Community ID specification; for ICMP the ports are type and counterpart or code."""
    one_way = protocol in ICMP_PAIRS and src_port not in ICMP_PAIRS[protocol]
    if not one_way and (dst, dst_port) < (src, src_port):
        src, dst, src_port, dst_port = dst, src, dst_port, src_port
    size = 4 if version == 4 else 16
    data = struct.pack(">H", seed) + src.to_bytes(size, "big") + dst.to_bytes(size, "big") + bytes([protocol, 0])
    if protocol in (1, 6, 17, 58, 132):
        data += struct.pack(">HH", src_port, dst_port)
    return "1:" + base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def text_of(number, version):
    return str(ip_address(number.to_bytes(4 if version == 4 else 16, "big")))


class Stream:
    """One direction of a TCP connection: the next number that is expected, and the latest gap before it."""

    def __init__(self):
        self.next = None
        self.gap = (0, 0)
        self.counts = {"retransmitted_packets": 0, "retransmitted_bytes": 0, "out_of_order_packets": 0}

    def add(self, fields):
        """How many of the segment's payload bytes were seen before."""
        payload, flags = fields["payload_length"], fields["tcp_flags"]
        size = payload + bool(flags & FIN) + bool(flags & SYN)
        # numbers unwrapped, near the one that is expected
        expected = fields["sequence"] if self.next is None else self.next
        start = expected + (fields["sequence"] - expected + 2**31) % 2**32 - 2**31
        if self.next is None:
            self.next = start + size
            return 0
        if size == 0 or flags & RST:
            return payload
        end = start + size
        if start >= self.next:
            if start > self.next:
                self.gap = (self.next, start)
            self.next = end
            return 0
        low, high = self.gap
        if low < high and low <= start and end <= high:
            self.counts["out_of_order_packets"] += 1
            before, after = start - low, high - end
            self.gap = (low, start) if before and before >= after else (end, high)
            return 0
        if payload <= 1 and start == self.next - 1 and not flags & (SYN | FIN):
            return payload
        seen = min(payload, self.next - start)
        self.counts["retransmitted_packets"] += 1
        self.counts["retransmitted_bytes"] += seen
        if end <= self.next:
            return payload
        self.next = end
        return seen


@dataclass
class Flow:
    """The packets of a flow, as they came: (is reverse, time, fields, payload)."""

    key: tuple
    swapped: bool
    direction_by: int
    first_packet: int
    start: int
    end: int
    closed: bool = False
    packets: list = field(default_factory=list)

    def __post_init__(self):
        self.streams = {False: Stream(), True: Stream()}
        self.kept = []  # (is reverse, new payload bytes)

    def add(self, is_reverse, now, fields, payload):
        seen = self.streams[is_reverse].add(fields) if self.key[2] == 6 and fields["fragment"] < 2 else 0
        self.kept.append((is_reverse, payload[seen:]))
        self.packets.append((is_reverse, now, fields, payload))
        self.start, self.end = min(self.start, now), max(self.end, now)

    def count(self, bit, *, is_reverse):
        return sum(bool(f["tcp_flags"] & bit) for r, _, f, _ in self.packets if r == is_reverse and f["protocol"] == 6)

    def says_goodbye(self):
        resets = self.count(RST, is_reverse=False) + self.count(RST, is_reverse=True)
        return bool(resets or (self.count(FIN, is_reverse=False) and self.count(FIN, is_reverse=True)))

    def columns(self, reason):
        first = self.packets[0][2]
        (_, version, protocol, low, high) = self.key
        (src, src_port), (dst, dst_port) = (high, low) if self.swapped else (low, high)
        is_icmp = protocol in ICMP_PAIRS
        gaps = gaps_of([now for _, now, _, _ in self.packets])
        after = gaps[1:]
        return {
            "start": self.start,
            "end": self.end,
            "src_ip": text_of(src, version),
            "dst_ip": text_of(dst, version),
            "src_port": 0 if is_icmp else src_port,
            "dst_port": 0 if is_icmp else dst_port,
            "protocol": protocol,
            "ip_version": version,
            "vlan_id": None if first["vlan"] < 0 else first["vlan"],
            "icmp_type": None if first["icmp_type"] < 0 else first["icmp_type"],
            "icmp_code": None if first["icmp_code"] < 0 else first["icmp_code"],
            "arp_operation": None,
            "src_mac": None,
            "dst_mac": None,
            "tunnel": None,
            "tunnel_id": None,
            "tunnel_src_ip": None,
            "tunnel_dst_ip": None,
            "is_early": False,
            "fragments": sum(f["fragment"] > 0 for _, _, f, _ in self.packets),
            "icmp_errors": 0,
            "icmp_error_type": None,
            "icmp_error_code": None,
            **self.handshake(),
            **self.periods(),
            "gap_sum_us": sum(after),
            "reverse_payload": None,
            "community_id": community_id(protocol, version, src, dst, src_port, dst_port),
            "end_reason": reason,
            "direction_by": self.direction_by,
            "first_packet": self.first_packet,
            "capture": None,
            **{column.name: None for column in RECORD_COLUMNS},
            **self.way("forward", is_reverse=False),
            **self.way("reverse", is_reverse=True),
            "gap_squares_us2": float(sum(gap * gap for gap in after)),
            "gap_min_us": min(after, default=0),
            "gap_max_us": max(after, default=0),
            "lengths": padded(
                [-min(32767, f["ip_length"]) if r else min(32767, f["ip_length"]) for r, _, f, _ in self.packets]
            ),
            "gaps_us": padded([min(gap, 2**32 - 1) for gap in gaps]),
            "payload": b"".join(payload for _, payload in self.kept)[:784],
        }

    def handshake(self):
        """Round trips: last SYN before its answer, and last answer before the ACK."""
        found, asked, answered = {"responder_rtt_us": None, "initiator_rtt_us": None}, None, None
        for is_reverse, now, f, _ in self.packets if self.key[2] == 6 else []:
            if f["fragment"] >= 2:
                continue
            flags = f["tcp_flags"] & (FIN | SYN | RST | ACK)
            if flags == SYN and not is_reverse and answered is None:
                asked = now
            elif flags == SYN | ACK and is_reverse:
                if asked is not None and answered is None:
                    found["responder_rtt_us"] = max(0, now - asked) // 1000
                answered = now
            elif flags == ACK and not is_reverse and answered is not None:
                found["initiator_rtt_us"] = max(0, now - answered) // 1000
                break
            elif flags & RST or (asked is None and answered is None):
                break
        return found

    def periods(self):
        """Subflows, active and idle times, in the order of arrival."""
        begun = latest = self.packets[0][1]
        idle, active, subflows = [], [], 1
        for _, now, _, _ in self.packets[1:]:
            gap = max(0, now - latest) // 1000
            subflows += gap > 1_000_000
            if gap > 5_000_000:
                idle.append(gap)
                active.append(max(0, latest - begun) // 1000)
                begun = now
            latest = max(latest, now)
        active.append(max(0, latest - begun) // 1000)
        columns = {"subflows": subflows}
        for name, values in (("active", active), ("idle", idle)):
            columns |= {
                f"{name}_count": len(values),
                f"{name}_sum_us": sum(values),
                f"{name}_squares_us2": float(sum(value**2 for value in values)),
                f"{name}_min_us": min(2**32 - 1, min(values, default=0)),
                f"{name}_max_us": min(2**32 - 1, max(values, default=0)),
            }
        return columns

    def bulks(self, *, is_reverse):
        """Runs of four or more packets with payload one way."""
        run, found = [], []
        for r, now, f, _ in self.packets:
            if f["payload_length"] == 0:
                continue
            if r != is_reverse or (run and now - max(at for at, _ in run) > 10**9):
                found.append(run)
                run = []
            if r == is_reverse:
                run = [*run, (now, f["payload_length"])]
        bulks = [run for run in [*found, run] if len(run) >= 4]
        duration = 0
        for run in bulks:
            times = [now for now, _ in run]
            duration += (max(times) - times[0]) // 1000
        return {
            "bulks": len(bulks),
            "bulk_packets": sum(map(len, bulks)),
            "bulk_bytes": sum(size for run in bulks for _, size in run),
            "bulk_duration_us": duration,
        }

    def entropy(self, *, is_reverse):
        left, mine = 784, b""
        for r, payload in self.kept:
            mine += payload[:left] if r == is_reverse else b""
            left = max(0, left - len(payload))
        if not mine:
            return None
        shares = [count / len(mine) for count in Counter(mine).values()]
        return round(-sum(share * math.log2(share) for share in shares), 3) + 0.0

    def way(self, name, *, is_reverse):
        mine = [(now, f) for r, now, f, _ in self.packets if r == is_reverse]
        lengths = [f["ip_length"] for _, f in mine]
        payloads = [f["payload_length"] for _, f in mine]
        gaps = gaps_of([now for now, _ in mine])[1:]
        hops = [f["ttl"] for _, f in mine]
        windows = [f["window"] for _, f in mine]
        columns = {
            "packets": len(mine),
            "bytes": sum(lengths),
            "payload_bytes": sum(payloads),
            "payload_packets": sum(size > 0 for size in payloads),
            "length_squares": sum(length**2 for length in lengths),
            "length_min": min(lengths, default=0),
            "length_max": max(lengths, default=0),
            "gap_sum_us": sum(gaps),
            "gap_squares_us2": float(sum(gap * gap for gap in gaps)),
            "gap_min_us": min(gaps, default=0),
            "gap_max_us": max(gaps, default=0),
            **self.bulks(is_reverse=is_reverse),
            **self.streams[is_reverse].counts,
            "payload_entropy": self.entropy(is_reverse=is_reverse),
            "payload_length_squares": sum(size**2 for size in payloads),
            "payload_length_min": min(payloads, default=0),
            "payload_length_max": max(payloads, default=0),
            "header_bytes": sum(f["header_bytes"] for _, f in mine),
            "header_min_bytes": min((f["header_bytes"] for _, f in mine), default=0),
            "zero_windows": sum(
                f["window"] == 0 and not f["tcp_flags"] & (FIN | SYN | RST)
                for _, f in mine
                if f["protocol"] == 6 and f["fragment"] < 2
            ),
            "window_first": windows[0] if windows else 0,
            "window_max": max(windows, default=0),
            "ttl_min": min(hops, default=0),
            "ttl_max": max(hops, default=0),
        }
        columns |= {flag: self.count(1 << bit, is_reverse=is_reverse) for bit, flag in enumerate(FLAGS)}
        return {f"{name}_{column}": value for column, value in columns.items()}


def gaps_of(times):
    """µs between each packet and the latest before it; 0 for the first and for late ones."""
    gaps, latest = [], None
    for now in times:
        gaps.append(0 if latest is None else max(0, now - latest) // 1000)
        latest = now if latest is None else max(latest, now)
    return gaps


def padded(values):
    return (values + [0] * 32)[:32]


class TwinMeter:
    """Flows in two ordered dictionaries: open ones, and TCP flows that said goodbye; the longest quiet first."""

    def __init__(self, settings: MeterSettings) -> None:
        self.idle, self.active, self.after_close = (
            round(s * 1e9) for s in (settings.idle_timeout_s, settings.active_timeout_s, settings.closed_timeout_s)
        )
        self.max_flows = settings.max_flows
        self.datagram = round(settings.datagram_timeout_s * 1e9)
        self.longest = max(self.idle, self.datagram)
        self.open: OrderedDict = OrderedDict()
        self.datagrams: OrderedDict = OrderedDict()
        self.closed: OrderedDict = OrderedDict()
        self.watermark = None
        self.done = []
        self.evicted = 0
        self.most = 0

    def finish(self, flow, reason):
        del self.table(flow)[flow.key]
        self.done.append(flow.columns(reason))

    def table(self, flow):
        return self.closed if flow.closed else self.open if flow.key[2] == 6 else self.datagrams

    def expire(self):
        for table, timeout, reason in (
            (self.open, self.idle, IDLE),
            (self.closed, self.after_close, END_OF_FLOW),
            (self.datagrams, self.datagram, IDLE),
        ):
            while table:
                flow = next(iter(table.values()))
                is_over = flow.end + timeout < self.watermark - SLACK_NS
                if not is_over and flow.end <= self.watermark + self.longest:
                    break
                self.finish(flow, reason)

    def oldest(self):
        heads = [next(iter(table.values())) for table in (self.closed, self.open, self.datagrams) if table]
        return min(heads, key=lambda flow: flow.end)  # a tie goes to the closed one, which stands first

    def split_reason(self, flow, now, flags):
        gap = now - flow.end
        idle = self.idle if flow.key[2] == 6 else self.datagram
        if gap > idle or gap < -idle:
            return IDLE
        if self.watermark - SLACK_NS - flow.end > (self.after_close if flow.closed else idle):
            return END_OF_FLOW if flow.closed else IDLE  # over, though it stands behind one that is not
        if flow.closed and (gap > self.after_close or flags & (SYN | ACK) == SYN):
            return END_OF_FLOW
        return ACTIVE if now - flow.start > self.active else 0

    def add(self, number, now, fields, payload):
        if self.watermark is None or now > self.watermark or now < self.watermark - SLACK_NS - self.longest:
            self.watermark = now
        self.expire()
        ends = [(fields["src"], fields["src_port"]), (fields["dst"], fields["dst_port"])]
        kind = fields["icmp_type"]
        if kind >= 0:
            other = ICMP_PAIRS[fields["protocol"]].get(kind, fields["icmp_code"])
            ends = [(fields["src"], kind), (fields["dst"], other)]
        swapped = ends[1] < ends[0]
        key = (0, fields["version"], fields["protocol"], *sorted(ends))
        flow = self.open.get(key) or self.closed.get(key) or self.datagrams.get(key)
        kept = None
        if flow and (reason := self.split_reason(flow, now, fields["tcp_flags"])):
            kept = flow.swapped if reason == ACTIVE else None
            self.finish(flow, reason)
            flow = None
        if flow is None:
            flow = self.begin(key, number, now, fields, swapped)
            if kept is not None:
                flow.swapped = kept
        else:
            self.table(flow).move_to_end(key)
        flow.add(swapped != flow.swapped, now, fields, payload)
        if fields["protocol"] == 6 and not flow.closed and flow.says_goodbye():
            flow.closed = True
            self.closed[key] = self.open.pop(key)

    def begin(self, key, number, now, fields, swapped):
        if len(self.open) + len(self.closed) + len(self.datagrams) >= self.max_flows:
            victim = self.oldest()
            self.evicted += not victim.closed
            self.finish(victim, END_OF_FLOW if victim.closed else LACK_OF_RESOURCES)
        is_tcp, flags = fields["protocol"] == 6, fields["tcp_flags"]
        answers = is_tcp and flags & (SYN | ACK) == SYN | ACK
        from_system, to_system = fields["src_port"] < 1024, fields["dst_port"] < 1024
        by = 1 if is_tcp and flags & SYN else 3 if is_tcp and from_system != to_system else 2
        flow = Flow(key, swapped != (answers if by == 1 else by == 3 and from_system), by, number, now, now)
        self.table(flow)[key] = flow
        self.most = max(self.most, len(self.open) + len(self.closed) + len(self.datagrams))
        return flow

    def close(self):
        while self.open or self.closed or self.datagrams:
            flow = self.oldest()
            self.finish(flow, END_OF_FLOW if flow.closed else FORCED)


def expected(packets, settings, link_type=101):
    """The twin that has metered (time in ns, bytes) packets."""
    meter = TwinMeter(settings)
    for number, (now, data) in enumerate(packets, 1):
        fields = decoder.decode(data, link_type, len(data))
        if fields["loss"] == 0:
            start = fields["payload_start"]
            meter.add(number, now, fields, data[start : start + fields["payload_captured"]])
    meter.close()
    return meter


def metered(packets, settings, *, link_type=101, sizes=(10**6,), shard=(0, 1)):
    """Flows of (time in ns, bytes) packets, in batches of the given sizes, the last repeated: (rows, meter)."""
    meter, batches, at, turn = Meter(settings, shard), [], 0, 0
    while at < len(packets):
        size = sizes[min(turn, len(sizes) - 1)]
        batches += meter.add(packet_batch(packets[at : at + size], link_type, at + 1))
        at, turn = at + size, turn + 1
    batches += meter.close()
    assert all(batch.num_rows for batch in batches)
    return rows_of(batches), meter


def packet_batch(packets, link_type, first_number):
    data = np.frombuffer(b"".join(raw for _, raw in packets) or b"\0", np.uint8).copy()
    batch = PacketBatch.empty(data, max(1, len(packets)))
    batch.count, batch.first_number = len(packets), first_number
    at = 0
    for i, (now, raw) in enumerate(packets):
        packet = batch.packets[i : i + 1]
        packet["time_ns"], packet["link_type"] = now, link_type
        packet["start"], packet["captured"], packet["wire"] = at, len(raw), len(raw)
        at += len(raw)
    batch.decode(Ledger())
    return batch


SAID = {column.name for column in (*APPLICATION_COLUMNS, *NAMING_COLUMNS)}


def metered_alone(rows):
    """Rows without what their first bytes say and how they are named: other tests look at that."""
    return [{name: value for name, value in row.items() if name not in SAID} for row in rows]


def rows_of(batches):
    """Flow batches as a list of dictionaries, times in ns."""
    rows = []
    for batch in batches:
        columns = {
            name: (column.cast(pa.int64()) if name in ("start", "end") else column).to_pylist()
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        }
        for name in ("forward_payload_entropy", "reverse_payload_entropy"):
            columns[name] = [None if value is None else round(value, 3) + 0.0 for value in columns[name]]
        rows += [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return rows
