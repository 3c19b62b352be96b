"""What is no address is refused, and nobody waits long where no Ray answers."""

import socket

import pytest

ray = pytest.importorskip("ray", reason="ray is an extra")

from oddflow.cluster.starting import LOCAL, cluster  # noqa: E402
from oddflow.errors import ClusterFailed, UsageError  # noqa: E402


@pytest.fixture
def nobody(monkeypatch):
    """A process that has joined no Ray, and would fail if it tried."""
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **_: pytest.fail("it was tried"))


@pytest.mark.parametrize("address", ["nonsense", "ray://10.0.0.1:10001", "host:port", "10.0.0.1:99999", ""])
def test_what_is_no_address_is_refused(nobody, address):
    with pytest.raises(UsageError, match="expected local, auto or HOST:PORT"), cluster(address):
        pass


def test_nothing_answers(nobody):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ClusterFailed, match=f"no Ray answers at 127.0.0.1:{port}"), cluster(f"127.0.0.1:{port}"):
        pass


def test_no_workers_are_too_few():
    with pytest.raises(UsageError, match="at least 1"), cluster(LOCAL, 0):
        pass


def test_a_ray_that_runs_is_used_and_left(ray_here):
    with cluster(LOCAL, 3) as joined:
        assert (joined.workers, joined.is_local) == (3, True)
    assert ray.is_initialized()
