import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from oddflow.errors import UsageError
from oddflow.server.store.database import Database
from oddflow.server.store.migrating import FOLDER, REVISIONS, alembic_config
from oddflow.server.store.store import Store
from oddflow.server.store.tables import metadata
from oddflow.verdicts.incidents.record import incident_json
from oddflow.verdicts.record import alert_json
from tests.server.store import children
from tests.server.store.make import alert, incident

ALERT = """INSERT INTO alerts (id, seq, born, sensor, source, stored_ns, start_ns, end_ns, src_ip, dst_ip, score,
    category, incident, words) VALUES (:id, 1, 1, 'here', 'eth0', 5, :start_ns, :end_ns, '10.0.0.1', '10.1.0.1', 2.5,
    '', 'ab', '')"""
INCIDENT = """INSERT INTO incidents (id, seq, born, sensor, source, stored_ns, first_ns, last_ns, severity, points,
    category, alerts, first_alert, words) VALUES ('ab', 2, 2, 'here', 'eth0', 5, 1, 2, 'low', 3, '', 1, :first, '')"""


@pytest.fixture
def database(empty_url):
    found = Database(empty_url)
    yield found
    found.close()


def raised_to(database, revision):
    with database.writing() as connection:
        command.upgrade(alembic_config(connection), revision)


def test_what_the_first_revision_kept_is_there_in_the_last(database, empty_url):
    raised_to(database, REVISIONS[0])
    put = alert(1, incident="ab")
    of_it = incident([put], id="ab")
    with database.writing() as connection:
        connection.execute(text(ALERT), {"id": put.id, "start_ns": put.start_ns, "end_ns": put.end_ns})
        record = {"id": put.id, "record": alert_json(put)}
        connection.execute(text("INSERT INTO alert_records VALUES (:id, :record)"), record)
        connection.execute(text(INCIDENT), {"first": put.id})
        record = {"record": incident_json(of_it)}
        connection.execute(text("INSERT INTO incident_records VALUES ('ab', :record)"), record)
        connection.execute(text("UPDATE counters SET value = 2 WHERE name = 'seq'"))
    store = Store.open(empty_url)
    try:
        assert store.alerts.get(put.id).alert == put
        assert [one.incident for one in store.incidents.page().items] == [of_it]
        assert store.incidents.get("ab").merged_into == ""
        assert store.alerts.put("here", "eth0", [alert(2)], []) == 1
    finally:
        store.close()


def test_revisions_make_the_tables_that_the_code_has(database):
    raised_to(database, "head")
    with database.reading() as connection:
        told = not database.is_sqlite  # it gives defaults back in words of its own
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": told})
        assert compare_metadata(context, metadata) == []
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_all_revisions_are_known_in_their_order():
    found = ScriptDirectory(str(FOLDER)).walk_revisions()
    assert [one.revision for one in found] == list(reversed(REVISIONS))


def test_processes_that_start_at_once_make_the_tables_once(empty_url):
    def work():
        store = Store.open(empty_url)
        assert store.alerts.put("here", "eth0", [alert(1)], []) in (0, 1)

    pids = [children.start(work) for _ in range(4)]
    assert [children.status_of(pid) for pid in pids] == [0, 0, 0, 0]


def changed(database, statement):
    with database.writing() as connection:
        connection.execute(text(statement))


def test_what_a_newer_version_made_is_left_alone(database, empty_url):
    raised_to(database, "head")
    changed(database, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UsageError, match=r"made by a newer version of Oddflow \(revision 9999"):
        Store.open(empty_url)
    with pytest.raises(UsageError, match="made by a newer version"):
        Store.open(empty_url, migrate=False)


def test_what_another_program_made_is_left_alone(database, empty_url):
    changed(database, "CREATE TABLE songs (title TEXT)")
    with pytest.raises(UsageError, match=r"tables of something else \(songs\)"):
        Store.open(empty_url)


def test_nothing_is_made_where_that_is_not_asked(empty_url):
    with pytest.raises(UsageError, match=f"has the tables of nothing, this version needs {REVISIONS[-1]}"):
        Store.open(empty_url, migrate=False)
