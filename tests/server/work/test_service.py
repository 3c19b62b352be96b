"""The whole service, its processes and all, over a folder of captures: what a person relies on."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import Request, urlopen

import pytest
from pyarrow import parquet

from oddflow import api
from oddflow.bench.steady import SteadyTraffic
from oddflow.models.registry.registry import Registry
from oddflow.server.access.identity import Role
from oddflow.server.access.scope import Scope
from oddflow.server.filling import INCIDENT, put_model
from oddflow.server.store.store import Store
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.feedback.rule import Rule, Verdict
from oddflow.verdicts.feedback.rule import Scope as Reach
from oddflow.verdicts.feedback.rules import read_rules
from tests.server.conftest import token_of

Found = TypeVar("Found")
PATIENCE_S = 120.0


@dataclass
class Running:
    """A service that runs.

    Attributes:
        folder: With its state, and the folder of captures.
        process: The supervisor.
        address: Where it answers.
        token: That may read all.
    """

    folder: Path
    process: subprocess.Popen[bytes]
    address: str
    token: str

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def ask(self, path: str) -> Any:
        """What the API answers."""
        wanted = Request(f"http://{self.address}{path}", headers={"Authorization": f"Bearer {self.token}"})
        with urlopen(wanted, timeout=30) as answer:  # noqa: S310  (ours)
            return json.load(answer)

    def source(self) -> dict[str, Any]:
        """How its source is."""
        (told,) = self.ask("/api/v1/sources")["items"]
        return dict(told)

    def store(self) -> Store:
        return Store.open(f"sqlite:///{self.state / 'store.db'}", migrate=False)

    def put(self, capture: Path, name: str) -> None:
        """Puts a capture in the folder, whole at once."""
        part = self.folder / name
        shutil.copy(capture, part)
        os.utime(part, (1, 1))
        part.rename(self.folder / "in" / name)

    def read(self) -> list[str]:
        """Names of captures that all is known of."""
        journal = self.state / "read" / "office.jsonl"
        return [json.loads(line)["name"] for line in journal.read_text().splitlines()] if journal.exists() else []

    def worker(self, kind: str) -> int:
        """The number of a process."""
        (found,) = [one for one in self.ask("/api/v1/status")["workers"] if one["kind"] == kind]
        return int(found["pid"])


def eventually(look: Callable[[], Found]) -> Found:
    """What a look gives as soon as it gives anything; what it gives in the end where it never does."""
    until = time.monotonic() + PATIENCE_S
    while not (found := look()) and time.monotonic() < until:
        time.sleep(0.1)
    return found


def alerts_in(store: Store) -> list[Alert]:
    """All alerts of a store."""
    found, seq = [], 0
    while some := store.alerts.after(seq, 1_000):
        found += [one.alert for one in some]
        seq = some[-1].seq
    return found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, example_model: Path) -> Iterator[Running]:
    """A service that judges what is put in a folder by the registry's model, and writes alerts to a file."""
    folder = tmp_path_factory.mktemp("running")
    (folder / "in").mkdir()
    put_model(Registry(folder / "state" / "models"), example_model)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{one.getsockname()[1]}"
    store = Store.open(f"sqlite:///{folder / 'state' / 'store.db'}")
    token = token_of(store, Role.ADMIN, tuple(Scope))
    store.close()
    user = 'user = "root"\n' if os.geteuid() == 0 else ""
    (folder / "oddflow.toml").write_text(
        f'[service]\nstate = "state"\n{user}[web]\nlisten = "{address}"\n'
        f'[[sources]]\nname = "office"\nfolder = "in"\nmodel = "office"\n'
        f'[[outputs]]\nto = "file:{folder / "told.jsonl"}"\n'
    )
    begin = "from oddflow.cli.main import main; main()"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", begin, "serve", str(folder / "oddflow.toml")], stdout=log, stderr=log, cwd=folder
        )
    host, port = address.rsplit(":", 1)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(ConnectionRefusedError), socket.create_connection((host, int(port)), timeout=5):
            break
        time.sleep(0.1)
    yield Running(folder, process, address, token)
    process.kill()
    process.wait()


