from dataclasses import replace

import pytest

from oddflow.errors import UsageError
from oddflow.server.store.incidents import IncidentFilter
from oddflow.verdicts.incidents.gathering import Incidents
from oddflow.verdicts.incidents.incident import Severity
from tests.server.store.make import alert, alerts, incident, incidents_of
from tests.verdicts.incidents import story


def test_comes_back_as_it_was_put_in(store):
    found = [*story.scan(), *story.logins(30, truth="guessing"), story.upload(60, story.VICTIM)]
    put = incidents_of(found)
    store.alerts.put("here", "eth0", found, put)
    assert len(put) == 1
    stored = store.incidents.get(put[0].id)
    assert stored.incident == put[0]
    assert (stored.state, stored.verdict, stored.assignee, stored.notes) == ("open", "", "", [])
    assert [one.incident for one in store.incidents.page().items] == put


def test_an_older_version_never_stands_over_a_newer_one(store):
    found = alerts(30)
    old, new = incident(found[:10], id="ab"), incident(found, id="ab", title="newer")
    store.alerts.put("here", "eth0", found, [new])
    seq = store.incidents.highest()
    store.alerts.put("here", "eth0", found, [old])
    store.alerts.put("here", "eth0", found, [new])
    assert (store.incidents.get("ab").incident.title, store.incidents.highest()) == ("newer", seq)
    store.alerts.put("here", "eth0", [], [replace(new, alerts=31, title="newest"), old])
    assert store.incidents.get("ab").incident.title == "newest"
    assert [one.incident.id for one in store.incidents.after(seq)] == ["ab"]


def test_what_becomes_part_of_another_is_known_to_be(store):
    first, second = story.logins(0), story.logins(900, src="10.0.0.77", dst="10.0.0.88")
    both = Incidents(1.2)
    for one in [*first, *second]:
        both.add(one)
    apart = both.open()
    assert len(apart) == 2
    store.alerts.put("here", "eth0", first, apart[:1])
    store.alerts.put("here", "eth0", [replace(one, incident=apart[1].id) for one in second], apart[1:])
    store.incidents.take(apart[1].id, "ann")
    store.incidents.note(apart[1].id, "ann", "looks bad")
    store.incidents.set_verdict(apart[1].id, "malicious")
    seq = store.incidents.highest()

    whole = incident([*first, *second], id=apart[0].id)
    whole = replace(whole, alerts=40, alert_ids=(*apart[0].alert_ids, *apart[1].alert_ids), last_ns=apart[1].last_ns)
    store.alerts.put("here", "eth0", [], [whole])
    assert [one.incident.id for one in store.incidents.page().items] == [whole.id]
    stored = store.incidents.get(whole.id)
    assert (stored.state, stored.assignee, stored.verdict) == ("taken", "ann", "malicious")
    assert [note.text for note in stored.notes] == ["looks bad"]
    assert store.incidents.get(apart[1].id).merged_into == whole.id
    assert {one.incident.id for one in store.incidents.after(seq)} == {one.id for one in apart}
    assert {one.alert.incident for one in store.alerts.page().items} == {whole.id}
    assert store.incidents.count() == 1


def test_people_take_note_and_close(store):
    store.alerts.put("here", "eth0", alerts(3), [incident(alerts(3), id="ab")])
    seqs = [store.incidents.highest()]
    for change in (
        lambda: store.incidents.take("ab", "ann"),
        lambda: store.incidents.note("ab", "bob", " who is\0 this? \ud800"),
        lambda: store.incidents.set_verdict("ab", "benign"),
        lambda: store.incidents.close("ab", "ann", "a back-up"),
    ):
        change()
        seqs.append(store.incidents.highest())
    assert seqs == sorted(set(seqs))
    stored = store.incidents.get("ab")
    assert (stored.state, stored.assignee, stored.verdict, stored.why) == ("closed", "ann", "benign", "a back-up")
    assert [(note.user, note.text) for note in stored.notes] == [("bob", "who is� this? ?")]
    store.incidents.reopen("ab")
    assert (store.incidents.get("ab").state, store.incidents.get("ab").assignee) == ("open", "")


def test_a_closed_one_that_gets_graver_is_open_again(store):
    put = incident(alerts(3), id="ab", severity=Severity.LOW)
    store.alerts.put("here", "eth0", alerts(3), [put])
    store.incidents.close("ab", "ann")
    store.alerts.put("here", "eth0", [], [replace(put, alerts=4)])
    assert store.incidents.get("ab").state == "closed"
    store.alerts.put("here", "eth0", [], [replace(put, alerts=5, severity=Severity.HIGH)])
    assert store.incidents.get("ab").state == "open"


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.incidents.take("nobody's", "ann"),
        lambda store: store.incidents.close("nobody's", "ann"),
        lambda store: store.incidents.note("nobody's", "ann", "x"),
        lambda store: store.incidents.set_verdict("nobody's", "benign"),
        lambda store: store.incidents.set_verdict("ab", "great"),
        lambda store: store.incidents.note("ab", "ann", "  "),
        lambda store: store.incidents.note("ab", "ann", "x" * 10_001),
    ],
)
def test_what_cannot_be_is_told(store, change):
    store.alerts.put("here", "eth0", alerts(3), [incident(alerts(3), id="ab")])
    with pytest.raises(UsageError):
        change(store)


FILTERS = {
    "source": (IncidentFilter(source="eth1"), {"c1"}),
    "severity": (IncidentFilter(severity="high"), {"b1"}),
    "state": (IncidentFilter(state="closed"), {"b1"}),
    "active": (IncidentFilter(state="active"), {"a1", "c1"}),
    "verdict": (IncidentFilter(verdict="benign"), {"a1"}),
    "host": (IncidentFilter(host="10.9.9.9"), {"c1"}),
    "text": (IncidentFilter(text="ODD flow"), {"a1", "b1", "c1"}),
    "text, literally": (IncidentFilter(text="10%9"), set()),
    "since": (IncidentFilter(since_ns=alert(25).start_ns), {"c1"}),
    "until": (IncidentFilter(until_ns=alert(15).start_ns), {"a1", "b1"}),
    "all": (IncidentFilter(source="eth0", severity="high", state="closed", text="10.0.0"), {"b1"}),
}


@pytest.fixture
def three(store):
    put = [
        incident(alerts(3), id="a1", severity=Severity.LOW, points=9),
        incident(alerts(3, 10), id="b1", severity=Severity.HIGH, points=50),
        incident(alerts(3, 30, dst_ip="10.9.9.9"), id="c1", severity=Severity.LOW, points=3),
    ]
    store.alerts.put("here", "eth0", [], put[:2])
    store.alerts.put("here", "eth1", [], put[2:])
    store.incidents.close("b1", "ann")
    store.incidents.set_verdict("a1", "benign")
    return store


def test_filters(three):
    found = {name: {x.incident.id for x in three.incidents.page(wanted).items} for name, (wanted, _) in FILTERS.items()}
    assert found == {name: expected for name, (_, expected) in FILTERS.items()}
    assert three.incidents.count(IncidentFilter(source="eth0")) == 2
    assert three.incidents.by_severity() == {"low": 2, "high": 1}


@pytest.mark.parametrize(("order", "expected"), [("newest", ["c1", "b1", "a1"]), ("gravest", ["b1", "a1", "c1"])])
def test_pages(three, order, expected):
    first = three.incidents.page(IncidentFilter(order=order), limit=2)
    second = three.incidents.page(IncidentFilter(order=order), first.after, limit=2)
    assert [one.incident.id for one in (*first.items, *second.items)] == expected
    assert second.after is None
