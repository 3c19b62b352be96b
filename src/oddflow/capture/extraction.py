"""Copies the packets of one flow out of a capture, into a pcap file with ns times."""

import struct
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from oddflow.capture import _layout as layout
from oddflow.capture.packets import PacketBatch
from oddflow.capture.reader import packets
from oddflow.capture.stream import reason_of
from oddflow.errors import OutputError, UsageError
from oddflow.losses import Ledger

NS_MAGIC = 0xA1B23C4D
SNAP_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Wanted:
    """A flow's packets: its two ends (address, port), protocol and times in ns, both included."""

    ends: frozenset[tuple[str, int]]
    protocol: int
    start_ns: int
    end_ns: int

    def rows(self, batch: PacketBatch) -> NDArray[np.int64]:
        """The packets of a batch that belong to the flow."""
        headers = batch.headers[: batch.count]
        times = batch.time_ns[: batch.count]
        inside = (headers[:, layout.LOSS] == layout.OK) & (headers[:, layout.PROTOCOL] == self.protocol)
        inside &= (times >= self.start_ns) & (times <= self.end_ns)
        (one, other) = sorted(self.ends) if len(self.ends) == 2 else (next(iter(self.ends)),) * 2
        ends = [self._is(batch, way, one) & self._is(batch, 1 - way, other) for way in (0, 1)]
        return np.flatnonzero(inside & (ends[0] | ends[1]))

    def _is(self, batch: PacketBatch, way: int, end: tuple[str, int]) -> NDArray[np.bool_]:
        number = int(ip_address(end[0]))
        address = batch.addresses[: batch.count]
        port = batch.headers[: batch.count, layout.DST_PORT if way else layout.SRC_PORT]
        high, low = np.uint64(number >> 64), np.uint64(number & 0xFFFF_FFFF_FFFF_FFFF)
        return np.asarray((address[:, 2 * way] == high) & (address[:, 2 * way + 1] == low) & (port == end[1]))


def extract_packets(source: str, wanted: Wanted, output: str) -> int:
    """Writes the wanted packets of a capture to a pcap file; the number written.

    Raises:
        InputError: The capture cannot be read.
        OutputError: The file cannot be written; none is left behind.
        UsageError: An address is none, or no packet of the flow is there.
    """
    try:
        for address, _ in wanted.ends:
            ip_address(address)
    except ValueError as error:
        raise UsageError(f"the alert is damaged: {error}") from None
    path = Path(output)
    part = path.with_name(path.name + ".part")
    written = 0
    try:
        with part.open("wb") as file:
            for batch in packets(source, Ledger()):
                written += _write(file, batch, wanted.rows(batch), is_first=written == 0)
        if not written:
            raise UsageError(f"{source} holds no packet of this flow; name the right capture with --source")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{output} cannot be written: {reason_of(error)}") from None
    finally:
        part.unlink(missing_ok=True)
    return written


def _write(file: BinaryIO, batch: PacketBatch, rows: NDArray[np.int64], *, is_first: bool) -> int:
    for count, row in enumerate(rows):
        if is_first and count == 0:
            link_type = int(batch.link_type[row])
            file.write(struct.pack("<IHHiIII", NS_MAGIC, 2, 4, 0, 0, SNAP_BYTES, link_type))
        start, captured, wire = (int(value) for value in batch.place[row])
        seconds, rest = divmod(int(batch.time_ns[row]), 1_000_000_000)
        file.write(struct.pack("<IIII", seconds & 0xFFFFFFFF, rest, captured, wire & 0xFFFFFFFF))
        file.write(batch.data[start : start + captured].tobytes())
    return len(rows)
