import pytest

from oddflow.errors import UsageError


def test_from_waiting_to_done(store):
    made = store.uploads.add("ann", "a\0.pcap\ud800", 9, "ab" * 32)
    assert (made.state, made.name) == ("waiting", "a�.pcap?")
    assert store.uploads.in_state("waiting") == [made]
    done = store.uploads.update(made.id, state="done", result={"alerts": 3})
    assert store.uploads.get(made.id) == done
    assert (done.state, done.result, done.problem) == ("done", {"alerts": 3}, "")


def test_pages(store):
    made = [store.uploads.add(who, "x", n, "") for n, who in enumerate(["ann", "bob", "ann"])]
    first = store.uploads.page(limit=2)
    assert [*first.items, *store.uploads.page(first.after).items] == made[::-1]
    assert store.uploads.page(user="bob").items == [made[1]]
    assert list(store.uploads.remove_before(made[2].at_s)) == made[:2]


@pytest.mark.parametrize("change", [{"upload_id": "x"}, {"upload_id": "x", "state": "great"}])
def test_what_is_not_there_is_told(store, change):
    with pytest.raises(UsageError):
        store.uploads.update(**change)


def test_cursors_remember(store):
    assert store.cursors.get("outputs") == 0
    for value in (7, 5):
        store.cursors.set("outputs", value)
        assert store.cursors.get("outputs") == value
