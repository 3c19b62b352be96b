"""Measures the service as it runs: from packets on a wire to an alert pushed to a page, its memory, and its start."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from oddflow.bench.figures import Figure
from oddflow.bench.ingest import ODDFLOW, Step
from oddflow.bench.machine import machine
from oddflow.bench.running import bearer, running, wait_for_answers
from oddflow.bench.steady import SteadyTraffic
from oddflow.errors import OddflowError, UsageError
from oddflow.flows.settings import MeterSettings
from oddflow.losses import Loss

NEAR, FAR = "oddbench0", "oddbench1"
PORT = 8_479
LEARNT_S = 30
WARM_S = 120.0
"""Windows and tables fill, and every chore is done once, in so long; memory is compared from then on."""
AFTER_S = MeterSettings().closed_timeout_s + 6.0
"""How long the last connections of the traffic may still be told of."""
LOOK_S = 5.0
MOST_LATENCY_S, MOST_GIB, MOST_CHANGE, MOST_START_S = 2.0, 1.5, 0.05, 5.0
SENDER = "from oddflow.bench.steady import SteadyTraffic; import sys; "
SETTINGS = """\
[service]
name = "bench"
state = "{state}"
user = "root"
[web]
listen = "127.0.0.1:{port}"
[[sources]]
name = "bench"
{source}
model = "{model}"
home_networks = ["10.0.0.0/8"]
budget = "10/minute"
"""


@dataclass(slots=True)
class _Found:
    """What was measured."""

    latency: list[int] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    pushed_s: list[float] = field(default_factory=list)
    whole_s: list[float] = field(default_factory=list)
    sent: int = 0
    sending_s: float = 0.0
    odd: int = 0
    found_odd: int = 0
    memory: list[tuple[float, int]] = field(default_factory=list)
    starts_s: list[float] = field(default_factory=list)
    failed: str = ""


class ServeBench:
    """The service under a steady load, and its start, as steps to be run in order; then the figures.

    Args:
        folder: An empty folder for all that the service keeps.
        seconds: Of traffic; 0 for none.
        traffic: What is sent.
        capture: What the service is given at its start.
        baseline: What the model for that learns.
        starts: How often it is started; 0 for not at all.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seconds: int = 120,
        traffic: SteadyTraffic | None = None,
        capture: Path,
        baseline: Path,
        starts: int = 3,
    ) -> None:
        if os.geteuid() != 0:
            raise UsageError("bench serve makes a pair of interfaces and listens on one, which needs root")
        self._folder = folder
        self._seconds = seconds
        self._traffic = traffic or SteadyTraffic()
        self._capture, self._baseline, self._starts = capture, baseline, starts
        self._found = _Found()

    def steps(self) -> Iterator[Step]:
        """What is to be done, in order."""
        if self._starts:
            yield Step("learning for the start", lambda: self._learn(self._baseline, "office"))
        for number in range(1, self._starts + 1):
            yield Step(f"start {number} of {self._starts}", lambda number=number: self._start(number))  # type: ignore[misc]
        if self._seconds:
            yield Step(f"learning {LEARNT_S} s of the traffic", self._learn_traffic)
            yield Step(f"{self._seconds} s of traffic", self._load)

    def _learn(self, capture: Path, name: str) -> None:
        done = subprocess.run(
            [*ODDFLOW, "learn", str(capture), "-o", str(self._model(name)), "--home-net", "10.0.0.0/8"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise OddflowError(f"the model of the bench was not learnt: {done.stderr.strip()[-300:]}")

    def _learn_traffic(self) -> None:
        place = self._folder / "steady.pcap"
        with place.open("wb") as file:
            _without_odd(self._traffic).write(file, LEARNT_S)
        try:
            self._learn(place, "steady")
        finally:
            place.unlink()

    def _model(self, name: str) -> Path:
        return self._folder / f"{name}.oddflow"

    @contextlib.contextmanager
    def _service(self, name: str, source: str, model: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
        """The service at work, and its settings."""
        place = self._folder / f"{name}.toml"
        place.write_text(SETTINGS.format(state=self._folder / name, port=PORT, source=source, model=model))
        with running(place) as service:
            yield service, place

    def _start(self, number: int) -> None:
        """From the command to the first verdict that is stored."""
        from oddflow.server.settings.read import read_settings  # noqa: PLC0415  (an extra)
        from oddflow.server.store.store import Store  # noqa: PLC0415

        inbox = self._folder / f"inbox-{number}"
        inbox.mkdir()
        (inbox / self._capture.name).symlink_to(self._capture)
        begun = time.monotonic()
        with self._service(f"start-{number}", f'folder = "{inbox}"', self._model("office")) as (service, place):
            settings = read_settings(place)
            while time.monotonic() < begun + 60 and service.poll() is None:
                with contextlib.suppress(OddflowError):
                    if not (settings.service.state / "store.db").exists():
                        time.sleep(0.02)
                        continue
                    with contextlib.closing(Store.open(settings.store_url, migrate=False)) as store:
                        while not store.alerts.highest() and service.poll() is None:
                            time.sleep(0.02)
                        self._found.starts_s.append(time.monotonic() - begun)
                        return
                time.sleep(0.02)
        self._found.failed = "the service gave no verdict within a minute"

    def _load(self) -> None:
        if Path("/sys/class/net", NEAR).exists():
            # a bench that was killed leaves its interfaces behind
            _ip("link", "delete", NEAR)
        _ip("link", "add", NEAR, "type", "veth", "peer", "name", FAR)
        try:
            for name in (NEAR, FAR):
                Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
                _ip("link", "set", name, "up")
            source = f'interface = "{FAR}"\npromiscuous = true'
            with self._service("load", source, self._model("steady")) as (service, place):
                self._watch(service, place)
        finally:
            _ip("link", "delete", NEAR)

    def _watch(self, service: "subprocess.Popen[bytes]", place: Path) -> None:
        from oddflow.server.settings.read import read_settings  # noqa: PLC0415  (an extra)
        from oddflow.server.store.store import Store  # noqa: PLC0415

        settings, found = read_settings(place), self._found
        wait_for_answers(service, PORT)
        with contextlib.closing(Store.open(settings.store_url, migrate=False)) as store:
            token = _token(store)
            listener = _Listener(token)
            listener.start()
            traffic, begun = self._traffic, time.monotonic()
            words = f"print(SteadyTraffic(**{asdict(traffic)!r}).send({NEAR!r}, {self._seconds}))"
            with subprocess.Popen([sys.executable, "-c", SENDER + words], stdout=subprocess.PIPE) as sender:
                while sender.poll() is None:
                    found.memory.append((time.monotonic() - begun, _memory_bytes(service.pid)))
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        sender.wait(LOOK_S)
                found.sending_s = time.monotonic() - begun
                found.sent = int(sender.stdout.read() if sender.stdout else 0)
            time.sleep(AFTER_S)
            found.status = _ask(token, "/api/v1/sources")["items"][0]
            found.latency = found.status["latency"]
            workers = _ask(token, "/api/v1/status")["workers"]
            found.restarts = {worker["name"]: worker["restarts"] for worker in workers if worker["restarts"]}
            self._compare(store, listener)
            listener.end()
        found.odd = traffic.odd_per_s * self._seconds

    def _compare(self, store: Any, listener: "_Listener") -> None:
        """When alerts were stored, and when they came to who listened."""
        from oddflow.bench.steady import ODD_PORT  # noqa: PLC0415

        after = 0
        while batch := store.alerts.after(after, 500):
            after = batch[-1].seq
            for one in batch:
                self._found.found_odd += one.alert.dst_port == ODD_PORT
                came_s = listener.came_s.get(one.alert.id)
                if came_s is not None:
                    self._found.pushed_s.append(came_s - one.stored_ns / 1e9)
                    due_s = one.alert.end_ns / 1e9 + MeterSettings().closed_timeout_s
                    self._found.whole_s.append(came_s - due_s)

    def figures(self) -> list[Figure]:
        """The rows of the result."""
        return [*(self._of_load() if self._seconds else []), *([self._of_start()] if self._starts else [])]

    def _of_start(self) -> Figure:
        found = self._found
        start = float(np.median(found.starts_s)) if found.starts_s else None
        return Figure(
            "start to first verdict stored", _ms(start), "ms", 1e3 * MOST_START_S, at_least=False,
            detail=found.failed or f"{len(found.starts_s)} starts, with {self._capture.name}",
            rounds=[1e3 * one for one in found.starts_s],
        )  # fmt: skip

    def _of_load(self) -> list[Figure]:
        found, traffic = self._found, self._traffic
        rate = found.sent / self._seconds if found.sent else None
        pace = f"{self._seconds} s; {traffic.packets_per_s:,} were to be sent, the sender took {found.sending_s:.0f} s"
        whole = _quantile(found.whole_s)
        stored = _most_of(found.latency, 0.99)
        lost = self._lost()
        warm = [size for at, size in found.memory if at >= min(WARM_S, self._seconds / 2)]
        change = (max(warm) - min(warm)) / float(np.median(warm)) / 2 if warm else None
        peak = max((size for _, size in found.memory), default=0)
        return [
            Figure("packets sent", rate, "packets/s", detail=pace),
            Figure(
                "record due to alert on the page, 99 of 100", _ms(whole), "ms", 1e3 * MOST_LATENCY_S, at_least=False,
                detail=f"{len(found.whole_s):,} alerts; median {_ms(_quantile(found.whole_s, 0.5)) or 0:,.0f} ms",
            ),
            Figure(
                "record handed on to alert stored, 99 of 100", _ms(stored), "ms", 1e3 * MOST_LATENCY_S, at_least=False,
                detail="at most, by the service's own histogram",
            ),
            Figure("alert stored to alert on the page, 99 of 100", _ms(_quantile(found.pushed_s)), "ms"),
            Figure(
                "packets and flows lost", lost, "", 0.0, at_least=False,
                detail=f"{found.status.get('packets', 0):,} packets came, {found.status.get('flows', 0):,} flows, "
                f"{found.status.get('judged', 0):,} judged; shed: {found.status.get('shed') or 'nothing'}",
            ),
            Figure(
                "odd connections told of", found.found_odd / found.odd * 100 if found.odd else None, "%",
                detail=f"{found.found_odd:,} of {found.odd:,}; {found.status.get('alerts', 0):,} alerts in all",
            ),
            Figure(
                "processes that were started again", float(sum(found.restarts.values())) if found.status else None, "",
                0.0, at_least=False, detail=", ".join(f"{name} {times} ×" for name, times in found.restarts.items()),
            ),
            Figure("memory of all processes, most", peak / 2**20 if peak else None, "MiB", 1024 * MOST_GIB,
                   at_least=False, detail="proportional set size, summed"),
            Figure("memory, half its range over its median", None if change is None else 100 * change, "%",
                   100 * MOST_CHANGE, at_least=False, detail=f"{len(warm)} looks after the warm-up"),
        ]  # fmt: skip

    def _lost(self) -> float | None:
        if not self._found.status:
            return None
        lost = self._found.status.get("lost", {})
        on_the_way = sum(count for reason, count in lost.items() if not reason.startswith((Loss.NOT_IP, Loss.ARP)))
        return float(on_the_way + max(self._found.status["flows"] - self._found.status["judged"], 0))

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON."""
        return {
            "bench": "serve",
            "machine": machine(),
            "input": {"seconds": self._seconds, **asdict(self._traffic)},
            "figures": [asdict(figure) | {"met": figure.met} for figure in self.figures()],
            "memory": self._found.memory,
        }


class _Listener(threading.Thread):
    """Listens as a page does, and notes when each alert came."""

    def __init__(self, token: str) -> None:
        super().__init__(daemon=True)
        self.came_s: dict[str, float] = {}
        self._connection = http.client.HTTPConnection("127.0.0.1", PORT)
        self._connection.request("GET", "/api/v1/live", headers=bearer(token))

    def run(self) -> None:
        """Until the stream ends."""
        event = ""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            for line in self._connection.getresponse():
                if line.startswith(b"event: "):
                    event = line[7:].strip().decode()
                elif line.startswith(b"data: ") and event == "alert":
                    self.came_s.setdefault(json.loads(line[6:])["id"], time.time())

    def end(self) -> None:
        """Listens no more."""
        self._connection.close()


def _without_odd(traffic: SteadyTraffic) -> SteadyTraffic:
    return SteadyTraffic(**asdict(traffic) | {"odd_per_s": 0, "seed": traffic.seed + 1})


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def _token(store: Any) -> str:
    """Of an account that is made for this."""
    from oddflow.server.access.identity import Role  # noqa: PLC0415  (an extra)
    from oddflow.server.access.scope import Scope  # noqa: PLC0415

    now_s = time.time()
    account = store.accounts.add("bench", Role.VIEWER, now_s=now_s)
    secret, _ = store.tokens.add(account.id, "bench", role=Role.VIEWER, scopes=[Scope.READ], days=1, now_s=now_s)
    return str(secret)


def _ask(token: str, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    try:
        connection.request("GET", path, headers=bearer(token))
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def _memory_bytes(pid: int) -> int:
    """The proportional set size of a process and all below it: what they share is counted once."""
    found, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    found += int(line.split()[1]) << 10
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
    return found


def _quantile(values: list[float], share: float = 0.99) -> float | None:
    return float(np.quantile(values, share)) if values else None


def _most_of(counts: list[int], share: float) -> float | None:
    """The upper bound of the bucket that a share of all is within."""
    from oddflow.server.status import LATENCY_BOUNDS_S  # noqa: PLC0415  (an extra)

    if not sum(counts):
        return None
    place = int(np.searchsorted(np.cumsum(counts), share * sum(counts)))
    return LATENCY_BOUNDS_S[place] if place < len(LATENCY_BOUNDS_S) else float("inf")


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1e3 * seconds
