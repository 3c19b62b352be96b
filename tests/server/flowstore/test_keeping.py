"""What is made of days that are over answers as the flows themselves do; what is old is deleted."""

import shutil
import time

import pytest
from pyarrow import parquet

from oddflow.errors import UsageError
from oddflow.server.flowstore import making
from oddflow.server.flowstore.database import Database
from oddflow.server.flowstore.days import MADE
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.flowstore.host_list import ORDERS, HostQuestion
from oddflow.server.flowstore.query import Query
from oddflow.server.flowstore.talking import HOSTS_SQL
from tests.server.flowstore.made import DAY

SINCE_S, UNTIL_S = DAY * 86_400, (DAY + 2) * 86_400
QUESTIONS = ["", "alert order by score", "ip in 10.20.0.0/24 last 9999d", "community_id is known",
             "dst_ip = 10.20.0.53", "forward_syn > 0"]  # fmt: skip


@pytest.fixture(scope="module")
def rolled(filled, tmp_path_factory):
    """The same store, compacted and rolled up."""
    folder = tmp_path_factory.mktemp("rolled") / "flows"
    shutil.copytree(filled, folder)
    with FlowStore(folder) as opened:
        opened.compact(time.time() + 86_400)
        assert opened.rollup(time.time() + 86_400) == 2 * 2 * 3
        assert opened.rollup(time.time() + 86_400) == 0
        yield opened


def made(folder):
    return [path for path in folder.rglob(".*.parquet") if MADE.match(path.name)]


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_search_answers_the_same(store, rolled, text):
    before, after = (one.search(Query.parse(text), 1_000) for one in (store, rolled))
    assert before.rows
    assert after.rows == before.rows
    assert after.files == (20 if "syn" in text else 4)


@pytest.mark.parametrize("ends_at_once", [1, 100])
def test_hosts_are_summed_up_a_piece_at_a_time(filled, rolled, tmp_path, monkeypatch, ends_at_once):
    monkeypatch.setattr(making, "ENDS_AT_ONCE", ends_at_once)
    folder, beats = tmp_path / "flows", []
    shutil.copytree(filled, folder)
    with FlowStore(folder) as store:
        store.compact(time.time() + 86_400)
        store.rollup(time.time() + 86_400, beat=lambda: beats.append(1))
    summed = [path for path in made(folder) if not path.name.startswith(".search")]
    assert len(summed) == 8
    assert len(beats) > 3 * len(summed)  # each piece tells that it goes on
    for path in summed:
        rows = parquet.read_table(path).to_pylist()
        assert [row["host"] for row in rows] == sorted(row["host"] for row in rows)
        whole = parquet.read_table(rolled.folder / path.relative_to(folder)).to_pylist()
        assert sorted(map(str, rows)) == sorted(map(str, whole))


def test_of_no_flows_nothing_is_summed_up(filled, tmp_path):
    (first, *_) = filled.rglob("*.parquet")
    none = tmp_path / "part.parquet"
    parquet.write_table(parquet.read_table(first).slice(0, 0), none)
    with Database(tmp_path).cursor() as cursor, (tmp_path / "hosts").open("wb") as file:
        making.write_pieces(cursor, HOSTS_SQL, [str(none)], file)
    assert parquet.read_table(tmp_path / "hosts").num_rows == 0


def total(summary):
    return summary.flows_out + summary.flows_in


@pytest.mark.parametrize("order", ORDERS)
def test_hosts_are_the_same_and_sorted(store, rolled, order):
    question = HostQuestion(order=order, limit=30)
    before, after = (one.hosts(SINCE_S, UNTIL_S, question) for one in (store, rolled))
    assert after == before
    assert before.total > 20


