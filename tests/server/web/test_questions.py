"""Questions that pages make of others still ask what they should, whatever stands in them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddflow.server.flowstore.query import Query
from oddflow.server.web.questions import equal, narrowed, sorted_by


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "order by score"),
        ("port = 22 last 2h", "port = 22 last 2h order by score"),
        ("order by bytes asc last 2h", "last 2h order by score"),
        ('name contains "order by x" order by bytes', 'name contains "order by x" order by score'),
    ],
)
def test_an_order_is_replaced(text, expected):
    assert sorted_by(text, "score", descending=True) == expected
    assert Query.parse(expected).order.name == "score"


@pytest.mark.parametrize("text", ["", "port = 22", "port = 22 or port = 23", "last 2h", "alert limit 5"])
def test_a_test_is_added_before_the_clauses(text):
    found = Query.parse(narrowed(text, "src_ip = 10.0.0.5"))
    assert "src_ip" in found.where
    assert found.limit == Query.parse(text).limit


@settings(max_examples=50)
@given(st.text(max_size=40))
def test_any_name_can_be_asked_for(name):
    assert Query.parse(equal("http_user_agent", name)).values == (name,)
