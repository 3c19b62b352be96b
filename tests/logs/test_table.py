"""Flow tables: what is written is read back, and what is wrong in them is counted or refused."""

import os
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis.strategies import binary, integers
from tests.capture.build import ipv4, pcap, tcp, udp
from tests.examples import some

from oddflow import files
from oddflow.errors import InputError, OddflowError, OutputError, UsageError
from oddflow.logs.csv_table import NESTED
from oddflow.logs.record import KEY_COLUMNS
from oddflow.logs.source import read_flows
from oddflow.logs.table import TableWriter
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA

ENDINGS = [".parquet", ".arrow", ".csv"]


@pytest.fixture(scope="module")
def flows(tmp_path_factory):
    """Some flows, as one table."""
    path = tmp_path_factory.mktemp("flows") / "x.pcap"
    records = [(i, 7 * i, ipv4(udp(b"hello", 4000 + i % 30, 53), 17)) for i in range(90)]
    records += [(100 + i, 3, ipv4(tcp(b"GET", 1, 80, 24), 6, src="1.2.3.4")) for i in range(5)]
    path.write_bytes(pcap(records, link_type=101))
    return pa.Table.from_batches(read_flows(str(path), Ledger())).combine_chunks()


def write(path, table):
    with TableWriter(str(path)) as writer:
        for batch in table.to_batches():
            writer.write(batch)
    return str(path)


def read(path):
    ledger = Ledger()
    batches = list(read_flows(str(path), ledger))
    return (pa.Table.from_batches(batches) if batches else FLOW_SCHEMA.empty_table()), ledger


def csv_lines(tmp_path, table):
    return Path(write(tmp_path / "lines.csv", table)).read_text().splitlines()


def with_cell(lines, row, column, value):
    """CSV lines with one cell of a row (from 1) replaced."""
    cells = lines[row].split(",")
    cells[lines[0].split(",").index(column)] = value
    return [*lines[:row], ",".join(cells), *lines[row + 1 :]]


def of_lines(tmp_path, lines):
    path = tmp_path / "x.csv"
    path.write_text("\n".join(lines) + "\n")
    return read(path)


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_a_table_is_read_back_as_it_was_written(tmp_path, flows, ending):
    found, ledger = read(write(tmp_path / f"x{ending}", flows))
    assert found.combine_chunks().equals(flows)
    assert (ledger.metered, ledger.complete) == (flows.num_rows, True)


def test_a_csv_table_is_read_back_but_for_what_csv_holds_badly(tmp_path, flows):
    found, ledger = read(write(tmp_path / "x.csv", flows))
    assert found.drop_columns(list(NESTED)).combine_chunks().equals(flows.drop_columns(list(NESTED)))
    assert all(found.column(name).null_count == flows.num_rows for name in NESTED)
    assert ledger.complete


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_of_no_flows_holds_none(tmp_path, ending):
    found, ledger = read(write(tmp_path / f"x{ending}", FLOW_SCHEMA.empty_table()))
    assert (found.num_rows, ledger.total) == (0, 0)


@pytest.mark.parametrize("ending", ENDINGS)
def test_columns_that_a_table_lacks_are_null(tmp_path, flows, ending):
    path = tmp_path / f"x{ending}"
    table = flows.select(["forward_packets", *KEY_COLUMNS])
    if ending == ".parquet":
        pq.write_table(table, path)
    elif ending == ".arrow":
        with pa.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table)
    else:
        pa_csv.write_csv(table, path)
    found, _ = read(path)
    assert found.schema == FLOW_SCHEMA
    assert found.column("forward_packets").equals(flows.column("forward_packets"))
    assert found.column("reverse_packets").null_count == flows.num_rows


@pytest.mark.parametrize("column", KEY_COLUMNS[4:])
def test_a_table_without_a_column_that_names_flows_is_refused(tmp_path, flows, column):
    path = tmp_path / "x.parquet"
    pq.write_table(flows.drop_columns([column]), path)
    with pytest.raises(InputError, match=f"lacks the columns {column}"):
        read(path)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("forward_packets", "NaN"),
        ("forward_packets", "many"),
        ("forward_packets", "-1"),
        ("forward_packets", "1.5"),
        ("forward_packets", "18446744073709551616"),
        ("src_port", "65536"),
        ("protocol", "udp"),
        ("gap_squares_us2", "NaN"),
        ("gap_squares_us2", "nan"),
        ("gap_squares_us2", "Infinity"),
        ("gap_squares_us2", "-inf"),
        ("gap_squares_us2", "1e999"),
        ("start", "yesterday"),
        ("start", ""),
        ("end", "NaN"),
        ("dst_ip", ""),
    ],
)
def test_a_value_that_is_none_loses_its_row_alone(tmp_path, flows, column, value):
    lines = with_cell(csv_lines(tmp_path, flows), 5, column, value)
    found, ledger = of_lines(tmp_path, lines)
    kept = flows.drop_columns(list(NESTED)).to_pylist()
    assert found.drop_columns(list(NESTED)).to_pylist() == kept[:4] + kept[5:]
    assert (ledger.metered, ledger.lost_total) == (flows.num_rows - 1, 1)


