"""Finished rows of the meter as an Arrow record batch of the flow schema."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.capture.packets import NUMBER_BITS
from oddflow.flows import _layout as layout
from oddflow.flows._text_kernels import (
    ADDRESS_CHARACTERS,
    COMMUNITY_ID_CHARACTERS,
    gather_payload,
    write_addresses,
    write_community_ids,
)
from oddflow.schema import COLUMNS, FLOW_SCHEMA, SEQUENCE_PACKETS, Column

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ICMP_PROTOCOLS = (1, 58)


@dataclass(slots=True)
class FinishedRows:
    """Rows of the meter, copied out: n finished flows.

    Attributes:
        rows: (n, ROW_FIELDS) int64. keys: (n, 5) uint64.
        lengths: (n, 32) int16. gaps_us: (n, 32) uint32.
        payload: the meter's own payload rows, (m, 784) uint8, of which `done` (n,) are meant.
    """

    rows: NDArray[np.int64]
    keys: NDArray[np.uint64]
    lengths: NDArray[np.int16]
    gaps_us: NDArray[np.uint32]
    payload: NDArray[np.uint8]
    done: NDArray[np.int32]

    def field(self, number: int) -> NDArray[np.int64]:
        """One statistic of all rows, (n,)."""
        return self.rows[:, number]

    @property
    def ends(self) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
        """Addresses (n, 4) and the two port-like numbers (n,), the initiator's first."""
        swapped = self.field(layout.SWAPPED) != 0
        addresses = np.where(swapped[:, None], self.keys[:, [2, 3, 0, 1]], self.keys[:, :4])
        meta = self.keys[:, 4].astype(np.int64)
        low, high = meta >> 32 & 0xFFFF, meta >> 16 & 0xFFFF
        return np.ascontiguousarray(addresses), np.where(swapped, high, low), np.where(swapped, low, high)


def _text(text: NDArray[np.uint8], offsets: NDArray[np.int32]) -> pa.Array:
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(text))


def _address_column(addresses: NDArray[np.uint64], versions: NDArray[np.int64]) -> pa.Array:
    text = np.empty(ADDRESS_CHARACTERS * len(addresses), np.uint8)
    offsets = np.empty(len(addresses) + 1, np.int32)
    highs, lows = np.ascontiguousarray(addresses[:, 0]), np.ascontiguousarray(addresses[:, 1])
    used = write_addresses(highs, lows, versions, text, offsets)
    return _text(text[:used].copy(), offsets)


def _community_ids(
    addresses: NDArray[np.uint64],
    src: NDArray[np.int64],
    dst: NDArray[np.int64],
    protocols: NDArray[np.int64],
    versions: NDArray[np.int64],
) -> pa.Array:
    text = np.empty(COMMUNITY_ID_CHARACTERS * len(src), np.uint8)
    write_community_ids(addresses, src, dst, protocols, versions, text)
    return _text(text, np.arange(0, len(text) + 1, COMMUNITY_ID_CHARACTERS, dtype=np.int32))


def _or_null(values: NDArray[np.int64], kind: Any) -> pa.Array:
    return pa.array(values, mask=values == layout.NONE).cast(kind)


def _list_column(values: NDArray[Any], kind: Any) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), SEQUENCE_PACKETS).cast(kind)


def _payload_column(finished: FinishedRows) -> pa.Array:
    used = np.ascontiguousarray(finished.field(layout.PAYLOAD_USED))
    packed = np.empty(int(used.sum()), np.uint8)
    offsets = np.empty(len(used) + 1, np.int32)
    gather_payload(used, finished.done, finished.payload, packed, offsets)
    return pa.BinaryArray.from_buffers(pa.binary(), len(used), [None, pa.py_buffer(offsets), pa.py_buffer(packed)])


def _capture_column(files: NDArray[np.int64], captures: "Sequence[str]", kind: Any) -> pa.Array:
    if not captures:
        return pa.nulls(len(files), kind)
    return pa.array(captures, kind).take(pa.array(files))


