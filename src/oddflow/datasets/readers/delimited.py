"""Delimited text as columns, block after block: numbers as float64, words as strings.

Arrow parses a block at once. A block with a line that it refuses is gone through line by line, so that the line is a
counted loss with its number, and the others are used.
"""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from oddflow.capture.stream import ByteStream
from oddflow.datasets.readers.piece import Words
from oddflow.errors import InputError
from oddflow.features.feature import Feature
from oddflow.logs.lines import Block, blocks_of
from oddflow.losses import Ledger, Loss

MISSING = ("", "NaN", "nan", "NA", "?")
"""What stands for a number that is not there."""

MOST_COLUMNS = 4_096
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf(inity)?)", re.IGNORECASE | re.ASCII)
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a file.

    Attributes:
        names: One for each field of a line, all different.
        texts: Those that hold words.
        unread: Those that are passed over.
        delimiter: What stands between the fields.
    """

    names: tuple[str, ...]
    texts: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()
    delimiter: str = ","

    @property
    def wanted(self) -> list[str]:
        """Columns that are read, in order."""
        return [name for name in self.names if name not in self.unread]


def tables(
    stream: ByteStream, name: str, ledger: Ledger, layout_of: Callable[[list[str]], tuple[Layout, bool]]
) -> Iterator[pa.Table]:
    """Tables of a file's columns: float64, where infinity and what is missing is null, and strings.

    Args:
        stream: The file's bytes; UTF-8 or, where they are not, Windows-1252.
        name: What messages call it.
        ledger: Told of lines that cannot be read, and of infinite numbers.
        layout_of: The columns, given the fields of the first line, and whether that is a header.

    Raises:
        InputError: The file holds nothing.
    """
    layout: Layout | None = None
    for block in blocks_of(stream, name, ledger):
        if not block.data:
            continue
        text = replace(block, data=_utf8(block.data))
        if layout is None:
            line, _, rest = text.data.partition(b"\n")
            layout, has_header = layout_of(_fields(line))
            if has_header:
                text = Block(rest, text.first_line + 1, text.is_cut)
        table = _parsed(text, name, ledger, layout)
        if table.num_rows:
            yield _finite(table, name, ledger)
    if layout is None:
        raise InputError(f"{name} holds no line; expected a table")


def _utf8(data: bytes) -> bytes:
    data = data.removeprefix(_MARK)
    if data.isascii():
        return data
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace").encode()
    return data


def _fields(line: bytes) -> list[str]:
    """The fields of a first line by the delimiter that it has most of."""
    text = line.decode("utf-8", "replace").rstrip("\r")
    delimiter = max(",;\t|", key=text.count)
    try:
        return next(csv.reader([text], delimiter=delimiter), [])[: MOST_COLUMNS + 1]
    except csv.Error:
        return []


def header_names(fields: Sequence[str]) -> tuple[str, ...]:
    """Names of a header line without blanks round them; a name that comes again has its count behind it.

    >>> header_names([" Fwd Header Length", "Label ", "Fwd Header Length"])
    ('Fwd Header Length', 'Label', 'Fwd Header Length#2')
    """
    seen: dict[str, int] = {}
    names = []
    for field in fields:
        name = field.strip()
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return tuple(names)


def _parsed(block: Block, name: str, ledger: Ledger, layout: Layout) -> pa.Table:
    if not block.data.strip():
        return pa.table({column: pa.array([], _type(column, layout)) for column in layout.wanted})
    try:
        return pa_csv.read_csv(
            pa.BufferReader(block.data),
            read_options=pa_csv.ReadOptions(column_names=list(layout.names), use_threads=False),
            parse_options=pa_csv.ParseOptions(delimiter=layout.delimiter),
            convert_options=pa_csv.ConvertOptions(
                column_types={column: _type(column, layout) for column in layout.wanted},
                include_columns=layout.wanted,
                null_values=list(MISSING),
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError):
        return _line_by_line(block, name, ledger, layout)


def _type(column: str, layout: Layout) -> pa.DataType:
    return pa.string() if column in layout.texts else pa.float64()


def _line_by_line(block: Block, name: str, ledger: Ledger, layout: Layout) -> pa.Table:
    places = [(place, column in layout.texts) for place, column in enumerate(layout.names)]
    places = [(place, is_text) for place, is_text in places if layout.names[place] not in layout.unread]
    kept: list[list[str]] = []
    for offset, line in enumerate(block.data.decode().split("\n")):
        text = line.rstrip("\r")
        if not text:
            continue
        at = f"{name}, line {block.first_line + offset}"
        try:
            fields = next(csv.reader([text], delimiter=layout.delimiter, strict=True))
        except (csv.Error, StopIteration):
            ledger.lost(Loss.RECORD, 1, "quotes that do not close", at=at)
            continue
        if len(fields) != len(layout.names):
            ledger.lost(Loss.RECORD, 1, f"{len(fields)} fields where {len(layout.names)} were expected", at=at)
            continue
        wrong = next((p for p, is_text in places if not is_text and not _is_number(fields[p])), None)
        if wrong is not None:
            ledger.lost(Loss.RECORD, 1, f"{layout.names[wrong]} is no number", at=at)
            continue
        kept.append(fields)
    columns = {}
    for place, is_text in places:
        values = [fields[place] for fields in kept]
        texts = pa.array(values if is_text else [v.strip() if v.strip() not in MISSING else None for v in values])
        columns[layout.names[place]] = texts.cast(pa.string() if is_text else pa.float64())
    return pa.table(columns)


def _is_number(text: str) -> bool:
    return text.strip() in MISSING or bool(_NUMBER.fullmatch(text.strip()))


def _finite(table: pa.Table, name: str, ledger: Ledger) -> pa.Table:
    """The table with null for infinite numbers, which are told of."""
    for place, column in enumerate(table.column_names):
        values = table.column(place)
        if not pa.types.is_floating(values.type):
            continue
        finite = pc.is_finite(values)
        if pc.all(finite).as_py() is not False:
            continue
        ledger.noted(f"{name}: {column} is infinite in some rows; taken as missing")
        table = table.set_column(place, column, pc.if_else(finite, values, None))
    return table


def stacked(table: pa.Table, features: Sequence[Feature], words: Words, ledger: Ledger) -> NDArray[np.float32]:
    """Columns side by side, (n, d) float32, words as their numbers; missing, or too great for float32, is NaN."""
    x = np.empty((table.num_rows, len(features)), np.float32)
    with np.errstate(over="ignore"):
        for place, feature in enumerate(features):
            column = table.column(feature.name)
            if pa.types.is_string(column.type):
                x[:, place] = words.numbers(feature.name, column.combine_chunks(), ledger)
            else:
                x[:, place] = column.to_numpy()
    x[np.isinf(x)] = np.nan
    return x
