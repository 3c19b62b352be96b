"""Names by behaviour: patterns of hosts, in whatever batches they come, in bounded memory."""

import math

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, integers, lists, tuples
from tests.flows.naming.build import batch

from oddflow.errors import UsageError
from oddflow.flows.naming import _behaviour_kernels as kernels
from oddflow.flows.naming.behaviour import PATTERNS, HostBehaviour

FAILED = {"forward_payload_packets": 0, "reverse_payload_packets": 0, "reverse_packets": 1}


def flow(src, dst, port=80, *, failed=False, protocol=6):
    return {"src_ip": src, "dst_ip": dst, "dst_port": port, "protocol": protocol} | (FAILED if failed else {})


def last(rows, **options):
    """The name of the last flow."""
    return HostBehaviour(**options).names(batch(rows)).to_pylist()[-1]


def test_one_host_that_fails_at_many_addresses_scans_addresses():
    assert last([flow("1.1.1.1", f"10.0.0.{i}", 23, failed=True) for i in range(30)]) == "address-scan"


def test_one_host_that_fails_at_many_ports_scans_ports():
    assert last([flow("1.1.1.1", "10.0.0.1", 1000 + i, failed=True) for i in range(30)]) == "port-scan"


def test_many_hosts_that_fail_at_one_flood_it():
    assert last([flow(f"1.1.{i}.1", "10.0.0.1", failed=True) for i in range(120)]) == "flood"


def test_a_host_that_many_ask_on_one_port_serves():
    assert last([flow(f"1.1.1.{i}", "10.0.0.1", 443) for i in range(6)]) == "service"


def test_a_host_that_asks_many_on_few_ports_is_a_client():
    assert last([flow("1.1.1.1", f"10.0.0.{i}", 443) for i in range(9)]) == "client"


def test_hosts_that_ask_and_are_asked_on_scattered_ports_are_peers():
    rows = []
    for i in range(12):
        rows.append(flow("1.1.1.1", f"10.0.0.{i}", 20000 + 7 * i))
        rows.append(flow(f"10.9.0.{i}", "1.1.1.1", 51413))
    assert last([*rows, flow("1.1.1.1", "10.0.0.99", 33333)]) == "peer-to-peer"


def test_two_hosts_that_keep_speaking_are_a_pair():
    assert last([flow("1.1.1.1", "10.0.0.1", 5000)] * 4) == "pair"


def test_little_is_known_at_first():
    assert last([flow("1.1.1.1", "10.0.0.1")]) is None


ROWS = lists(tuples(integers(0, 5), integers(0, 5), integers(1, 4), booleans()), min_size=1, max_size=60)


@given(ROWS, integers(1, 20))
def test_batches_of_any_size_give_the_same_names(rows, size):
    flows = [flow(f"10.0.0.{src}", f"10.0.1.{dst}", port, failed=failed) for src, dst, port, failed in rows]
    whole = HostBehaviour().names(batch(flows)).to_pylist()
    stage = HostBehaviour()
    parts = [stage.names(batch(flows[at : at + size])).to_pylist() for at in range(0, len(flows), size)]
    assert [name for part in parts for name in part] == whole


@given(ROWS, integers(8, 40), integers(2, 20))
def test_small_tables_do_no_harm(rows, capacity, window):
    stage = HostBehaviour(capacity, window=window)
    flows = [flow(f"10.0.{src}.{port}", f"10.1.{dst}.{port}", port, failed=failed) for src, dst, port, failed in rows]
    assert set(stage.names(batch(flows)).to_pylist()) <= {None, *PATTERNS}


def test_hosts_beyond_the_capacity_are_counted():
    stage = HostBehaviour(8)
    stage.names(batch([flow(f"10.0.0.{i}", f"10.0.1.{i}") for i in range(10)]))
    assert stage.evicted == 12


