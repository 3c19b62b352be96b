import pytest
from sqlalchemy import text

from oddflow.errors import UsageError


@pytest.fixture
def trail(store):
    for n in range(5):
        store.audit.add("ann" if n % 2 else "bob", "admin", "::1", "rule.add", str(n), {"why": "x\0\ud800", "n": n})
    return store


def test_comes_back_newest_first(trail):
    found = trail.audit.page(limit=2)
    assert [(one.object, one.detail["n"], one.who) for one in found.items] == [("4", 4, "bob"), ("3", 3, "ann")]
    rest = trail.audit.page(found.after)
    assert [one.object for one in rest.items] == ["2", "1", "0"]
    assert [one.object for one in trail.audit.page(who="ann").items] == ["3", "1"]
    assert trail.audit.page(action="login").items == []


def test_holds(trail):
    assert (trail.audit.verify().rows, trail.audit.verify().problem) == (5, "")


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE audit SET who = 'eve' WHERE object = '2'", "does not follow"),
        ("UPDATE audit SET detail = '{}' WHERE object = '0'", "does not follow"),
        ("DELETE FROM audit WHERE object = '2'", "does not follow"),
        ("DELETE FROM audit WHERE object = '0'", "does not follow"),
        ("DELETE FROM audit WHERE object = '4'", "missing at its end"),
        ("DELETE FROM audit", "missing at its end"),
    ],
)
def test_what_was_changed_behind_its_back_shows(trail, statement, problem):
    with trail.database.writing() as connection:
        connection.execute(text(statement))
    assert problem in trail.audit.verify().problem


def test_the_oldest_may_go(trail):
    until_s = trail.audit.page().items[1].at_s
    assert trail.audit.remove_before(until_s) == 3
    assert trail.audit.remove_before(until_s) == 0
    assert (trail.audit.verify().rows, trail.audit.verify().problem) == (2, "")
    trail.audit.add("ann", "admin", "::1", "x", "y")
    assert trail.audit.verify().problem == ""


def test_what_is_too_much_is_cut(store):
    store.audit.add("ann", "admin", "::1", "x", "y", {"a": "b" * 100_000})
    assert len(store.audit.page().items[0].detail["cut"]) == 1_000
    assert store.audit.verify().problem == ""


def test_a_wrong_page_is_told(store):
    with pytest.raises(UsageError):
        store.audit.page("x")
