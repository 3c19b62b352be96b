"""Text of logs, made safe."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddflow.logs.texts import as_utf8, safe_texts


@given(st.binary(max_size=40))
def test_any_bytes_become_utf_8(data):
    text, odd = as_utf8(data)
    text.decode()
    assert (text == data) == (odd is None)


@pytest.mark.parametrize(
    ("text", "escaped", "safe"),
    [
        ("plain", True, "plain"), ("a\nb", False, r"a\x0ab"), (r"a\x0ab", True, r"a\x0ab"), (r"a\b", False, r"a\x5cb"),
        (r"a\\b", True, r"a\x5cb"), (r"a\qb", True, r"a\x5cqb"), ("é", False, r"\xc3\xa9"), (r"\x41", True, "A"),
        ("", True, ""),
    ],
)  # fmt: skip
def test_text_is_printable_ascii(text, escaped, safe):
    assert safe_texts(pa.array([text, None, "x"]), 20, escaped=escaped).to_pylist() == [safe, None, "x"]


def test_text_is_cut_between_characters():
    assert safe_texts(pa.array(["abcdefgh", "abcé"]), 6, escaped=False).to_pylist() == ["abcdef", "abc"]
