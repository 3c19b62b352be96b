"""A service's door on its own: a store, a clock that stands still, an application of a few guarded routes."""

import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import FastAPI, Form, Request

from oddflow.server.access.access import Access
from oddflow.server.access.guard import Admin, Analyst, Scraper, Viewer, record
from oddflow.server.access.identity import Role
from oddflow.server.access.middleware import add_middleware
from oddflow.server.access.passwords import Passwords
from oddflow.server.access.routes import router
from oddflow.server.access.scope import Scope
from oddflow.server.settings.settings import Settings
from oddflow.server.status import Status
from oddflow.server.store.accounts import Account
from oddflow.server.store.store import Store
from oddflow.server.web.pages.files import router as files
from oddflow.server.web.problems import add_problems

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for a successor of httpx, which nothing else here needs
    from starlette.testclient import TestClient

BASE = "http://localhost:8470"
PASSWORD = "four unrelated words and more"  # noqa: S105  (of accounts that tests make)
QUICK = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}
START_S = 1_800_000_000.0


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = START_S

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Door:
    """An application behind the guards, and all that a test needs to try them."""

    app: FastAPI
    store: Store
    access: Access
    clock: Clock

    def account(self, name: str, role: Role = Role.VIEWER) -> Account:
        """One whose password is PASSWORD."""
        kept = self.access.passwords.hashed(PASSWORD)
        return self.store.accounts.add(name, role, password_hash=kept, now_s=self.clock())

    def client(self, **more: object) -> TestClient:
        """A browser that nobody is logged in with."""
        return TestClient(self.app, base_url=BASE, follow_redirects=False, **more)  # type: ignore[arg-type]

    def logged_in(self, name: str, role: Role = Role.VIEWER) -> TestClient:
        """A browser in which somebody is; what it sends carries the session's text."""
        account = self.store.accounts.by_name(name) or self.account(name, role)
        client = self.client()
        secret = self.access.enter(account, old="", browser="", ip="", agent="")[0]
        client.cookies.set("oddflow", secret, domain="localhost.local")
        csrf = client.get("/api/v1/session").json()["csrf"]
        client.headers["X-CSRF-Token"] = csrf
        return client

    def program(self, name: str, role: Role, *scopes: Scope, days: int = 90) -> TestClient:
        """A program with a token."""
        account = self.store.accounts.by_name(name) or self.account(name, role)
        secret, _ = self.store.tokens.add(
            account.id, "a program", role=role, scopes=scopes, days=days, now_s=self.clock()
        )
        return self.client(headers={"Authorization": f"Bearer {secret}"})

    def trail(self, action: str | None = None) -> list[tuple[str, str, str]]:
        """Who did what to what, the latest first."""
        return [(one.who, one.action, one.object) for one in self.store.audit.page(action=action).items]


@dataclass(frozen=True)
class Service:
    settings: Settings
    store: Store
    status: Callable[[], Status] = Status


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a store with nothing in it: to be copied, which takes less than to make one."""
    path = tmp_path_factory.mktemp("empty") / "store.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def door(tmp_path: Path, empty_store: Path) -> Iterator[Door]:
    shutil.copy(empty_store, tmp_path / "store.db")
    store = Store.open(f"sqlite:///{tmp_path / 'store.db'}", migrate=False)
    made = door_of(store, Settings())
    yield made
    store.close()


def door_of(store: Store, settings: Settings) -> Door:
    """A door with other settings."""
    app = FastAPI()
    app.state.service = Service(settings, store)
    add_problems(app)
    add_middleware(app, settings)
    app.include_router(router)
    app.include_router(files)
    clock = Clock()
    app.state.access = Access(store, settings, clock=clock, passwords=Passwords(**QUICK))

    @app.get("/")
    def front(who: Viewer) -> str:
        return who.name

    @app.get("/api/v1/things")
    def things(who: Viewer) -> str:
        return who.name

    @app.post("/api/v1/things")
    async def judge(request: Request, who: Analyst) -> int:
        record(request, who, "thing.judge", "7")
        return len(await request.body())

    @app.post("/things")
    def note(who: Analyst, text: Annotated[str, Form()]) -> str:
        return text

    @app.post("/api/v1/models")
    def promote(who: Admin) -> str:
        return who.name

    @app.get("/metrics")
    def metrics(who: Scraper) -> str:
        return who.name

    @app.get("/forgotten")
    def forgotten() -> str:
        return "nobody guards this"

    @app.get("/api/v1/broken")
    def broken(who: Viewer) -> str:
        raise RuntimeError("secret words of the inside")

    return Door(app, store, app.state.access, clock)
