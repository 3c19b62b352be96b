"""Whom a sensor runs as. What it has given up is read from the kernel in tests/cli/test_live.py."""

import os

import pytest

from oddflow.errors import UsageError
from oddflow.sensor import privileges
from oddflow.sensor.privileges import Account, account_for


@pytest.fixture
def as_root(monkeypatch):
    monkeypatch.setattr(privileges.os, "geteuid", lambda: 0)
    for name in ("SUDO_UID", "SUDO_GID"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_who_is_asked_for_is_taken(as_root, tmp_path):
    as_root.setenv("SUDO_UID", "1234")
    assert account_for("root", tmp_path) == Account("root", 0, 0)


def test_who_called_sudo_is_taken_even_without_a_name(as_root, tmp_path):
    as_root.setenv("SUDO_UID", "54321")
    as_root.setenv("SUDO_GID", "54322")
    assert account_for(None, tmp_path) == Account("54321", 54_321, 54_322)


@pytest.mark.parametrize("wrong", ["", "0", "-1", "x", "99999999999999999999"])
def test_a_wrong_word_of_sudo_is_passed_over(as_root, wrong):
    as_root.setenv("SUDO_UID", wrong)
    as_root.setenv("SUDO_GID", wrong)
    assert account_for(None, None).name == "nobody"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives a folder away")
def test_else_whose_folder_it_is(as_root, tmp_path):
    os.chown(tmp_path, 54_321, 54_322)
    assert account_for(None, tmp_path) == Account("54321", 54_321, 54_322)


def test_an_unknown_user_is_refused(as_root):
    with pytest.raises(UsageError, match="no user 'no such user'"):
        account_for("no such user", None)


def test_who_is_not_root_stays_and_can_become_nobody_else(monkeypatch):
    monkeypatch.setattr(privileges.os, "geteuid", lambda: 12_345)
    assert account_for(None, None) is None
    with pytest.raises(UsageError, match="only root can become nobody"):
        account_for("nobody", None)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: asks as another")
def test_it_is_known_who_may_write_where(tmp_path):
    nobody = Account.named("nobody")
    assert not nobody.may_write_in(tmp_path)
    assert os.geteuid() == 0
    assert os.getgroups() == os.getgroups()
