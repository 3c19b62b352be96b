"""Captures that strangers send: judged where they can do no harm, and answered in words."""

import gzip
import json
import socket
import subprocess
import sys
import time
from threading import Event

import pytest

from oddflow import api
from oddflow.server.access.identity import Role
from oddflow.server.confined import process as confined
from oddflow.server.confined.job import ANSWER
from oddflow.server.filling import INCIDENT
from oddflow.server.uploads.judge import NotJudged, judge
from oddflow.server.uploads.judging import UploadJob
from oddflow.server.uploads.uploads import CAPTURE

UPLOADS = "/api/v1/uploads"
CAPTURE_HEADER = bytes.fromhex("d4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000000")


@pytest.fixture(scope="module")
def analyst(client):
    one = client(Role.ANALYST)
    yield one
    one.app.state.uploads.close()


def ended(one, name):
    """What became of an upload."""
    for _ in range(600):
        told = one.get(f"{UPLOADS}/{name}").json()
        if told["state"] in {"done", "failed"}:
            return told
        time.sleep(0.05)
    raise AssertionError(told)


def test_a_capture_gets_its_verdict(analyst, service, filled_state):
    content = (api.examples() / INCIDENT).read_bytes()
    sent = analyst.post(UPLOADS, params={"name": "../../a\u202e<b>.pcap"}, content=content)
    assert sent.status_code == 202
    told = ended(analyst, sent.json()["id"])
    result = told["result"]
    assert (told["state"], told["name"], result["model"]) == ("done", "a<b>.pcap", "office@1")
    today_ns = filled_state[1].told.told_s * 1e9 - 3600e9
    expected = sum(one.start_ns > today_ns for one in filled_state[1].alerts)
    assert result["alerts"] == pytest.approx(expected, rel=0.01)  # windows of groups follow the clock, which was moved
    assert result["packets"] == result["metered"]
    assert result["top_incidents"][0]["severity"] == "critical"
    report = analyst.get(f"{UPLOADS}/{told['id']}/report")
    assert report.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert "a&lt;b&gt;.pcap" in report.text
    assert "a<b>" not in report.text
    folder = service.settings.uploads_folder / told["id"]
    assert not (folder / CAPTURE).exists()  # the verdict was asked for; a stranger's bytes need not stay
    assert analyst.delete(f"{UPLOADS}/{told['id']}").status_code == 204
    assert not folder.exists()
    assert analyst.get(f"{UPLOADS}/{told['id']}").status_code == 404


def test_what_is_no_capture_is_said_so(analyst):
    sent = analyst.post(UPLOADS, params={"name": "x.pcap"}, content=b"this is no capture" * 10).json()
    told = ended(analyst, sent["id"])
    assert told["state"] == "failed"
    assert "no format known here" in told["problem"]
    assert "x.pcap" in told["problem"]
    assert "/uploads/" not in told["problem"]


@pytest.mark.parametrize(
    ("wishes", "content", "status"),
    [({}, b"", 422), ({"model": "nobody"}, b"x", 404), ({"model": "../x"}, b"x", 422)],
)
def test_what_cannot_be_judged_is_not_taken(analyst, service, wishes, content, status):
    before = sorted(service.settings.uploads_folder.glob("*"))
    assert analyst.post(UPLOADS, params=wishes, content=content).status_code == status
    assert sorted(service.settings.uploads_folder.glob("*")) == before


def test_more_than_is_taken_is_refused_and_leaves_nothing(analyst, service, monkeypatch):
    monkeypatch.setattr(type(analyst.app.state.uploads), "most_bytes", 1_000)
    answer = analyst.post(UPLOADS, content=iter([b"a" * 900, b"b" * 900]))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert not any(
        folder.is_dir() and not any(folder.iterdir()) for folder in service.settings.uploads_folder.glob("*")
    )


def test_old_ones_are_forgotten(analyst, service):
    uploads = analyst.app.state.uploads
    folder = service.settings.uploads_folder / "0123456789abcdef"
    folder.mkdir(parents=True)
    service.store.uploads.add("ada", "old", 1, "0" * 64, folder.name)
    assert uploads.sweep(time.time() + 6 * 86_400) == 0
    assert folder.exists()
    assert uploads.sweep(time.time() + 8 * 86_400) >= 1
    assert not folder.exists()


def job(tmp_path, content, **bounds):
    (tmp_path / CAPTURE).write_bytes(content)
    wanted = {"memory_bytes": 512 << 20, "seconds": 60} | bounds
    return UploadJob(capture=tmp_path / CAPTURE, called="theirs", folder=tmp_path, budget="10/day", **wanted)


def test_a_bomb_ends_with_its_time(tmp_path, monkeypatch):
    monkeypatch.setattr(confined, "GRACE_S", 1.0)
    # a capture's head, then ever more: 1 MB that unfolds to 160 MB of records
    record = bytes.fromhex("00000000 00000000 40000000 40000000") + bytes(64)
    bomb = gzip.compress(CAPTURE_HEADER + record * 2_000_000, 1)
    with pytest.raises(NotJudged, match="took longer than 1 s"):
        judge(job(tmp_path, bomb, seconds=1), Event())


def test_what_a_process_answers_is_checked_before_it_is_believed(tmp_path, monkeypatch):
    one = job(tmp_path, b"x")
    for answer in ('{"result": {"flows": -1}}', "[" * 100_000, '{"more": 1}', "x" * (5 << 20)):
        monkeypatch.setattr(confined.sys, "executable", _saying(tmp_path, answer))
        with pytest.raises(NotJudged):
            judge(one, Event())


def _saying(tmp_path, answer):
    """A program that answers that, whatever it is asked."""
    program = tmp_path / "program"
    (tmp_path / "said").write_text(answer)
    program.write_text(f"#!/bin/sh\ncat >/dev/null\ncp {tmp_path}/said {tmp_path}/{ANSWER}\n")
    program.chmod(0o700)
    return str(program)


TRY = """
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import json, os, resource, socket, sys
from oddflow.server.confined.bounds import Bounds
alone = Bounds(64 << 20, 5, 4096).confine()
found = {"alone": alone, "cpu": resource.getrlimit(resource.RLIMIT_CPU)[0]}
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2); found["network"] = "reached"
except OSError as error:
    found["network"] = type(error).__name__
try:
    place = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT)
    found["file"] = os.write(place, bytes(8192)); os.write(place, b"more")
except OSError as error:
    found["file"] = os.strerror(error.errno)
try:
    bytearray(4 << 30); found["memory"] = "taken"
except MemoryError:
    found["memory"] = "refused"
try:
    resource.setrlimit(resource.RLIMIT_CPU, (50, 50)); found["raised"] = True
except (ValueError, OSError):
    found["raised"] = False
print(json.dumps(found))
"""


def test_a_confined_process_has_no_network_and_no_more_than_it_may(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        told = subprocess.run(
            [sys.executable, "-c", TRY, str(port), tmp_path / "big"],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
    found = json.loads(told.stdout)
    assert found["cpu"] == 5
    assert not found["raised"]
    assert found["memory"] == "refused"
    assert found["file"] == "File too large"
    if not found["alone"]:
        pytest.skip("this kernel gives no name space of its own: the network stays")
    assert found["network"] != "reached"
