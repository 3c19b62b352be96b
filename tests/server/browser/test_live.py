"""A real scan on a real wire before a real browser: it appears, is understood, is made quiet; a model is promoted."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from oddflow import api
from oddflow.capture.reader import packets
from oddflow.flows.settings import MeterSettings
from oddflow.losses import Ledger
from oddflow.models.registry.registry import Registry
from oddflow.server.filling import BASELINE, INCIDENT, put_model
from oddflow.server.store.store import Store
from tests.capture.wire import NEAR, Wire, needs_wire
from tests.server.browser.conftest import LIVE, NAME, PASSWORD, Person
from tests.server.browser.test_data_pages import noted

pytestmark = needs_wire
FAR = f"odd{os.getpid()}"
TOLD_WITHIN_S, PATIENCE_S = 5.0, 60
SCANNER, SCANNED = "10.20.0.103", "10.20.0.11"
FRAMES = 400


class NearWire(Wire):
    """A wire whose far end is here, where the browser is; it goes with the namespace of its near end."""

    def lay(self):
        self.run("ip", "link", "add", NEAR, "type", "veth", "peer", "name", FAR, "netns", str(os.getpid()))
        Path(f"/proc/sys/net/ipv6/conf/{FAR}/disable_ipv6").write_text("1")
        self.run("ip", "link", "set", NEAR, "up")
        subprocess.run(["ip", "link", "set", FAR, "up"], check=True, timeout=PATIENCE_S)


@dataclass
class Served:
    """A service at the end of a wire: where it answers, its folder, what it says, what is sent to it."""

    url: str
    state: Path
    log: Path
    wire: Wire

    @cached_property
    def store(self) -> Store:
        """What it keeps."""
        return Store.open(f"sqlite:///{self.state / 'store.db'}", migrate=False)


def until(look):
    """What a look gives as soon as it gives anything."""
    end = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`oddflow serve` on a wire; its model's flows end half a second after their last word, so that nobody waits."""
    folder = tmp_path_factory.mktemp("wire")
    learnt, quick = folder / "office.oddflow", MeterSettings(closed_timeout_s=0.5)
    model = api.learn(api.examples() / BASELINE, output=learnt, detector="robust-pca", settings=quick)
    registry = Registry(folder / "state" / "models")
    put_model(registry, learnt)
    told = {"fingerprint": model.fingerprint, "detector": model.manifest.detector, "signer": ""}
    newer = registry.add(noted(learnt.read_bytes()), told, name="office", file="newer.oddflow", reason="newer flows")
    found = {"recommendation": "promote the candidate", "keep": False, "flows": 900, "alerts": [2, 2], "both": 2}
    registry.shadowed("office", newer.number, registry.find("office"), found)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{one.getsockname()[1]}"
    (folder / "oddflow.toml").write_text(
        f'[service]\nstate = "state"\nuser = "root"\n[web]\nlisten = "{address}"\n'
        f'[[sources]]\nname = "wire"\ninterface = "{FAR}"\nmodel = "office"\npatience_s = 0.1\n'
    )
    wire = NearWire()
    words = [sys.executable, "-c", "from oddflow.cli.main import main; main()", "serve", str(folder / "oddflow.toml")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    found = Served(f"http://{address}", folder / "state", folder / "log", wire)
    yield found
    process.terminate()
    process.wait(PATIENCE_S)
    found.store.close()
    wire.close()


@pytest.fixture(scope="module")
def scan() -> list[bytes]:
    """Frames of the scan in the example."""
    ends = [socket.inet_aton(host) for host in (SCANNER, SCANNED)]
    pairs, found = {b"".join(ends), b"".join(reversed(ends))}, []
    for batch in packets(str(api.examples() / INCIDENT), Ledger()):
        for start, captured in batch.packets[["start", "captured"]][: batch.count].tolist():
            frame = batch.data[start : start + captured].tobytes()
            if frame[26:34] in pairs and len(frame) <= 74:
                found.append(frame)
        if len(found) >= FRAMES:
            break
    return found[:FRAMES]


@pytest.mark.slow
def test_a_scan_on_the_wire_is_seen_understood_and_made_quiet(driver: WebDriver, served: Served, scan: list[bytes]):
    person = Person(driver, served)
    person.look(1280)
    link = until(lambda: re.search(r"http://\S+(/first/\S+)", served.log.read_text()))
    until(lambda: "judges by office@1" in served.log.read_text())
    person.open(link[1])
    person.one("#name").send_keys(NAME)
    person.one("#password").send_keys(PASSWORD)
    person.one("#again").send_keys(PASSWORD)
    person.one("form button").click()
    person.until("return location.pathname === '/'")
    person.until(LIVE)
    assert not person.all(".incident-lines .story")

    served.wire.send(scan)
    person.until("return document.querySelector('.incident-lines .story')", within_s=PATIENCE_S)
    shown_s, store = time.time(), served.store
    first = store.alerts.after(0, 1)[0]
    assert shown_s - first.stored_ns / 1e9 < TOLD_WITHIN_S

    person.one(".incident-lines .story").click()
    assert f"{SCANNER} probed" in person.one("h1").text
    person.one(".rows summary").click()
    person.until("return document.querySelector('.rows .explained .ledger')")
    assert "different ports on one host" in person.text

    alerts = store.alerts.count()
    person.one("#say").click()
    person.one("#reason").send_keys("our own scanner")
    person.one("#benign").click()
    person.until("return document.getElementById('verdict')")
    until(lambda: "our own scanner" in (served.state / "feedback.jsonl").read_text())
    served.wire.send(scan)
    until(lambda: person.open("/") or "hidden by feedback" in person.one("table.budget").text)
    assert "waits for you" not in person.text
    assert store.alerts.count() == alerts

    person.open("/models/office")
    person.one("#promote-2 summary").click()
    person.one("#why-2").send_keys("it knows our scanner")
    person.one("#promote-2 button").click()
    person.until("return document.querySelector('h1').textContent.includes('version 2')")
    until(lambda: "judges by office@2" in served.log.read_text())
    done = [one.action for one in store.audit.page(None, 9).items]
    assert done[:2] == ["model.promote", "incident.verdict"]
    assert person.complaints() == []
    driver.get("about:blank")
