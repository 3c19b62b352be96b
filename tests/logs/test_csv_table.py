"""Flow tables as CSV by other hands: delimiters, encodings, cut lines, and rows that cannot be."""

import csv
import io

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis.strategies import lists, sampled_from, text

from oddflow.errors import InputError
from oddflow.logs.csv_lines import CsvLines
from oddflow.logs.line_texts import LineTexts
from oddflow.logs.lines import Block
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger

NAMES = ["start", "end", "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "label", "forward_payload_entropy"]
ROW = ["2024-05-01 10:00:00", "2024-05-01T12:00:01.5+02:00", "10.0.0.1", "1000", "10.0.0.2", "53", "17", "x", "7.5"]


def with_cell(name, value):
    return [value if one == name else cell for one, cell in zip(NAMES, ROW, strict=True)]


@pytest.fixture
def read(tmp_path):
    def of(rows, delimiter=",", encoding="utf-8", end="\n", names=NAMES):
        path = tmp_path / "x"
        path.write_bytes(end.join(delimiter.join(row) for row in [names, *rows]).encode(encoding) + end.encode())
        ledger = Ledger()
        batches = list(read_flows(str(path), ledger))
        return (pa.Table.from_batches(batches).to_pylist() if batches else []), ledger

    return of


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_any_usual_delimiter_and_line_end(read, delimiter, end):
    rows, ledger = read([ROW, ROW], delimiter, end=end)
    row = rows[0]
    assert (len(rows), ledger.lost_total) == (2, 0)
    assert [row["src_ip"], row["dst_port"], row["label"], row["forward_payload_entropy"]] == ["10.0.0.1", 53, "x", 7.5]
    assert (row["end"] - row["start"]).total_seconds() == 1.5
    assert (row["ip_version"], row["app_by_port"], row["community_id"][:2]) == (4, "dns", "1:")


@pytest.mark.parametrize(("name", "value"), [
    ("end", "2024-05-01 09:59:59"), ("start", "yesterday"), ("start", ""), ("src_port", "-1"), ("src_port", "1e3"),
    ("src_port", "NaN"), ("dst_port", "65536"), ("dst_ip", "Infinity"), ("dst_ip", "10.0.0.\u2013"),
    ("protocol", "udp"),
    ("forward_payload_entropy", "Infinity"), ("forward_payload_entropy", "NaN"), ("label", "a,b"), ("label", "a\rb"),
])  # fmt: skip
def test_a_row_with_a_wrong_value_is_lost_with_its_line(read, name, value):
    rows, ledger = read([ROW, with_cell(name, value), ROW])
    assert (len(rows), ledger.lost_total) == (2, 1)
    assert next(iter(ledger.first_at.values())).endswith("x, line 3")


def test_a_dash_of_latin_1_costs_nothing_else(read):
    rows, ledger = read([with_cell("label", "Web Attack \u2013 XSS"), ROW], encoding="cp1252")
    assert ([row["label"] for row in rows], ledger.lost_total) == (["Web Attack \x96 XSS", "x"], 0)
    assert ledger.notes[0].endswith("x, line 2: bytes that are no UTF-8 were taken as Latin-1")


@pytest.mark.parametrize(("names", "last", "used"), [
    ([*NAMES], "7.5", 0), ([*NAMES], "", 0), ([*NAMES], '"7.5"', 1),
    ([*NAMES[:-1], "not_ours"], "7.5", 1),
])  # fmt: skip
def test_a_last_line_without_its_end_counts_if_nothing_can_be_missing(tmp_path, names, last, used):
    (tmp_path / "x").write_text("\n".join([",".join(names), ",".join(ROW), ",".join([*ROW[:-1], last])]))
    ledger = Ledger()
    assert sum(batch.num_rows for batch in read_flows(str(tmp_path / "x"), ledger)) == 1 + used
    assert ledger.lost_total == 1 - used
    assert used or next(iter(ledger.first_at.values())).endswith("x, line 3")


def test_a_missing_column_is_named(read):
    with pytest.raises(InputError, match="lacks the columns end, protocol; `oddflow flows -o`"):
        read([], names=["start", "src_ip", "src_port", "dst_ip", "dst_port"])


def test_a_foreign_header_is_no_flow_table(read):
    with pytest.raises(InputError, match="no format known here"):
        read([ROW], names=["Timestamp", "Source", "Target"])


cells = text(alphabet=sampled_from('ab", é;'), max_size=4)
tables = lists(lists(cells, min_size=2, max_size=4).filter(any), max_size=15)


@given(tables)
def test_lines_are_those_of_the_csv_module(rows):
    data = io.StringIO()
    csv.writer(data, lineterminator="\n").writerows(rows)
    ledger = Ledger()
    lines = CsvLines(["a", "b", "c"], ["c", "a"], delimiter=",", name="x", ledger=ledger)
    table, numbers = lines.read(*LineTexts("x", ledger).of(Block(data.getvalue().encode(), 1)))
    fitting = [(number + 1, row) for number, row in enumerate(rows) if len(row) == 3]
    assert table.to_pylist() == [{"c": row[2] or None, "a": row[0] or None} for _, row in fitting]
    assert numbers.tolist() == [number for number, _ in fitting]
    assert ledger.lost_total == len(rows) - len(fitting)
