"""Argus records as CSV, as the CTU data sets have them (binetflow): written by `ra` and `ralabel`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.capture.stream import ByteStream
from oddflow.errors import InputError
from oddflow.logs.casting import cast_or_null, finite_or_null, times_or_null
from oddflow.logs.csv_lines import CsvLines, header_of
from oddflow.logs.derive import ICMP, ICMP6
from oddflow.logs.line_texts import LineTexts
from oddflow.logs.lines import blocks_of
from oddflow.logs.protocols import protocol_numbers
from oddflow.logs.record import flow_batches
from oddflow.logs.texts import safe_texts
from oddflow.losses import Loss
from oddflow.schema import FLOW_SCHEMA, DirectionBy, FlowEnd

if TYPE_CHECKING:
    from oddflow.logs.formats import Opened

TELLING = ("starttime", "srcaddr", "dstaddr", "proto")
NEEDED = ("StartTime", "Dur", "Proto", "SrcAddr", "Sport", "DstAddr", "Dport")
OPTIONAL = (
    "Dir", "State", "TotPkts", "SrcPkts", "DstPkts", "TotBytes", "SrcBytes", "DstBytes", "Label",
)  # fmt: skip
NOT_IP = ("man", "arp", "rarp", "llc", "ipx/spx", "stp", "decnet", "lldp", "isis", "loop", "eapol")
"""Argus records without IP that are counted by name; `man` is Argus itself, speaking of its own work."""

ETHERNET_BYTES = 14
LONGEST_S = 1e9
LABEL_CHARACTERS = 1_024
HAVE_PORTS = (6, 17, 132)

Columns = dict[str, Any]
Bools = NDArray[np.bool_]


def is_binetflow(first: bytes) -> bool:
    """Whether a source that starts with these bytes has Argus's header.

    >>> is_binetflow(b"StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State\\n"), is_binetflow(b"start,src_ip")
    (True, False)
    """
    names, _ = header_of(first.split(b"\n", 1)[0].decode("utf-8-sig", "replace"))
    return {name.lower() for name in names} >= set(TELLING)


def read_binetflow(stream: ByteStream, opened: "Opened") -> Iterator[pa.RecordBatch]:
    """Batches of the flow schema; times are taken as UTC, and 14 bytes of each frame as its Ethernet header.

    Raises:
        InputError: It lacks a column.
    """
    lines = None
    line_texts = LineTexts(opened.name, opened.ledger)
    for block in blocks_of(stream, opened.name, opened.ledger):
        if not block.data:
            yield pa.RecordBatch.from_pylist([], FLOW_SCHEMA)
            continue
        texts, numbers = line_texts.of(block)
        if lines is None and len(texts):
            lines = _rows(texts[0].as_py(), opened)
            texts, numbers = texts.slice(1), numbers[1:]
        if lines is not None:
            table, numbers = lines.read(texts, numbers, is_cut=block.is_cut)
            yield from _flows(table, numbers, opened)


def _rows(header: str, opened: "Opened") -> CsvLines:
    """A reader of what stands below the header, whose names may be in any case and order."""
    names, delimiter = header_of(header.removeprefix("\ufeff"))
    known = {name.lower(): name for name in (*NEEDED, *OPTIONAL)}
    names = [known.get(name.lower(), name) for name in names]
    absent = [name for name in NEEDED if name not in names]
    if absent:
        raise InputError(f"{opened.name} lacks the columns {', '.join(absent)}; let `ra -s` print them, too")
    repeated = [name for name in known.values() if names.count(name) > 1]
    if repeated:
        raise InputError(f"{opened.name} has the column {repeated[0]} more than once; which one is meant?")
    wanted = [name for name in known.values() if name in names]
    return CsvLines(names, wanted, delimiter=delimiter, name=opened.name, ledger=opened.ledger)


def _flows(table: pa.Table, lines: NDArray[np.int64], opened: "Opened") -> Iterator[pa.RecordBatch]:
    names = pc.utf8_lower(pc.utf8_trim_whitespace(table.column("Proto").combine_chunks()))
    for name in NOT_IP:
        rows = np.flatnonzero(pc.fill_null(pc.equal(names, name), False).to_numpy(zero_copy_only=False))
        if len(rows):
            opened.ledger.lost(Loss.NOT_IP, len(rows), name, at=f"{opened.name}, line {lines[rows[0]]}")
    kept = pc.invert(pc.fill_null(pc.is_in(names, pa.array(NOT_IP)), False))
    fields = {name: _trimmed(table, name, kept) for name in (*NEEDED, *OPTIONAL)}
    columns = _columns(fields, names.filter(kept))
    if len(columns["start"]):
        yield from flow_batches(columns, opened.name, opened.ledger, lines=lines[kept.to_numpy(zero_copy_only=False)])


def _trimmed(table: pa.Table, name: str, kept: Any) -> Any:
    if name not in table.column_names:
        return pa.nulls(int(pc.sum(kept).as_py() or 0), pa.string())
    return pc.utf8_trim_whitespace(table.column(name).combine_chunks().filter(kept))


def _columns(fields: Columns, names: Any) -> Columns:
    protocol = protocol_numbers(names)
    start = times_or_null(pc.replace_substring(fields["StartTime"], "/", "-"))
    arrow = fields["Dir"]
    turned = pc.and_(pc.starts_with(arrow, "<"), pc.invert(pc.ends_with(arrow, ">")))
    turned = pc.fill_null(turned, False)
    ends = {"src_ip": fields["SrcAddr"], "dst_ip": fields["DstAddr"]} | _ports(fields, protocol)
    columns = ends | _counters(fields)
    pairs = (("src_ip", "dst_ip"), ("src_port", "dst_port"), ("forward_packets", "reverse_packets"),
             ("forward_bytes", "reverse_bytes"))  # fmt: skip
    for ours, theirs in pairs:
        own, other = columns[ours], columns[theirs]
        columns[ours], columns[theirs] = pc.if_else(turned, other, own), pc.if_else(turned, own, other)
    return columns | {
        "start": start,
        "end": _ends(start, fields["Dur"]),
        "protocol": protocol,
        "label": safe_texts(_filled(fields["Label"]), LABEL_CHARACTERS, escaped=False),
        **_states(fields["State"], protocol, turned),
    }


def _filled(texts: Any) -> Any:
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def _ends(start: Any, durations: Any) -> Any:
    """The times of the last packets, (n,); null where a duration is no number, negative or longer than 31 years."""
    seconds = finite_or_null(durations)
    fits = pc.and_(pc.greater_equal(seconds, 0.0), pc.less_equal(seconds, LONGEST_S))
    micros = pc.round(pc.multiply(pc.if_else(fits, seconds, pa.scalar(None, pa.float64())), 1e6)).cast(pa.int64())
    return pc.add(start.cast(pa.int64()), pc.multiply(micros, 1000)).cast(start.type)


def _ports(fields: Columns, protocol: Any) -> Columns:
    """Ports, decimal or as 0x0050, and for ICMP type and code.

    Argus prints both of ICMP in the source port, the type in its lower byte: 0x0103 is type 3, code 1. Of ICMPv6 the
    source port is the type, in decimal, and the destination port the code.
    """
    src, dst = (cast_or_null(fields[name], pa.uint16()) for name in ("Sport", "Dport"))
    has_ports = pc.is_in(protocol, pa.array(HAVE_PORTS, pa.uint8()))
    is_icmp = pc.is_in(protocol, pa.array([ICMP, ICMP6], pa.uint8()))
    packed = pc.fill_null(pc.starts_with(fields["Sport"], "0x"), False)
    unknown, none = pa.scalar(None, pa.uint16()), pa.scalar(0, pa.uint16())
    kind = pc.if_else(is_icmp, pc.if_else(packed, pc.bit_wise_and(src, pa.scalar(255, pa.uint16())), src), unknown)
    code = pc.if_else(is_icmp, pc.if_else(packed, pc.shift_right(src, pa.scalar(8, pa.uint16())), dst), unknown)
    return {
        "src_port": pc.if_else(has_ports, src, none),
        "dst_port": pc.if_else(has_ports, dst, none),
        "icmp_type": _byte(kind),
        "icmp_code": _byte(code),
    }


def _byte(values: Any) -> Any:
    return pc.if_else(pc.less_equal(values, 255), values, pa.scalar(None, pa.uint16())).cast(pa.uint8())


def _counters(fields: Columns) -> Columns:
    """Packets and IP bytes of both ways, as far as what is told leaves no choice.

    Without SrcPkts they are known where all bytes went one way, and where two packets went two ways.
    """
    total, src, dst = (_known(fields[name]) for name in ("TotPkts", "SrcPkts", "DstPkts"))
    total_bytes, src_bytes, dst_bytes = (_known(fields[name]) for name in ("TotBytes", "SrcBytes", "DstBytes"))
    src_bytes = pc.coalesce(src_bytes, _rest(total_bytes, dst_bytes))
    dst_bytes = pc.coalesce(dst_bytes, _rest(total_bytes, src_bytes))
    src = pc.coalesce(src, _rest(total, dst), _packets(total, src_bytes, dst_bytes))
    dst = pc.coalesce(dst, _rest(total, src), _packets(total, dst_bytes, src_bytes))
    return {
        "forward_packets": _count(src),
        "reverse_packets": _count(dst),
        "forward_bytes": _count(_ip_bytes(src_bytes, src)),
        "reverse_bytes": _count(_ip_bytes(dst_bytes, dst)),
    }


def _known(texts: Any) -> Any:
    values = cast_or_null(texts, pa.int64())
    return pc.if_else(pc.greater_equal(values, 0), values, pa.scalar(None, pa.int64()))


def _rest(total: Any, part: Any) -> Any:
    return pc.subtract(total, part)


def _packets(total: Any, own: Any, other: Any) -> Any:
    """The packets that some bytes came in; null where that is not certain."""
    unknown = pa.scalar(None, pa.int64())
    one_each = pc.and_(pc.equal(total, 2), pc.and_(pc.greater(own, 0), pc.greater(other, 0)))
    in_two = pc.if_else(one_each, pa.scalar(1), unknown)
    return pc.if_else(pc.equal(own, 0), pa.scalar(0), pc.if_else(pc.equal(other, 0), total, in_two))


def _ip_bytes(frames: Any, packets: Any) -> Any:
    at_most = pc.min_element_wise(packets, 1 << 40, skip_nulls=False)  # so that no product leaves 64 bits
    return pc.max_element_wise(pc.subtract(frames, pc.multiply(at_most, ETHERNET_BYTES)), 0, skip_nulls=False)


def _count(values: Any) -> Any:
    return pc.if_else(pc.greater_equal(values, 0), values, pa.scalar(None, pa.int64())).cast(pa.uint64())


def _states(state: Any, protocol: Any, turned: Any) -> Columns:
    """Why a TCP flow ended, and how its initiator was told, from flags like FSPA_FSPA: the source's, then the other's.

    It ended by itself where one side reset it or both finished. The flags are unions: how many packets had them is
    not told.
    """
    is_tcp = pc.and_(pc.equal(protocol, 6), pc.match_substring_regex(state, "^[FSRPAECUW]*_[FSRPAECUW]*$"))
    over = pc.match_substring_regex(state, "R|F.*_.*F")
    opens = pc.if_else(turned, pc.match_substring_regex(state, "_.*S"), pc.match_substring_regex(state, "S.*_"))
    unknown = pa.scalar(None, pa.uint8())
    return {
        "end_reason": pc.if_else(
            pc.fill_null(pc.and_(is_tcp, over), False), pa.scalar(FlowEnd.END_OF_FLOW, pa.uint8()), unknown
        ),
        "direction_by": pc.if_else(
            pc.fill_null(pc.and_(is_tcp, opens), False), pa.scalar(DirectionBy.SYN, pa.uint8()), unknown
        ),
    }
