import numpy as np
import pytest
from tests.datasets.make import halves, noise, rows_of, shuffled

from oddflow.datasets.leaks import Severity
from oddflow.datasets.leaks.addresses import labels_by_address


def found(rows, split):
    (finding,) = labels_by_address(rows, split)
    return finding


def addresses(numbers):
    return [f"10.0.{number // 256}.{number % 256}" for number in numbers]


@pytest.fixture
def hosts():
    return np.random.default_rng(0).integers(0, 40, 2_000)


def test_labels_that_follow_the_source_are_found(hosts):
    rows = rows_of(noise(2_000), hosts < 4, src=addresses(hosts), dst=addresses(hosts * 0))
    finding = found(rows, shuffled(rows))
    assert finding.severity is Severity.SEVERE
    assert finding.figures["src_ip_balanced"] == 1
    assert finding.figures["dst_ip_balanced"] == 0.5
    assert finding.figures["majority"] == pytest.approx(0.9, abs=0.03)
    assert "source address alone tells 100 %" in finding.what


def test_labels_that_do_not_are_clean(hosts):
    rows = rows_of(noise(2_000), src=addresses(hosts))
    finding = found(rows, shuffled(rows))
    assert finding.severity is Severity.CLEAN
    assert finding.figures["src_ip_seen"] == 1


def test_a_split_that_keeps_hosts_apart_is_told_what_it_keeps_apart(hosts):
    hosts = np.sort(hosts)
    rows = rows_of(noise(2_000), hosts % 2, src=addresses(hosts))
    finding = found(rows, halves(rows))
    assert finding.severity is Severity.NOTE
    assert finding.figures["src_ip_seen"] < 0.1
    assert finding.figures["src_ip_by_others"] == 1


def test_very_many_addresses_take_bounded_memory(monkeypatch):
    monkeypatch.setattr("oddflow.datasets.leaks.addresses.MOST_CODES", 10)
    hosts = np.random.default_rng(0).integers(0, 2_000, 4_000)
    hosts[::2] = 5
    rows = rows_of(noise(4_000), np.arange(4_000) % 2 == 0, src=addresses(hosts))
    assert found(rows, shuffled(rows)).figures["src_ip_balanced"] > 0.99


def test_a_set_without_addresses_is_not_checked():
    rows = rows_of(noise())
    assert found(rows, halves(rows)).severity is Severity.NOT_CHECKED


def test_a_set_without_attacks_is_not_checked(hosts):
    rows = rows_of(noise(2_000), hosts * 0, src=addresses(hosts))
    assert found(rows, halves(rows)).severity is Severity.NOT_CHECKED


def test_unknown_addresses_are_one_of_their_own(hosts):
    known = [None if number < 4 else text for number, text in zip(hosts, addresses(hosts), strict=True)]
    rows = rows_of(noise(2_000), hosts < 4, src=known)
    assert found(rows, shuffled(rows)).figures["src_ip_accuracy"] == 1