def test_a_row_with_too_few_or_too_many_fields_is_lost_alone(tmp_path, flows):
    lines = csv_lines(tmp_path, flows)
    found, ledger = of_lines(tmp_path, [*lines[:3], "1,2,3", lines[3] + ",4", *lines[4:]])
    assert (found.num_rows, ledger.lost_total) == (flows.num_rows - 1, 2)


def test_a_column_of_another_tool_may_hold_anything(tmp_path, flows):
    lines = csv_lines(tmp_path, flows)
    notes = ["note", *["1"] * 20, "text", *["2"] * len(lines)]
    found, ledger = of_lines(tmp_path, [f"{line},{note}" for line, note in zip(lines, notes, strict=False)])
    assert (found.num_rows, ledger.complete) == (flows.num_rows, True)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_header_may_come_in_any_order_quoted_or_marked(tmp_path, flows, mark):
    table = flows.select(sorted(set(flows.column_names) - set(NESTED)))
    path = tmp_path / "x.csv"
    pa_csv.write_csv(table, path)  # it quotes the header
    path.write_text(mark + path.read_text(), encoding="utf-8")
    assert read(path)[0].select(table.column_names).equals(table)


def test_times_with_a_zone_are_read(tmp_path, flows):
    lines = with_cell(csv_lines(tmp_path, flows.slice(0, 1)), 1, "start", "1970-01-01T00:00:00+02:00")
    lines = with_cell(lines, 1, "end", "1970-01-01T00:00:01Z")
    found, _ = of_lines(tmp_path, lines)
    assert found.column("start").cast(pa.int64()).to_pylist() == [-7200 * 10**9]


def test_a_repeated_column_is_refused(tmp_path, flows):
    lines = csv_lines(tmp_path, flows)
    with pytest.raises(InputError, match="has the column protocol more than once"):
        of_lines(tmp_path, [lines[0] + ",protocol", *[line + ",1" for line in lines[1:]]])


def test_a_repeated_column_of_a_parquet_table_is_refused(tmp_path, flows):
    path = tmp_path / "x.parquet"
    pq.write_table(flows.append_column("start", flows.column("start")), path)
    with pytest.raises(InputError, match="start"):
        read(path)


def test_a_header_alone_holds_no_flow(tmp_path, flows):
    found, ledger = of_lines(tmp_path, csv_lines(tmp_path, flows)[:1])
    assert (found.num_rows, ledger.total) == (0, 0)


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_a_cut_table_is_refused(tmp_path, flows, ending):
    path = Path(write(tmp_path / f"x{ending}", flows))
    whole = path.read_bytes()
    for cut in range(len(whole) // 10, len(whole), len(whole) // 9):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError):
            read(path)


@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=some(200))
@given(place=integers(0, 10**6), rubbish=binary(min_size=1, max_size=30))
def test_a_damaged_table_ends_in_no_other_error(tmp_path_factory, flows, ending, place, rubbish):
    path = Path(write(tmp_path_factory.getbasetemp() / f"damaged{ending}", flows))
    whole = path.read_bytes()
    place = 8 + place % len(whole)
    path.write_bytes(whole[:place] + rubbish + whole[place + len(rubbish) :])
    with suppress(OddflowError):
        read(path)


@pytest.mark.parametrize("name", ["x.txt", "x", "x.parquet.gz"])
def test_a_table_of_an_unknown_ending_is_not_written(tmp_path, name):
    with pytest.raises(UsageError, match=r"expected \.parquet, \.arrow or \.csv"):
        TableWriter(str(tmp_path / name))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_says_so_and_leaves_nothing(tmp_path, flows, ending, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    path = tmp_path / f"x{ending}"
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OutputError, match=r"cannot be written: .*(ENOSPC|No space)"):
        write(path, pa.concat_tables([flows] * 50))
    assert os.listdir(tmp_path) == []  # noqa: PTH208


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_missing_folder_says_so(tmp_path, flows, ending):
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / "absent" / f"x{ending}", flows)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_failure_while_writing_leaves_the_former_table(tmp_path, flows, ending):
    path = Path(write(tmp_path / f"x{ending}", flows))
    before = path.read_bytes()
    with suppress(ZeroDivisionError), TableWriter(str(path)) as writer:
        writer.write(flows.to_batches()[0])
        raise ZeroDivisionError
    assert (path.read_bytes(), os.listdir(tmp_path)) == (before, [path.name])  # noqa: PTH208
