"""An interface that comes and goes, told by a stand-in for the kernel."""

from dataclasses import dataclass, field

import pytest

from oddflow.capture.interface import LINK_ETHERNET, DropCounters, Interface
from oddflow.errors import UsageError
from oddflow.losses import Loss
from oddflow.sensor import outage
from oddflow.sensor.outage import InterfaceWatch


@dataclass
class Kernel:
    """What the kernel would say."""

    index: int | None = 5
    is_up: bool = True
    dropped: int = 100
    softnet: int = 7
    said: list[str] = field(default_factory=list)

    def of_interface(self, name):
        return self.dropped

    def of_softnet(self):
        return self.softnet

    def close(self):
        pass


@pytest.fixture
def kernel(monkeypatch):
    made = Kernel()
    monkeypatch.setattr(outage, "index_of", lambda name: made.index)
    monkeypatch.setattr(Interface, "is_up", property(lambda self: made.is_up and made.index == self.index))
    monkeypatch.setattr(Interface, "find", classmethod(lambda cls, name: cls(name, made.index, LINK_ETHERNET, False)))
    return made


@pytest.fixture
def watch(kernel):
    return InterfaceWatch(Interface("eth7", 5, LINK_ETHERNET, False), kernel, kernel.said.append)


def test_drops_count_from_the_beginning_and_once(kernel, watch):
    kernel.dropped = 130
    assert watch.look() is None
    assert watch.look() is None
    kernel.dropped = 131
    kernel.softnet = 9
    assert watch.softnet_dropped == 2
    watch.close()
    assert watch.ledger.reasons == {Loss.INTERFACE: 31}
    assert watch.ledger.complete is False


def test_down_and_up_is_said_once_each_and_is_a_damage(kernel, watch):
    kernel.is_up = False
    for _ in range(3):
        assert watch.look() is None
    assert watch.is_down
    kernel.is_up = True
    for _ in range(3):
        assert watch.look() is None
    watch.close()
    assert [line.split(";")[0].split(" after")[0] for line in kernel.said] == ["eth7 went down", "eth7 is back"]
    assert "was down or gone once" in watch.ledger.damages[0]


def test_one_that_vanished_is_given_to_be_opened_and_its_counters_begin_anew(kernel, watch):
    kernel.index = None
    assert watch.look() is None
    kernel.index, kernel.dropped = 6, 3
    again = watch.look()
    assert again is not None
    assert again.index == 6
    watch.opened(again)
    kernel.dropped = 5
    assert watch.look() is None
    assert not watch.is_down
    assert watch.ledger.reasons == {Loss.INTERFACE: 2}


def test_one_that_comes_back_unreadable_is_said_once(kernel, watch, monkeypatch):
    def find(cls, name):
        raise UsageError("eth7 has hardware type 999")

    monkeypatch.setattr(Interface, "find", classmethod(find))
    kernel.index = 6
    for _ in range(3):
        assert watch.look() is None
    assert kernel.said == ["eth7 vanished; waiting for it to come back", "eth7 has hardware type 999; waiting"]


def test_the_kernels_own_files_are_read():
    counters = DropCounters()
    assert counters.of_interface("lo") >= 0
    assert counters.of_interface("no-such-one") == 0
    assert counters.of_softnet() >= 0
    counters.close()
