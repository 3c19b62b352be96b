"""`--to` of detect and watch, and `oddflow send`: to the end, and through a kill in the middle."""

import json
import subprocess

import pytest

from oddflow.verdicts.record import read_alerts
from tests.outputs.receivers import Hook, until

from .call import COMMAND, call, left, refused
from .captures import capture


def ids(path):
    return [item.id for item in read_alerts(str(path))]


def test_detect_tells_what_it_writes(office, tmp_path):
    with Hook() as server:
        told = call(
            "detect", office.incident, "-m", office.model, "-o", tmp_path / "a.jsonl", "--json",
            "--to", f"http://127.0.0.1:{server.server_port}/", "--to", f"file:{tmp_path}/a.eve?format=eve",
        )  # fmt: skip
    assert told.code == 0
    wanted = ids(tmp_path / "a.jsonl")
    assert server.taken == wanted
    lines = [json.loads(line) for line in (tmp_path / "a.eve").read_text().splitlines()]
    assert [line["alert"]["metadata"]["oddflow_id"] for line in lines] == [[each] for each in wanted]
    assert [outcome["delivered"] for outcome in told.json["outputs"]] == [len(wanted)] * 2


@pytest.mark.parametrize("command", ["detect", "watch"])
def test_incidents_are_told_where_they_are_asked_for(command, office, tmp_path):
    words = [
        command,
        office.incident,
        "-m",
        office.model,
        "--json",
        "--to",
        f"file:{tmp_path}/all.stix?format=stix&about=all",
    ]
    if command == "watch":
        words += ["--duration", "1", "--patience", 1_000]
    told = call(
        *words, "--to", f"file:{tmp_path}/stories.jsonl?about=incidents", "--to", f"file:{tmp_path}/alerts.jsonl"
    )
    assert told.code == 0
    stories, alerts, both = (
        [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        for name in ("stories.jsonl", "alerts.jsonl", "all.stix")
    )
    assert stories
    assert {alert["incident"] for alert in alerts} >= {story["id"] for story in stories}
    assert len(both) == len(alerts) + len(stories)
    assert sum(any(made["type"] == "incident" for made in bundle["objects"]) for bundle in both) == len(stories)


def test_detect_shows_what_it_found_though_nobody_listens(office, tmp_path):
    words = ["detect", office.incident, "-m", office.model, "--to", "http://127.0.0.1:9/", "--deliver-for", "0"]
    told = call(*words, "--spool", tmp_path / "spool")
    assert told.code == 0
    assert "10.0.0.66" in told.out
    assert "messages wait in" in told.err
    with_json = call(*words, "--spool", tmp_path / "other", "--json")
    assert with_json.json["outputs"][0]["waiting"] == len(ids(office.alerts))


def test_a_run_that_fails_leaves_no_passing_spool(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "bad.pcap").write_text("a letter")
    refused(call("detect", tmp_path / "bad.pcap", "--to", f"file:{tmp_path}/x"), "no format known")
    assert left(tmp_path) == ["bad.pcap", "x"]


def test_watch_tells_as_they_come(office, tmp_path):
    source = tmp_path / "grows.pcap"
    source.write_bytes(capture(scan=True, seed=2))
    with Hook() as server:
        told = call(
            "watch", source, "-m", office.model, "--duration", "1", "-o", tmp_path / "a.jsonl", "--json",
            "--patience", 1_000, "--to", f"http://127.0.0.1:{server.server_port}/", "--spool", tmp_path / "spool",
        )  # fmt: skip
    assert told.code == 0
    assert server.taken == ids(tmp_path / "a.jsonl")
    assert server.taken


def test_send_goes_on_after_a_kill_and_loses_nothing(office, tmp_path):
    wanted = ids(office.alerts)
    with Hook(pause_s=0.02) as server:
        rest = ["--to", f"http://127.0.0.1:{server.server_port}/", "--spool", str(tmp_path / "spool")]
        process = subprocess.Popen(
            [*COMMAND, "send", str(office.alerts), *rest], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with process:
            until(lambda: len(server.taken) >= 5, 60)
            process.kill()
        before = len(server.taken)
        assert 5 <= before < len(wanted)
        server.pause_s = 0.0
        told = call("send", *rest, "--json")
        assert told.code == 0
        assert set(server.taken) == set(wanted)
        assert len(server.taken) <= len(wanted) + 1  # the one that was under way may come twice, with its id
        again = call("send", office.alerts, *rest, "--json")
        assert again.json["outputs"][0]["known"] == len(wanted)
        assert len(server.taken) <= len(wanted) + 1


def test_send_says_what_it_could_not_tell(office, tmp_path):
    told = call("send", office.alerts, "--to", "http://127.0.0.1:9/", "--spool", tmp_path, "--deliver-for", "0.1")
    refused(told, "not all was told to http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["send", "{alerts}"], "nobody is named"),
        (["send", "--to", "file:{folder}/x"], "name a file of alerts"),
        (["send", "{baseline}", "--to", "file:{folder}/x"], "expected a file"),
        (["detect", "{incident}", "--spool", "{folder}"], "--spool was given without --to"),
        (["detect", "{incident}", "--to", "gopher://h"], "no transport 'gopher'"),
        (["detect", "{incident}", "--to", "https://h/#secret=hush"], "others can read"),
        (["watch", "{incident}", "-m", "{model}", "--to", "file:x?format=nope"], "no format 'nope'"),
    ],
)
def test_what_is_wrong_is_told_before_the_work(words, why, office, tmp_path):
    refused(call(*(word.format(folder=tmp_path, **vars(office)) for word in words)), why)
