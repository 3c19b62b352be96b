"""Captures and packets built byte by byte, and captures read back to plain Python."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from oddflow.capture import _layout as layout
from oddflow.capture._decode_kernels import decode
from oddflow.capture.blocks import BLOCK_BYTES
from oddflow.capture.reader import packets
from oddflow.losses import Ledger

MAGIC_US, MAGIC_NS, MAGIC_KUZNETZOV = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34
ETHERNET = 1
ADDRESS_WORDS = ("src_high", "src_low", "dst_high", "dst_low")
HEADER_NAMES = (
    "version", "protocol", "src_port", "dst_port", "ip_length", "header_bytes", "payload_start", "payload_captured",
    "payload_length", "tcp_flags", "ttl", "window", "sequence", "acknowledgement", "vlan", "icmp_type", "icmp_code",
    "fragment", "ip_start", "quoted_start", "outer_start", "tunnel", "tunnel_id", "ether_type",
)  # fmt: skip


def pcap(records, *, order="<", magic=MAGIC_US, link_type=ETHERNET, version=(2, 4)):
    """A pcap file of records (seconds, fraction, bytes) or (seconds, fraction, bytes, wire length)."""
    parts = [struct.pack(order + "IHHiIII", magic, *version, 0, 0, 262_144, link_type)]
    for seconds, fraction, data, *wire in records:
        parts.append(struct.pack(order + "IIII", seconds, fraction, len(data), wire[0] if wire else len(data)))
        if magic == MAGIC_KUZNETZOV:
            parts.append(struct.pack(order + "IHBx", 2, 0x0800, 4))
        parts.append(data)
    return b"".join(parts)


def block(kind, body, order="<"):
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def option(code, value, order="<"):
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order="<", version=(1, 0), options=b""):
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, *version, -1) + options, order)


def interface(link_type=ETHERNET, *, snap=0, resolution=None, offset_s=None, order="<"):
    options = b""
    if resolution is not None:
        options += option(9, bytes([resolution]), order)
    if offset_s is not None:
        options += option(14, struct.pack(order + "q", offset_s), order)
    if options:
        options += option(0, b"", order)
    return block(1, struct.pack(order + "HHI", link_type, 0, snap) + options, order)


def enhanced(data, ticks=0, *, number=0, wire=None, order="<"):
    head = struct.pack(
        order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data) if wire is None else wire
    )
    return block(6, head + data, order)


def obsolete(data, ticks=0, *, number=0, order="<"):
    head = struct.pack(order + "HHIIII", number, 0, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(2, head + data, order)


def simple(data, *, wire=None, order="<"):
    return block(3, struct.pack(order + "I", len(data) if wire is None else wire) + data, order)


def ether(payload, kind=0x0800, tags=()):
    """An Ethernet frame with (tag protocol, VLAN) tags."""
    middle = b"".join(struct.pack(">HH", protocol, vlan) for protocol, vlan in tags)
    return b"\x02" + bytes(5) + b"\x02" + bytes(4) + b"\x01" + middle + struct.pack(">H", kind) + payload


def ipv4(payload, protocol=17, *, src="10.0.0.1", dst="10.0.0.2", ttl=64, fragment=0, length=None, options=b""):
    words = 5 + len(options) // 4
    total = 4 * words + len(payload) if length is None else length
    ends = bytes(map(int, src.split("."))) + bytes(map(int, dst.split(".")))
    head = struct.pack(">BBHHHBBH", 0x40 | words, 0, total, 1, fragment, ttl, protocol, 0)
    return head + ends + options + payload


def ipv6(payload, following=17, *, src=1, dst=2, hops=64, length=None):
    size = len(payload) if length is None else length
    head = struct.pack(">IHBB", 6 << 28, size, following, hops)
    return head + src.to_bytes(16, "big") + dst.to_bytes(16, "big") + payload


def udp(payload=b"", src=1000, dst=53, length=None):
    return struct.pack(">HHHH", src, dst, 8 + len(payload) if length is None else length, 0) + payload


def tcp(payload=b"", src=1000, dst=80, flags=0x10, window=512, *, options=b"", sequence=1):
    words = 5 + len(options) // 4
    return struct.pack(">HHIIBBHHH", src, dst, sequence, 1, words << 4, flags, window, 0, 0) + options + payload


def icmp(kind, code, payload=b""):
    return struct.pack(">BBHI", kind, code, 0, 0) + payload


@dataclass(frozen=True)
class Packet:
    """One packet as the reader saw it."""

    number: int
    time_ns: int
    data: bytes
    wire: int
    link_type: int
    loss: int
    header: dict[str, int]
    addresses: tuple[int, int, int, int]


def read(path: Path | str, block_bytes: int = BLOCK_BYTES) -> tuple[list[Packet], Ledger]:
    """All packets of a capture as Python objects; places count from the packet's first byte."""
    ledger = Ledger()
    found = []
    for batch in packets(str(path), ledger, block_bytes=block_bytes):
        for i in range(batch.count):
            packet = batch.packets[i]
            start, captured = int(packet["start"]), int(packet["captured"])
            header = relative({name: int(packet[name]) for name in HEADER_NAMES}, start)
            found.append(
                Packet(
                    number=batch.first_number + i,
                    time_ns=int(packet["time_ns"]),
                    data=batch.data[start : start + captured].tobytes(),
                    wire=int(packet["wire"]),
                    link_type=int(packet["link_type"]),
                    loss=int(packet["loss"]),
                    header=header,
                    addresses=tuple(int(packet[word]) for word in ADDRESS_WORDS),
                )
            )
    return found, ledger


def relative(fields: dict[str, int], start: int) -> dict[str, int]:
    """Fields whose places count from a packet's first byte; 0 stays where it says that there is none."""
    places = ("payload_start", "ip_start", "quoted_start", "outer_start")
    return {name: value - start if name in places and value else value for name, value in fields.items()}


def decoded(data: bytes, *, link_type=ETHERNET, wire=None, tunnels=True) -> dict[str, int]:
    """The fields of one packet, decoded: loss, the header's by name, and both addresses as numbers."""
    margin = 7  # a packet never stands at offset 0, and a wrong offset shows
    held = np.frombuffer(b"\xff" * margin + data + b"\xff" * 80, np.uint8).copy()
    packets = np.full(1, 99, layout.PACKET)
    packets["start"], packets["captured"], packets["link_type"] = margin, len(data), link_type
    packets["wire"] = len(data) if wire is None else min(wire, 2**31 - 1)
    lost, fragments = decode(held, 1, packets, tunnels)
    fields = relative({name: int(packets[name][0]) for name in HEADER_NAMES}, margin)
    loss = int(packets["loss"][0])
    assert (lost, fragments) == (int(loss > 0), int(loss == 0 and fields["fragment"] > 0))
    words = [int(packets[name][0]) for name in ADDRESS_WORDS]
    return fields | {"loss": loss, "src": words[0] << 64 | words[1], "dst": words[2] << 64 | words[3]}
