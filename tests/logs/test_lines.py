"""Whole lines in blocks: none lost, none cut, numbered as an editor numbers them."""

import io

from hypothesis import given
from hypothesis import strategies as st
from tests.capture.test_following import Hesitant

from oddflow.logs.lines import blocks_of
from oddflow.losses import Ledger

lines = st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b".")), max_size=30)


def twin(data, line_bytes, start=1):
    """The lines with their numbers, and how many were too long."""
    whole, _, rest = data.rpartition(b"\n")
    numbered = list(enumerate(whole.split(b"\n"), start)) if b"\n" in data else []
    if rest:
        numbered.append((start + len(numbered), rest))
    kept = [(number, line) for number, line in numbered if len(line) <= line_bytes]
    return kept, len(numbered) - len(kept)


def read(stream, block_bytes, line_bytes):
    ledger, found = Ledger("records"), []
    for block in blocks_of(stream, "x.log", ledger, block_bytes=block_bytes, line_bytes=line_bytes):
        ends = block.data.split(b"\n")
        assert block.is_cut == bool(ends[-1])
        kept = ends if block.is_cut else ends[:-1]
        assert len(kept) == block.lines
        found += list(enumerate(kept, block.first_line))
    return found, ledger


@given(lines, st.booleans(), st.integers(50, 300), st.lists(st.integers(1, 60), max_size=20))
def test_lines_are_those_of_the_twin_whatever_the_blocks(pieces, ends, block_bytes, sizes):
    data = b"\n".join(pieces) + b"\n" * ends
    expected, _ = twin(data, 50)
    assert read(io.BytesIO(data), block_bytes, 50)[0] == expected
    assert read(Hesitant(data, sizes), block_bytes, 50)[0] == expected


@given(st.lists(st.integers(0, 90), max_size=20), st.booleans(), st.lists(st.integers(1, 60), max_size=20))
def test_a_line_that_is_too_long_is_counted_and_the_next_is_read(lengths, ends, sizes):
    data = b"\n".join(b"x" * length for length in lengths) + b"\n" * ends
    found, ledger = read(Hesitant(data, sizes), 64, 40)
    kept = [(number, line) for number, line in found if len(line) <= 40]
    expected, too_long = twin(data, 40)
    assert kept == expected
    assert len(found) - len(kept) + ledger.lost_total == too_long
    assert all(len(line) <= 104 for _, line in found)


def test_the_first_line_that_was_too_long_is_named():
    _, ledger = read(io.BytesIO(b"a\n" + b"x" * 500 + b"\nb\n"), 64, 40)
    assert ledger.as_dict()["first_at"] == {"record that cannot be read: line of more than 40 bytes": "x.log, line 2"}
