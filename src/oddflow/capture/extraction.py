"""Copies the packets of one flow out of a capture, into a pcap file with ns times."""

import struct
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from oddflow.capture import _layout as layout
from oddflow.capture.capture_set import CaptureSet
from oddflow.capture.merging import merged_packets
from oddflow.capture.packets import NUMBER_BITS, PacketBatch
from oddflow.capture.reader import packets
from oddflow.capture.remote import shown
from oddflow.errors import UsageError
from oddflow.files import same_file, whole_file
from oddflow.losses import Ledger

NS_MAGIC = 0xA1B23C4D
SNAP_BYTES = 262_144
ARP_PROTOCOL = 0
"""What the record of an ARP packet says; no IP packet but for IPv4 with that number in it says the same."""

TYPED_PROTOCOLS = (ARP_PROTOCOL, 1, 58)
TYPE_PAIRS = {
    ARP_PROTOCOL: {1: 2, 3: 4, 8: 9},
    1: {8: 0, 13: 14, 15: 16, 17: 18, 10: 9},
    58: {128: 129, 133: 134, 135: 136, 130: 131, 139: 140, 144: 145},
}
"""Types of ICMP, and operations of ARP, that ask, and those that answer them (Community ID specification; RFC 826)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A flow, to find its packets by.

    Attributes:
        src, dst: Its ends: address and port.
        protocol: The IP protocol.
        start_ns, end_ns: Its first and last packet, both included.
        first_packet: The number of its first packet in its file. ICMP and ARP have no ports, and this packet's type
            tells its flow from others of the same hosts; 0 where the number is not known.
        first_capture: That file, where several captures are read as one.
    """

    src: tuple[str, int]
    dst: tuple[str, int]
    protocol: int
    start_ns: int
    end_ns: int
    first_packet: int = 0
    first_capture: str = ""

    def within(self, captures: CaptureSet) -> "Wanted":
        """The same with the packet's number in a set of captures; their folder may be another by now."""
        name = Path(self.first_capture).name
        ranks = [rank for rank, member in enumerate(captures.names) if Path(member).name == name]
        number = (ranks[0] << NUMBER_BITS) + self.first_packet if ranks and self.first_packet else 0
        return replace(self, first_packet=number)


@dataclass(slots=True)
class _Selection:
    """Finds a flow's packets, batch after batch."""

    wanted: Wanted
    ports: tuple[int, int] | None = field(init=False)
    """Of source and destination, as `_port_columns` has them; None until the flow's first packet was met."""

    def __post_init__(self) -> None:
        is_typed = self.wanted.protocol in TYPED_PROTOCOLS
        self.ports = None if is_typed else (self.wanted.src[1], self.wanted.dst[1])

    def rows(self, batch: PacketBatch) -> NDArray[np.int64]:
        """The packets of a batch that belong to the flow."""
        wanted = self.wanted
        times = batch.field("time_ns")
        inside = (batch.field("loss") == layout.OK) & (batch.field("protocol") == wanted.protocol)
        versions = [ip_address(wanted.src[0]).version] + ([0] if wanted.protocol == ARP_PROTOCOL else [])
        inside &= np.isin(batch.field("version"), versions)
        inside &= (times >= wanted.start_ns) & (times <= wanted.end_ns)
        src, dst = wanted.src[0], wanted.dst[0]
        forward = inside & _is(batch, "src", src) & _is(batch, "dst", dst)
        reverse = inside & _is(batch, "src", dst) & _is(batch, "dst", src)
        sent, received = _port_columns(batch, wanted.protocol)
        first = batch.row_of(wanted.first_packet) if self.ports is None else None
        if first is not None and forward[first]:
            self.ports = int(sent[first]), int(received[first])
        if self.ports is not None:
            forward &= (sent == self.ports[0]) & (received == self.ports[1])
            reverse &= (sent == self.ports[1]) & (received == self.ports[0])
        elif wanted.first_packet:
            return np.empty(0, np.int64)  # the flow has not begun
        return np.flatnonzero(forward | reverse)


def _is(batch: PacketBatch, end: str, address: str) -> NDArray[np.bool_]:
    number = int(ip_address(address))
    high, low = np.uint64(number >> 64), np.uint64(number & 0xFFFF_FFFF_FFFF_FFFF)
    return (batch.field(f"{end}_high") == high) & (batch.field(f"{end}_low") == low)  # type: ignore[no-any-return]


def _port_columns(batch: PacketBatch, protocol: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ports, or the type and the type of its counterpart, else the code; as the meter tells flows apart."""
    if protocol not in TYPED_PROTOCOLS:
        return batch.field("src_port"), batch.field("dst_port")
    pairs = TYPE_PAIRS[protocol] | {answer: asked for asked, answer in TYPE_PAIRS[protocol].items()}
    kinds = batch.field("icmp_type").astype(np.int64)
    counterparts = np.array([pairs.get(kind, -1) for kind in range(256)])[np.maximum(kinds, 0)]
    return kinds, np.where(counterparts >= 0, counterparts, batch.field("icmp_code"))


def extract_packets(
    source: str | CaptureSet, wanted: Wanted, output: str, ledger: Ledger | None = None, *, tunnels: bool = True
) -> int:
    """Writes the wanted packets of a capture, or of several read as one, to a pcap file; the number written.

    With `tunnels`, as the capture was metered, a flow inside a tunnel is found there, and what carries it is written.

    Raises:
        InputError: The capture cannot be read.
        OutputError: The file cannot be written; none is left behind.
        UsageError: An address is none, no packet of the flow is there, or the output is the capture itself.
    """
    try:
        versions = {ip_address(address).version for address, _ in (wanted.src, wanted.dst)}
    except ValueError as error:
        raise UsageError(f"the alert is damaged: {error}; run `oddflow detect -o` again") from None
    if len(versions) > 1:
        raise UsageError("the alert is damaged: one end is IPv4, the other IPv6; run `oddflow detect -o` again")
    places = [member.place for member in source.members] if isinstance(source, CaptureSet) else [source]
    if any(place != "-" and same_file(place, output) for place in places):
        raise UsageError(f"{output} is the capture itself; give another name to write to")
    told = ledger if ledger is not None else Ledger()
    if isinstance(source, CaptureSet):
        wanted, batches = wanted.within(source), merged_packets(source, told, tunnels=tunnels)
    else:
        batches = packets(source, told, tunnels=tunnels)
    selection, link_type, written = _Selection(wanted), -1, 0
    with whole_file(output) as file:
        for batch in batches:
            rows = selection.rows(batch)
            if not written and len(rows):
                link_type = int(batch.packets["link_type"][rows[0]])
                file.write(struct.pack("<IHHiIII", NS_MAGIC, 2, 4, 0, 0, SNAP_BYTES, link_type))
            # a pcap file has one link type: packets of another would be read wrongly
            rows = rows[batch.packets["link_type"][rows] == link_type]
            _write(file, batch, rows)
            written += len(rows)
        if not written:
            raise UsageError(f"{shown(str(source))} holds no packet of this flow; name the right capture with --source")
    return written


def _write(file: BinaryIO, batch: PacketBatch, rows: NDArray[np.int64]) -> None:
    for row in rows:
        packet = batch.packets[row]
        start, captured, wire = (int(packet[name]) for name in ("start", "captured", "wire"))
        seconds, rest = divmod(int(packet["time_ns"]), 1_000_000_000)
        file.write(struct.pack("<IIII", seconds & 0xFFFFFFFF, rest, captured, wire & 0xFFFFFFFF))
        file.write(batch.data[start : start + captured].tobytes())
