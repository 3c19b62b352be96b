"""Names by port: what the registry says that a port is for."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.flows.naming._port_kernels import UNNAMED, number_ports
from oddflow.flows.naming.names import name_array

TABLE = Path(__file__).with_name("ports.txt")


@dataclass(frozen=True, slots=True)
class PortNames:
    """The registry as lookup: the name's number of each port, (65536,) int16, for streams and datagrams."""

    names: tuple[str, ...]
    streams: NDArray[np.int16]
    datagrams: NDArray[np.int16]


def parse_ports(text: str) -> PortNames:
    """Reads lines of a name and its ports; of several names for a port the first holds.

    >>> parse_ports("dns 53").streams[53], parse_ports("ntp 123u").streams[123]
    (np.int16(0), np.int16(-1))
    """
    streams, datagrams = np.full(65536, UNNAMED, np.int16), np.full(65536, UNNAMED, np.int16)
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    names = tuple(dict.fromkeys(name for name, *_ in lines))
    for name, *ports in lines:
        for port in ports:
            number = int(port.rstrip("tu"))
            for table, letter in ((streams, "u"), (datagrams, "t")):
                if not port.endswith(letter) and table[number] == UNNAMED:
                    table[number] = names.index(name)
    return PortNames(names, streams, datagrams)


@cache
def shipped_ports() -> PortNames:
    """The registry that comes with Oddflow."""
    return parse_ports(TABLE.read_text(encoding="utf-8"))


def _column(batch: pa.RecordBatch, name: str, kind: Any) -> NDArray[Any]:
    # kernels take no read-only arrays
    return np.array(batch.column(name).fill_null(0).to_numpy(zero_copy_only=False), kind)


def names_by_port(batch: pa.RecordBatch, table: PortNames | None = None) -> pa.DictionaryArray:
    """The service that a flow's ports stand for, (n,): the responder's port, else the initiator's, else null.

    Args:
        batch: n flows with the columns protocol, src_port, dst_port.
        table: The registry, by default the shipped one.
    """
    table = table or shipped_ports()
    numbers = np.empty(batch.num_rows, np.int16)
    src, dst = (_column(batch, name, np.uint16) for name in ("src_port", "dst_port"))
    number_ports(_column(batch, "protocol", np.uint8), src, dst, table.streams, table.datagrams, numbers)
    return name_array(numbers, table.names)
