"""Files of what was found."""

import csv
import io

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from oddflow.errors import InputError, OddflowError
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA
from oddflow.server.flowstore.database import Database, TooLong
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.flowstore.query import Query
from tests.server.flowstore.made import spread, write


def table(store, text, limit=10_000):
    content = b"".join(store.download(Query.parse(text), "csv", limit))
    return list(csv.DictReader(io.StringIO(content.decode())))


@pytest.mark.parametrize("text", ["", "alert", "order by score limit 20", "order by time asc", "port = 53 limit 7"])
def test_a_csv_has_the_rows_of_the_search(store, text):
    rows, found = table(store, text), store.search(Query.parse(text), 1_000).rows
    assert len(rows) == len(found)
    assert [float(row["score"]) for row in rows] == [pytest.approx(row["score"]) for row in found]
    assert [row["src_ip"] for row in rows] == [row["src_ip"] for row in found]


@pytest.mark.parametrize("text", ["", "dst_ip = 10.20.0.53", "order by bytes limit 9"])
def test_a_parquet_file_is_a_source_with_the_whole_records(store, some, tmp_path, text):
    place = tmp_path / "found.parquet"
    place.write_bytes(b"".join(store.download(Query.parse(text), "parquet")))
    assert {"score", "is_alert", "source"} < set(parquet.read_schema(place).names)
    read = pa.Table.from_batches(list(read_flows(str(place), Ledger())), FLOW_SCHEMA).sort_by("end")
    ends = [row["end_ns"] for row in store.search(Query.parse(text), 1_000).rows]
    whole = pa.Table.from_batches([some[0]]).sort_by("end")
    kept = pa.array(np.isin(whole["end"].cast(pa.int64()).to_numpy(), ends))
    assert read.equals(whole.filter(kept))


def test_no_cell_is_a_formula(flows, tmp_path):
    given = spread(flows.slice(0, 4), hours=1, first=480_000)
    names = pa.array(["=HYPERLINK(1)", "+1", "plain.example", "@x\n"])
    given = given.set_column(given.schema.get_field_index("http_host"), given.schema.field("http_host"), names)
    write(tmp_path, given, np.zeros(4, np.float32), parts=1)
    with FlowStore(tmp_path) as store:
        assert {row["http_host"] for row in table(store, "")} >= {"'=HYPERLINK(1)", "'+1", "plain.example"}
        assert not [row for row in table(store, "") if row["http_host"].startswith(("=", "+", "@"))]


def test_it_is_bounded(store):
    assert len(table(store, "", limit=13)) == 13
    assert len(table(store, "limit 600", limit=20)) == 20


@pytest.mark.parametrize(
    "sql",
    ["SELECT * FROM read_csv('/etc/passwd')", "COPY (SELECT 1) TO '/tmp/stolen.csv'", "SET memory_limit = '64GB'",
     "INSTALL httpfs", "ATTACH '/tmp/x.db'", "SELECT * FROM read_parquet('/tmp/*.parquet')"],
)  # fmt: skip
def test_the_database_is_fenced_in(filled, sql):
    database = Database(filled)
    with pytest.raises(OddflowError) as refused, database.cursor() as cursor:
        cursor.execute(sql)
    assert any(word in str(refused.value) for word in ("disabled by configuration", "locked"))
    database.close()


def test_what_takes_too_long_is_ended(filled):
    database = Database(filled)
    with pytest.raises(TooLong, match="took longer than"), database.cursor(0.05) as cursor:
        cursor.execute("SELECT count(*) FROM range(100000) a, range(100000) b WHERE a.range * b.range % 7 = 3")
    with database.cursor() as cursor:
        assert cursor.execute("SELECT 1").fetchall() == [(1,)]
    database.close()


def test_a_damaged_part_is_told(flows, tmp_path):
    write(tmp_path, flows.slice(0, 40), np.zeros(40, np.float32), parts=1)
    (part,) = tmp_path.rglob("1*.parquet")
    part.write_bytes(part.read_bytes()[:-100])
    with FlowStore(tmp_path) as store, pytest.raises(InputError, match="cannot be read"):
        store.search(Query(), 5)
