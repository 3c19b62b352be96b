"""`oddflow store`: check and backup."""

import sqlite3
from contextlib import closing

import pytest

from oddflow.server.store.store import Store

from .call import call, left, refused


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "oddflow.toml"
    path.write_text(f'[service]\nstate = "{tmp_path}"\n')
    with closing(Store.open(f"sqlite:///{tmp_path / 'store.db'}")) as store:
        for n in range(3):
            store.audit.add("ann", "admin", "::1", "rule.add", str(n))
    return path


def test_a_whole_store_is_said_to_be(config):
    outcome = call("store", "check", config)
    assert outcome.code == 0
    assert "is whole: 0 alerts, 0 incidents, 0 accounts" in outcome.out
    assert "the trail of 3 changes holds" in outcome.out
    told = call("store", "check", config, "--json").json
    assert (told["problems"], told["rows"]["audit"], len(told["last"])) == ([], 3, 64)


def test_a_trail_that_somebody_changed_shows(config, tmp_path):
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as behind:
        behind.execute("DELETE FROM audit WHERE object = '1'")
    refused(call("store", "check", config), "the trail is not as it was written", "either was changed or removed")


def test_a_copy_is_whole(config, tmp_path):
    copy = tmp_path / "copy.db"
    assert f"copied to {copy}" in call("store", "backup", config, copy).err
    with closing(Store.open(f"sqlite:///{copy}")) as store:
        assert store.inspect().rows["audit"] == 3
    refused(call("store", "backup", config, copy), "is there already")
    refused(call("store", "backup", config, tmp_path / "none" / "copy.db"), "cannot be written")
    assert left(tmp_path) == ["copy.db", "oddflow.toml", "store.db"]


def test_what_is_no_store_is_refused(config, tmp_path):
    (tmp_path / "store.db").write_bytes(b"no database at all " * 100)
    refused(call("store", "check", config), "put a back-up in its place")
    refused(call("store", "check", tmp_path / "missing.toml"), "missing.toml")
