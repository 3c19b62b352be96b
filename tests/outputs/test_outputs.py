"""All receivers of a run: none loses anything, none holds up another or the run."""

import pytest

from oddflow.errors import OutputError, UsageError
from oddflow.outputs import delivery, to_webhook
from oddflow.outputs.outputs import Outputs, OutputSettings
from tests.outputs.receivers import Hook, SyslogServer, until
from tests.verdicts.make import alert


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(delivery, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(delivery, "LONGEST_PAUSE_S", 0.2)
    monkeypatch.setattr(to_webhook, "TIMEOUT_S", 0.5)


class Heard(list):
    """What a person was told."""

    def __call__(self, text):
        self.append(text)


def alerts(count, first=1):
    return [alert(id=f"{number:012x}") for number in range(first, first + count)]


def ids(count):
    return [item.id for item in alerts(count)]


def outputs_to(*urls, spool=None, wait_s=20.0, say=None, limit_mib=16.0):
    settings = OutputSettings.of(urls, str(spool) if spool else None, limit_mib, wait_s)
    return Outputs(settings, say if say is not None else Heard())


def test_a_receiver_that_fails_in_every_way_still_gets_all_in_order():
    heard = Heard()
    with Hook(500, "close", "hang", 503, 429, "drip") as server:
        outputs = outputs_to(f"http://127.0.0.1:{server.server_port}/", say=heard)
        outputs.emit(alerts(10))
        (outcome,) = outputs.close()
    assert server.taken == ids(10)
    assert (outcome.delivered, outcome.waiting, outcome.shed, outcome.problem) == (10, 0, 0, "")
    assert any("cannot be told" in text for text in heard)
    assert any("is told again" in text for text in heard)


def test_a_receiver_that_is_down_or_slow_holds_up_nobody(tmp_path):
    with Hook(*["hang"] * 100) as hanging, SyslogServer() as syslog:
        outputs = outputs_to(
            f"http://127.0.0.1:{hanging.server_port}/", "http://127.0.0.1:9/", f"syslog+tcp://127.0.0.1:{syslog.port}",
            f"file:{tmp_path}/all.jsonl", spool=tmp_path / "spool", wait_s=0.0,
        )  # fmt: skip
        outputs.emit(alerts(100))
        until(lambda: len(syslog.messages) == 100)
        until(lambda: (tmp_path / "all.jsonl").read_text().count("\n") == 100)
        outcomes = outputs.close()
    assert [outcome.waiting for outcome in outcomes[:2]] == [100, 100]
    assert all(outcome.problem for outcome in outcomes[1:2])


def test_what_waits_is_told_by_a_later_run_with_the_same_ids(tmp_path):
    heard = Heard()
    with Hook() as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        server.behaviours = [500] * 1_000
        outputs = outputs_to(url, spool=tmp_path, wait_s=0.3, say=heard)
        outputs.emit(alerts(5))
        assert outputs.close()[0].waiting == 5
        assert any("5 messages wait in" in text for text in heard)
        server.behaviours = []
        later = outputs_to(url, spool=tmp_path)
        later.emit(alerts(8))
        (outcome,) = later.close()
    assert server.taken == ids(8)
    assert (outcome.known, outcome.delivered) == (5, 8)


def test_a_passing_spool_is_kept_only_while_something_waits(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    outputs = outputs_to("http://127.0.0.1:9/", wait_s=0.0)
    outputs.emit(alerts(2))
    outputs.close()
    (kept,) = tmp_path.iterdir()
    with Hook():
        done = outputs_to(f"file:{tmp_path}/x.jsonl")
        done.emit(alerts(2))
        done.close()
    assert {path.name for path in tmp_path.iterdir()} == {kept.name, "x.jsonl"}


def test_what_is_refused_for_good_is_set_aside_and_the_rest_goes_on(tmp_path):
    heard = Heard()
    with Hook(204, 400) as server:
        outputs = outputs_to(f"http://127.0.0.1:{server.server_port}/", spool=tmp_path, say=heard)
        outputs.emit(alerts(4))
        (outcome,) = outputs.close()
    assert server.taken == [ids(4)[place] for place in (0, 2, 3)]
    assert (outcome.refused, outcome.waiting) == (1, 0)
    (aside,) = tmp_path.glob("*/refused.jsonl")
    assert ids(4)[1] in aside.read_text()


def test_a_full_queue_is_told_at_once_and_counted(tmp_path):
    heard = Heard()
    outputs = outputs_to("http://127.0.0.1:9/", spool=tmp_path, limit_mib=1 / 16, wait_s=0.0, say=heard)
    outputs.emit(alerts(500))
    (outcome,) = outputs.close()
    assert outcome.waiting + outcome.shed == 500
    assert outcome.shed > 0
    assert any("is full" in text for text in heard)


def test_the_end_of_a_digest_does_not_wait_for_its_interval(tmp_path):
    outputs = outputs_to("smtp://127.0.0.1:9?from=a@x&to=b@x&interval=600", spool=tmp_path, wait_s=0.4)
    outputs.emit(alerts(1))
    (outcome,) = outputs.close()
    assert outcome.problem  # it was tried
    assert outcome.waiting == 1


def test_a_receiver_that_cannot_be_tried_leaves_nothing_open(tmp_path):
    for bad, error in (("file:/no/such/folder/x", OutputError), ("https://h/#secret=env:NO_SUCH_NAME", UsageError)):
        with pytest.raises(error):
            outputs_to(f"file:{tmp_path}/x", bad, spool=tmp_path / "spool")
    outputs_to(f"file:{tmp_path}/x", spool=tmp_path / "spool").close()
