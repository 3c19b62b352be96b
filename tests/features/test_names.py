"""Names of flows as tokens."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis.strategies import lists, none, text

from oddflow.features.names import STEPS, Names
from oddflow.features.tokens import ALPHABET, END, OTHER, character, tokens
from oddflow.schema import FLOW_SCHEMA


def read(row):
    """The name of a row of tokens."""
    return "".join("*" if token == OTHER else ALPHABET[int(token) - 1] for token in row if token != END)


def flows(**columns):
    """A flow batch of these columns, all others null."""
    count = len(next(iter(columns.values())))
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in FLOW_SCHEMA
    ]
    return pa.record_batch(arrays, schema=FLOW_SCHEMA)


@given(lists(none() | text(), min_size=1))
def test_any_text_is_read_as_a_plain_loop_reads_it(texts):
    expected = []
    for one in texts:
        known = (chr(byte).lower() for byte in (one or "").encode())
        row = [ALPHABET.index(c) + 1 if c in ALPHABET else OTHER for c in known][:9]
        expected.append(row + [END] * (9 - len(row)))
    assert tokens(pa.array(texts, pa.string()), 9).astype(int).tolist() == expected


def test_a_name_is_that_of_the_question_the_server_or_the_host_and_its_path():
    batch = flows(
        dns_query=["A.example", None, None, None, None],
        tls_sni=[None, "b.example", None, None, None],
        http_host=[None, None, "c.example:80", "d.example", None],
        payload=[b"?", b"\x16", b"GET /x?q=1 HTTP/1.1\r\nHost: c", None, b"GET /none HTTP/1.1"],
    )
    names = Names()
    found = names.rows(batch)
    assert found.shape == (5, STEPS)
    assert found.dtype == np.float32
    assert [read(row) for row in found] == ["a.example", "b.example", "c.example:80/x?q=1", "d.example", ""]
    assert "4 of 5 flows ask for a name" in names.remarks()[0]


@pytest.mark.parametrize("head", [b"", b"GET", b"GET  ", b"\xff\xfe /x", b"GET http://other/ HTTP/1.1", b"1 /x"])
def test_what_is_no_request_has_no_path(head):
    assert read(Names().rows(flows(http_host=["h"], payload=[head]))[0]) == "h"


def test_tokens_are_told_in_words():
    assert [character(value) for value in (1, 0, -3, 46, 99, 2.5)] == [
        "'a'", "the end", "another character", "another character", "another character", "'b'",
    ]  # fmt: skip
