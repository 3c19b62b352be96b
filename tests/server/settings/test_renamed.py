"""Old names of keys: read for two minor versions, with a warning; refused afterwards."""

import logging

import pytest

from oddflow import __version__
from oddflow.errors import UsageError
from oddflow.server.settings import read as reading
from oddflow.server.settings.renamed import RENAMED, Renamed, renew

MOVED = (
    Renamed("web.address", "web.listen", "0.2", "0.4"),
    Renamed("web.hours", "uploads.keep_days", "0.2", "0.4"),
    Renamed("sources.device", "sources.interface", "0.2", "0.4"),
)


def test_a_value_goes_to_the_new_name_and_the_remark_says_so():
    given = {"web": {"address": "x:1", "hours": 3}, "sources": [{"device": "a"}, {"device": "b"}]}
    remarks = renew(given, MOVED)
    assert given == {
        "web": {"listen": "x:1"},
        "uploads": {"keep_days": 3},
        "sources": [{"interface": "a"}, {"interface": "b"}],
    }
    assert len(remarks) == 3
    assert remarks[0] == (
        "[web] address is called [web] listen since version 0.2: write that; version 0.4 will refuse the old name"
    )


def test_both_names_at_once_are_refused():
    with pytest.raises(UsageError, match=r"\[web\] address and \[web\] listen are both given"):
        renew({"web": {"address": "x:1", "listen": "y:1"}}, MOVED)


@pytest.mark.parametrize("given", [{}, {"web": 3}, {"sources": [3]}, {"web": {"listen": "x:1"}}])
def test_a_file_without_old_names_stays_as_it_is(given):
    assert renew(given, MOVED) == []


def test_an_old_file_is_read_and_the_log_says_what_to_write(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(reading, "renew", lambda given: renew(given, MOVED))
    path = tmp_path / "old.toml"
    path.write_text('[web]\naddress = "127.0.0.1:9"\n')
    with caplog.at_level(logging.WARNING):
        assert reading.read_settings(path).web.listen == "127.0.0.1:9"
    assert "is called [web] listen since version 0.2" in caplog.text


def test_no_old_name_is_kept_longer_than_promised():
    def number(version):
        return tuple(int(part) for part in version.split(".")[:2])

    assert [one.old for one in RENAMED if number(__version__) >= number(one.until)] == []
    assert [one.old for one in RENAMED if number(one.until)[1] < number(one.since)[1] + 2] == []
