"""Traffic to measure with: the packets of real captures, repeated with other addresses and later times."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from oddflow.capture.reader import packets
from oddflow.errors import UsageError
from oddflow.losses import Ledger

RECORD_BYTES, ETHERNET_BYTES = 16, 14
SPAN_NS = 60 * 10**9
"""Every capture is stretched or squeezed to this length, so that their packets mix; so long is a repetition."""

ADDRESS_BYTES = {b"\x08\x00": (20, (13, 17)), b"\x86\xdd": (40, (14, 30))}
"""By ether type: the least IP header, and the byte of either address that a repetition changes."""

MIXED = (
    "cic-ddos2019/CIC-DDoS-2019-WebDDoS.pcap", "cic-ddos2019/benign-syn.pcap",
    "modbus/moving_two_files_modbus_6RTU.pcap", "captures/zeek-btest/http/206_example_b.pcap",
    "captures/zeek-btest/ssh/ssh.pcap", "captures/ndpi/bitcoin.pcap", "captures/ndpi/fix.pcap",
)  # fmt: skip
"""The mixed capture, from the data beside the repository: web, attack, industry, shell, peer to peer, trading."""

FILE_HEADER = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1)
FIRST_SECOND = 1_700_000_000


def default_captures(examples: Path) -> list[Path]:
    """The mixed capture where its data lie beside the repository, else the captures that ship with Oddflow."""
    data = examples.parent.parent / "shared" / "data"
    mixed = [data / name for name in MIXED]
    return mixed if all(path.is_file() for path in mixed) else sorted(examples.glob("*.pcap.zst"))


def _frames(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """(time in ns, wire length, bytes) of the Ethernet frames with an IP packet."""
    for batch in packets(str(path), Ledger()):
        for packet in batch.packets[: batch.count]:
            start, captured = int(packet["start"]), int(packet["captured"])
            frame = batch.data[start : start + captured].tobytes()
            least, _ = ADDRESS_BYTES.get(frame[12:14], (captured, ()))
            if packet["link_type"] == 1 and captured >= ETHERNET_BYTES + least:
                yield int(packet["time_ns"]), int(packet["wire"]), frame


@dataclass(frozen=True, slots=True)
class Traffic:
    """Packets to repeat.

    Attributes:
        records: pcap records end to end, (b,) uint8, in time order.
        starts: Where each begins, (n,) int64.
        time_ns: When each was sent within a repetition, (n,) int64.
        changed: The address bytes that a repetition changes, (m,) int64.
    """

    records: NDArray[np.uint8]
    starts: NDArray[np.int64]
    time_ns: NDArray[np.int64]
    changed: NDArray[np.int64]

    @classmethod
    def of(cls, captures: Sequence[Path]) -> Self:
        """The Ethernet frames with an IP packet of all captures, mixed.

        Raises:
            InputError: One cannot be read.
            UsageError: They hold no such frame.
        """
        found: list[tuple[int, int, bytes]] = []
        for path in captures:
            frames = list(_frames(path))
            first = min((frame[0] for frame in frames), default=0)
            span = max((frame[0] for frame in frames), default=0) - first + 1
            found += [((time - first) * SPAN_NS // span, wire, frame) for time, wire, frame in frames]
        if not found:
            raise UsageError(f"no Ethernet frame with an IP packet in {', '.join(map(str, captures)) or 'no capture'}")
        found.sort(key=lambda frame: frame[0])
        records, starts, changed, at = [], [], [], 0
        for _, wire, frame in found:
            starts.append(at)
            changed += [at + RECORD_BYTES + ETHERNET_BYTES + place for place in ADDRESS_BYTES[frame[12:14]][1]]
            records.append(struct.pack("<IIII", 0, 0, len(frame), wire) + frame)
            at += len(records[-1])
        times = np.array([time for time, _, _ in found], np.int64)
        return cls(np.frombuffer(b"".join(records), np.uint8), np.array(starts), times, np.array(changed))

    @property
    def packet_bytes(self) -> float:
        """Mean captured length of a packet."""
        return len(self.records) / len(self.starts) - RECORD_BYTES

    def repetition(self, turn: int) -> NDArray[np.uint8]:
        """The records of one repetition."""
        copy = self.records.copy()
        copy[self.changed] += np.uint8(turn % 256)
        _set_times(copy, self.starts, self.time_ns + turn * SPAN_NS)
        return copy

    def write(self, file: BinaryIO, count: int, *, first_turn: int = 0) -> int:
        """Writes a pcap file of `count` packets; the bytes written."""
        size = file.write(FILE_HEADER)
        turn = first_turn
        while count > 0:
            records = self.repetition(turn)
            if count < len(self.starts):
                records = records[: self.starts[count]]
            size += file.write(records.data)
            count -= len(self.starts)
            turn += 1
        return size


def _set_times(records: NDArray[np.uint8], starts: NDArray[np.int64], time_ns: NDArray[np.int64]) -> None:
    seconds, rest = np.divmod(time_ns, 10**9)
    words = np.stack([seconds + FIRST_SECOND, rest], axis=1).astype("<u4")
    records[starts[:, None] + np.arange(8)] = words.view(np.uint8)


FLOOD_PER_S = 1_000_000
FLOOD_CHUNK = 100_000


def write_syn_flood(file: BinaryIO, count: int) -> int:
    """Writes a pcap file of a SYN flood on one server, every packet a flow of its own; the bytes written."""
    ethernet = struct.pack(">6s6sH", b"\x02" + bytes(4) + b"\x01", b"\x02" + bytes(4) + b"\x02", 0x0800)
    ip = struct.pack(">BBHIBBHI4s", 0x45, 0, 40, 0x4000, 64, 6, 0, 0, bytes([10, 0, 0, 10]))
    syn = ethernet + ip + struct.pack(">HHIIBBHI", 0, 80, 1, 0, 5 << 4, 2, 512, 0)
    record = np.frombuffer(struct.pack("<IIII", 0, 0, len(syn), len(syn)) + syn, np.uint8)
    size = file.write(FILE_HEADER)
    for first in range(0, count, FLOOD_CHUNK):
        number = np.arange(first, min(count, first + FLOOD_CHUNK), dtype=np.int64)
        records = np.tile(record, (len(number), 1))
        address = RECORD_BYTES + ETHERNET_BYTES + 12
        # an odd factor permutes all 32-bit numbers: no address comes twice
        records[:, address : address + 4] = (number * 2_654_435_761 % 2**32).astype(">u4")[:, None].view(np.uint8)
        records[:, address + 8 : address + 10] = (1024 + number % 60_000).astype(">u2")[:, None].view(np.uint8)
        flat = records.reshape(-1)
        _set_times(flat, np.arange(len(number)) * len(record), number * 10**9 // FLOOD_PER_S)
        size += file.write(flat.data)
    return size
