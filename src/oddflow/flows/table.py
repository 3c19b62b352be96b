"""Finished rows of the meter as an Arrow record batch of the flow schema."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.capture.packets import NUMBER_BITS
from oddflow.flows import _layout as layout
from oddflow.flows._column_kernels import (
    DST_PORT,
    END_NUMBERS,
    PROTOCOL,
    SRC_PORT,
    VERSION,
    take_fields,
    tell_ends,
)
from oddflow.flows._text_kernels import (
    ADDRESS_CHARACTERS,
    COMMUNITY_ID_CHARACTERS,
    COMMUNITY_ID_PAIRS,
    MAC_CHARACTERS,
    write_addresses,
    write_community_ids,
    write_macs,
)
from oddflow.flows.application import application_columns
from oddflow.flows.first_bytes import FirstBytes
from oddflow.flows.naming.behaviour import HostBehaviour
from oddflow.flows.naming.ports import names_by_port
from oddflow.flows.naming.signatures import names_by_signature
from oddflow.flows.naming.statistics import names_by_statistics
from oddflow.flows.settings import Payload
from oddflow.schema import COLUMNS, FLOW_SCHEMA, RECORD_COLUMNS, SEQUENCE_PACKETS, TUNNEL_NAMES, Column, Tunnel

LARGEST_U32 = 2**32 - 1
WORD_SIZES = (8, 4, 2, 1)


NAMED_BY = (
    "a_high", "a_low", "b_high", "b_low", "ends", "swapped", "protocol", "forward_payload_packets",
    "reverse_payload_packets", "reverse_packets",
)  # fmt: skip
"""What tells how hosts behave."""


class _Columns:
    """The fields of n finished flows side by side, each (n,) and of its own type; only some, where they are named."""

    def __init__(self, finished: layout.Finished, count: int, only: Sequence[str] = ()) -> None:
        self._fields: dict[str, NDArray[Any]] = {}
        for prefixes, records in ((("",), finished.flows), (("forward_", "reverse_"), finished.ways)):
            self._take(records, prefixes, count, only)

    def _take(self, records: NDArray[np.void], prefixes: tuple[str, ...], count: int, only: Sequence[str]) -> None:
        fields = [
            (prefix + name, kind, number * records.dtype.itemsize + offset)
            for number, prefix in enumerate(prefixes)
            for name, kind, offset in _layout_of(records.dtype)
            if name not in layout.WITHIN_FLOW | layout.WITHIN_WAY and (not only or prefix + name in only)
        ]
        of_size = [[field for field in fields if field[1].itemsize == size] for size in WORD_SIZES]
        words = [records.view(f"u{size}").reshape(len(records), -1) for size in WORD_SIZES]
        places = [
            np.array([offset // size for _, _, offset in held], np.int64)
            for held, size in zip(of_size, WORD_SIZES, strict=True)
        ]
        columns = [np.empty((len(held), count), f"u{size}") for held, size in zip(of_size, WORD_SIZES, strict=True)]
        take_fields(*words, *places, count, *columns)
        for held, block in zip(of_size, columns, strict=True):
            for (name, kind, _), column in zip(held, block, strict=True):
                self._fields[name] = column.view(kind)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._fields[name]


def _layout_of(dtype: np.dtype[np.void]) -> list[tuple[str, np.dtype[Any], int]]:
    """Name, type and offset of each field of a record."""
    return [(name, *entry[:2]) for name, entry in (dtype.fields or {}).items()]


class _Ends:
    """Addresses and ports of n flows, the initiator's first."""

    def __init__(self, columns: _Columns) -> None:
        count = len(columns["ends"])
        self.words, self.numbers = np.empty((4, count), np.uint64), np.empty((END_NUMBERS, count), np.int64)
        self.ports = np.empty((2, count), np.uint16)
        key = (columns[name] for name in ("a_high", "a_low", "b_high", "b_low", "ends"))
        tell_ends(*key, columns["swapped"], self.words, self.numbers, self.ports)
        self.versions = self.numbers[VERSION]


def _text(text: NDArray[np.uint8], offsets: NDArray[np.int32], known: NDArray[np.bool_] | None = None) -> pa.Array:
    unknown = int((~known).sum()) if known is not None else 0
    validity = pa.py_buffer(np.packbits(known, bitorder="little")) if known is not None and unknown else None
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(text), validity, unknown)


def _addresses(words: tuple[NDArray[np.uint64], ...], versions: NDArray[np.int64]) -> pa.Array:
    """Text of addresses; ARP's are IPv4, and those of version NONE are null."""
    text = np.empty(ADDRESS_CHARACTERS * len(versions), np.uint8)
    offsets = np.empty(len(versions) + 1, np.int32)
    used = write_addresses(*words, versions, text, offsets)
    return _text(text[:used].copy(), offsets, versions != layout.NONE)


def _macs(numbers: NDArray[np.int64]) -> pa.Array:
    text = np.empty(MAC_CHARACTERS * len(numbers), np.uint8)
    offsets = np.empty(len(numbers) + 1, np.int32)
    used = write_macs(numbers, text, offsets)
    return _text(text[:used].copy(), offsets, numbers != layout.NONE)


