"""Flows on their way to the disk."""

import time

import numpy as np
import pyarrow as pa
import pytest

from oddflow.errors import OutputError, UsageError
from oddflow.logs.parts import parts_in
from oddflow.logs.source import arrange, read_flows
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA
from oddflow.server.flowstore import writing
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.flowstore.layout import hour_folder, hours_in
from oddflow.server.flowstore.query import Query
from tests.server.flowstore.made import spread, write


def read_back(folder):
    ledger = Ledger()
    sources = arrange([str(folder)], ledger)
    return pa.Table.from_batches([batch for one in sources for batch in read_flows(one, ledger)], FLOW_SCHEMA)


def test_what_was_stored_is_a_source_again(some, tmp_path):
    kept, scores = some
    write(tmp_path / "flows", kept, scores)
    table = read_back(tmp_path / "flows" / "lan").sort_by("end")
    assert table.equals(pa.Table.from_batches([kept]).sort_by("end"))
    day = next((tmp_path / "flows" / "lan").glob("date=*"))
    assert read_back(day).num_rows < len(table) == 600
    assert read_back(next(day.iterdir())).num_rows == 60


def test_each_flow_lies_in_the_hour_in_which_it_ended(filled):
    hours = list(hours_in(filled, "lan"))
    assert [hour.number for hour in hours] == sorted({hour.number for hour in hours}, reverse=True)
    assert len(hours) == 10


def test_neither_early_records_nor_bytes_are_kept_where_they_are_not_wanted(flows, tmp_path):
    early = pa.array([True] * 5 + [False] * 15)
    given = flows.slice(0, 20)
    given = given.set_column(given.schema.get_field_index("is_early"), given.schema.field("is_early"), early)
    with FlowStore(tmp_path) as store:
        writer = store.writer("lan", payload=False, pseudonyms="ab" * 8)
        writer.add(given, None, None)
        writer.close()
        assert writer.stored == 15
        assert {row["score"] for row in store.search(Query(), 50).rows} == {None}
    table = read_back(tmp_path / "lan")
    assert table.num_rows == table["payload"].null_count == 15


def test_one_writes_a_source_at_a_time(tmp_path):
    with FlowStore(tmp_path) as store:
        first = store.writer("lan")
        with pytest.raises(UsageError, match="written by another process"):
            store.writer("lan")
        store.writer("wan").close()
        first.close()
        store.writer("lan").close()


def test_numbers_of_parts_grow_though_the_clock_is_turned_back(flows, tmp_path, monkeypatch):
    given = spread(flows.slice(0, 3), hours=1, first=480_000)
    clock = time.time_ns()
    with FlowStore(tmp_path) as store:
        for turned_ns in (0, -3_600 * 10**9, -7_200 * 10**9):
            monkeypatch.setattr(writing.time, "time_ns", lambda turned_ns=turned_ns: clock + turned_ns)
            writer = store.writer("lan")
            for _ in range(2):
                writer.add(given, None, None)
                writer.flush()
            writer.close()
        assert store.usage().flows == 18
    numbers = [part.first for part in sorted(parts_in(hour_folder(tmp_path, "lan", 480_000)))]
    assert numbers == list(range(numbers[0], numbers[0] + 6)) or len(set(numbers)) == 6


def test_a_full_disk_is_told_and_what_comes_after_it_is_stored(flows, tmp_path, monkeypatch):
    def full(*_arguments):
        raise OutputError("no room")

    with FlowStore(tmp_path) as store:
        writer = store.writer("lan")
        with monkeypatch.context() as patched:
            patched.setattr(writing, "write_part", full)
            writer.add(flows.slice(0, 10), None, None)
            writer.flush()
            assert (writer.stored, writer.shed) == (0, 10)
            assert "no room" in writer.problem
        writer.add(flows.slice(10, 5), None, None)
        writer.flush()
        assert (writer.stored, writer.shed, writer.problem) == (5, 10, "")
        writer.close()


def test_what_does_not_fit_in_memory_is_shed_at_once(flows, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "MOST_WAITING_BYTES", flows.slice(0, 100).nbytes)
    with FlowStore(tmp_path) as store:
        writer = store.writer("lan", every_s=1_000)
        for start in range(0, 300, 50):
            writer.add(flows.slice(start, 50), None, None)
        assert writer.shed >= 150
        writer.close()
        assert writer.stored + writer.shed == 300


def test_flows_of_too_many_hours_are_not_a_file_each(flows, tmp_path):
    given = spread(flows.slice(0, 600), hours=300, first=400_000)
    write_scores = np.zeros(600, np.float32)
    with FlowStore(tmp_path) as store:
        writer = store.writer("lan")
        writer.add(given, write_scores, write_scores > 1)
        writer.close()
        assert writer.stored + writer.shed == 600
        assert store.usage().files == writing.MOST_HOURS
