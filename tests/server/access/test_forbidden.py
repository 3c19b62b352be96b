"""What outsiders, viewers, analysts, tokens and those who were sent away must not be able to do: each is tried.

The table says who may call which route; a route that is not in it fails the test. Every route is then really called
by every kind of caller, and what is refused must leave no trace.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import pytest

from oddflow.models.registry.registry import Registry
from oddflow.server.access.access import Access
from oddflow.server.access.gate import is_open
from oddflow.server.access.identity import Role
from oddflow.server.access.listing import Asked, routes_of
from oddflow.server.access.passwords import Passwords
from oddflow.server.access.scope import Scope
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.settings.settings import Settings
from oddflow.server.status import Status
from oddflow.server.store.store import Store
from oddflow.server.web.app import make_app
from oddflow.server.web.service import Service
from tests.server.access.conftest import BASE, QUICK, Clock, Door, TestClient

ANYBODY = """
/first/{secret} GET POST
/healthz GET
/login GET POST
/static/{asked}/{name} GET
"""
VIEWERS = """
/ GET
/alerts/{alert_id} GET
/api/v1/alerts GET
/api/v1/alerts/{alert_id} GET
/api/v1/explanations/{alert_id} GET
/api/v1/feedback/preview POST
/api/v1/feedback/rules GET
/api/v1/flows GET
/api/v1/flows/download GET
/api/v1/flows/usage GET
/api/v1/health GET
/api/v1/hosts GET
/api/v1/hosts/{address} GET
/api/v1/incidents GET
/api/v1/incidents/{incident_id} GET
/api/v1/incidents/{incident_id}/alerts GET
/api/v1/live GET
/api/v1/measures GET
/api/v1/models GET
/api/v1/models/{name} GET
/api/v1/models/{name}/versions/{number} GET
/api/v1/models/{name}/versions/{number}/shadow GET
/api/v1/notices GET
/api/v1/notices/current GET
/api/v1/openapi.json GET
/api/v1/session GET DELETE
/api/v1/sessions GET DELETE
/api/v1/sessions/{session_id} DELETE
/api/v1/sources GET
/api/v1/sources/{name} GET
/api/v1/status GET
/api/v1/tokens GET POST
/api/v1/tokens/{token_id} DELETE
/api/v1/uploads GET
/api/v1/uploads/{upload_id} GET
/api/v1/uploads/{upload_id}/report GET
/flows GET
/fragments/alerts/{alert_id} GET
/fragments/alerts/{alert_id}/explanation GET
/fragments/incidents GET
/fragments/incidents/{incident_id} GET
/fragments/models/{name} GET
/fragments/overview/budget GET
/fragments/overview/health GET
/fragments/overview/now GET
/fragments/overview/rates GET
/fragments/sources GET
/fragments/sources/{name} GET
/fragments/troubles GET
/fragments/upload/{upload_id} GET
/fragments/uploads GET
/hosts GET
/hosts/{host} GET
/incidents GET
/incidents/{incident_id} GET
/incidents/{incident_id}/alerts.jsonl GET
/logout POST
/metrics GET
/models GET
/models/{name} GET
/models/{name}/{number} GET
/password GET POST
/settings GET
/settings/feedback GET
/settings/service GET
/settings/sessions/end POST
/settings/sessions/{session_id}/end POST
/settings/tokens POST
/settings/tokens/{token_id}/revoke POST
/sources GET
/sources/{name} GET
/upload GET
/upload/{upload_id} GET
"""
ANALYSTS = """
/alerts/{alert_id}/judge GET
/alerts/{alert_id}/packets.pcap GET
/alerts/{alert_id}/verdict POST
/api/v1/alerts/{alert_id}/packets GET
/api/v1/feedback/rules POST
/api/v1/feedback/rules/{rule_id} DELETE
/api/v1/incidents/{incident_id}/close POST
/api/v1/incidents/{incident_id}/notes POST
/api/v1/incidents/{incident_id}/reopen POST
/api/v1/incidents/{incident_id}/take POST
/api/v1/incidents/{incident_id}/verdict PUT
/api/v1/uploads POST
/api/v1/uploads/{upload_id} DELETE
/fragments/incidents/{incident_id}/judge GET
/incidents/{incident_id}/close POST
/incidents/{incident_id}/judge GET
/incidents/{incident_id}/notes POST
/incidents/{incident_id}/reopen POST
/incidents/{incident_id}/take POST
/incidents/{incident_id}/undo POST
/incidents/{incident_id}/verdict POST
/settings/feedback/{rule_id}/remove POST
/upload/{upload_id}/forget POST
"""
ADMINS = """
/api/v1/accounts GET POST
/api/v1/accounts/{user_id} PATCH
/api/v1/accounts/{user_id}/link POST
/api/v1/accounts/{user_id}/sessions DELETE
/api/v1/audit GET
/api/v1/models/{name}/promote POST
/api/v1/models/{name}/rollback POST
/api/v1/models/{name}/versions/{number}/shadow POST
/models/{name}/promote POST
/models/{name}/rollback POST
/models/{name}/{number}/shadow POST
/settings/people GET POST
/settings/people/{user_id} POST
/settings/people/{user_id}/link POST
/settings/people/{user_id}/log-out POST
/settings/trail GET
"""


def table() -> dict[str, Role | None]:
    """The least role for each route; None for nobody."""
    parts = ((ANYBODY, None), (VIEWERS, Role.VIEWER), (ANALYSTS, Role.ANALYST), (ADMINS, Role.ADMIN))
    lines = [(line.split(), role) for text, role in parts for line in text.strip().splitlines()]
    return {f"{method} {path}": role for (path, *methods), role in lines for method in methods}


def least_of(wanted: dict[str, Role | None], route: Asked) -> Role | None:
    """The least role for a route by the table; where it is not in it, which another test says, its own."""
    return wanted.get(f"{route.method} {route.path}", route.needs.role if route.needs else None)


ENDLESS = {"/api/v1/live"}
FILLED = {
    "alert_id": "0123456789abcdef0123456789abcdef", "incident_id": "0123456789abcdef", "rule_id": "0123456789abcdef",
    "upload_id": "0123456789abcdef", "address": "192.0.2.77", "host": "192.0.2.77", "session_id": "0123456789abcdef",
    "number": "1", "user_id": "999999", "token_id": "999999", "name": "nothing", "asked": "0", "secret": "nothing",
    "at": "0",
}  # fmt: skip


class TryAll:
    """The real application with an empty state, and everybody who may knock."""

    def __init__(self, state: Path) -> None:
        web = {"requests_per_s": 100_000}
        settings = Settings.model_validate({"service": {"state": str(state)}, "web": web})
        self.store = Store.open(settings.store_url)
        self.flows = FlowStore(settings.flows_folder)
        service = Service(settings, self.store, self.flows, Registry(settings.registry_folder), Status)
        self.app = make_app(service)
        clock = Clock()
        self.app.state.access = Access(self.store, settings, clock=clock, passwords=Passwords(**QUICK))
        self.door = Door(self.app, self.store, self.app.state.access, clock)
        self.routes = routes_of(self.app)
        self.closed = [route for route in self.routes if not is_open(route.path)]
        for role in Role:
            self.door.account(role.name.lower(), role)

    def walk(self, client: TestClient, routes: Iterable[Asked]) -> Iterator[tuple[str, int, str]]:
        """Calls routes with paths that lead to nothing; each, its status, and where it leads."""
        return iter(asyncio.run(self._walk(client, list(routes))))

    async def _walk(self, client: TestClient, routes: list[Asked]) -> list[tuple[str, int, str]]:
        found = []
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url=BASE, headers=client.headers, cookies=client.cookies, params=client.params
        ) as caller:
            for route in routes:
                self.door.clock.now_s += 1.0  # nobody is too fast here
                path = re.sub(r"{(\w+)(:\w+)?}", lambda part: FILLED.get(part[1], "nothing"), route.path)
                answer = await caller.request(route.method, path, headers={"Accept": "text/html"})
                found.append((f"{route.method} {route.path}", answer.status_code, answer.headers.get("location", "")))
        return found

    def close(self) -> None:
        self.app.state.explanations.close()
        self.flows.close()
        self.store.close()


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TryAll]:
    made = TryAll(tmp_path_factory.mktemp("forbidden"))
    yield made
    made.close()


def test_every_route_is_in_the_table_and_guarded_as_it_says(every: TryAll) -> None:
    wanted = table()
    there = {f"{route.method} {route.path}" for route in every.routes}
    faults = [f"{name} is in the table and nowhere else" for name in wanted if name not in there]
    for route in every.routes:
        name = f"{route.method} {route.path}"
        least = route.needs.role if route.needs else None
        if name not in wanted:
            faults.append(f"{name} is not in the table: say who may call it; its guard says {least!r}")
        elif least != wanted[name]:
            faults.append(f"{name} takes {least!r}; the table says {wanted[name]!r}")
        if route.needs is None and not is_open(route.path):
            faults.append(f"{name} has no guard")
    assert faults == []


def outsider(door: Door) -> TestClient:
    return door.client()


def with_a_guess(door: Door) -> TestClient:
    return door.client(headers={"Authorization": "Bearer oddflow_" + "A" * 43})


def with_a_made_up_cookie(door: Door) -> TestClient:
    return door.client(cookies={"oddflow": "A" * 43})


def with_an_expired_token(door: Door) -> TestClient:
    client = door.program("admin", Role.ADMIN, *Scope, days=1)
    door.clock.now_s += 2 * 86_400
    return client


def with_a_revoked_token(door: Door) -> TestClient:
    client = door.program("admin", Role.ADMIN, *Scope)
    door.store.tokens.revoke(door.store.tokens.of()[0].id, now_s=door.clock())
    return client


def with_a_token_in_the_address(door: Door) -> TestClient:
    client = door.program("admin", Role.ADMIN, *Scope)
    secret = client.headers.pop("Authorization").removeprefix("Bearer ")
    client.params = {"token": secret, "access_token": secret, "authorization": f"Bearer {secret}"}  # type: ignore[assignment]
    return client


def of_a_disabled_account(door: Door) -> TestClient:
    name = f"gone-{door.clock():.0f}"
    client = door.logged_in(name, Role.ADMIN)
    door.store.accounts.change(door.store.accounts.by_name(name).id, disabled=True)  # type: ignore[union-attr]
    return client


def with_a_token_of_a_disabled_account(door: Door) -> TestClient:
    name = f"away-{door.clock():.0f}"
    client = door.program(name, Role.ADMIN, *Scope)
    door.store.accounts.change(door.store.accounts.by_name(name).id, disabled=True)  # type: ignore[union-attr]
    return client


def who_logged_out(door: Door) -> TestClient:
    client = door.logged_in("admin", Role.ADMIN)
    cookie = client.cookies["oddflow"]
    assert client.delete("/api/v1/session").status_code == 204
    client.cookies.set("oddflow", cookie, domain="localhost.local")
    return client


def who_was_idle_too_long(door: Door) -> TestClient:
    client = door.logged_in("admin", Role.ADMIN)
    door.clock.now_s += 13 * 3_600
    return client


STRANGERS = (
    outsider, with_a_guess, with_a_made_up_cookie, with_an_expired_token, with_a_revoked_token,
    with_a_token_in_the_address, of_a_disabled_account, with_a_token_of_a_disabled_account, who_logged_out,
    who_was_idle_too_long,
)  # fmt: skip


@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda made: made.__name__)
def test_strangers_come_no_further_than_the_door(every: TryAll, stranger: object) -> None:
    client = stranger(every.door)  # type: ignore[operator]
    before, faults = every.store.audit.page(limit=1).items, []
    for route, status, where in every.walk(client, every.closed):
        if status != 401 and not (status == 303 and where.startswith("/login")):
            faults.append(f"{route}: {status} {where}")
    assert faults == []
    assert every.store.audit.page(limit=1).items == before


def by_session(door: Door, role: Role) -> TestClient:
    return door.logged_in(role.name.lower(), role)


def by_token(door: Door, role: Role) -> TestClient:
    return door.program(role.name.lower(), role, *Scope)


@pytest.mark.parametrize("way", [by_session, by_token], ids=lambda made: made.__name__)
@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANALYST], ids=lambda role: role.name.lower())
def test_nobody_does_what_takes_a_greater_role(every: TryAll, role: Role, way: object) -> None:
    client, wanted = way(every.door, role), table()  # type: ignore[operator]
    before, faults = every.store.audit.page(limit=1).items, []
    beyond = [route for route in every.closed if (least_of(wanted, route) or 0) > role]
    for route, status, where in every.walk(client, beyond):
        if status != 403:
            faults.append(f"{route}: {status} {where}")
    assert faults == []
    assert every.store.audit.page(limit=1).items == before


@pytest.mark.parametrize("scope", list(Scope))
def test_a_token_does_only_what_it_is_for(every: TryAll, scope: Scope) -> None:
    client = every.door.program("admin", Role.ADMIN, scope)
    faults = []
    others = [route for route in every.closed if route.scope != scope and route.path != "/api/v1/session"]
    for route, status, where in every.walk(client, others):
        if status != 403:
            faults.append(f"{route}: {status} {where}")
    assert faults == []


@pytest.mark.parametrize(
    "foreign",
    [{}, {"X-CSRF-Token": "another"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}],
    ids=lambda headers: " ".join(headers) or "no token",
)
def test_another_site_changes_nothing_in_an_admins_browser(every: TryAll, foreign: dict[str, str]) -> None:
    client = every.door.logged_in("admin", Role.ADMIN)
    if "Origin" not in foreign and "Sec-Fetch-Site" not in foreign:
        del client.headers["X-CSRF-Token"]
    client.headers.update(foreign)
    faults = []
    for route, status, where in every.walk(client, [route for route in every.closed if route.method != "GET"]):
        if status != 403:
            faults.append(f"{route}: {status} {where}")
    assert faults == []


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.name.lower())
def test_who_may_is_let_in(every: TryAll, role: Role) -> None:
    """Else all of the above would hold for a service that refuses everybody."""
    wanted, faults = table(), []
    mine = [route for route in every.closed if (least_of(wanted, route) or 9) <= role]
    reads = [route for route in mine if route.method == "GET" and route.path not in ENDLESS]
    found = list(every.walk(every.door.logged_in(role.name.lower(), role), reads))
    for route in mine:
        if route.method != "GET":  # it may end the session
            found += every.walk(every.door.logged_in(role.name.lower(), role), [route])
    for route, status, where in found:
        if status in {401, 403, 405, 429, 500} or where.startswith("/login") != (route == "POST /logout"):
            faults.append(f"{route}: {status} {where}")
    assert faults == []


def test_unknown_addresses_tell_outsiders_nothing(every: TryAll) -> None:
    for path in ("/api/v1/accounts/1", "/api/v1/nothing", "/admin", "/.git/config", "/api/v2/alerts"):
        assert every.door.client().get(BASE + path).status_code == 401
