"""Records that wait for another of the same id."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from oddflow.logs.waiting import ID_CHARACTERS, Waiting, id_hashes

SCHEMA = pa.schema([("value", pa.int64())])
IDS = st.text("ab", max_size=4)


def batch(values):
    return pa.record_batch([pa.array(values, pa.int64())], schema=SCHEMA)


@given(st.lists(st.tuples(st.booleans(), st.lists(IDS, max_size=8)), max_size=20))
def test_it_finds_what_a_dictionary_finds(steps):
    waiting, twin, number = Waiting(SCHEMA, 1 << 20), {}, 0
    gone = set()
    for adds, ids in steps:
        if adds:
            values = list(range(number, number + len(ids)))
            number += len(ids)
            waiting.add(pa.array(ids, pa.string()), batch(values))
            for key, value in zip(ids, values, strict=True):
                if key and key not in gone:
                    twin.setdefault(key, value)
            continue
        wanted = [key for key in ids if key not in gone]
        found = waiting.take(pa.array(wanted, pa.string()))["value"].to_pylist()
        assert found == [twin.get(key) for key in wanted]
        gone |= {key for key in wanted if key in twin}  # what was taken may be dropped


def test_an_id_that_is_too_long_or_none_joins_nothing():
    waiting = Waiting(SCHEMA, 1 << 20)
    ids = pa.array(["x" * (ID_CHARACTERS + 1), None, "x" * ID_CHARACTERS], pa.string())
    waiting.add(ids, batch([1, 2, 3]))
    assert waiting.take(ids)["value"].to_pylist() == [None, None, 3]


def test_a_slice_of_ids_hashes_like_its_copy():
    ids = pa.array([f"C{n}" for n in range(20)])
    assert id_hashes(ids.slice(7, 5))[0].tolist() == id_hashes(ids)[0][7:12].tolist()


def test_the_oldest_are_given_up_and_counted():
    waiting = Waiting(SCHEMA, 10_000)
    for turn in range(10):
        waiting.add(pa.array([f"C{turn}-{n}" for n in range(100)]), batch(range(100)))
        assert waiting.bytes <= 10_000
    found = [waiting.take(pa.array([f"C{turn}-0"]))["value"][0].as_py() for turn in range(10)]
    assert found[-1] == 0
    assert found[0] is None
    held = sum(len(piece.hashes) for piece in waiting._pieces)
    assert waiting.given_up == 1000 - held
