"""nfcapd's files, read by nfdump: one-way NetFlow records, joined to flows of two ways."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oddflow.capture.stream import CHUNK_BYTES, ByteStream
from oddflow.errors import InputError
from oddflow.files import reason_of
from oddflow.logs.casting import cast_or_null, times_or_null
from oddflow.logs.csv_lines import CsvLines
from oddflow.logs.derive import ICMP, ICMP6
from oddflow.logs.line_texts import LineTexts
from oddflow.logs.lines import blocks_of
from oddflow.logs.plain_files import plain_path
from oddflow.logs.protocols import protocol_numbers
from oddflow.logs.record import flow_batches
from oddflow.logs.stitching import FLAGS, Stitcher
from oddflow.logs.subprocesses import output_of

if TYPE_CHECKING:
    from oddflow.logs.formats import Opened

MAGICS = (b"\x0c\xa5\x01\x00", b"\x0c\xa5\x02\x00")
"""Of the layouts of nfdump 1.6 and 1.7, in the order of bytes of all machines that people use."""

FIELDS = {
    "first": "%ts", "last": "%te", "protocol": "%pr", "src": "%sa", "dst": "%da", "src_port": "%sp",
    "dst_port": "%dp", "icmp_type": "%it", "icmp_code": "%ic", "flags": "%flg", "packets": "%ipkt", "bytes": "%ibyt",
    "back_packets": "%opkt", "back_bytes": "%obyt", "vlan": "%svln", "router": "%ra",
}  # fmt: skip
"""What nfdump is asked to print of a record, a line each, commas between (nfdump(1), Tag definition).

