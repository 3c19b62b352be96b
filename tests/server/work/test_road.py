"""The road to the store: what the disk does not take is held in memory, in its order, and told when it is lost."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from oddflow.errors import StoreDown
from oddflow.outputs.spool import Spool
from oddflow.server.store.alerts import AlertFilter
from oddflow.server.store.store import Store
from oddflow.server.work import road as module
from oddflow.server.work.road import Road
from oddflow.verdicts.alert import Alert
from tests.server.store.make import alert


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    Store.open(url).close()
    return url


@pytest.fixture
def is_full(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the disk takes nothing; to be emptied for room."""
    full, write = [True], Spool._write
    monkeypatch.setattr(Spool, "_write", lambda spool, content: not full and write(spool, content))
    return full


def made(folder: Path, url: str) -> Road:
    return Road(folder / "spool", lambda: Store.open(url, migrate=False), sensor="one", source="in", say=str)


def some(count: int) -> list[tuple[Alert, int]]:
    return [(alert(number), 0) for number in range(count)]


def stored(url: str) -> Sequence[str]:
    store = Store.open(url, migrate=False)
    try:
        return [one.alert.id for one in store.alerts.page(AlertFilter(), limit=100).items]
    finally:
        store.close()


def test_what_a_full_disk_does_not_take_is_stored_once_there_is_room(
    tmp_path: Path, url: str, is_full: list[bool]
) -> None:
    road, alerts = made(tmp_path, url), some(5)
    road.put(alerts[:3], ())
    road.again()
    assert (road.held, road.waiting, road.lost) == (3, 3, 0)
    is_full.clear()
    road.put(alerts[3:], ())
    assert road.held == 5  # no alert goes before an earlier one
    road.again()
    assert road.held == 0
    road.close(30)
    assert sorted(stored(url)) == sorted(one.id for one, _ in alerts)
    assert not road.loses


def test_what_is_held_is_bounded_and_the_rest_is_counted(
    tmp_path: Path, url: str, is_full: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HELD_BYTES", 3_000)
    road = made(tmp_path, url)
    road.put(some(50), ())
    assert 0 < road.held < 50
    assert road.lost == 50 - road.held
    assert road.loses
    road.close(0.1)
    assert road.lost == 50
    assert is_full


def test_a_store_that_cannot_be_reached_loses_nothing(tmp_path: Path, url: str) -> None:
    def down() -> Store:
        raise StoreDown("the store is down")

    road = Road(tmp_path / "spool", down, sensor="one", source="in", say=str)
    road.put(some(3), ())
    road.close(0.1)
    assert road.lost == 0
    road = made(tmp_path, url)
    road.close(30)
    assert len(stored(url)) == 3