def _community_ids(ends: _Ends) -> pa.Array:
    known = ends.versions > 0
    pairs = np.empty(COMMUNITY_ID_PAIRS * len(known), np.uint16)
    numbers = (ends.numbers[number] for number in (SRC_PORT, DST_PORT, PROTOCOL, VERSION))
    write_community_ids(ends.words, *numbers, pairs)
    text = pairs.view(np.uint8)
    return _text(text, np.arange(0, len(text) + 1, COMMUNITY_ID_CHARACTERS, dtype=np.int32), known)


def _or_null(values: NDArray[Any], kind: Any, known: NDArray[np.bool_] | None = None) -> pa.Array:
    known = values != layout.NONE if known is None else known
    return pa.array(values, mask=~known).cast(kind, safe=False)


def _list_column(values: NDArray[Any], kind: Any) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1).copy()), SEQUENCE_PACKETS).cast(kind)


def _bytes(data: NDArray[np.uint8], ends: NDArray[np.int32], count: int) -> pa.Array:
    held = data[: ends[count]].copy(), ends[: count + 1].copy()
    return pa.BinaryArray.from_buffers(pa.binary(), count, [None, pa.py_buffer(held[1]), pa.py_buffer(held[0])])


def _active(columns: _Columns) -> dict[str, NDArray[Any]]:
    """The active times of n flows with the one that the latest packet ended."""
    last = np.maximum(0, columns["end_ns"] - columns["active_start_ns"]) // 1000
    closed = columns["active_count"]
    held = np.minimum(last, LARGEST_U32)
    return {
        "active_count": closed + 1,
        "active_sum_us": columns["active_sum_us"] + last,
        "active_squares_us2": columns["active_squares_us2"] + last**2,
        "active_min_us": np.where(closed > 0, np.minimum(columns["active_min_us"], held), held),
        "active_max_us": np.maximum(columns["active_max_us"], held),
    }


Made = dict[str, Callable[[Column], pa.Array]]
"""How columns are made that are no plain field of a record."""


def _end_columns(columns: _Columns, ends: _Ends) -> Made:
    """Who talked with whom, on which link, through which tunnel."""
    is_arp = ends.versions == 0
    outer = np.where(columns["tunnel"] > 0, columns["outer_version"].astype(np.int64), layout.NONE)
    kinds = columns["icmp_type"]
    return {
        "src_ip": lambda _: _addresses((ends.words[0], ends.words[1]), ends.versions),
        "dst_ip": lambda _: _addresses((ends.words[2], ends.words[3]), ends.versions),
        "src_port": lambda column: _plain(ends.ports[0], column.type),
        "dst_port": lambda column: _plain(ends.ports[1], column.type),
        "ip_version": lambda column: pa.array(ends.versions).cast(column.type),
        "vlan_id": lambda column: _or_null(columns["vlan"], column.type),
        "icmp_type": lambda column: _or_null(kinds, column.type, (kinds != layout.NONE) & ~is_arp),
        "icmp_code": lambda column: _or_null(columns["icmp_code"], column.type),
        "arp_operation": lambda column: _or_null(kinds, column.type, is_arp),
        "src_mac": lambda _: _macs(columns["src_mac"]),
        "dst_mac": lambda _: _macs(columns["dst_mac"]),
        "tunnel": lambda _: TUNNELS.take(pa.array(columns["tunnel"])),
        "tunnel_id": lambda column: _or_null(columns["tunnel_id"], column.type, columns["tunnel"] > 0),
        "tunnel_src_ip": lambda _: _addresses((columns["outer_src_high"], columns["outer_src_low"]), outer),
        "tunnel_dst_ip": lambda _: _addresses((columns["outer_dst_high"], columns["outer_dst_low"]), outer),
        "community_id": lambda _: _community_ids(ends),
    }


def _number_columns(columns: _Columns) -> Made:
    """Times and numbers that may be unknown, or that the end of the flow completes."""
    made: Made = {
        "start": lambda column: pa.array(columns["start_ns"]).cast(column.type),
        "end": lambda column: pa.array(columns["end_ns"]).cast(column.type),
        "is_early": lambda _: pa.array(columns["is_early"] != 0),
        "end_reason": lambda column: _or_null(columns["end_reason"], column.type, columns["is_early"] == 0),
        "subflows": lambda column: pa.array(columns["subflows"] + 1).cast(column.type),
    }
    for name in ("icmp_error_type", "icmp_error_code", "responder_rtt_us", "initiator_rtt_us"):
        made[name] = lambda column: _or_null(columns[column.name], column.type)
    active = _active(columns)
    for name in active:
        made[name] = lambda column: pa.array(active[column.name]).cast(column.type, safe=False)
    for name in ("forward_payload_entropy", "reverse_payload_entropy"):
        made[name] = lambda column: pa.array(columns[column.name], from_pandas=True)
    return made


