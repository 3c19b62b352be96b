"""Statistics of flows from packets that scapy read and dissected: nothing of Oddflow's is used to compute them."""

import base64
import hashlib
import struct
from collections import Counter
from ipaddress import ip_address
from math import log2

from tests.flows.scapy_packets import ANSWERS, SECONDS_NS

from oddflow.schema import RECORD_COLUMNS

FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")


def gaps_of(times):
    """µs from the latest packet before, for each but the first; 0 for a late one."""
    gaps, latest = [], times[0]
    for now in times[1:]:
        gaps.append(max(0, now - latest) // 1000)
        latest = max(latest, now)
    return gaps


def community_id(src, dst, protocol, icmp):
    """Community ID 1.0 (github.com/corelight/community-id-spec)."""
    ports = src[1], dst[1]
    one_way = False
    if icmp is not None:
        pairs = ANSWERS[protocol] | {answer: asked for asked, answer in ANSWERS[protocol].items()}
        one_way = icmp[0] not in pairs
        ports = icmp[0], pairs.get(icmp[0], icmp[1])
    ends = [(ip_address(src[0]).packed, ports[0]), (ip_address(dst[0]).packed, ports[1])]
    if not one_way:
        ends.sort()
    data = b"\0\0" + ends[0][0] + ends[1][0] + bytes([protocol, 0]) + struct.pack(">HH", ends[0][1], ends[1][1])
    return "1:" + base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


class Stream:
    """The bytes of one direction of a TCP connection that were seen, as numbers of their places."""

    def __init__(self):
        self.seen = set()
        self.end = None

    def add(self, packet):
        """(how many payload bytes at its start were seen before, what kind of segment it is) of the next packet."""
        begins = bool(packet.flags & 2)
        size = packet.payload_length + begins + (packet.flags & 1)
        places = {(packet.sequence + at) % 2**32 for at in range(size)}
        first = self.end is None
        before = self.seen & places
        late = not first and bool(size) and (packet.sequence - self.end) % 2**32 >= 2**31
        is_probe = (
            packet.payload_length <= 1
            and late
            and not packet.flags & 3
            and (packet.sequence + 1 - self.end) % 2**32 == 0
        )
        self.seen |= places
        end = (packet.sequence + size) % 2**32
        if first or (end - self.end) % 2**32 < 2**31:
            self.end = end
        if first or not size or packet.flags & 4:
            return 0 if first else packet.payload_length, ""
        if is_probe:
            return packet.payload_length, ""
        if before or (late and not before and (packet.sequence - min(self.seen)) % 2**32 >= 2**31):
            return min(len(before), packet.payload_length), "again"
        return 0, "late" if late else ""


def streams_of(packets, ways):
    """(payload bytes seen before, "again" or "late" or nothing) of each packet of a TCP flow."""
    streams = Stream(), Stream()
    return [
        streams[back].add(packet) if packet.protocol == 6 else (0, "")
        for packet, back in zip(packets, ways, strict=True)
    ]


def bulks_of(packets, ways, wanted):
    """[packets, bytes, µs] of each run of at least four packets with payload one way."""
    runs, run = [], []
    for packet, back in zip(packets, ways, strict=True):
        if not packet.payload_length:
            continue
        if back != wanted or (run and packet.time_ns - run[-1].time_ns > SECONDS_NS):
            runs.append(run)
            run = []
        if back == wanted:
            run.append(packet)
    runs.append(run)
    return [
        (len(run), sum(p.payload_length for p in run), max(0, run[-1].time_ns - run[0].time_ns) // 1000)
        for run in runs
        if len(run) >= 4
    ]


def entropy_of(data):
    """Shannon entropy in bits a byte, or None of no bytes."""
    shares = [count / len(data) for count in Counter(data).values()]
    return -sum(share * log2(share) for share in shares) if data else None


def kept_payload(packets, ways, streams):
    """[(from the responder, byte)] of the first 784 payload bytes, retransmissions left out."""
    kept = [
        (back, byte)
        for packet, back, (seen, _) in zip(packets, ways, streams, strict=True)
        for byte in packet.payload[seen:]
    ]
    return kept[:784]


def periods(name, times):
    """The columns of a list of durations in µs."""
    return {
        f"{name}_count": len(times),
        f"{name}_sum_us": sum(times),
        f"{name}_squares_us2": float(sum(time**2 for time in times)),
        f"{name}_min_us": min(times, default=0),
        f"{name}_max_us": max(times, default=0),
    }


def activity(packets):
    """Active times and the silences of more than 5 s between them."""
    times = [p.time_ns for p in packets]
    active, idle, start, latest = [], [], times[0], times[0]
    for now in times[1:]:
        gap = max(0, now - latest) // 1000
        if gap > 5_000_000:
            active.append((latest - start) // 1000)
            idle.append(gap)
            start = now
        latest = max(latest, now)
    active.append((latest - start) // 1000)
    return periods("active", active) | periods("idle", idle)


def round_trips(packets, ways):
    """From the last SYN before its answer to that, and from the last such answer to the ACK after it, in µs."""
    asked = answered = None
    responder = initiator = None
    for packet, back in zip(packets, ways, strict=True):
        flags = packet.flags & 0x17
        if packet.protocol != 6 or (flags not in (2, 0x12) and asked is None and answered is None):
            break
        if flags == 2 and not back and answered is None:
            asked = packet.time_ns
        elif flags == 0x12 and back:
            if asked is not None and answered is None:
                responder = (packet.time_ns - asked) // 1000
            answered = packet.time_ns
        elif flags == 0x10 and not back and answered is not None:
            initiator = (packet.time_ns - answered) // 1000
            break
        elif flags & 4:
            break
    return responder, initiator


def way_columns(name, packets, streams, bulks, kept):
    """The columns of one direction."""
    lengths = [p.length for p in packets]
    payloads, headers = [p.payload_length for p in packets], [p.header for p in packets]
    gaps = gaps_of([p.time_ns for p in packets]) if packets else []
    hops, windows = [p.hops for p in packets], [p.window for p in packets]
    columns = {
        "packets": len(packets),
        "bytes": sum(lengths),
        "payload_bytes": sum(payloads),
        "payload_packets": sum(size > 0 for size in payloads),
        "length_squares": sum(length**2 for length in lengths),
        "length_min": min(lengths, default=0),
        "length_max": max(lengths, default=0),
        "payload_length_squares": sum(size**2 for size in payloads),
        "payload_length_min": min(payloads, default=0),
        "payload_length_max": max(payloads, default=0),
        "header_bytes": sum(headers),
        "header_min_bytes": min(headers, default=0),
        "gap_sum_us": sum(gaps),
        "gap_squares_us2": float(sum(gap**2 for gap in gaps)),
        "gap_min_us": min(gaps, default=0),
        "gap_max_us": max(gaps, default=0),
        "window_first": windows[0] if windows else 0,
        "window_max": max(windows, default=0),
        "zero_windows": sum(p.protocol == 6 and p.window == 0 and not p.flags & 7 for p in packets),
        "retransmitted_packets": sum(kind == "again" for _, kind in streams),
        "retransmitted_bytes": sum(seen for seen, kind in streams if kind == "again"),
        "out_of_order_packets": sum(kind == "late" for _, kind in streams),
        "ttl_min": min(hops, default=0),
        "ttl_max": max(hops, default=0),
        "bulks": len(bulks),
        "bulk_packets": sum(packets for packets, _, _ in bulks),
        "bulk_bytes": sum(size for _, size, _ in bulks),
        "bulk_duration_us": sum(us for _, _, us in bulks),
        "payload_entropy": entropy_of(kept),
    }
    columns |= {flag: sum(p.flags >> bit & 1 for p in packets) for bit, flag in enumerate(FLAGS)}
    return {f"{name}_{column}": value for column, value in columns.items()}


def initiator(first):
    """(its end, the other end, how it is known) from a flow's first packet."""
    if first.protocol == 6:
        if first.flags & 2:
            return (first.dst, first.src, 1) if first.flags & 0x10 else (first.src, first.dst, 1)
        if (first.src[1] < 1024) != (first.dst[1] < 1024):
            return (first.dst, first.src, 3) if first.src[1] < 1024 else (first.src, first.dst, 3)
    return first.src, first.dst, 2


def columns_of(packets, errors=()):
    """The columns of the flow that these packets make, in the order in which they came.

    Args:
        packets: The flow's.
        errors: ICMP errors that quote a packet of it.
    """
    first = packets[0]
    src, dst, known_by = initiator(first)
    asks_itself = src == dst and first.icmp is not None
    ways = [p.icmp[0] != first.icmp[0] if asks_itself else p.src != src for p in packets]
    gaps = gaps_of([p.time_ns for p in packets])
    signed = [-p.length if back else p.length for p, back in zip(packets, ways, strict=True)]
    streams = streams_of(packets, ways)
    kept = kept_payload(packets, ways, streams)
    macs = first.macs or (None, None)
    responder_us, initiator_us = round_trips(packets, ways)
    of_way = {}
    for name, wanted in (("forward", False), ("reverse", True)):
        mine = [(p, stream) for p, back, stream in zip(packets, ways, streams, strict=True) if back == wanted]
        of_way |= way_columns(
            name, [p for p, _ in mine], [stream for _, stream in mine], bulks_of(packets, ways, wanted),
            [byte for back, byte in kept if back == wanted],
        )  # fmt: skip
    return {
        "start": min(p.time_ns for p in packets),
        "end": max(p.time_ns for p in packets),
        "src_ip": str(ip_address(src[0])),
        "src_port": src[1],
        "dst_ip": str(ip_address(dst[0])),
        "dst_port": dst[1],
        "protocol": first.protocol,
        "ip_version": first.version,
        "vlan_id": first.vlan,
        "icmp_type": first.icmp[0] if first.icmp else None,
        "icmp_code": first.icmp[1] if first.icmp else None,
        "arp_operation": None,
        "src_mac": macs[0] if src == first.src else macs[1],
        "dst_mac": macs[1] if src == first.src else macs[0],
        **dict.fromkeys(["tunnel", "tunnel_id", "tunnel_src_ip", "tunnel_dst_ip", "reverse_payload", "capture"]),
        **{column.name: None for column in RECORD_COLUMNS},
        "community_id": community_id(src, dst, first.protocol, first.icmp),
        "is_early": False,
        "direction_by": known_by,
        "first_packet": first.number,
        **of_way,
        "fragments": 0,
        "icmp_errors": len(errors),
        "icmp_error_type": errors[0].icmp[0] if errors else None,
        "icmp_error_code": errors[0].icmp[1] if errors else None,
        "responder_rtt_us": responder_us,
        "initiator_rtt_us": initiator_us,
        "subflows": 1 + sum(gap > 1_000_000 for gap in gaps),
        **activity(packets),
        "gap_sum_us": sum(gaps),
        "gap_squares_us2": float(sum(gap**2 for gap in gaps)),
        "gap_min_us": min(gaps, default=0),
        "gap_max_us": max(gaps, default=0),
        "lengths": (signed + [0] * 32)[:32],
        "gaps_us": ([0, *gaps] + [0] * 32)[:32],
        "payload": bytes(byte for _, byte in kept),
    }
