"""Flow tables as CSV: columns with our names, in any order, from any stream."""

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
from oddflow.logs.line_texts import LineTexts
from oddflow.logs.lines import blocks_of
from oddflow.logs.record import KEY_COLUMNS, flow_batches
from oddflow.logs.sieve import Sieve
from oddflow.schema import FLOW_SCHEMA

if TYPE_CHECKING:
    from oddflow.logs.formats import Opened

TELLING = {"start", "src_ip", "dst_ip"}
NESTED = ("lengths", "gaps_us", "payload", "reverse_payload")
"""Columns that no CSV holds well: they are neither written nor read."""

BYTE_ORDER_MARK = "\ufeff"


def is_csv_table(first: bytes) -> bool:
    """Whether a source that starts with these bytes has the header of a flow table.

    >>> is_csv_table(b'"start";"end";"src_ip";"dst_ip"\\n'), is_csv_table(b"time,source,destination\\n")
    (True, False)
    """
    names, _ = header_of(first.split(b"\n", 1)[0].decode("utf-8-sig", "replace"))
    return set(names) >= TELLING


def read_csv_table(stream: ByteStream, opened: "Opened") -> Iterator[pa.RecordBatch]:
    """Batches of the flow schema: columns it lacks are null, and columns that are none of ours are not looked at.

    Commas, semicolons, tabs or bars stand between fields. A row with a value that is none of its column's type is
    lost.

    Raises:
        InputError: The header lacks what names a flow, or has a column twice.
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
    names, delimiter = header_of(header.removeprefix(BYTE_ORDER_MARK))
    refuse_repeated(names, opened.name)
    refuse_absent(names, opened.name)
    wanted = [name for name in names if name in FLOW_SCHEMA.names and name not in NESTED]
    return CsvLines(names, wanted, delimiter=delimiter, name=opened.name, ledger=opened.ledger)


def refuse_repeated(names: list[str], source: str) -> None:
    """Raises InputError where one of our columns stands twice."""
    repeated = sorted({name for name in names if name in FLOW_SCHEMA.names and names.count(name) > 1})
    if repeated:
        raise InputError(f"{source} has the column {repeated[0]} more than once; which one is meant?")


def refuse_absent(names: list[str], source: str) -> None:
    """Raises InputError where a column is lacking without which a row names no flow."""
    absent = [name for name in KEY_COLUMNS if name not in names]
    if absent:
        raise InputError(f"{source} lacks the columns {', '.join(absent)}; `oddflow flows -o` writes such a table")


def _flows(table: pa.Table, lines: NDArray[np.int64], opened: "Opened") -> Iterator[pa.RecordBatch]:
    sieve = Sieve(lines, opened.name, opened.ledger)
    columns = {}
    for name in table.column_names:
        texts = table.column(name).combine_chunks()
        columns[name] = _typed(texts, FLOW_SCHEMA.field(name).type)
        wrong = pc.and_(columns[name].is_null(), texts.is_valid()).to_numpy(zero_copy_only=False)
        sieve.drop(wrong, "a value that is none of its column's type")
    columns, lines = sieve.sift(columns)
    yield from flow_batches(columns, opened.name, opened.ledger, lines=lines)


def _typed(texts: Any, kind: Any) -> Any:
    if pa.types.is_timestamp(kind):
        return times_or_null(texts)
    if pa.types.is_floating(kind):
        return finite_or_null(texts).cast(kind)
    return texts if pa.types.is_string(kind) else cast_or_null(texts, kind)
