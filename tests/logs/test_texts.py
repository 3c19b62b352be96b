"""Text and addresses of logs, made alike."""

import ipaddress

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddflow.logs.addresses import address_versions, normal_addresses
from oddflow.logs.texts import as_utf8, safe_texts

PARTS = st.text("0123456789abcdefABCDEF:.%x ", max_size=24)


@given(
    st.lists(
        st.one_of(st.none(), PARTS, st.ip_addresses().map(str), st.ip_addresses(v=6).map(lambda a: a.exploded)),
        max_size=9,
    )
)
def test_addresses_are_as_ipaddress_writes_them(texts):
    def normal(text):
        try:
            return None if text is None or "%" in text else str(ipaddress.ip_address(text))
        except ValueError:
            return None

    found = normal_addresses(pa.array(texts, pa.string()))
    assert found.to_pylist() == [normal(text) for text in texts]
    versions = [None if text is None else ipaddress.ip_address(text).version for text in found.to_pylist()]
    assert address_versions(found).to_pylist() == versions


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
