"""Zeek's tab-separated lines to columns of text."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from oddflow.logs.sieve import Sieve
from oddflow.logs.zeek_fields import Field
from oddflow.logs.zeek_header import BLANKS, Layout
from oddflow.losses import Ledger, Loss

Columns = dict[str, Any]


def read_lines(
    data: bytes, lines: NDArray[np.int64], layout: Layout, fields: tuple[Field, ...], name: str, ledger: Ledger
) -> tuple[Columns, NDArray[np.int64]]:
    """Columns of text of the fields, those that the log lacks null, and the line of each row.

    Args:
        data: Whole lines of UTF-8 without headers.
        lines: The number of each, (n,).
        layout: How to read them.
        fields: Which are wanted.
        name: What messages call the log.
        ledger: Told of lines with too many or too few values.
    """
    wrong: list[int] = []

    def skip(row: Any) -> str:
        if row.text:
            ledger.lost(
                Loss.RECORD, 1, "other number of fields than the header has", at=f"{name}, line {lines[row.number - 1]}"
            )
        wrong.append(row.number - 1)
        return "skip"

    places = {str(place): column for place, column in enumerate(layout.names) if _is_wanted(column, fields)}
    table = pa_csv.read_csv(
        io.BytesIO(_without_returns(data)),
        pa_csv.ReadOptions(
            use_threads=False, column_names=[str(place) for place in range(len(layout.names))], block_size=len(data) + 1
        ),
        pa_csv.ParseOptions(
            delimiter=layout.separator, quote_char=False, ignore_empty_lines=False, invalid_row_handler=skip
        ),
        pa_csv.ConvertOptions(
            include_columns=list(places),
            column_types=dict.fromkeys(places, pa.string()),
            strings_can_be_null=True,
            null_values=[layout.unset],
        ),
    )
    raw = {column: table[place].combine_chunks() for place, column in places.items()}
    rows = np.delete(lines, wrong) if wrong else lines
    sieve = Sieve(rows, name, ledger)
    columns = _taken_apart(raw, layout, sieve)
    found = {
        field.name: next((columns[known] for known in (field.name, *field.also) if known in columns), None)
        for field in fields
    }
    return sieve.sift(
        {wanted: column if column is not None else pa.nulls(len(rows), pa.string()) for wanted, column in found.items()}
    )


def is_whole(line: bytes, layout: Layout, fields: tuple[Field, ...]) -> bool:
    """Whether a last line that has no end lacks nothing that is wanted, as far as can be told."""
    values = line.decode("utf-8", "replace").split(layout.separator)
    if len(values) != len(layout.names):
        return False
    column, last = layout.names[-1], values[-1]
    if len(column.split(BLANKS)) != len(last.split(BLANKS)):
        return False
    column, last = column.split(BLANKS)[-1], last.split(BLANKS)[-1]
    return last in (layout.unset, layout.empty) or not _is_wanted(column, fields)


def _is_wanted(column: str, fields: tuple[Field, ...]) -> bool:
    parts = column.split(BLANKS)
    return any(known in parts for field in fields for known in (field.name, *field.also))


def _without_returns(data: bytes) -> bytes:
    """A carriage return alone would end a line for Arrow; Zeek writes none."""
    if b"\r" not in data:
        return data
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\\x0d")


def _taken_apart(raw: Columns, layout: Layout, sieve: Sieve) -> Columns:
    """Gives each field a column of its own."""
    columns: Columns = {}
    for name, column in raw.items():
        parts = name.split(BLANKS)
        if len(parts) == 1:
            columns[name] = column
            continue
        values = pc.split_pattern(column, BLANKS)
        fits = pc.fill_null(pc.equal(pc.list_value_length(values), len(parts)), False)
        sieve.drop(~np.asarray(fits.to_numpy(zero_copy_only=False), np.bool_), f"expected {name!r} in one field")
        values = pc.if_else(fits, values, pa.scalar([layout.unset] * len(parts), values.type))
        for place, part in enumerate(parts):
            value = pc.list_element(values, place)
            columns[part] = pc.if_else(pc.equal(value, layout.unset), pa.scalar(None, pa.string()), value)
    return {name: _empty(column, layout) for name, column in columns.items()}


def _empty(column: Any, layout: Layout) -> Any:
    """What is empty is, where numbers and texts are wanted, as good as unset."""
    is_empty = pc.equal(column, layout.empty)
    return pc.if_else(is_empty, pa.scalar(None, pa.string()), column) if pc.any(is_empty).as_py() else column