def _byte_columns(finished: layout.Finished, count: int, kind: Payload) -> Made:
    """The first packets' lengths and gaps, and the bytes that are kept."""
    is_apart = kind in (Payload.FLOW, Payload.FLOW_FRAMES)
    return {
        "lengths": lambda column: _list_column(finished.lengths[:count], column.type),
        "gaps_us": lambda column: _list_column(finished.gaps[:count], column.type),
        "payload": lambda _: _bytes(finished.payload, finished.payload_ends, count),
        "reverse_payload": lambda column: (
            _bytes(finished.reverse, finished.reverse_ends, count) if is_apart else pa.nulls(count, column.type)
        ),
    }


TUNNELS = pa.array([TUNNEL_NAMES[tunnel] or None for tunnel in Tunnel])


def _plain(values: NDArray[Any], kind: Any) -> pa.Array:
    """A field as a column, without a copy where it has the column's width."""
    if pa.types.is_integer(kind) and kind.bit_width == 8 * values.dtype.itemsize:
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
    return pa.array(values).cast(kind, safe=False)


def _absent(count: int) -> Callable[[Column], pa.Array]:
    return lambda column: pa.nulls(count, column.type)


def _capture_columns(numbers: NDArray[np.int64], captures: Sequence[str]) -> Made:
    """Where the first packets stand; `captures` names the files where several were read as one."""
    return {
        "first_packet": lambda column: pa.array(numbers & ((1 << NUMBER_BITS) - 1)).cast(column.type),
        "capture": lambda column: (
            pa.array(captures, column.type).take(pa.array(numbers >> NUMBER_BITS))
            if captures
            else pa.nulls(len(numbers), column.type)
        ),
    }


def _application_columns(
    finished: layout.Finished, count: int, columns: _Columns, ends: _Ends, unparsed: Counter[str]
) -> dict[str, pa.Array]:
    """What the first bytes say, and the name that their signature gives."""
    first = FirstBytes(
        client=finished.client,
        client_offsets=finished.client_ends[: count + 1],
        server=finished.server,
        server_offsets=finished.server_ends[: count + 1],
        protocol=columns["protocol"],
        src_port=ends.ports[0],
        dst_port=ends.ports[1],
    )
    return application_columns(first, unparsed) | {"app_by_signature": names_by_signature(first).dictionary_decode()}


def behaviour_columns(finished: layout.Finished, count: int) -> pa.RecordBatch:
    """Of the first n finished flows, the columns that `HostBehaviour.names` takes: for those who make no other here."""
    columns = _Columns(finished, count, NAMED_BY)
    ends = _Ends(columns)
    known = {
        "src_ip": _addresses((ends.words[0], ends.words[1]), ends.versions),
        "dst_ip": _addresses((ends.words[2], ends.words[3]), ends.versions),
        "dst_port": pa.array(ends.ports[1]),
    }
    known |= {name: pa.array(columns[name]) for name in NAMED_BY[NAMED_BY.index("protocol") :]}
    return pa.record_batch(known)


def flow_batch(
    finished: layout.Finished,
    count: int,
    kind: Payload,
    *,
    behaviour: HostBehaviour | pa.DictionaryArray | None = None,
    unparsed: Counter[str] | None = None,
    captures: Sequence[str] = (),
) -> pa.RecordBatch:
    """The first n finished flows as a record batch of FLOW_SCHEMA, in their order; `finished` may be used again.

    Args:
        kind: What the payload columns hold.
        behaviour: What is known of hosts; it is told of these flows. Or the names that it gave for them. With
            neither, `app_by_behaviour` is null.
        unparsed: Told of first bytes that began like a known protocol and could not be read.
        captures: The names of the files, where several were read as one.
    """
    columns = _Columns(finished, count)
    ends = _Ends(columns)
    made = _end_columns(columns, ends) | _number_columns(columns) | _byte_columns(finished, count, kind)
    made |= _capture_columns(columns["first_packet"], captures)
    made |= {column.name: _absent(count) for column in RECORD_COLUMNS}
    arrays = _application_columns(finished, count, columns, ends, Counter() if unparsed is None else unparsed)
    later = ("app_by_port", "app_by_statistics", "app_by_behaviour")
    for column in COLUMNS:
        if column.name in made:
            arrays[column.name] = made[column.name](column)
        elif column.name not in arrays and column.name not in later:
            arrays[column.name] = _plain(columns[column.name], column.type)
    known = pa.record_batch(arrays)
    arrays["app_by_port"] = names_by_port(known).dictionary_decode()
    arrays["app_by_statistics"] = names_by_statistics(known).dictionary_decode()
    if behaviour is None:
        arrays["app_by_behaviour"] = pa.nulls(count, FLOW_SCHEMA.field("app_by_behaviour").type)
    else:
        named = behaviour.names(known) if isinstance(behaviour, HostBehaviour) else behaviour
        arrays["app_by_behaviour"] = named.dictionary_decode()
    return pa.record_batch([arrays[column.name] for column in COLUMNS], schema=FLOW_SCHEMA)