Times as text, for UTC: of the last in seconds (`%ter`) nfdump 1.7.1 loses the hundreds of milliseconds.
"""

SPOOL_BYTES = 1 << 30
NOTHING = "No matching flows"
FLAG_BITS = {"C": 0x80, "E": 0x40, "U": 0x20, "A": 0x10, "P": 0x08, "R": 0x04, "S": 0x02, "F": 0x01}
HAVE_PORTS = (6, 17, 132)
NO_ROUTER = ("0.0.0.0", "::")  # noqa: S104  (what nfdump prints where it is not told)

Columns = dict[str, Any]


def is_nfcapd(first: bytes) -> bool:
    """Whether a source that starts with these bytes is a file of nfcapd.

    >>> is_nfcapd(bytes.fromhex("0ca50100")), is_nfcapd(b"\\n\\r\\r\\n")
    (True, False)
    """
    return first.startswith(MAGICS)


def read_nfcapd(stream: ByteStream, opened: "Opened") -> Iterator[pa.RecordBatch]:
    """Batches of the flow schema.

    Raises:
        InputError: nfdump is not installed, cannot read the file or hangs, or what has to be put on disk for it (what
            comes from standard input, by URL or compressed) is more than 1 GiB.
    """
    nfdump = shutil.which("nfdump")
    if nfdump is None:
        raise InputError(
            f"{opened.name} is a file of nfcapd, which is read by way of nfdump; install the package nfdump "
            "(`apt install nfdump`)"
        )
    with _on_disk(stream, opened) as path:
        command = [nfdump, "-r", path, "-q", "-N", "-6", "-o", "fmt:" + ",".join(FIELDS.values())]
        yield from _flows(command, opened)
    while stream.read(CHUNK_BYTES):  # nfdump read the file by itself; its bytes pass by once more to be hashed
        pass


@contextmanager
def _on_disk(stream: ByteStream, opened: "Opened") -> Iterator[str]:
    """The path of the source where it is a plain file, else that of a copy, which is gone afterwards."""
    path = plain_path(opened.source, opened.first)
    if path:
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="oddflow-") as copy:
        try:
            _copy(stream, copy, opened.name)
        except OSError as error:
            raise InputError(f"{opened.name} cannot be put on disk for nfdump: {reason_of(error)}") from None
        yield copy.name


def _copy(stream: ByteStream, copy: Any, name: str) -> None:
    held = 0
    while piece := stream.read(CHUNK_BYTES):
        held += len(piece)
        if held > SPOOL_BYTES:
            raise InputError(f"{name} holds more than {SPOOL_BYTES >> 30} GiB; save it, and name the file")
        copy.write(piece)
    copy.flush()


def _flows(command: list[str], opened: "Opened") -> Iterator[pa.RecordBatch]:
    name, ledger = f"{opened.name}, as nfdump prints it", opened.ledger
    names = list(FIELDS)
    rows = CsvLines(names, names, delimiter=",", name=name, ledger=ledger)
    halves = Stitcher()
    any_came = False
    with output_of(command, opened.name) as output:
        line_texts = LineTexts(name, ledger)
        for block in blocks_of(output, name, ledger):
            texts, lines = line_texts.of(block)
            told = pc.invert(pc.starts_with(texts, NOTHING))
            texts, lines = texts.filter(told), lines[told.to_numpy(zero_copy_only=False)]
            table, lines = rows.read(texts, lines, is_cut=block.is_cut)
            any_came |= len(lines) > 0
            for flows in halves.add(_records(table, lines)):
                yield from _batches(flows, name, opened)
        complaint = output.complaint()
    for flows in halves.end():
        yield from _batches(flows, name, opened)
    if complaint and not any_came:
        raise InputError(f"{opened.name} cannot be read by nfdump: {complaint}")
    if complaint:
        ledger.damaged(f"{opened.name}: nfdump says: {complaint}")


def _batches(flows: pa.RecordBatch, name: str, opened: "Opened") -> Iterator[pa.RecordBatch]:
    columns = dict(zip(flows.schema.names, flows.columns, strict=True))
    lines = columns.pop("line").to_numpy(zero_copy_only=False)
    yield from flow_batches(columns, name, opened.ledger, lines=lines)


def _records(table: pa.Table, lines: Any) -> pa.RecordBatch:
    """One-way records as the stitcher takes them."""
    text = {name: pc.utf8_trim_whitespace(table.column(name).combine_chunks()) for name in FIELDS}
    protocol = protocol_numbers(text["protocol"])
    is_icmp = pc.is_in(protocol, pa.array([ICMP, ICMP6], pa.uint8()))
    has_ports = pc.is_in(protocol, pa.array(HAVE_PORTS, pa.uint8()))
    unknown = pa.scalar(None, pa.uint8())
    back = cast_or_null(text["back_packets"], pa.uint64())
    two_way = pc.fill_null(pc.greater(back, 0), False)
    nothing = pa.scalar(None, pa.uint64())
    vlan = cast_or_null(text["vlan"], pa.uint16())
    columns = {
        "start": times_or_null(text["first"]),
        "end": times_or_null(text["last"]),
        "src_ip": text["src"],
        "dst_ip": text["dst"],
        "protocol": protocol,
        "icmp_type": pc.if_else(is_icmp, cast_or_null(text["icmp_type"], pa.uint8()), unknown),
        "icmp_code": pc.if_else(is_icmp, cast_or_null(text["icmp_code"], pa.uint8()), unknown),
        "vlan_id": pc.if_else(pc.equal(vlan, 0), pa.scalar(None, pa.uint16()), vlan),
        "exporter": pc.if_else(
            pc.is_in(text["router"], pa.array(NO_ROUTER)), pa.scalar(None, pa.string()), text["router"]
        ),
        "forward_packets": cast_or_null(text["packets"], pa.uint64()),
        "forward_bytes": cast_or_null(text["bytes"], pa.uint64()),
        "reverse_packets": pc.if_else(two_way, back, nothing),
        "reverse_bytes": pc.if_else(two_way, cast_or_null(text["back_bytes"], pa.uint64()), nothing),
        FLAGS: _flags(text["flags"]),
        "line": pa.array(lines),
    }
    for name in ("src_port", "dst_port"):
        port = pc.if_else(has_ports, text[name], pa.scalar("0"))
        columns[name] = cast_or_null(port, pa.uint16())
    return pa.record_batch(columns)


def _flags(texts: Any) -> Any:
    """The union of TCP flags of texts like `...A..SF`."""
    coded = pc.dictionary_encode(texts)
    bits = [sum(bit for flag, bit in FLAG_BITS.items() if flag in text) for text in coded.dictionary.to_pylist()]
    return pa.array(np.array(bits, np.uint8)).take(coded.indices)