def test_what_a_host_did_long_ago_is_forgotten():
    scan = [flow("1.1.1.1", f"10.0.0.{i}", 23, failed=True) for i in range(30)]
    quiet = [flow("1.1.1.1", "10.0.0.1", 80)] * 200
    assert last(scan + quiet, window=16) == "pair"


@pytest.mark.parametrize(("capacity", "window"), [(7, 10), (100, 1)])
def test_a_table_too_small_is_refused(capacity, window):
    with pytest.raises(UsageError, match="at least 8 hosts and 2 flows"):
        HostBehaviour(capacity, window=window)


class PlainHost:
    """What is remembered of a host, in plain Python: exact sets of bits in place of bitmaps."""

    def __init__(self):
        self.counts = [0] * kernels.COUNTS
        self.now = [set() for _ in range(kernels.SKETCHES)]
        self.before = [set() for _ in range(kernels.SKETCHES)]

    def forget(self, window):
        if self.counts[kernels.FLOWS_OUT] + self.counts[kernels.FLOWS_IN] >= window:
            self.counts = [count // 2 for count in self.counts]
            self.before, self.now = self.now, [set() for _ in range(kernels.SKETCHES)]

    def distinct(self, which):
        return 64 * math.log(64 / max(64 - len(self.now[which] | self.before[which]), 1))


WORD = 2**64 - 1


def plain_mixed(word):
    word = (word ^ (word >> 31)) * 0x9E3779B97F4A7C15 & WORD
    return word ^ (word >> 29)


def plain_hash(text):
    word = 0xCBF29CE484222325
    for byte in text.encode():
        word = (word ^ byte) * 0x100000001B3 & WORD
    return plain_mixed(word) | 1


def plain_name(near, far):
    """The rules once more."""
    flows, failed, asked, _ = near.counts
    targets, ports, sources = near.distinct(0), near.distinct(1), far.distinct(2)
    if flows >= 10 and failed >= 0.7 * flows:
        if targets >= 10 and targets >= ports:
            return "address-scan"
        if ports >= 10:
            return "port-scan"
    if sources >= 40 and far.counts[3] >= 0.7 * far.counts[2]:
        return "flood"
    both = (near.now[4]) & (near.now[5])
    if targets >= 5 and ports >= 0.5 * targets and ((flows >= 5 and asked >= 5) or len(both) >= 3):
        return "peer-to-peer"
    if sources >= 3 and far.distinct(3) <= max(2.5, sources / 3):
        return "service"
    if targets >= 4 and ports <= targets / 2 + 1:
        return "client"
    return "pair" if far.counts[2] >= 3 and flows >= 3 else None


@given(
    lists(tuples(integers(0, 20), integers(0, 20), integers(1, 30), booleans(), booleans()), min_size=1, max_size=150),
    integers(2, 60),
)
def test_names_are_those_of_plain_python(rows, window):
    flows = [
        flow(f"10.0.0.{src}", f"10.0.0.{dst}", port, failed=failed, protocol=17 if datagram else 6)
        for src, dst, port, failed, datagram in rows
    ]
    found = HostBehaviour(window=window).names(batch(flows)).to_pylist()
    hosts, expected = {}, []
    for row in flows:
        src, dst = plain_hash(row["src_ip"]), plain_hash(row["dst_ip"])
        near, far = hosts.setdefault(src, PlainHost()), hosts.setdefault(dst, PlainHost())
        failed = int(row["protocol"] == 6 and row.get("forward_payload_packets") == 0)
        to, origin, port = (plain_mixed(word) >> 58 for word in (dst, src, row["dst_port"] + 1))
        near.forget(window)
        near.counts[0] += 1
        near.counts[1] += failed
        near.now[0].add(to)
        near.now[1].add(port)
        if row["protocol"] == 6:
            near.now[4].add(to)
        elif row["dst_port"] != 53:
            near.now[5].add(to)
        far.forget(window)
        far.counts[2] += 1
        far.counts[3] += failed
        far.now[2].add(origin)
        far.now[3].add(port)
        expected.append(plain_name(near, far))
    assert found == expected
