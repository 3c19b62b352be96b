"""Stores to test with, each test its own: SQLite, and PostgreSQL where it is installed."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oddflow.server.store.store import Store
from tests.server.store.postgres import Cluster, programs, shared_cluster

KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Cluster]:
    """A PostgreSQL server, one for all workers."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    base = tmp_path_factory.getbasetemp()
    with shared_cluster(base if worker_id == "master" else base.parent) as found:
        yield found


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in SQLite that holds nothing yet."""
    path = tmp_path_factory.mktemp("template") / "store.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def postgres_store(cluster: Cluster) -> str:
    """The same in PostgreSQL: the name of its database, which tests empty for the next one."""
    name = cluster.database()
    Store.open(cluster.url(name)).close()
    return name


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where nothing is yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    name = cluster.database()
    yield cluster.url(name)
    cluster.drop(name)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where an empty store is."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("template"), tmp_path / "store.db")
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    name = request.getfixturevalue("postgres_store")
    yield cluster.url(name)
    cluster.empty(name)


@pytest.fixture
def opened(url: str) -> Iterator[Callable[[], Store]]:
    """Opens the same store, as often as is asked."""
    stores: list[Store] = []

    def again() -> Store:
        stores.append(Store.open(url))
        return stores[-1]

    yield again
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[[], Store]) -> Store:
    """An empty store."""
    return opened()
