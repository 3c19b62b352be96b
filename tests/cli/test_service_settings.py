"""`oddflow init`, `oddflow doctor CONFIG` and `oddflow store backup`."""

import os

import pytest

from oddflow.server.settings.read import read
from oddflow.server.store.store import Store

from .call import call, left, refused


def test_init_writes_settings_that_are_read(tmp_path):
    path = tmp_path / "oddflow.toml"
    outcome = call("init", path)
    assert outcome.code == 0
    assert f"next: oddflow doctor {path}" in outcome.err
    assert read(path).settings.web.listen == "127.0.0.1:8470"
    assert left(tmp_path) == ["oddflow.toml"]


def test_init_overwrites_only_when_forced(tmp_path):
    path = tmp_path / "oddflow.toml"
    path.write_text("mine")
    refused(call("init", path), "is there already", "--force")
    assert path.read_text() == "mine"
    told = call("init", path, "--force", "--json").json
    assert told["file"] == str(path)
    assert "lo" in told["interfaces"]
    assert "mine" not in path.read_text()


def test_init_prints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = call("init", "-")
    assert outcome.code == 0
    assert "[web]\n" in outcome.out
    assert left(tmp_path) == []
    refused(call("init", "-", "--json"), "choose one")
    refused(call("init", tmp_path / "none" / "x.toml"), "is no folder")


@pytest.fixture
def settings(tmp_path):
    def of(text):
        path = tmp_path / "oddflow.toml"
        user = "root" if os.geteuid() == 0 else "me"
        path.write_text(
            f'[service]\nuser = "{user}"\nstate = "{tmp_path}/state"\n[web]\nlisten = "127.0.0.1:0001"\n{text}'
        )
        return path

    return of


def test_doctor_tells_each_finding_and_fails_on_a_fault(settings):
    path = settings('[[sources]]\nname = "a"\nfolder = "nowhere"\n')
    outcome = call("doctor", path)
    assert outcome.code == 2
    assert "fault    source a: " in outcome.out
    assert "1 fault, " in outcome.err
    told = call("doctor", path, "--json")
    assert told.code == 2
    assert told.json["config"] == str(path)
    assert told.json["faults"] == 1
    assert {tuple(one) for one in told.json["findings"]} == {("level", "about", "text", "advice")}


def test_doctor_passes_what_can_run(settings, tmp_path):
    (tmp_path / "in").mkdir(mode=0o755)
    outcome = call("doctor", settings('[[sources]]\nname = "a"\nfolder = "in"\n'), "--json")
    assert [one for one in outcome.json["findings"] if one["level"] == "fault"] == []
    assert outcome.code == 0


def test_doctor_refuses_what_is_no_settings_file(tmp_path, settings):
    refused(call("doctor", tmp_path / "none.toml"), "cannot be read", "oddflow init")
    refused(call("doctor", settings("[web2]\n")), "unknown section [web2]; do you mean web?")


def test_doctor_without_settings_tells_of_the_machine():
    assert "memory_of_open_flows" in call("doctor", "--json").json


def test_backup_copies_the_store_whole(settings, tmp_path):
    path, copy = settings(""), tmp_path / "copy.db"
    (tmp_path / "state").mkdir()
    store = Store.open(f"sqlite:///{tmp_path}/state/store.db")
    store.cursors.set("somebody", 7)
    told = call("store", "backup", path, copy, "--json").json
    store.close()
    assert told["bytes"] == copy.stat().st_size
    assert copy.stat().st_mode & 0o077 == 0
    opened = Store.open(f"sqlite:///{copy}", migrate=False)
    assert opened.cursors.get("somebody") == 7
    opened.close()
    refused(call("store", "backup", path, copy), "is there already")


def test_backup_makes_no_store(settings, tmp_path):
    refused(call("store", "backup", settings(""), tmp_path / "copy.db"), "there is no store")
    assert left(tmp_path) == ["oddflow.toml"]
