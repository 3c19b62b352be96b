"""A service over a state that was filled from the examples, by the road that live traffic takes."""

import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oddflow import api
from oddflow.models.registry.registry import Registry
from oddflow.server.access.identity import Role
from oddflow.server.access.scope import Scope
from oddflow.server.filling import BASELINE, Filled, example_settings, fill, put_model, status_of
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.store.store import Store
from oddflow.server.web.app import make_app
from oddflow.server.web.service import Service

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would rather have a successor of httpx, which Debian and we do not have
    from fastapi.testclient import TestClient

Clients = Callable[..., TestClient]


@pytest.fixture(scope="session")
def example_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quiet office, learnt by the detector that needs no torch."""
    place = tmp_path_factory.mktemp("model") / "office.oddflow"
    api.learn(api.examples() / BASELINE, output=place, detector="robust-pca")
    return place


@pytest.fixture(scope="session")
def filled_state(tmp_path_factory: pytest.TempPathFactory, example_model: Path) -> tuple[Path, Filled]:
    """A state folder that nobody may change: copy it."""
    state = tmp_path_factory.mktemp("filled")
    settings = example_settings(state)
    store, flows = Store.open(settings.store_url), FlowStore(settings.flows_folder)
    model = put_model(Registry(settings.registry_folder), example_model)
    filled = fill(settings, store, flows, model)
    flows.close()
    store.close()
    return state, filled


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    opened = Store.open(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def service(filled_state: tuple[Path, Filled], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The attacked office: its alerts, incidents, flows, models; one for all tests of a file."""
    state = tmp_path_factory.mktemp("service") / "state"
    shutil.copytree(filled_state[0], state)
    settings = example_settings(state)
    store, flows = Store.open(settings.store_url), FlowStore(settings.flows_folder)
    status = status_of(settings, filled_state[1])
    yield Service(settings, store, flows, Registry(settings.registry_folder), lambda: status)
    flows.close()
    store.close()


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[Clients]:
    """A client of the service's application with a token: `client(Role.VIEWER)`; of nobody where no role is given."""
    app = make_app(service)
    made: list[TestClient] = []

    def make(role: Role | None = Role.ADMIN, *, scopes: tuple[Scope, ...] = tuple(Scope)) -> TestClient:
        one = TestClient(app, base_url="http://127.0.0.1:8470", raise_server_exceptions=False, follow_redirects=False)
        if role is not None:
            one.headers["Authorization"] = f"Bearer {token_of(service.store, role, scopes)}"
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()
    app.state.explanations.close()


def token_of(store: Store, role: Role, scopes: tuple[Scope, ...] = tuple(Scope)) -> str:
    """A token of an account of that role, which is made where there is none."""
    now_s = time.time()
    name = role.name.lower()
    account = store.accounts.by_name(name) or store.accounts.add(name, role, now_s=now_s)
    secret, _ = store.tokens.add(account.id, "tests", role=role, scopes=scopes, days=1, now_s=now_s)
    return secret
