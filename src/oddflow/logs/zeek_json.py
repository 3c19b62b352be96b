"""Zeek's JSON lines to columns."""

import json
import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json
from numpy.typing import NDArray

from oddflow.logs.zeek_fields import MOST_US, Field, Kind, microseconds
from oddflow.losses import Ledger, Loss

ENDPOINTS = ("orig_h", "orig_p", "resp_h", "resp_p")
ONE_BY_ONE = 64
"""So few lines with a bad one among them are read one by one."""

_TYPES = {True: pa.string(), False: pa.float64()}

Columns = dict[str, Any]


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it stands: keys may repeat."""


def are_objects(data: bytes) -> bool:
    """Whether each of some whole lines begins and ends like an object; no object then goes over a line's end."""
    if not data.startswith(b"{"):
        return False
    characters = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    return bool(
        len(ends)
        and ends[-1] == len(data) - 1
        and (characters[ends - 1] == ord("}")).all()
        and (characters[ends[:-1] + 1] == ord("{")).all()
    )


class JsonLines:
    """Reads lines of JSON objects, fast where all are well, and one by one around those that are not.

    Args:
        fields: Which are wanted; `id.orig_h` may stand as such, or in an object `id`.
        name: What messages call the log.
        ledger: Told of lines that are no such objects.
    """

    def __init__(self, fields: tuple[Field, ...], name: str, ledger: Ledger) -> None:
        self._fields = fields
        self._name = name
        self._ledger = ledger
        self._times_are_text = False
        inner = {f"id.{end}": end for end in ENDPOINTS}
        self._inner = {field.name: inner[field.name] for field in fields if field.name in inner}
        self._keys = {key for field in fields for key in (field.name, *field.also)} | ({"id"} if self._inner else set())
        rare = {field.name for field in fields if field.is_rare} | {key for field in fields for key in field.also}
        # each field costs time in every line, and so does a look for each: one look for all; a key may hold \\uNNNN
        self._rare = "|".join(f'"{re.escape(key)}"' for key in sorted(rare | (self._keys & {"id"}))) + r"|\\u"

    def read(self, data: bytes, lines: NDArray[np.int64]) -> tuple[Columns, NDArray[np.int64]]:
        """Columns of the fields, and the line of each row.

        Args:
            data: Whole lines of UTF-8.
            lines: The number of each, (n,).

        Returns:
            Texts as strings, counts and seconds as float64, times as int64 microseconds.
        """
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        pieces: list[tuple[Columns, NDArray[np.int64]]] = []
        self._read(data if data.endswith(b"\n") else data + b"\n", lines, pieces)
        if len(pieces) == 1:
            return pieces[0]
        columns = {
            field.name: pa.concat_arrays([columns[field.name] for columns, _ in pieces])
            if pieces
            else pa.array([], _type(field))
            for field in self._fields
        }
        return columns, np.concatenate([rows for _, rows in pieces]) if pieces else np.empty(0, np.int64)

    def _read(self, data: bytes, lines: NDArray[np.int64], pieces: list[tuple[Columns, NDArray[np.int64]]]) -> None:
        count = len(lines)
        # an object to a line, so that the rows that come back are these lines
        if are_objects(data):
            columns = self._together(data, count)
            if columns is not None:
                pieces.append((columns, lines))
                return
        if count <= ONE_BY_ONE:
            self._one_by_one(data, lines, pieces)
            return
        middle = data.find(b"\n", len(data) // 2) + 1
        if middle in (0, len(data)):
            middle = data.rfind(b"\n", 0, len(data) // 2) + 1
        if not middle:
            self._one_by_one(data, lines, pieces)
            return
        above = data.count(b"\n", 0, middle)
        self._read(data[:middle], lines[:above], pieces)
        self._read(data[middle:], lines[above:], pieces)

    def _together(self, data: bytes, count: int) -> Columns | None:
        """All lines at once; None where that cannot be done."""
        with_rare = pc.match_substring_regex(pa.array([data]), self._rare)[0].as_py()
        for as_text in (self._times_are_text, not self._times_are_text):
            try:
                table = pa_json.read_json(
                    pa.BufferReader(data),
                    pa_json.ReadOptions(use_threads=False, block_size=len(data) + 1),
                    pa_json.ParseOptions(
                        explicit_schema=self._schema(with_rare=with_rare, times_are_text=as_text),
                        unexpected_field_behavior="ignore",
                    ),
                )
                if table.num_rows != count:
                    return None
                columns = self._columns(table)
            except pa.ArrowException:
                continue
            if columns is not None:
                self._times_are_text = as_text
                return columns
        return None

    def _schema(self, *, with_rare: bool, times_are_text: bool) -> Any:
        columns = []
        for field in self._fields:
            kind = _TYPES[field.kind is Kind.TEXT or (field.kind is Kind.TIME and times_are_text)]
            if with_rare or not field.is_rare:
                columns.append((field.name, kind))
            if with_rare:
                columns += [(key, kind) for key in field.also]
        if with_rare and self._inner:
            ends = [(end, _TYPES[_kind(self._fields, name) is Kind.TEXT]) for name, end in self._inner.items()]
            columns.append(("id", pa.struct(ends)))
        return pa.schema(columns)

    def _columns(self, table: Any) -> Columns | None:
        names = set(table.column_names)
        outer = table["id"].combine_chunks() if "id" in names else None
        columns = {}
        for field in self._fields:
            found = [table[key].combine_chunks() for key in (field.name, *field.also) if key in names]
            if outer is not None and field.name in self._inner and outer.null_count < len(outer):
                found.append(pc.struct_field(outer, self._inner[field.name]))
            column = next((one for one in found if not one.null_count), None)
            if column is None:
                column = pc.coalesce(*found) if found else pa.nulls(table.num_rows, _type(field))
            if field.kind is Kind.TIME:
                column, wrong = (
                    _times(column) if column.type == pa.string() else microseconds(column.cast(pa.float64()))
                )
                if wrong.any():
                    return None
            columns[field.name] = column
        return columns

    def _one_by_one(
        self, data: bytes, lines: NDArray[np.int64], pieces: list[tuple[Columns, NDArray[np.int64]]]
    ) -> None:
        values: dict[str, list[Any]] = {field.name: [] for field in self._fields}
        rows = []
        for line, number in zip(data.split(b"\n"), lines.tolist(), strict=False):
            if not line.strip():
                continue
            try:
                found = self._values(line)
            except (ValueError, RecursionError, OverflowError) as error:
                why = str(error) if isinstance(error, _Refused) else "no JSON object"
                self._ledger.lost(Loss.RECORD, 1, why, at=f"{self._name}, line {number}")
                continue
            rows.append(number)
            for name, value in found.items():
                values[name].append(value)
        if rows:
            columns = {field.name: pa.array(values[field.name], _type(field)) for field in self._fields}
            pieces.append((columns, np.array(rows, np.int64)))

    def _values(self, line: bytes) -> dict[str, Any]:
        """The values of one line; raises where it is no object, or a field of it is not what it should be."""
        pairs = json.loads(line, object_pairs_hook=_Pairs)
        if not isinstance(pairs, _Pairs):
            raise _Refused("no JSON object")
        record = _once(pairs, self._keys)
        ends: dict[str, Any] = {}
        if self._inner and record.get("id") is not None:
            if not isinstance(record["id"], _Pairs):
                raise _Refused("id is no object")
            ends = _once(record["id"], self._inner.values())
        found = {}
        for field in self._fields:
            given = [record.get(key) for key in (field.name, *field.also)]
            if field.name in self._inner:
                given.append(ends.get(self._inner[field.name]))
            checked = [_checked(value, field) for value in given if value is not None]
            found[field.name] = checked[0] if checked else None
        return found


class _Refused(ValueError):
    """A line that is not what it should be; says why."""


def _once(pairs: _Pairs, keys: Collection[str]) -> dict[str, Any]:
    """The wanted keys of an object, each of which may stand in it once."""
    wanted = [(key, value) for key, value in pairs if key in keys]
    record = dict(wanted)
    if len(record) != len(wanted):
        raise _Refused("a key stands twice in an object")
    return record


def _checked(value: Any, field: Field) -> Any:
    if field.kind is Kind.TEXT or (field.kind is Kind.TIME and isinstance(value, str)):
        if not isinstance(value, str):
            raise _Refused(f"{field.name} is no text")
        value.encode()  # refuses half of a pair of surrogates
        return value if field.kind is Kind.TEXT else _time_of(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Refused(f"{field.name} is no number")
    number = float(value)
    if field.kind is not Kind.TIME:
        return number
    if not abs(number * 1e6) < MOST_US:
        raise _Refused(f"{field.name} is no time")
    return round(number * 1e6)


def _time_of(text: str) -> int:
    """Microseconds of a time in ISO 8601; UTC where it names no zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise _Refused("ts is no time") from None
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    us = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if not abs(us) < MOST_US:
        raise _Refused("ts is no time")
    return us


def _times(texts: Any) -> tuple[Any, NDArray[np.bool_]]:
    """As `microseconds`, of times in ISO 8601; raises ArrowInvalid where one is none, or they differ in kind."""
    has_zone = pc.all(pc.match_substring_regex(texts, r"(?:Z|[+-][0-9]{2}:?[0-9]{2})$")).as_py()
    times = texts.cast(pa.timestamp("ns", "UTC") if has_zone else pa.timestamp("ns"))
    ns = times.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    missing = np.asarray(texts.is_null().to_numpy(zero_copy_only=False), np.bool_)
    return pa.array(ns // 1_000, mask=missing), np.zeros(len(ns), np.bool_)


def _kind(fields: tuple[Field, ...], name: str) -> Kind:
    return next(field.kind for field in fields if field.name == name)


def _type(field: Field) -> Any:
    return {Kind.TEXT: pa.string(), Kind.TIME: pa.int64()}.get(field.kind, pa.float64())