def _statistic_places() -> dict[str, int]:
    """The place in a row of each plain integer column."""
    places = {
        "start": layout.START, "end": layout.END, "protocol": layout.PROTOCOL, "ip_version": layout.VERSION,
        "end_reason": layout.END_REASON, "direction_by": layout.DIRECTION_BY,
        "gap_squares_us2": layout.GAP_SQUARES, "gap_min_us": layout.GAP_MIN, "gap_max_us": layout.GAP_MAX,
    }  # fmt: skip
    statistics = {
        "packets": layout.PACKETS, "bytes": layout.BYTES, "payload_bytes": layout.PAYLOAD_BYTES,
        "payload_packets": layout.PAYLOAD_PACKETS, "length_squares": layout.LENGTH_SQUARES,
        "length_min": layout.LENGTH_MIN, "length_max": layout.LENGTH_MAX, "gap_sum_us": layout.WAY_GAP_SUM,
        "gap_squares_us2": layout.WAY_GAP_SQUARES, "gap_min_us": layout.WAY_GAP_MIN,
        "gap_max_us": layout.WAY_GAP_MAX, "window_first": layout.WINDOW_FIRST, "window_max": layout.WINDOW_MAX,
        "ttl_min": layout.TTL_MIN, "ttl_max": layout.TTL_MAX,
    }  # fmt: skip
    flags = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"]
    statistics |= {flag: layout.FLAGS + bit for bit, flag in enumerate(flags)}
    for direction, block in (("forward", layout.FORWARD), ("reverse", layout.REVERSE)):
        places |= {f"{direction}_{name}": block + place for name, place in statistics.items()}
    return places


PLACES = _statistic_places()


def flow_batch(finished: FinishedRows, captures: "Sequence[str]" = ()) -> pa.RecordBatch:
    """n finished rows as a record batch of FLOW_SCHEMA, in their order; `captures` names the files, where several."""
    addresses, src, dst = finished.ends
    protocols = np.ascontiguousarray(finished.field(layout.PROTOCOL))
    versions = np.ascontiguousarray(finished.field(layout.VERSION))
    is_icmp = np.isin(protocols, ICMP_PROTOCOLS)
    numbers = np.ascontiguousarray(finished.field(layout.FIRST_PACKET))
    special: dict[str, Callable[[Column], pa.Array]] = {
        "src_ip": lambda _: _address_column(addresses[:, :2], versions),
        "dst_ip": lambda _: _address_column(addresses[:, 2:], versions),
        "src_port": lambda column: pa.array(np.where(is_icmp, 0, src)).cast(column.type),
        "dst_port": lambda column: pa.array(np.where(is_icmp, 0, dst)).cast(column.type),
        "vlan_id": lambda column: _or_null(finished.field(layout.VLAN), column.type),
        "icmp_type": lambda column: _or_null(finished.field(layout.ICMP_TYPE), column.type),
        "icmp_code": lambda column: _or_null(finished.field(layout.ICMP_CODE), column.type),
        "community_id": lambda _: _community_ids(addresses, src, dst, protocols, versions),
        "lengths": lambda column: _list_column(finished.lengths, column.type),
        "gaps_us": lambda column: _list_column(finished.gaps_us, column.type),
        "payload": lambda _: _payload_column(finished),
        "first_packet": lambda column: pa.array(numbers & ((1 << NUMBER_BITS) - 1)).cast(column.type),
        "capture": lambda column: _capture_column(numbers >> NUMBER_BITS, captures, column.type),
    }
    arrays = [
        special[column.name](column)
        if column.name in special
        else pa.array(np.ascontiguousarray(finished.field(PLACES[column.name]))).cast(column.type, safe=False)
        for column in COLUMNS
    ]
    return pa.record_batch(arrays, schema=FLOW_SCHEMA)
