"""Statistics of flows from packets that scapy read and dissected: nothing of Oddflow's is used to compute them."""

import base64
import hashlib
import struct
from dataclasses import dataclass
from ipaddress import ip_address

from scapy.config import conf
from scapy.error import Scapy_Exception
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1AD, Dot1Q
from scapy.utils import RawPcapNgReader, RawPcapReader

SECONDS_NS = 10**9
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
ANSWERS = {
    1: {8: 0, 13: 14, 15: 16, 17: 18, 10: 9},
    58: {128: 129, 133: 134, 135: 136, 130: 131, 139: 140, 144: 145},
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A packet as scapy saw it."""

    number: int
    time_ns: int
    version: int
    protocol: int
    src: tuple
    dst: tuple
    length: int
    payload: bytes
    payload_length: int
    flags: int
    window: int
    hops: int
    vlan: int | None
    icmp: tuple | None
    fragment: bool


def read(path):
    """All packets of a capture with an IP header that ends in TCP, UDP or ICMP; None where scapy cannot read it."""
    try:
        with RawPcapReader(str(path)) as reader:
            is_ng = isinstance(reader, RawPcapNgReader)
            return [seen for number, raw in enumerate(reader, 1) if (seen := _seen(number, *raw, reader, is_ng))]
    except (Scapy_Exception, EOFError, struct.error):
        return None


def _seen(number, data, meta, reader, is_ng):
    if is_ng:
        ticks = meta.tshigh << 32 | meta.tslow
        time_ns, link_type = ticks * SECONDS_NS // meta.tsresol, meta.linktype
    else:
        time_ns, link_type = meta.sec * SECONDS_NS + meta.usec * (1 if reader.nano else 1000), reader.linktype
    frame = conf.l2types.num2layer.get(link_type, conf.raw_layer)(data)
    layers = list(_layers(frame))
    ips = [layer for layer in layers if type(layer) in (IP, IPv6)]
    if len(ips) != 1:  # tunnels have tests of their own
        return None
    tags = [layer.vlan for layer in layers if type(layer) in (Dot1Q, Dot1AD)]
    return _of_ip(number, time_ns, ips[0], meta.wirelen - len(data), tags[0] if tags else None)


def _layers(frame):
    while frame:
        yield frame
        frame = frame.payload


def _of_ip(number, time_ns, ip, cut, vlan):
    """`cut`: bytes of the packet that the capture has not. Segmentation offload leaves a length 0."""
    is_4 = type(ip) is IP
    version, header = (4, ip.ihl * 4) if is_4 else (6, 40)
    length = (ip.len if is_4 else ip.plen and 40 + ip.plen) or len(ip.original) + cut
    protocol = ip.proto if is_4 else ip.nh
    fragment = is_4 and (ip.frag > 0 or ip.flags.MF)
    raw = ip.original[:length]
    above = ip.payload
    if length < header:
        return None
    flags, window, icmp, ports, size = 0, 0, None, (0, 0), 0
    if type(above) is TCP:
        flags, window, ports, size = (
            int(above.flags) & 0xFF,
            above.window,
            (above.sport, above.dport),
            above.dataofs * 4,
        )
    elif type(above) is UDP:
        ports, size = (above.sport, above.dport), 8
        if 8 <= above.len <= length - header:
            length_above = header + above.len
            return Seen(
                number, time_ns, version, protocol, (ip.src, ports[0]), (ip.dst, ports[1]), length,
                raw[header + 8 : length_above], above.len - 8, 0, 0, ip.ttl if is_4 else ip.hlim, vlan, None, fragment,
            )  # fmt: skip
    elif protocol in (1, 58) and len(raw) >= header + 2:
        icmp, size = (raw[header], raw[header + 1]), min(8, length - header)
    else:
        return None
    return Seen(
        number, time_ns, version, protocol, (ip.src, ports[0]), (ip.dst, ports[1]), length, raw[header + size :],
        length - header - size, flags, window, ip.ttl if is_4 else ip.hlim, vlan, icmp, fragment,
    )  # fmt: skip


def key_of(seen):
    """What tells flows apart: version, protocol, both ends in any order; of ICMP the type and its counterpart."""
    if seen.icmp is None:
        return (seen.version, seen.protocol, *sorted([seen.src, seen.dst]))
    kind, code = seen.icmp
    pairs = ANSWERS[seen.protocol]
    asked = {answer: question for question, answer in pairs.items()}.get(kind, kind)
    if asked in pairs:
        return (seen.version, seen.protocol, asked, *sorted([seen.src, seen.dst]))
    return (seen.version, seen.protocol, (kind, code), seen.src, seen.dst)


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


def way_columns(name, packets):
    """The columns of one direction."""
    lengths = [p.length for p in packets]
    gaps = gaps_of([p.time_ns for p in packets]) if packets else []
    hops, windows = [p.hops for p in packets], [p.window for p in packets]
    columns = {
        "packets": len(packets),
        "bytes": sum(lengths),
        "payload_bytes": sum(p.payload_length for p in packets),
        "payload_packets": sum(p.payload_length > 0 for p in packets),
        "length_squares": sum(length**2 for length in lengths),
        "length_min": min(lengths, default=0),
        "length_max": max(lengths, default=0),
        "gap_sum_us": sum(gaps),
        "gap_squares_us2": float(sum(gap**2 for gap in gaps)),
        "gap_min_us": min(gaps, default=0),
        "gap_max_us": max(gaps, default=0),
        "window_first": windows[0] if windows else 0,
        "window_max": max(windows, default=0),
        "ttl_min": min(hops, default=0),
        "ttl_max": max(hops, default=0),
    }
    columns |= {flag: sum(p.flags >> bit & 1 for p in packets) for bit, flag in enumerate(FLAGS)}
    return {f"{name}_{column}": value for column, value in columns.items()}


def columns_of(packets):
    """The columns of the flow that these packets make, in the order in which they came."""
    first = packets[0]
    answers = first.protocol == 6 and first.flags & 0x12 == 0x12
    src, dst = (first.dst, first.src) if answers else (first.src, first.dst)
    asks_itself = src == dst and first.icmp is not None
    ways = [p.icmp[0] != first.icmp[0] if asks_itself else p.src != src for p in packets]
    gaps = gaps_of([p.time_ns for p in packets])
    signed = [-p.length if back else p.length for p, back in zip(packets, ways, strict=True)]
    ends = (src, dst)
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
        "community_id": community_id(*ends, first.protocol, first.icmp),
        "direction_by": 1 if first.protocol == 6 and first.flags & 2 else 2,
        "first_packet": first.number,
        **way_columns("forward", [p for p, back in zip(packets, ways, strict=True) if not back]),
        **way_columns("reverse", [p for p, back in zip(packets, ways, strict=True) if back]),
        "gap_squares_us2": float(sum(gap**2 for gap in gaps)),
        "gap_min_us": min(gaps, default=0),
        "gap_max_us": max(gaps, default=0),
        "lengths": (signed + [0] * 32)[:32],
        "gaps_us": ([0, *gaps] + [0] * 32)[:32],
        "payload": b"".join(p.payload for p in packets)[:784],
    }
