"""Metrics: text that Prometheus reads, from counters that the workers share."""

import http.client
import re
import socket

import pytest

from oddflow.errors import UsageError
from oddflow.losses import Ledger, Loss
from oddflow.sensor.metrics import MetricsServer, exposition
from oddflow.sensor.tally import Count, Tally

SAMPLE = re.compile(r'[a-z_]+\{([a-z_]+="(\\.|[^"\\\n])*",?)+\} \d+')


def tally():
    made = Tally(2)
    for worker, (metered, lost) in enumerate(((90, 10), (5, 1))):
        ledger = Ledger()
        ledger.used(metered)
        ledger.lost(Loss.RING, lost)
        ledger.lost(Loss.LINK_TYPE, 2, "105 (802.11)")
        ledger.lost(Loss.LINK_TYPE, 3, "3 (AX.25)")
        made.tell(worker, ledger)
        made.rows[worker, Count.OPEN_FLOWS] = 7
    return made


def test_totals_are_sums_and_add_up():
    totals = tally().totals()
    assert totals.metered == 95
    assert totals.lost[Loss.RING] == 11
    assert totals.lost[Loss.LINK_TYPE] == 10
    assert totals.open_flows == 14
    assert totals.packets == totals.metered + totals.lost_total


def test_each_line_is_a_comment_or_a_sample_and_each_name_has_one_help():
    text = exposition(tally().totals(), 'we"ird\\0', is_up=True, workers=2, softnet_dropped=4)
    lines = text.splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(line) for line in samples)
    names = [line.split()[2] for line in lines if line.startswith("# HELP ")]
    assert len(names) == len(set(names))
    assert {line.partition("{")[0] for line in samples} == set(names)
    assert 'oddflow_lost_packets_total{interface="we\\"ird\\\\0",reason="ring"} 11' in lines


@pytest.fixture
def server():
    made = MetricsServer("127.0.0.1:0", lambda: "all 1\n")
    made.start()
    yield made
    made.close()


@pytest.mark.parametrize(("path", "code", "body"), [("/metrics", 200, b"all 1\n"), ("/etc/passwd", 404, None)])
def test_only_metrics_are_answered(server, path, code, body):
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    client.request("GET", path)
    answer = client.getresponse()
    assert answer.status == code
    content = answer.read()
    assert body is None or content == body
    client.close()


def test_a_client_that_sends_rubbish_or_nothing_keeps_no_other_waiting_for_long(server):
    rude = socket.create_connection(("127.0.0.1", server.port))
    rude.sendall(b"\xff\x00" * 10)
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    client.request("GET", "/metrics")
    assert client.getresponse().read() == b"all 1\n"
    client.close()
    rude.close()


@pytest.mark.parametrize("address", ["", "9477", "host", "127.0.0.1:http", "127.0.0.1:70000", "203.0.113.1:9477"])
def test_an_address_that_cannot_be_is_refused(address):
    with pytest.raises(UsageError, match=r"expected HOST:PORT|cannot be listened to"):
        MetricsServer(address, str)
