"""Packets as scapy reads and dissects them, and the key that tells their flows apart."""

import struct
from dataclasses import dataclass, replace

from scapy.config import conf
from scapy.error import Scapy_Exception
from scapy.layers.inet import IP, TCP, UDP, IPerror, TCPerror, UDPerror
from scapy.layers.inet6 import IPerror6, IPv6
from scapy.layers.l2 import Dot1AD, Dot1Q, Dot3, Ether
from scapy.utils import RawPcapNgReader, RawPcapReader

SECONDS_NS = 10**9
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
    hops: int
    fragment: bool
    header: int
    flags: int = 0
    window: int = 0
    sequence: int = 0
    vlan: int | None = None
    icmp: tuple | None = None
    macs: tuple | None = None
    quoted: tuple | None = None


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
    macs = (frame.src, frame.dst) if type(frame) in (Ether, Dot3) else None
    seen = _of_ip(number, time_ns, ips[0], meta.wirelen - len(data))
    return seen and replace(seen, vlan=tags[0] if tags else None, macs=macs, quoted=_quoted(layers))


def _layers(frame):
    while frame:
        yield frame
        frame = frame.payload


def _quoted(layers):
    """The key of the packet that an ICMP error quotes."""
    ips = [layer for layer in layers if type(layer) in (IPerror, IPerror6)]
    if not ips:
        return None
    ip, above = ips[0], ips[0].payload
    is_4 = type(ip) is IPerror
    ports = (above.sport, above.dport) if type(above) in (TCPerror, UDPerror) else (0, 0)
    ends = sorted([(ip.src, ports[0]), (ip.dst, ports[1])])
    return (4 if is_4 else 6, ip.proto if is_4 else ip.nh, *ends)


def _of_ip(number, time_ns, ip, cut):
    """`cut`: bytes of the packet that the capture has not. Segmentation offload leaves a length 0."""
    is_4 = type(ip) is IP
    header = ip.ihl * 4 if is_4 else 40
    length = (ip.len if is_4 else ip.plen and 40 + ip.plen) or len(ip.original) + cut
    protocol = ip.proto if is_4 else ip.nh
    raw = ip.original[:length]
    above = ip.payload
    if length < header:
        return None
    end, ports, more = length, (0, 0), {}
    if type(above) is TCP:
        ports, size = (above.sport, above.dport), above.dataofs * 4
        more = {"flags": int(above.flags) & 0xFF, "window": above.window, "sequence": above.seq}
    elif type(above) is UDP:
        ports, size = (above.sport, above.dport), 8
        end = header + above.len if 8 <= above.len <= length - header else length
    elif protocol in (1, 58) and len(raw) >= header + 2:
        size, more = min(8, length - header), {"icmp": (raw[header], raw[header + 1])}
    else:
        return None
    return Seen(
        number=number,
        time_ns=time_ns,
        version=4 if is_4 else 6,
        protocol=protocol,
        src=(ip.src, ports[0]),
        dst=(ip.dst, ports[1]),
        length=length,
        payload=raw[header + size : end],
        payload_length=end - header - size,
        hops=ip.ttl if is_4 else ip.hlim,
        fragment=bool(is_4 and (ip.frag > 0 or ip.flags.MF)),
        header=header + size,
        **more,
    )


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
