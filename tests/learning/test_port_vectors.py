"""Which services hosts use in turn, and what is learnt of it."""

import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.learning.port_vectors import Walks, learn_port_vectors, pairs_of

HOST, OTHER, SERVER = (np.uint64(place) for place in (7, 8, 9))


def walks(services, clients, servers=None):
    count = len(services)
    servers = np.arange(count) + 1_000 if servers is None else servers
    return Walks(np.array(services), np.array(clients, np.uint64), np.array(servers, np.uint64))


def test_services_of_one_host_in_turn_stand_beside_each_other():
    given = walks([53, 443, 443, 80, 22], [HOST, HOST, HOST, HOST, OTHER])
    found = {tuple(pair) for pair in pairs_of(given, np.array([22, 53, 80, 443]))}
    assert found == {(1, 3), (3, 1), (3, 2), (2, 3), (1, 2), (2, 1)}  # 22 is another host's


def test_services_of_one_server_do_too_and_rare_ones_are_passed_over():
    given = walks([80, 9_999, 443], [1, 2, 3], [SERVER, SERVER, SERVER])
    assert pairs_of(given, np.array([80, 443])).tolist() == [[0, 1], [1, 0]]


def web_and_mail(count=400):
    """Half of the hosts browse on 80, 443 or 8443 and ask 53 before, half mail on 25 or 993 and ask 389 before."""
    rng = np.random.default_rng(0)
    web = rng.random(count) < 0.5
    before = np.where(web, 53, 389)
    then = np.where(web, rng.choice([80, 443, 8443], count), rng.choice([25, 993], count))
    return walks(np.stack([before, then], axis=1).ravel(), np.repeat(np.arange(count), 2))


def test_ports_that_are_used_alike_lie_near_each_other_and_chance_is_the_seeds():
    pytest.importorskip("torch")
    found = learn_port_vectors(web_and_mail(), width=8, seed=1)
    assert found.services.tolist() == [25, 53, 80, 389, 443, 993, 8443]
    assert {service for service, _ in found.nearest(443, 2)} == {80, 8443}
    assert found.nearest(25, 1)[0][0] == 993
    again = learn_port_vectors(web_and_mail(), width=8, seed=1)
    np.testing.assert_array_equal(found.vectors, again.vectors)


def test_traffic_of_which_nothing_can_be_learnt_is_refused():
    pytest.importorskip("torch")
    with pytest.raises(UsageError, match="longer traffic"):
        learn_port_vectors(walks([80] * 50, [HOST] * 50))
    with pytest.raises(UsageError, match="longer traffic"):
        learn_port_vectors(walks([80, 443], [HOST, HOST]))
