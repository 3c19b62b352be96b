"""Measures how long the pages of a service take that has a month of flows and many alerts: through HTTP, as it runs."""

import http.client
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

from oddflow.bench.figures import Figure
from oddflow.bench.ingest import Step
from oddflow.bench.machine import machine
from oddflow.bench.month import SENSOR, SOURCE, Month, alert_id, incident_id
from oddflow.bench.running import running, wait_for_answers
from oddflow.errors import OddflowError

PAGE_MS, SEARCH_MS = 300.0, 1_000.0
PORT = 8_478
HOST = "10.3.0.102"
SETTINGS = """\
[service]
name = "{sensor}"
state = "{state}"
user = "root"
[web]
listen = "127.0.0.1:{port}"
requests_per_s = 100000
[[sources]]
name = "{source}"
folder = "{inbox}"
model = "office"
home_networks = ["10.0.0.0/8"]
"""
PAGES = (
    "/", "/fragments/overview/now", "/fragments/overview/rates", "/fragments/overview/budget",
    "/fragments/overview/health", "/fragments/troubles", "/incidents", "/fragments/incidents",
    "/incidents?state=all&order=gravest", "/incidents?state=all&text=scan", f"/incidents?state=all&host={HOST}",
    "/incidents/{largest}", "/fragments/incidents/{largest}", "/incidents/{largest}/judge", "/alerts/{alert}",
    "/fragments/alerts/{alert}", "/fragments/alerts/{alert}/explanation", "/alerts/{alert}/judge", "/flows",
    "/flows?q=last 2h", "/hosts", "/hosts?span=7d", "/hosts?span=30d", "/hosts?span=30d&order=bytes&home=true",
    "/hosts?span=30d&text=10.3.", f"/hosts/{HOST}", f"/hosts/{HOST}?span=30d", "/models", "/models/office",
    "/models/office/1", "/sources", f"/sources/{SOURCE}", f"/sources/{SOURCE}?span=30d", "/fragments/sources",
    "/upload", "/settings/service", "/settings/feedback", "/settings/people", "/settings/trail",
)  # fmt: skip
LISTS = (
    "incidents", "incidents?state=active&order=gravest", "incidents/{largest}", "incidents/{largest}/alerts",
    "alerts", "alerts?order=score", "alerts?text=nowhere", f"alerts?host={HOST}", "alerts/{alert}",
    "explanations/{alert}", "notices", "notices/current", "measures?step_s=60", "models", "sources", "status", "health",
    "feedback/rules", "uploads", "flows", "flows/usage", "hosts", "hosts?order=alerts", f"hosts/{HOST}",
)  # fmt: skip
SEARCHES = (
    f"src_ip = {HOST} and score > 3 last 2h", f"ip = {HOST} last 24h", f"ip = {HOST}",
    f"src_ip = {HOST} and score > 3", "score > 3.9", "order by score desc", "alert last 24h",
    "score > 3 order by score last 7d", "src_ip in 10.3.0.0/16 and bytes > 10MB", "dst_ip in fd00::/8 and score > 3.5",
    "dst_ip = 198.51.100.77", "tls_sni contains nobody.example", "http_host like '%shop%' and score > 3.5",
    "not (protocol = tcp or protocol = udp) and packets > 1000000", "port = 31337",
)  # fmt: skip


@dataclass(slots=True)
class _Asked:
    """What a path took, each time: ms that passed, and ms that the service computed."""

    path: str
    target_ms: float
    status: int = 0
    size_bytes: int = 0
    took_ms: list[float] = field(default_factory=list)
    computed_ms: list[float] = field(default_factory=list)


