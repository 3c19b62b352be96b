"""Between whom a record's packets went."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.logs.netflow.columns import address_text
from oddflow.logs.netflow.layout import Layout, Rows

UNKNOWN = -1

Integers = NDArray[np.int64]
Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of n records, (n,) each; -1 where something is not known.

    Attributes:
        src: Source addresses, two words each, (n, 2); IPv4 has the second alone.
        dst: Destination addresses.
        versions: Of the addresses: 4 or 6.
        has_addresses: Whether there are any.
    """

    src: Words
    dst: Words
    versions: Integers
    has_addresses: NDArray[np.bool_]
    src_port: Integers
    dst_port: Integers
    protocol: Integers

    def addresses(self, swapped: NDArray[np.bool_] | None) -> tuple[pa.Array, pa.Array]:
        """Source and destination as text, the other way round where `swapped`."""
        src, dst = self.src, self.dst
        if swapped is not None:
            src, dst = np.where(swapped[:, None], dst, src), np.where(swapped[:, None], src, dst)
        return address_text(src, self.versions), address_text(dst, self.versions)


def read_ends(layout: Layout, rows: Rows) -> Ends:
    """Addresses, ports and protocol; of a record with both IPv4 and IPv6, those that are not zero."""
    src, dst = np.zeros((len(rows), 2), np.uint64), np.zeros((len(rows), 2), np.uint64)
    versions = np.full(len(rows), 4, np.int64)
    has_4 = "sourceIPv4Address" in layout and "destinationIPv4Address" in layout
    has_6 = "sourceIPv6Address" in layout and "destinationIPv6Address" in layout
    if has_4:
        src[:, 1], dst[:, 1] = rows["sourceIPv4Address"], rows["destinationIPv4Address"]
    if has_6:
        is_6 = ~(src[:, 1] | dst[:, 1]).astype(np.bool_)
        src[is_6], dst[is_6] = rows["sourceIPv6Address"][is_6], rows["destinationIPv6Address"][is_6]
        versions[is_6] = 6
    return Ends(
        src, dst, versions, np.full(len(rows), has_4 or has_6),
        _number(layout, rows, "sourceTransportPort", "tcpSourcePort", "udpSourcePort"),
        _number(layout, rows, "destinationTransportPort", "tcpDestinationPort", "udpDestinationPort"),
        _number(layout, rows, "protocolIdentifier", most=255),
    )  # fmt: skip


def _number(layout: Layout, rows: Rows, *names: str, most: int = 65_535) -> Integers:
    """The first of these fields that is there and not zero; -1 where there is none, or it is too large."""
    found = np.full(len(rows), UNKNOWN, np.int64)
    for name in reversed(names):
        told = layout.numbers(rows, name)
        if told is not None:
            fits = np.where(told <= most, told, 0).astype(np.int64) - (told > most)
            found = np.where((fits == 0) & (found > 0), found, fits)
    return found
