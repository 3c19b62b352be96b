"""Somebody who is logged in, without a browser."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from oddflow.server.access.access import access_of
from oddflow.server.access.identity import Role
from oddflow.server.store.incidents import IncidentFilter, StoredIncident
from oddflow.server.web.app import make_app
from oddflow.server.web.service import Service
from tests.server.conftest import TestClient

BASE = "http://127.0.0.1:8470"
HTML = {"Accept": "text/html"}


@dataclass
class Visitor:
    """A session; forms carry its own text."""

    client: TestClient
    csrf: str
    service: Service

    def page(self, path: str, status: int = 200) -> str:
        """A page's HTML."""
        answer = self.client.get(path, headers=HTML)
        assert answer.status_code == status, answer.text[:500]
        return answer.text

    def send(self, path: str, **fields: str):
        """A form; what is answered."""
        return self.client.post(path, data={"csrf": self.csrf, **fields}, headers=HTML)


@pytest.fixture(scope="module")
def visit(service: Service) -> Iterator[Callable[[Role], Visitor]]:
    """Logs somebody of a role in."""
    app = make_app(service)
    made: dict[Role, Visitor] = {}

    def log_in(role: Role = Role.ANALYST) -> Visitor:
        if role not in made:
            name = f"visitor-{role.name.lower()}"
            account = service.store.accounts.add(name, role, now_s=time.time())
            secret = access_of(app).enter(account, old="", browser="", ip="", agent="")[0]
            client = TestClient(app, base_url=BASE, follow_redirects=False, raise_server_exceptions=True)
            client.cookies.set("oddflow", secret, domain="127.0.0.1")
            csrf = re.search(r'data-csrf="([^"]+)"', client.get("/incidents", headers=HTML).text)[1]
            made[role] = Visitor(client, csrf, service)
        return made[role]

    yield log_in
    for visitor in made.values():
        visitor.client.close()
    app.state.explanations.close()


@pytest.fixture
def analyst(visit: Callable[[Role], Visitor]) -> Visitor:
    """Somebody who may say what alerts are."""
    return visit(Role.ANALYST)


@pytest.fixture
def viewer(visit: Callable[[Role], Visitor]) -> Visitor:
    """Somebody who may only look."""
    return visit(Role.VIEWER)


@pytest.fixture
def guessing(service: Service) -> StoredIncident:
    """The password guessing of the example: 40 alerts."""
    return service.store.incidents.page(IncidentFilter(text="password guessing")).items[0]