class PagesBench:
    """Makes the state of a month, starts a service on it, and asks for all that pages ask, as steps; then figures.

    Args:
        folder: For the state; an empty one, or one that a bench like this left.
        flows, alerts: How many are stored.
        hours: Over how many hours.
        rounds: How often everything is asked; the first, of which nothing is known yet, is told apart.
        port: Where the service answers.
    """

    def __init__(
        self, folder: Path, *, flows: int, alerts: int, hours: int = 720, rounds: int = 6, port: int = PORT
    ) -> None:
        self._folder = folder.resolve()
        self._month = Month(flows, alerts, hours, int(time.time()) // 3_600)
        self._rounds, self._port = rounds, port
        self._asked: list[_Asked] = []
        self._incidents = 0

    def steps(self) -> Iterator[Step]:
        """What is to be done, in order."""
        if not (self._folder / "state").exists():
            yield Step("the examples", self._fill)
            yield Step(f"{self._month.flows:,} flows", self._write_flows)
            yield Step("summing them up", self._sum_up)
            yield Step(f"{self._month.alerts:,} alerts", self._put_alerts)
        yield Step("asking", self._ask)

    @property
    def _state(self) -> Path:
        return self._folder / "state"

    def _fill(self) -> None:
        from oddflow.server.filling import filled_service  # noqa: PLC0415  (an extra)

        service = filled_service(self._state)
        service.flows.close()
        service.store.close()

    def _write_flows(self) -> None:
        self._month.write_flows(self._state / "flows")

    def _sum_up(self) -> None:
        from oddflow.server.flowstore.flow_store import FlowStore  # noqa: PLC0415  (an extra)

        with FlowStore(self._state / "flows") as flows:
            self._month.sum_up(flows)

    def _put_alerts(self) -> None:
        from oddflow.server.store.alert_filter import AlertFilter  # noqa: PLC0415  (an extra)
        from oddflow.server.store.store import Store  # noqa: PLC0415

        with closing(Store.open(f"sqlite:///{self._state / 'store.db'}")) as store:
            known = []
            for one in store.incidents.page(limit=50).items:
                alerts = store.alerts.page(AlertFilter(incident=one.incident.id), limit=500).items
                known.append((one.incident, [stored.alert for stored in alerts]))
            known.sort(key=lambda one: -len(one[1]))
            self._incidents = self._month.put_alerts(store, [(one, alerts) for one, alerts in known if alerts])
            self._month.put_measures(store)

    def _ask(self) -> None:
        place, inbox = self._folder / "service.toml", self._folder / "inbox"
        inbox.mkdir(exist_ok=True)
        place.write_text(SETTINGS.format(sensor=SENSOR, source=SOURCE, state=self._state, port=self._port, inbox=inbox))
        with running(place) as service:
            wait_for_answers(service, self._port)
            with closing(_Browser(self._state, self._port)) as browser:
                self._asked = [*_wanted()]
                for _ in range(self._rounds):
                    for asked in self._asked:
                        browser.ask(asked)

    def figures(self) -> list[Figure]:
        """The rows of the result: what was asked, the slowest first."""
        return [
            Figure(
                one.path if one.status in (200, 303) else f"{one.path} (status {one.status})",
                median(one.took_ms[1:] or one.took_ms),
                "ms",
                one.target_ms,
                at_least=False,
                detail=f"first {one.took_ms[0]:,.0f} ms, then at worst {max(one.took_ms[1:] or one.took_ms):,.0f}; "
                f"computing {median(one.computed_ms[1:] or one.computed_ms):,.0f}, first {one.computed_ms[0]:,.0f}; "
                f"{one.size_bytes:,} bytes",
                rounds=one.took_ms,
            )
            for one in sorted(self._asked, key=lambda one: -median(one.took_ms[1:] or one.took_ms))
        ]

    @property
    def refused(self) -> list[str]:
        """What was not answered with 200, or was led elsewhere."""
        return [f"{one.path}: {one.status}" for one in self._asked if one.status not in (200, 303)]

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON."""
        month = self._month
        return {
            "bench": "serve pages",
            "machine": machine(),
            "input": {
                "flows": month.flows,
                "alerts": month.alerts,
                "incidents": self._incidents,
                "hours": month.hours,
                "rounds": self._rounds,
            },
            "figures": [asdict(figure) | {"met": figure.met} for figure in self.figures()],
            "refused": self.refused,
        }


def _wanted() -> Iterator[_Asked]:
    named = {"largest": incident_id(0), "alert": alert_id(0, 0)}
    for path in (*PAGES, *(f"/api/v1/{path}" for path in LISTS)):
        yield _Asked(path.format(**named), PAGE_MS)
    yield _Asked("/metrics", PAGE_MS)
    for question in SEARCHES:
        yield _Asked(f"/flows?q={question}", SEARCH_MS)
        yield _Asked(f"/api/v1/flows?q={question}", SEARCH_MS)


class _Browser:
    """An admin who is logged in; it sees how long the service computes for each answer."""

    def __init__(self, state: Path, port: int) -> None:
        from oddflow.server.access.identity import Role  # noqa: PLC0415  (an extra)
        from oddflow.server.access.scope import Scope  # noqa: PLC0415
        from oddflow.server.store.store import Store  # noqa: PLC0415

        now_s = time.time()
        with closing(Store.open(f"sqlite:///{state / 'store.db'}", migrate=False)) as store:
            account = store.accounts.by_name("bench") or store.accounts.add("bench", Role.ADMIN, now_s=now_s)
            cookie = store.sessions.begin(account.id, expires_s=now_s + 86_400, ip="", agent="", now_s=now_s)
            token, _ = store.tokens.add(
                account.id, "bench", role=Role.ADMIN, scopes=[Scope.METRICS, Scope.READ], days=1, now_s=now_s
            )
        self._cookie, self._token = {"Cookie": f"oddflow={cookie}"}, {"Authorization": f"Bearer {token}"}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._pid = 0
        self._pid = self._of_web()

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def ask(self, asked: _Asked) -> None:
        """Asks once, and notes what it took."""
        computed, began = self._computed_ms(), time.perf_counter()
        answer, content = self._get(asked.path)
        asked.took_ms.append(1e3 * (time.perf_counter() - began))
        asked.computed_ms.append(self._computed_ms() - computed)
        asked.status, asked.size_bytes = answer.status, len(content)

    def _get(self, path: str) -> tuple[http.client.HTTPResponse, bytes]:
        headers = self._token if path == "/metrics" else self._cookie
        self._connection.request("GET", quote(path, safe="/?=&"), headers=headers)
        answer = self._connection.getresponse()
        return answer, answer.read()

    def _of_web(self) -> int:
        import json  # noqa: PLC0415

        answer, content = self._get("/api/v1/status")
        if answer.status != 200:
            raise OddflowError(f"the service answers {answer.status}: {content[:200]!r}")
        return int(next(one["pid"] for one in json.loads(content)["workers"] if one["kind"] == "web"))

    def _computed_ms(self) -> float:
        """What the threads of the process computed so far that answers."""
        found_ns = 0
        for task in Path(f"/proc/{self._pid}/task").iterdir():
            found_ns += int((task / "schedstat").read_text().split()[0])
        return found_ns / 1e6