def test_a_capture_in_the_folder_becomes_the_alerts_that_detect_finds(running: Running, example_model: Path) -> None:
    running.put(api.examples() / INCIDENT, "a.pcap.zst")
    eventually(lambda: running.read() == ["a.pcap.zst"])
    wanted = api.detect(api.examples() / INCIDENT, model=example_model)
    expected = {alert.id: alert.score for row in wanted.rows for alert in row.alerts}
    with closing(running.store()) as store:
        eventually(lambda: store.alerts.count() == len(expected))
        found = {alert.id: alert.score for alert in alerts_in(store)}
        incidents = {one.incident.id: one.incident.alerts for one in store.incidents.after(0, 1_000)}
    assert found == expected
    assert {one.id: one.alerts for one in wanted.incidents}.items() <= incidents.items()
    flows = sum(parquet.read_metadata(path).num_rows for path in running.state.rglob("*.parquet"))
    assert flows == running.source()["flows"]


def test_it_answers_and_says_how_it_is(running: Running) -> None:
    told = eventually(lambda: (one := running.source())["alerts"] and one)
    assert told["model"] == "office@1"
    assert told["judged"] < told["flows"] == told["stored_flows"]  # ARP is kept, and not judged
    assert told["packets"] == told["metered"] + sum(told["lost"].values())
    assert told["queued_flows"] == told["waiting_alerts"] == 0


def test_receivers_are_told_each_alert_once(running: Running) -> None:
    def alerts() -> list[str]:
        lines = (running.folder / "told.jsonl").read_text().splitlines()
        return [one["id"] for one in map(json.loads, lines) if "src_ip" in one]

    with closing(running.store()) as store:
        wanted = {alert.id for alert in alerts_in(store)}
    eventually(lambda: len(alerts()) >= len(wanted))
    assert sorted(alerts()) == sorted(wanted)


def test_what_is_no_capture_is_told_and_passed_over(running: Running) -> None:
    (running.folder / "note").write_text("not a capture, but long enough to be looked at\n" * 9)
    running.put(running.folder / "note", "note.pcap")
    assert eventually(lambda: "note.pcap" in running.read())
    told = eventually(lambda: running.source()["problems"])
    assert "note.pcap" in told[0]
    with closing(running.store()) as store:
        assert eventually(lambda: [one for one in store.notices.current() if one.code == "files"])


@pytest.mark.parametrize("kind", ["capture", "judge"])
def test_a_process_that_is_killed_is_started_again_and_goes_on(running: Running, kind: str) -> None:
    before = running.worker(kind)
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: (now := running.worker(kind)) != before and now)
    place = running.folder / "more"
    with place.open("wb") as file:
        SteadyTraffic(flows_per_s=50, packets_per_flow=8).write(file, 1)
    running.put(place, f"{kind}.pcap")
    assert eventually(lambda: f"{kind}.pcap" in running.read())


def test_a_model_that_is_promoted_judges_soon(running: Running) -> None:
    other = running.folder / "other.oddflow"
    api.learn(api.examples() / INCIDENT, output=other, detector="robust-pca")
    put_model(Registry(running.state / "models"), other)
    assert eventually(lambda: running.source()["model"] == "office@2")


def test_feedback_reaches_those_who_judge(running: Running) -> None:
    with closing(running.store()) as store:
        alert = store.alerts.after(0, 1)[0].alert
        store.feedback.add(Rule.of(alert, Verdict.BENIGN, Reach.ALWAYS, made=datetime.now(UTC)), "anna")
    assert eventually(lambda: read_rules(str(running.state / "feedback.jsonl")))


def test_it_ends_in_order(running: Running) -> None:
    workers = [one["pid"] for one in running.ask("/api/v1/status")["workers"]]
    running.process.send_signal(signal.SIGTERM)
    code = running.process.wait(PATIENCE_S)
    told = (running.folder / "log").read_text()
    assert code == 0, told
    assert "Traceback" not in told
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    with closing(running.store()) as store:
        store.check()
