"""Opening a store, what happens where its database is down, retention and back-ups."""

import resource
import signal
import sqlite3
import stat
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from oddflow.errors import OutputError, StoreDown, UsageError
from oddflow.server.settings.settings import StoreSection
from oddflow.server.store import sweeping
from oddflow.server.store.store import Store
from tests.server.store import children
from tests.server.store.make import alert, alerts, incident, rule
from tests.server.store.postgres import Cluster, programs

DAY_S = 86_400


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "the store's URL is none"),
        ("store.db", "the store's URL is none"),
        ("mysql://root@db/x", "begins with 'mysql'"),
        ("postgresql+asyncpg://db/x", "begins with"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://me:hidden@db", "names no database"),
        ("postgresql://me:hidden@db:x/y", "the store's URL is none"),
    ],
)
def test_a_wrong_url_is_told_without_its_password(url, said):
    with pytest.raises(UsageError, match=said) as told:
        Store.open(url)
    assert "hidden" not in str(told.value)


@pytest.mark.parametrize("place", ["missing/store.db", "."])
def test_a_place_that_cannot_be_is_told(tmp_path, place):
    with pytest.raises(StoreDown, match="cannot be opened"):
        Store.open(f"sqlite:///{tmp_path / place}")


def test_only_its_owner_may_read_it(tmp_path):
    Store.open(f"sqlite:///{tmp_path / 'store.db'}").close()
    assert stat.S_IMODE((tmp_path / "store.db").stat().st_mode) == 0o600


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "store.db").write_bytes(b"no database at all " * 100)
    with pytest.raises(StoreDown, match="put a back-up in its place"):
        Store.open(f"sqlite:///{tmp_path / 'store.db'}")


def test_answers(store):
    store.check()


def test_nobody_there_is_told_without_the_password(tmp_path):
    with pytest.raises(StoreDown, match="cannot be") as told:
        Store.open(f"postgresql://me:hidden@/x?host={tmp_path}", password="secret")  # noqa: S106
    assert "hidden" not in str(told.value)
    assert "secret" not in str(told.value)


@pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed: apt-get install postgresql")
def test_it_heals_when_the_server_is_back():
    cluster = Cluster.make()
    try:
        store = Store.open(cluster.url("postgres"))
        store.alerts.put("here", "eth0", alerts(2), [])
        cluster.stop()
        for _ in range(2):
            with pytest.raises(StoreDown, match="cannot be"):
                store.alerts.put("here", "eth0", alerts(5), [])
            with pytest.raises(StoreDown):
                store.check()
        cluster.start()
        store.check()
        assert store.alerts.put("here", "eth0", alerts(5), []) == 3
        store.close()
    finally:
        cluster.remove()


def test_connections_that_were_cut_are_made_anew(cluster, postgres_store):
    store, other = Store.open(cluster.url(postgres_store)), Store.open(cluster.url(postgres_store))
    with store.database.reading() as connection:
        mine = connection.execute(text("SELECT pg_backend_pid()")).scalar()
    with other.database.reading() as killer:
        killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
    store.check()
    assert store.cursors.get("x") == 0
    for one in (store, other):
        one.close()


def test_a_database_that_holds_no_unicode_is_told(cluster):
    name = cluster.database("template0", "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(UsageError, match="is encoded as SQL_ASCII"):
        Store.open(cluster.url(name))
    cluster.drop(name)


def test_a_locked_file_is_told_and_heals(tmp_path):
    path = tmp_path / "store.db"
    store = Store.open(f"sqlite:///{path}")
    with store.database.reading() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreDown, match="another program holds it"):
        store.alerts.put("here", "eth0", alerts(2), [])
    assert store.alerts.count() == 0, "readers go on beside a writer"
    other.close()
    assert store.alerts.put("here", "eth0", alerts(2), []) == 2
    store.close()


def test_a_full_disk_is_told_and_heals(tmp_path):
    def work():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        store = Store.open(f"sqlite:///{tmp_path / 'store.db'}")
        store.alerts.put("here", "eth0", alerts(5), [])
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, hard))

        def fill():
            for n in range(1, 100):
                store.alerts.put("here", "eth0", alerts(100, 100 * n), [])

        with pytest.raises(StoreDown, match="disk"):
            fill()
        held = store.alerts.count()
        assert held % 100 == 5
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert store.alerts.put("here", "eth0", alerts(10, 100_000), []) == 10
        assert store.alerts.count() == held + 10

    assert children.status_of(children.start(work)) == 0


def test_what_is_old_goes_and_all_else_stays(store, monkeypatch):
    monkeypatch.setattr(sweeping, "AT_ONCE", 10)
    store.alerts.put("here", "eth0", alerts(25), [incident(alerts(3), id="ab")])
    store.incidents.note("ab", "ann", "x")
    store.notices.begin("here", "", "over", "error", "x")
    store.notices.end("here", "", "over")
    store.notices.begin("here", "", "lasting", "error", "x")
    store.measures.add("here", "eth0", datetime.now(UTC).timestamp(), {"packets": 1})
    store.audit.add("ann", "admin", "::1", "x", "y")
    store.feedback.add(rule(alert(1)), "ann")
    store.feedback.add(rule(alert(2), expires=datetime.now(UTC) + timedelta(days=3)), "ann")
    now_s = datetime.now(UTC).timestamp()
    settings = StoreSection(keep_alerts_days=30, keep_audit_days=60, keep_measures_days=10)

    def gone(days):
        return {name: count for name, count in store.sweep(settings, now_s + days * DAY_S).items() if count}

    assert gone(1) == {}
    assert gone(9) == {"feedback": 1}
    assert gone(20) == {"measures": 2}
    assert gone(31) == {"alerts": 25, "incidents": 1, "notices": 1}
    assert gone(61) == {"audit": 1}
    assert (store.alerts.count(), store.incidents.get("ab")) == (0, None)
    assert [one.code for one in store.notices.current()] == ["lasting"]
    assert [one.rule.alert_id for one in store.feedback.rules()] == [alert(1).id]
    assert store.audit.verify().problem == ""


def test_a_back_up_is_a_store(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path / 'store.db'}")
    store.alerts.put("here", "eth0", alerts(5), [])
    copy = tmp_path / "copy.db"
    store.backup(copy)
    store.alerts.put("here", "eth0", alerts(9), [])
    store.close()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "store.db"]
    again = Store.open(f"sqlite:///{copy}")
    assert again.alerts.count() == 5
    with pytest.raises(UsageError, match="there already"):
        again.backup(copy)
    with pytest.raises(OutputError, match="cannot be written"):
        again.backup(tmp_path / "missing" / "copy.db")
    again.close()
