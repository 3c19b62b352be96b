"""Lines of JSON objects: compared with `json`, whole blocks against single lines, and lines of all kinds of wrong."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis.strategies import booleans, dictionaries, integers, lists, none, one_of, recursive, sampled_from, text

from oddflow.logs.json_lines import JsonLines
from oddflow.logs.line_texts import LineTexts
from oddflow.logs.lines import Block
from oddflow.losses import Ledger

INNER = pa.struct({"s": pa.string(), "n": pa.int64()})
SCHEMA = pa.schema({"n": pa.int64(), "s": pa.string(), "b": pa.bool_(), "l": pa.list_(pa.int64()), "o": INNER})


def read(data, first_line=1):
    ledger = Ledger()
    table, lines = JsonLines(SCHEMA, "x", ledger).read(*LineTexts("x", ledger).of(Block(data, first_line)))
    return table.to_pylist(), lines.tolist(), ledger


def fitted(value, kind):
    """A value as a field of this type takes it, in plain Python."""
    if isinstance(kind, dict):
        return {key: fitted(value.get(key), inner) for key, inner in kind.items()} if isinstance(value, dict) else None
    if isinstance(kind, list):
        return [fitted(one, kind[0]) for one in value] if isinstance(value, list) else None
    if type(value) is not kind or (kind is int and not -(2**63) < value < 2**63):
        return None
    return value


KINDS = {"n": int, "s": str, "b": bool, "l": [int], "o": {"s": str, "n": int}}
safe = text(alphabet=sampled_from('ab{}\n"\\é\u2028,:[]\t'), max_size=6)
values = recursive(
    one_of(none(), booleans(), integers(-(2**70), 2**70), integers(0, 5), safe),
    lambda inner: lists(inner, max_size=3) | dictionaries(sampled_from("sna"), inner, max_size=3),
    max_leaves=6,
)
rows = lists(dictionaries(sampled_from("nsblox"), values, max_size=5), max_size=25)


@given(rows, sampled_from(["\n", "\r\n"]), booleans(), sampled_from(["", " ", "\n"]))
def test_objects_are_those_of_json(rows, ending, ascii_only, before):
    data = "".join(before + json.dumps(row, ensure_ascii=ascii_only) + ending for row in rows).encode()
    found, lines, ledger = read(data)
    assert found == [{name: fitted(row.get(name), kind) for name, kind in KINDS.items()} for row in rows]
    step = 1 + before.count("\n")
    assert lines == [step * (number + 1) for number in range(len(rows))]
    assert ledger.lost_total == 0


@pytest.mark.parametrize(
    "line",
    [
        b"[1]", b"5", b"null", b"garbage", b'"{}"', b'{"n":1', b'{"n":1}}', b'{"n":1} {"n":2}', b'{"n":1,"n":2}',
        b'{"o":{"s":"a","s":"b"}}', b'{"s":"\\ud800\\', b'{"n":' + b"9" * 5_000 + b"}", b"{" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"x",
    ],
)  # fmt: skip
def test_a_line_that_is_no_object_is_lost_alone_and_named(line):
    data = b"".join(b'{"n":%d}\n' % number for number in range(20)) + line + b'\n{"n":20}\n'
    found, lines, ledger = read(data, first_line=101)
    assert [row["n"] for row in found] == list(range(21))
    assert lines == [*range(101, 121), 122]
    assert ledger.lost_total == 1
    assert list(ledger.first_at.values()) == ["x, line 121"]


def test_bytes_that_are_no_text_cost_nothing_but_themselves():
    found, _, ledger = read(b'{"s":"caf\xe9","n":1}\n{"s":"\\ud800","n":2}\n')
    assert [(row["s"], row["n"]) for row in found] == [("café", 1), ("?", 2)]
    assert ledger.lost_total == 0


def test_nothing_is_no_line():
    assert read(b"\n\n \n")[:2] == ([], [])