def test_a_host_counts_as_its_flows_do(store, rolled):
    rows = store.search(Query.parse("ip = 10.20.0.53"), 1_000).rows
    for one in (store, rolled):
        (host,) = one.hosts(SINCE_S, UNTIL_S, HostQuestion(text="10.20.0.53")).hosts
        assert host.flows == len(rows)
        assert host.peers == len({row["src_ip"] for row in rows} | {row["dst_ip"] for row in rows}) - 1
        assert host.alerts == sum(row["is_alert"] for row in rows)
        assert host.score == max(row["score"] for row in rows)
        assert host.last_ns == max(row["end_ns"] for row in rows)
        assert host.sent == sum(row["forward_bytes" if row["src_ip"] == host.host else "reverse_bytes"] for row in rows)
        picture = one.host("10.20.0.53", SINCE_S, UNTIL_S)
        assert sum(service.flows for service in picture.services) == host.flows
        assert sum(peer.flows for peer in picture.peers) == host.flows
        assert sum(hour.flows for hour in picture.hours) == host.flows
        assert (picture.peers_total, picture.services_total) == (host.peers, host.services)
        assert picture.services[0].service == "dns"
    assert one.host("10.20.0.53", SINCE_S, UNTIL_S) == store.host("10.20.0.53", SINCE_S, UNTIL_S)


def test_hosts_of_one_source_and_network(store):
    lan = store.hosts(SINCE_S, UNTIL_S, HostQuestion(sources=frozenset({"lan"}), inside=("fd00::/8",), limit=1_000))
    assert lan.total == len(lan.hosts) > 2
    assert all(host.host.startswith("fd00:") for host in lan.hosts)
    every = store.hosts(SINCE_S, UNTIL_S, HostQuestion(limit=1_000))
    pages = [store.hosts(SINCE_S, UNTIL_S, HostQuestion(limit=9, offset=at)).hosts for at in range(0, every.total, 9)]
    assert sum(pages, ()) == every.hosts


@pytest.mark.parametrize(
    ("question", "words"), [(HostQuestion(order="x"), "sorted by"), (HostQuestion(text="1/2"), "network")]
)
def test_a_wrong_question_about_hosts_is_told(store, question, words):
    with pytest.raises(UsageError, match=words):
        store.hosts(SINCE_S, UNTIL_S, question)


@pytest.mark.parametrize("address", ["", "ten", "10.0.0.0/8", "' OR 1=1 --"])
def test_what_is_no_address_is_told(store, address):
    with pytest.raises(UsageError, match="no address"):
        store.host(address, SINCE_S, UNTIL_S)


def test_what_does_not_fit_its_memory_waits_on_the_disk(tmp_path):
    question = "SELECT count(*) FROM (SELECT i, max(i) FROM range(3_000_000) numbers(i) GROUP BY i)"
    with pytest.raises(UsageError, match="more than 40 MiB"), Database(tmp_path, memory_mib=40).cursor() as cursor:
        cursor.execute(question)
    left = tmp_path / ".spilled" / "of-who-was-killed"
    left.parent.mkdir()
    left.touch()
    with Database(tmp_path, memory_mib=40, threads=1, spills=left.parent).cursor() as cursor:
        assert cursor.execute(question).fetchall() == [(3_000_000,)]
    assert not left.exists()


def test_what_is_too_old_or_too_much_is_deleted_with_all_that_was_made_of_it(filled, rolled, tmp_path, now_s):
    folder = tmp_path / "flows"
    shutil.copytree(rolled.folder, folder)
    with FlowStore(folder, keep_days=30) as store:
        assert store.sweep(now_s).hours == 0
        used = store.usage().bytes
        assert len(made(folder)) == 12
    with FlowStore(folder, keep_bytes=used - 1) as store:  # what was made counts, too
        swept = store.sweep(now_s)
        assert 0 < swept.hours < 20
        assert store.usage().flows == 600 - 30 * swept.hours
        assert len(store.search(Query(), 1_000).rows) == store.usage().flows
        assert len(made(folder)) < 12
        store.rollup(now_s)
        assert len(store.search(Query(), 1_000).rows) == store.usage().flows
    with FlowStore(folder, keep_days=0.5) as store:
        assert store.sweep(now_s).hours == 20 - swept.hours
        assert store.usage().bytes == 0
    assert not list(folder.rglob("*.parquet"))
    assert not list(folder.rglob("date=*"))
