"""Just enough of pcap, IP, TCP, UDP and DNS to find attacks again in a recorded capture."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path

MAGIC, LITTLE_ENDIAN_MICROSECONDS = 0xA1B2C3D4, "<IIII"
RECORD = struct.Struct(LITTLE_ENDIAN_MICROSECONDS)
IPV4, IPV6 = 0x0800, 0x86DD
ETHERNET_BYTES, LEAST_BYTES = 14, 42
TCP, UDP = 6, 17
SYN, ACK = 0x02, 0x10


@dataclass(frozen=True, slots=True)
class Packet:
    """A TCP or UDP packet."""

    time_us: int
    protocol: int
    source: tuple[str, int]
    target: tuple[str, int]
    opens: bool  # a SYN without ACK
    sequence: int
    payload: bytes

    @property
    def key(self) -> tuple[int, tuple[str, int], tuple[str, int]]:
        """The conversation it belongs to, the same for both directions."""
        return self.protocol, min(self.source, self.target), max(self.source, self.target)


def records(path: Path) -> Iterator[tuple[int, bytes]]:
    """All frames of a pcap file with their times in microseconds."""
    with path.open("rb") as file:
        if struct.unpack("<I", file.read(24)[:4])[0] != MAGIC:
            raise ValueError(f"{path}: expected a little-endian microsecond pcap file")
        while header := file.read(16):
            seconds, micro, length, _ = RECORD.unpack(header)
            yield seconds * 1_000_000 + micro, file.read(length)


def decode(time_us: int, frame: bytes) -> Packet | None:
    """The packet in an Ethernet frame; None where it is not whole IP with TCP or UDP right behind."""
    if len(frame) < LEAST_BYTES:
        return None
    kind, version = struct.unpack_from(">HB", frame, 12)
    if kind == IPV4:
        protocol, start, addresses, width = frame[23], ETHERNET_BYTES + (version & 15) * 4, 26, 4
    elif kind == IPV6:
        protocol, start, addresses, width = frame[20], ETHERNET_BYTES + 40, 22, 16
    else:
        return None
    if protocol not in {TCP, UDP} or len(frame) < start + (20 if protocol == TCP else 8):
        return None
    source_port, target_port, sequence = struct.unpack_from(">HHI", frame, start)
    return Packet(
        time_us=time_us,
        protocol=protocol,
        source=(written(frame[addresses : addresses + width]), source_port),
        target=(written(frame[addresses + width : addresses + 2 * width]), target_port),
        opens=protocol == TCP and frame[start + 13] & (SYN | ACK) == SYN,
        sequence=sequence if protocol == TCP else 0,
        payload=frame[start + 8 :] if protocol == UDP else b"",
    )


@cache
def written(address: bytes) -> str:
    """An IPv4 or IPv6 address as text."""
    return str(ip_address(address))


def question_name(message: bytes) -> str:
    """The name a DNS message asks for, in lower case; empty where there is none (RFC 1035, 4.1.2)."""
    labels, at = [], 12
    while at < len(message) and 0 < message[at] < 64:
        labels.append(message[at + 1 : at + 1 + message[at]].decode("latin-1").lower())
        at += 1 + message[at]
    return ".".join(labels)


def shift(path: Path, seconds: int) -> None:
    """Moves all times of a pcap file, in place."""
    data = bytearray(path.read_bytes())
    at = 24
    while at < len(data):
        time_s, _, length, _ = RECORD.unpack_from(data, at)
        struct.pack_into("<I", data, at, time_s + seconds)
        at += 16 + length
    path.write_bytes(data)
