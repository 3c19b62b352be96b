"""Logs that another process writes while they are read."""

import threading
import time

import pytest
from tests.logs.zeek_make import as_json, log, tsv, write
from tests.logs.zeek_twin import HEADER

from oddflow.errors import InputError, Unreadable, UsageError
from oddflow.logs.source import follow_flows
from oddflow.losses import Ledger

LONG_S = 30.0
"""A test that waits longer has failed."""


class Follower:
    """Follows a log in a thread, and keeps the flows."""

    def __init__(self, source):
        self.ledger, self.stop, self.rows, self.ticks, self.error = Ledger(), threading.Event(), [], 0, None
        self._source = str(source)
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            for batch in follow_flows(self._source, self.ledger, stop=self.stop):
                self.rows += batch.select(["record_id", "dns_query"]).to_pylist()
                self.ticks += not batch.num_rows
        except InputError as error:
            self.error = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self._thread.join(LONG_S)
        assert not self._thread.is_alive()

    @property
    def uids(self):
        return [row["record_id"] for row in self.rows]

    def until(self, *uids):
        self.waits(lambda: len(self.rows) >= len(uids))
        assert self.uids == list(uids)

    def waits(self, come):
        end = time.monotonic() + LONG_S
        while not come():
            assert time.monotonic() < end, self.uids
            time.sleep(0.01)


def append(path, text):
    with path.open("a") as file:
        file.write(text)


@pytest.mark.parametrize("content", [tsv, as_json])
def test_appended_lines_come_as_they_are_whole(tmp_path, content):
    path = tmp_path / "conn.log"
    write(path, content({}))
    line = content({"uid": "C2"}).splitlines(keepends=True)[-1]
    with Follower(path) as follower:
        follower.until("C1")
        append(path, line[:50])
        ticks = follower.ticks
        follower.waits(lambda: follower.ticks > ticks + 1)
        append(path, line[50:])
        follower.until("C1", "C2")
    assert follower.ledger.complete


def test_a_file_that_is_empty_at_first_is_waited_for(tmp_path):
    path = tmp_path / "conn.log"
    path.touch()
    with Follower(path) as follower:
        time.sleep(0.1)
        append(path, HEADER[:5])
        time.sleep(0.3)
        append(path, HEADER[5:] + tsv({}, header=""))
        follower.until("C1")


def test_a_log_that_is_renamed_goes_on_in_the_new_one(tmp_path):
    path = tmp_path / "conn.log"
    write(path, tsv({}))
    with Follower(path) as follower:
        follower.until("C1")
        path.rename(tmp_path / "conn.2024-01-01-00-00-00.log")
        append(tmp_path / "conn.2024-01-01-00-00-00.log", tsv({"uid": "C2"}, header=""))
        write(path, as_json({"uid": "C3"}))
        follower.until("C1", "C2", "C3")
    assert follower.ledger.complete


def test_a_log_that_is_cut_to_nothing_is_begun_again(tmp_path):
    path = tmp_path / "conn.log"
    write(path, tsv({}, {"uid": "C2"}, {"uid": "C3"}))
    with Follower(path) as follower:
        follower.until("C1", "C2", "C3")
        path.write_text("")
        follower.waits(lambda: follower.ledger.notes)
        append(path, tsv({"uid": "C4"}))
        follower.until("C1", "C2", "C3", "C4")
    assert "was cut to nothing and begun again" in follower.ledger.notes[0]


def test_a_line_that_was_not_whole_when_it_ended_is_a_loss(tmp_path):
    path = tmp_path / "conn.log"
    write(path, tsv({}) + "1700000000.0\tC2\t10.")
    with Follower(path) as follower:
        follower.until("C1")
    assert follower.ledger.lost_total == 1


def test_a_log_that_goes_on_as_something_else_is_a_damage(tmp_path):
    path = tmp_path / "conn.log"
    write(path, tsv({}))
    with Follower(path) as follower:
        follower.until("C1")
        path.rename(tmp_path / "old")
        write(path, "nonsense\n" * 9)
        follower.waits(lambda: follower.ledger.damages)
        path.rename(tmp_path / "older")
        write(path, tsv({"uid": "C2"}))
        follower.until("C1", "C2")
    assert "goes on as no log that can be followed" in follower.ledger.damages[0]


def test_what_lies_beside_grows_too(tmp_path):
    path = tmp_path / "conn.log"
    write(path, HEADER)
    log(tmp_path / "dns.log", ("ts", "uid", "query"), (1, "C1", "a.example"))
    with Follower(tmp_path) as follower:
        append(path, tsv({}, header=""))
        follower.until("C1")
        append(tmp_path / "dns.log", "2\tC2\tb.example\n")
        append(path, tsv({"uid": "C2"}, header=""))
        follower.until("C1", "C2")
    assert [row["dns_query"] for row in follower.rows] == ["a.example", "b.example"]


def test_a_first_header_that_lacks_columns_is_refused(tmp_path):
    path = tmp_path / "conn.log"
    write(path, tsv({}).replace("\tproto\t", "\tother\t"))
    with Follower(path) as follower:
        follower.waits(lambda: follower.error)
    assert "the header lacks proto" in str(follower.error)


@pytest.mark.parametrize(
    ("name", "content", "error", "why"),
    [
        ("conn.log.gz", tsv({}), UsageError, "compressed"),
        ("notes.txt", "nothing to be known by, but long enough\n", InputError, "no capture"),
        ("absent.log", None, Unreadable, "does not exist"),
    ],
)
def test_what_cannot_be_followed_is_refused(tmp_path, name, content, error, why):
    if content is not None:
        write(tmp_path / name, content)
    with pytest.raises(error, match=why):
        list(follow_flows(str(tmp_path / name), Ledger(), stop=threading.Event()))
