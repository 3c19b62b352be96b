import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddflow.datasets.collecting import Collector
from oddflow.datasets.description import Meaning
from oddflow.datasets.readers.piece import Piece, Words
from oddflow.errors import InputError, NothingMetered, UsageError
from oddflow.features.feature import Feature, Scale
from oddflow.losses import Ledger
from oddflow.schema import AttackCategory

FEATURES = (Feature("a", "", Scale.LINEAR, "{value}"),)
MEANINGS = (
    Meaning(name="normal", category=AttackCategory.NORMAL),
    Meaning(name="DDoS", category=AttackCategory.DOS),
    Meaning(name="Bot", category=AttackCategory.BOTNET, contains="botnet"),
)


def piece(first, count, label="normal", features=FEATURES, **more):
    x = np.arange(first, first + count, dtype=np.float32)[:, None]
    return Piece(x, features, pa.array([label] * count), times_ns=np.arange(first, first + count), **more)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=12), st.integers(1, 30))
def test_of_too_many_rows_every_nth_is_kept_and_all_are_counted(sizes, max_rows):
    collector = Collector("own", max_rows, Ledger("rows"), MEANINGS)
    starts = np.cumsum([0, *sizes])
    collector.section("s", "", (piece(start, size) for start, size in zip(starts, sizes, strict=False) if size))
    total = sum(sizes)
    if not total:
        with pytest.raises(NothingMetered):
            collector.rows()
        return
    rows = collector.rows()
    assert len(rows) <= max_rows
    assert len(rows) >= min(total, max_rows // 2)
    steps = set(np.diff(rows.x[:, 0]))
    assert len(steps) <= 1
    assert rows.x[0, 0] == 0
    assert rows.times_ns.tolist() == rows.x[:, 0].tolist()
    assert rows.read == rows.ledger.metered == total


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Malicious: DDoS", "DDoS"), ("normal: Microsoft", "normal"), ("flow=From-Botnet-V42", "Bot"),
        ("ddos.", "DDoS"), ("something else", "something else"), ("", ""),
    ],
)  # fmt: skip
def test_what_a_label_means(label, name):
    collector = Collector("own", 10, Ledger("rows"), MEANINGS)
    collector.section("s", "", [piece(0, 2, label)])
    rows = collector.rows()
    assert rows.labels[rows.y[0]].name == name
    assert bool(rows.ledger.notes) == (name not in {"DDoS", "normal", "Bot"})


def test_parts_captures_and_counts_are_kept():
    collector = Collector("own", 10, Ledger("rows"), MEANINGS)
    collector.section("a", "train", [piece(0, 2)])
    collector.section("b", "test", [piece(2, 1, "DDoS")])
    rows = collector.rows()
    assert rows.parts == ("train", "test")
    assert rows.part.tolist() == [0, 0, 1]
    assert (rows.captures, rows.capture.tolist()) == (("a", "b"), [0, 0, 1])
    assert [(one.section, one.part, dict(one.classes)) for one in rows.counted] == [
        ("a", "train", {"normal": 2}), ("b", "test", {"DDoS": 1})
    ]  # fmt: skip


def test_sections_of_other_columns_are_refused():
    collector = Collector("own", 10, Ledger("rows"), MEANINGS)
    collector.section("a", "", [piece(0, 2)])
    others = (Feature("b", "", Scale.LINEAR, "{value}"),)
    with pytest.raises(InputError, match="b has other columns than a: lacks a; has b"):
        collector.section("b", "", [piece(0, 2, features=others)])


def test_too_many_labels_are_refused(monkeypatch):
    monkeypatch.setattr("oddflow.datasets.collecting.MOST_LABELS", 4)
    collector = Collector("own", 10, Ledger("rows"), MEANINGS)
    with pytest.raises(InputError, match="is that column the label"):
        collector.section("a", "", [piece(0, 1, f"label {n}") for n in range(3)])


def test_no_row_to_keep_is_refused():
    with pytest.raises(UsageError, match="max_rows is 0"):
        Collector("own", 0, Ledger("rows"))


def test_words_have_the_same_number_whatever_comes_first(monkeypatch):
    words = Words({"service": ["http", "dns"]})
    ledger = Ledger("rows")
    assert words.numbers("service", pa.array(["dns", "new", None, "http"]), ledger).tolist()[:2] == [1, 2]
    assert words.numbers("service", pa.array(["new"]), ledger).tolist() == [2]
    monkeypatch.setattr("oddflow.datasets.readers.piece.MOST_WORDS", 3)
    assert np.isnan(words.numbers("service", pa.array(["one more"]), ledger)).all()
    assert "more than 3 words" in ledger.notes[0]
