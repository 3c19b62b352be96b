"""Lines of JSON objects to a table of known fields, fast where all is well, and one by one where it is not."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as pa_json
from numpy.typing import NDArray

from oddflow.logs.line_texts import bytes_of
from oddflow.losses import Ledger, Loss

ONE_BY_ONE = 8
"""So few lines with a bad one among them are read one by one."""

LARGEST_INT = 2**63 - 1
Integers = NDArray[np.int64]


class JsonLines:
    """Reads objects that stand on a line each.

    A value of another type than its field's is null, and a line that is no object is lost, as is one that has a key
    twice.

    Args:
        schema: The wanted fields: strings, int64, booleans, and lists and structs of them; others are passed over.
        name: What messages call the source.
        ledger: Told of the lines that are lost.
    """

    def __init__(self, schema: pa.Schema, name: str, ledger: Ledger) -> None:
        self._schema = schema
        self._options = pa_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
        self._name = name
        self._ledger = ledger

    def read(self, texts: Any, lines: Integers) -> tuple[pa.Table, Integers]:
        """A table, and the line of each of its rows, in the order of the lines.

        Args:
            texts: Lines with their ends, (n,) strings.
            lines: Their numbers, (n,).
        """
        pieces: list[tuple[pa.Table, Integers]] = [(self._schema.empty_table(), lines[:0])]
        self._read(texts, lines, pieces)
        table = pa.concat_tables([part for part, _ in pieces])
        numbers = np.concatenate([part for _, part in pieces])
        order = np.argsort(numbers, kind="stable")
        return table if np.array_equal(numbers[order], numbers) else table.take(pa.array(order)), numbers[order]

    def _read(self, texts: Any, lines: Integers, pieces: list[tuple[pa.Table, Integers]]) -> None:
        if not len(lines):
            return
        data, shaped = _objects(texts)
        if not shaped.all():
            odd = pa.array(~shaped)
            pieces.append(self._one_by_one(texts.filter(odd), lines[~shaped]))
            self._read(texts.filter(pa.array(shaped)), lines[shaped], pieces)
            return
        table = self._together(data, len(lines))
        if table is not None:
            pieces.append((table, lines))
        elif len(lines) <= ONE_BY_ONE:
            pieces.append(self._one_by_one(texts, lines))
        else:
            half = len(lines) // 2
            self._read(texts.slice(0, half), lines[:half], pieces)
            self._read(texts.slice(half), lines[half:], pieces)

    def _together(self, data: pa.Buffer, count: int) -> pa.Table | None:
        """All lines at once; None where that cannot be done."""
        try:
            options = pa_json.ReadOptions(use_threads=False, block_size=data.size + 1)
            table = pa_json.read_json(pa.BufferReader(data), options, self._options)
        except pa.ArrowException:
            return None
        return table.select(self._schema.names) if table.num_rows == count else None

    def _one_by_one(self, texts: Any, lines: Integers) -> tuple[pa.Table, Integers]:
        rows, numbers = [], []
        for line, number in zip(texts.to_pylist(), lines.tolist(), strict=True):
            if not line.strip():
                continue
            try:
                found = json.loads(line, object_pairs_hook=_object)
                if not isinstance(found, dict):
                    raise _Refused("no JSON object")
            except (ValueError, RecursionError) as error:
                why = str(error) if isinstance(error, _Refused) else "no JSON object"
                self._ledger.lost(Loss.RECORD, 1, why, at=f"{self._name}, line {number}")
                continue
            rows.append({field.name: _fitting(found.get(field.name), field.type) for field in self._schema})
            numbers.append(number)
        return pa.Table.from_pylist(rows, self._schema), np.array(numbers, np.int64)


class _Refused(ValueError):
    """An object that is not taken, and why."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Refused("a JSON object with a key twice")
    return found


def _fitting(value: Any, kind: Any) -> Any:
    """A value that fits the Arrow type, as far as it does."""
    if pa.types.is_struct(kind):
        return (
            {field.name: _fitting(value.get(field.name), field.type) for field in kind}
            if isinstance(value, dict)
            else None
        )
    if pa.types.is_list(kind):
        return [_fitting(one, kind.value_type) for one in value] if isinstance(value, list) else None
    if pa.types.is_string(kind):
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None
    if pa.types.is_boolean(kind):
        return value if isinstance(value, bool) else None
    fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_INT
    return value if fits else None


def _objects(texts: Any) -> tuple[pa.Buffer, NDArray[np.bool_]]:
    """The bytes of n lines, and whether each begins and ends like an object, (n,).

    Where all do, none of them reaches into the next: no JSON has `}` and `{` side by side.
    """
    data, ends = bytes_of(texts)
    octets = np.frombuffer(data, np.uint8)
    return data, (octets[ends[:-1]] == ord("{")) & (octets[np.maximum(ends[1:] - 2, 0)] == ord("}"))
