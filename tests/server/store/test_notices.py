def test_one_lasts_at_most(store):
    assert store.notices.begin("here", "eth0", "disk_full", "error", "the disk is full")
    assert not store.notices.begin("here", "eth0", "disk_full", "error", "the disk is full")
    seq = store.notices.highest()
    assert not store.notices.begin("here", "eth0", "disk_full", "error", "the disk is fuller")
    assert [(one.text, one.ended_s) for one in store.notices.after(seq)] == [("the disk is fuller", None)]
    assert store.notices.begin("here", "", "disk_full", "warning", "another source")
    assert [one.source for one in store.notices.current()] == ["", "eth0"]


def test_what_is_over_begins_anew(store):
    store.notices.begin("here", "", "disk_full", "error", "x")
    assert store.notices.end("here", "", "disk_full")
    assert not store.notices.end("here", "", "disk_full")
    assert store.notices.current() == []
    assert store.notices.begin("here", "", "disk_full", "error", "x")
    first = store.notices.page(limit=1)
    assert first.items[0].ended_s is None
    assert store.notices.page(first.after).items[0].ended_s is not None
