"""Pages of a search, step by step into the past."""

import base64

import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.flowstore.places import Place, steps
from oddflow.server.flowstore.query import Query
from tests.server.flowstore.made import spread, write


@pytest.mark.parametrize(
    "text", ["", "order by score", "order by tls_sni asc", "alert", "order by time asc", "limit 150",
             "order by score asc", "order by protocol", "order by alert"]
)  # fmt: skip
def test_pages_together_are_the_whole(store, text):
    query, rows, after = Query.parse(text), [], None
    whole = store.search(query, 1_000).rows
    for _ in range(len(whole) // 97 + 2):
        page = store.search(query, 97, after)
        rows, after = [*rows, *page.rows], page.next
        assert page.truncated == (after is not None)
        if after is None:
            break
    assert after is None
    assert rows == whole


def test_flows_that_ended_together_are_all_on_one_page_or_the_next(flows, tmp_path):
    same = spread(flows.slice(0, 40), hours=1, first=480_000)
    same = same.set_column(1, same.schema.field(1), same.column(1).take([0] * 40))
    same = same.set_column(0, same.schema.field(0), same.column(1))
    write(tmp_path / "flows", same, np.zeros(40, np.float32), parts=4)
    with FlowStore(tmp_path / "flows") as store:
        first = store.search(Query(), 20)
        assert first.rows + store.search(Query(), 20, first.next).rows == store.search(Query(), 40).rows


@pytest.mark.parametrize(
    "after", ["", "x", "AAAA", "é",
              base64.urlsafe_b64encode(b"[1]").decode(), base64.urlsafe_b64encode(b"[[1]]").decode(),
              base64.urlsafe_b64encode(b"[" * 500).decode()]
)  # fmt: skip
def test_no_end_of_a_page_is_told(store, after):
    with pytest.raises(UsageError, match="ask from the first page"):
        store.search(Query(), 5, after)


def test_an_end_with_other_values_is_told(store):
    place = base64.urlsafe_b64encode(b'[5,"a","b","c","d","e","f"]').decode()
    with pytest.raises(UsageError, match="first page"):
        store.search(Query(), 5, place)


def test_no_step_has_flows_newer_than_the_one_before():
    places = [
        Place(9, 9, "a", 50),
        Place(5, 8, "day", 90),
        Place(8, 8, "b", 5),
        Place(6, 6, "c", 5),
        Place(4, 4, "d", 9),
    ]
    told = [[place.path for place in step] for step in steps(places, stepwise=True, least_flows=1)]
    assert told == [["a"], ["day", "b", "c"], ["d"]]
    assert len(list(steps(places, stepwise=False))) == 1


def test_only_what_may_hold_an_answer_is_looked_at(store, filled):
    whole = store.search(Query.parse("score > 1e9"), 5)
    few = store.search(Query.parse("score > 1e9 and source = lan since 2024-10-04T23:00 until 2024-10-04T23:59"), 5)
    assert whole.files == len([path for path in filled.rglob("*.parquet") if not path.name.startswith(".")])
    assert few.files == 1


def test_an_empty_store_answers(tmp_path):
    with FlowStore(tmp_path / "none") as store:
        page = store.search(Query(), 5)
        assert (page.rows, page.files, page.truncated) == ([], 0, False)
        assert store.usage().flows == 0
        assert store.hosts(0, 1e9).total == 0
        assert store.host("10.0.0.5", 0, 1e9).first_ns is None
        assert store.compact() == store.rollup() == store.sweep().hours == 0
