"""Whatever stands in the file: it is read, or refused by a message that a terminal can show."""

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddflow.errors import OddflowError, UsageError
from oddflow.server.settings.keys import sections
from oddflow.server.settings.read import read
from oddflow.server.settings.sample import written

KEYS = st.sampled_from([key.name for section in sections() for key in section.keys] + ["strange"])
HEADERS = st.sampled_from([section.header for section in sections()] + ["[sources]", "[[web]]", "[strange]"])
TEXTS = st.sampled_from(["127.0.0.1:1", "http://[", "postgresql://a:b@c", "env:X", "\x1b[31m", "10/day", ""])
PLAIN = st.one_of(TEXTS, st.text(max_size=8), st.integers(), st.booleans(), st.floats())
VALUES = st.recursive(
    PLAIN,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(KEYS, inside, max_size=3),
    max_leaves=5,
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=4)


def toml(value):
    """Any value, tables and numbers that are none among them."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(inside)}" for key, inside in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return written(value)


def lines(table):
    return "".join(f"{key} = {toml(value)}\n" for key, value in table.items())


@given(TABLES, st.lists(st.tuples(HEADERS, TABLES), max_size=3))
def test_any_file_is_read_or_refused_in_words(outside, parts):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.toml"
        text = lines(outside) + "".join(f"{header}\n{lines(table)}" for header, table in parts)
        path.write_text(text, encoding="utf-8", errors="replace")
        said = refused(path)
    assert said is None or said.startswith(str(path))
    assert all(c.isprintable() or c == "\n" for c in said or "")


def refused(path):
    """What is said of a file; None where it is read."""
    try:
        read(path)
    except OddflowError as error:
        return str(error)
    return None


@pytest.mark.parametrize("depth", [100, 300, 5_000])
def test_deep_nesting_is_refused(tmp_path, depth):
    (tmp_path / "x.toml").write_text(f"[web]\nlisten = {'[' * depth}{']' * depth}")
    with pytest.raises(UsageError):
        read(tmp_path / "x.toml")
