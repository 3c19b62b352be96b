import pytest

from oddflow.errors import InputError, UsageError
from oddflow.server.store.alerts import AlertFilter
from oddflow.server.store.store import Store
from tests.server.store.make import BEGIN_NS, alert, alerts, incident, incidents_of


def test_comes_back_as_it_was_put_in(store):
    put = alert(1, incident="ab", truth="", captures=("a.pcap",), techniques=("T1046",), p_value=0.5, src_country="DE")
    assert store.alerts.put("here", "eth0", [put], []) == 1
    found = store.alerts.get(put.id)
    assert found.alert == put
    assert (found.sensor, found.source, found.verdict) == ("here", "eth0", "")


def test_each_is_taken_once(store):
    assert store.alerts.put("here", "eth0", alerts(10), []) == 10
    before = store.alerts.after(0)
    assert store.alerts.put("there", "eth1", [*alerts(5, 8), alert(12)], []) == 3
    assert store.alerts.after(0)[:10] == before
    assert store.alerts.count() == 13


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 5_000, "'; DROP TABLE alerts; --", "％"])
def test_hostile_texts_do_no_harm(store, text):
    put = alert(1, src_name=text[:1_000], label=text, category=text)
    store.alerts.put(text, text, [put], incidents_of([put]))
    assert store.alerts.get(put.id).alert.label == text.encode("utf-8", "replace").decode()
    assert store.alerts.page(AlertFilter(source=text, sensor=text, category=text, text=text)).items
    assert store.alerts.get(text) is None


FILTERS = {
    "source": (AlertFilter(source="eth1"), lambda n: n >= 60),
    "sensor": (AlertFilter(sensor="there"), lambda n: n >= 60),
    "since": (AlertFilter(since_ns=BEGIN_NS + 50 * 10**9), lambda n: n >= 50),
    "until": (AlertFilter(until_ns=BEGIN_NS + 50 * 10**9), lambda n: n < 50),
    "score": (AlertFilter(min_score=10.0), lambda n: 1.5 + n % 100 / 7 >= 10.0),
    "category": (AlertFilter(category="probe"), lambda n: n >= 60),
    "no category": (AlertFilter(category=""), lambda n: n < 60),
    "source of a flow": (AlertFilter(host="10.0.0.3"), lambda n: n % 10 == 3),
    "target of a flow": (AlertFilter(host="10.1.0.3"), lambda n: n % 7 == 3),
    "incident": (AlertFilter(incident="ab"), lambda n: n >= 60),
    "text": (AlertFilter(text="10.0.0.3 443 TCP"), lambda n: n % 10 == 3),
    "text, literally": (AlertFilter(text="10.0.0._"), lambda n: False),
    "name": (AlertFilter(text="Printer"), lambda n: n >= 60),
    "all": (AlertFilter(source="eth1", host="10.0.0.3", min_score=2.0, text="printer"), lambda n: n in (63, 73)),
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory, request):
    """Eighty alerts in both databases, read only."""
    stores = {"sqlite": Store.open(f"sqlite:///{tmp_path_factory.mktemp('filled') / 'store.db'}")}
    cluster = None
    try:
        cluster = request.getfixturevalue("cluster")
    except pytest.skip.Exception:
        pass
    else:
        stores["postgresql"] = Store.open(cluster.url(cluster.database()))
    for store in stores.values():
        store.alerts.put("here", "eth0", alerts(60), [])
        named = alerts(20, 60, category="probe", dst_name="Printer", incident="ab")
        store.alerts.put("there", "eth1", named, [])
    yield stores
    for store in stores.values():
        store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def full(filled, request):
    if request.param not in filled:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return filled[request.param]


@pytest.mark.parametrize("name", FILTERS)
def test_filters(full, name):
    wanted, holds = FILTERS[name]
    expected = {alert(n).id for n in range(80) if holds(n)}
    assert {one.alert.id for one in full.alerts.page(wanted, limit=100).items} == expected
    assert full.alerts.count(wanted) == len(expected)


@pytest.mark.parametrize("host", [None, "10.0.0.3", "10.1.0.3"])
@pytest.mark.parametrize("order", ["newest", "score"])
def test_pages_leave_nothing_out_and_show_nothing_twice(full, order, host):
    wanted = AlertFilter(order=order, host=host)
    whole = full.alerts.page(wanted, limit=100)
    assert whole.after is None
    walked, after = [], None
    while True:
        page = full.alerts.page(wanted, after, limit=3)
        walked += page.items
        if (after := page.after) is None:
            break
    assert walked == whole.items
    by = [(one.alert.score if order == "score" else one.alert.start_ns, one.alert.id) for one in walked]
    assert by == sorted(by, reverse=True)


def test_a_time_beyond_64_bits_is_told(store):
    with pytest.raises(UsageError, match="cannot hold that"):
        store.alerts.page(AlertFilter(since_ns=1 << 70))


def test_changes_are_read_in_their_order(store):
    store.alerts.put("here", "eth0", alerts(3), [])
    first = store.alerts.after(0, limit=2)
    assert [one.alert.id for one in first] == [alert(0).id, alert(1).id]
    assert [one.alert.id for one in store.alerts.after(first[-1].seq)] == [alert(2).id]
    assert store.alerts.after(store.alerts.highest()) == []


def test_what_raises_in_a_transaction_leaves_no_trace(store):
    def change():
        with store.transaction():
            store.alerts.put("here", "eth0", alerts(3), [])
            store.audit.add("ann", "admin", "::1", "x", "y")
            assert store.alerts.count() == 3
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        change()
    assert (store.alerts.count(), store.audit.page().items) == (0, [])


def test_keys_that_no_index_could_hold_are_cut(store):
    long = "é" * 5_000
    put = alert(1, category=long)
    store.alerts.put(long, long, [put], [incident([put], category=long)])
    store.measures.add(long, long, 0, {long: 1})
    store.audit.add(long, long, long, long, long)
    store.cursors.set(long, 1)
    assert store.alerts.page(AlertFilter(source=long, category=long)).items[0].source == long[:256]
    assert store.cursors.get(long) == 1


def test_a_number_that_is_none_is_told(store):
    with pytest.raises(InputError, match="a number that is none"):
        store.alerts.put("here", "eth0", [alert(1, score=float("nan"))], [])
    assert store.alerts.count() == 0
