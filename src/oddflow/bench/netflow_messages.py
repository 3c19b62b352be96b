"""Export messages of many conversations, and a program that sends them: `python -m oddflow.bench.netflow_messages`."""

import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from oddflow.logs.netflow.header import IPFIX, IPFIX_HEADER, SET_HEADER, V5, V5_HEADER, V9, V9_HEADER

SECONDS, UPTIME_MS = 1_700_000_000, 100_000_000
DATAGRAM_BYTES = 1_400
APART = 100
"""So many records lie between the two directions of a conversation."""
LENGTH = struct.Struct("!I")
GIVE_UP_S = 120.0

_ENDS = [(8, "src", ">u4"), (12, "dst", ">u4")]
_REST = [
    (2, "packets", ">u4"), (1, "bytes", ">u4"), (7, "src_port", ">u2"), (11, "dst_port", ">u2"), (10, "input", ">u2"),
    (14, "output", ">u2"), (4, "protocol", "u1"), (6, "flags", "u1"), (5, "service", "u1"), (136, "reason", "u1"),
]  # fmt: skip
FIELDS = {
    V5: [
        (0, "src", ">u4"), (0, "dst", ">u4"), (0, "next", ">u4"), (0, "input", ">u2"), (0, "output", ">u2"),
        (0, "packets", ">u4"), (0, "bytes", ">u4"), (0, "start", ">u4"), (0, "end", ">u4"), (0, "src_port", ">u2"),
        (0, "dst_port", ">u2"), (0, "pad", "u1"), (0, "flags", "u1"), (0, "protocol", "u1"), (0, "rest", "V9"),
    ],
    V9: [*_ENDS, (22, "start", ">u4"), (21, "end", ">u4"), *_REST],
    IPFIX: [*_ENDS, (152, "start", ">u8"), (153, "end", ">u8"), *_REST],
}  # fmt: skip
"""Of each version: number, name, and format of a record's fields."""


def _records(version: int, count: int) -> Any:
    """Two directions of conversations between random hosts, one every 10 ms, (count,)."""
    rows = np.zeros(count, np.dtype([(name, kind) for _, name, kind in FIELDS[version]]))
    random = np.random.default_rng(1)
    place = np.arange(count)
    conversation = place // (2 * APART) * APART + place % APART
    is_back = place // APART % 2 == 1
    hosts = random.integers(0x0A000000, 0x0AFFFFFF, (2, count))[:, conversation]
    ports = np.stack([20_000 + conversation % 40_000, np.full(count, 443)])
    rows["src"], rows["dst"] = np.where(is_back, hosts[::-1], hosts)
    rows["src_port"], rows["dst_port"] = np.where(is_back, ports[::-1], ports)
    rows["packets"], rows["bytes"] = random.integers(1, 100, count), random.integers(40, 100_000, count)
    rows["flags"], rows["protocol"] = 0x1B, 6
    begun = SECONDS * 1000 if version == IPFIX else UPTIME_MS
    rows["start"] = begun - 60_000 + place % 1000
    rows["end"] = rows["start"] + 500
    return rows


def messages(version: int, count: int) -> Iterator[bytes]:
    """Datagrams with so many records in all; the first brings the template, and others now and then."""
    rows = _records(version, count)
    each = 30 if version == V5 else DATAGRAM_BYTES // rows.itemsize
    template = b"".join(struct.pack("!HH", number, np.dtype(kind).itemsize) for number, _, kind in FIELDS[version])
    template = struct.pack("!HH", 256, len(FIELDS[version])) + template
    told = SET_HEADER.pack(0 if version == V9 else 2, 4 + len(template)) + template
    for number, start in enumerate(range(0, count, each)):
        data = rows[start : start + each].tobytes()
        if version == V5:
            yield V5_HEADER.pack(5, len(data) // rows.itemsize, UPTIME_MS, SECONDS, 0, start, 0, 0, 0) + data
            continue
        body = (told if number % 1000 == 0 else b"") + SET_HEADER.pack(256, 4 + len(data)) + data
        if version == V9:
            yield V9_HEADER.pack(9, len(data) // rows.itemsize, UPTIME_MS, SECONDS, number, 1) + body
        else:
            yield IPFIX_HEADER.pack(10, IPFIX_HEADER.size + len(body), SECONDS, start, 1) + body


def write(path: Path, datagrams: Iterator[bytes]) -> None:
    """Writes datagrams one after the other, each with its length before it."""
    with path.open("wb") as file:
        for datagram in datagrams:
            file.write(LENGTH.pack(len(datagram)) + datagram)


def read(path: Path) -> Iterator[bytes]:
    """The datagrams that `write` wrote."""
    with path.open("rb") as file:
        while length := file.read(LENGTH.size):
            yield file.read(LENGTH.unpack(length)[0])


def send(path: Path, port: int, datagrams_per_s: float) -> None:
    """Sends datagrams to a port of this machine at a steady rate, once someone listens there."""
    datagrams = list(read(path))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.connect(("127.0.0.1", port))
        _wait_for_listener(opened)
        begun, sent = time.monotonic(), 0
        while sent < len(datagrams):
            due = min(len(datagrams), int((time.monotonic() - begun) * datagrams_per_s) + 1)
            for datagram in datagrams[sent:due]:
                opened.send(datagram)
            sent = due
            time.sleep(0.001)


def _wait_for_listener(opened: socket.socket) -> None:
    """Where nobody listens, the second empty datagram is refused."""
    until = time.monotonic() + GIVE_UP_S
    while time.monotonic() < until:
        try:
            for _ in range(2):
                opened.send(b"")
                time.sleep(0.05)
        except ConnectionRefusedError:
            continue
        return


if __name__ == "__main__":
    send(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
