import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddflow.datasets.readers import delimited
from oddflow.datasets.readers.delimited import Layout, header_names, tables
from oddflow.errors import InputError
from oddflow.losses import Ledger

LAYOUT = Layout(("a", "word", "unread", "b"), frozenset({"word"}), frozenset({"unread"}))


def read(data, ledger=None):
    ledger = ledger or Ledger("rows")
    found = list(tables(io.BytesIO(data), "x.csv", ledger, lambda _: (LAYOUT, False)))
    return [tuple(row.values()) for table in found for row in table.to_pylist()]


FIELD = st.sampled_from(["1", "-2.5", "1e3", " 7", "", "NaN", "inf", "-Infinity", ".5", "5.", "+1"])
WORD = st.text(st.sampled_from("ab –é'-"), max_size=4)
LINES = st.lists(st.tuples(FIELD, WORD, st.just("anything"), FIELD).map(",".join), min_size=1, max_size=6)


@given(LINES)
def test_a_block_is_read_alike_at_once_and_line_by_line(lines):
    whole = "\n".join(lines).encode()
    ledger = Ledger("rows")
    assert read(whole) == read(whole + b"\n1,a,b\n", ledger)
    assert ledger.lost_total == 1
    assert list(ledger.first_at.values()) == [f"x.csv, line {len(lines) + 1}"]


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_losses(data):
    ledger = Ledger("rows")
    try:
        rows = read(data, ledger)
    except InputError:
        assert not data
        return
    assert all(value is None or np.isfinite(value) for row in rows for value in (row[0], row[2]))


@pytest.mark.parametrize("value", ["1_000", "0x10", "one", "1 2", "--1", "١"])
def test_what_is_no_number_is_lost(value):
    ledger = Ledger("rows")
    assert read(f"{value},w,u,2\n".encode(), ledger) == []
    assert ledger.lost_total == 1


def test_quotes_hold_delimiters_and_those_that_do_not_close_are_lost():
    ledger = Ledger("rows")
    assert read(b'1,"a,b",u,2\n1,"a,b,u,2\n', ledger) == [(1.0, "a,b", 2.0)]
    assert ledger.lost_total == 1


def test_bytes_that_are_no_utf8_are_windows_1252():
    assert read(b"1,Web \x96 XSS,u,2\n") == [(1.0, "Web – XSS", 2.0)]


def test_an_infinite_number_is_missing_and_told_of():
    ledger = Ledger("rows")
    assert read(b"Infinity,w,u,2\n", ledger) == [(None, "w", 2.0)]
    assert ledger.notes == ["x.csv: a is infinite in some rows; taken as missing"]


def test_a_header_line_between_blocks_is_lost_and_lines_are_counted_on(monkeypatch):
    monkeypatch.setattr(delimited, "blocks_of", lambda *a: blocks(*a, block_bytes=64, line_bytes=64))
    ledger = Ledger("rows")
    rows = read(b"1,w,u,2\n" * 20 + b"a,word,unread,b\n" + b"1,w,u,2\n" * 20, ledger)
    assert len(rows) == 40
    assert list(ledger.first_at.values()) == ["x.csv, line 21"]


def test_an_empty_file_is_refused():
    with pytest.raises(InputError, match="no line"):
        read(b"")


def test_names_that_come_again_are_told_apart():
    assert header_names(["a", " b", "a ", "a"]) == ("a", "b", "a#2", "a#3")


blocks = delimited.blocks_of
