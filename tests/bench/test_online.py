"""The measurement of KitNET, on very little."""

import json

from tests.capture.build import ether, ipv4, pcap, udp

from oddflow.bench.online import LEARNING_TARGET, OnlineBench, measure


def test_rates_are_taken_and_the_capture_is_removed(tmp_path):
    capture, folder = tmp_path / "x.pcap", tmp_path / "work"
    folder.mkdir()
    capture.write_bytes(pcap([(i, 0, ether(ipv4(udp(bytes(i), 1000 + i)))) for i in range(100)]))
    bench = measure([capture], folder, count=3_000, rounds=2)
    assert not list(folder.iterdir())
    figures = {figure.what: figure for figure in bench.figures()}
    assert all(figure.value > 0 for figure in figures.values())
    assert len(figures["learning: statistics and KitNET"].rounds) == 2
    found = json.loads(json.dumps(bench.as_dict(), allow_nan=False))
    assert found["input"] == {"captures": ["x.pcap"], "packets": 3_000}


def test_a_rate_counts_statistics_and_net():
    bench = OnlineBench(10, ("x",), (2e-6,), (2e-6,), (1e-6,))
    learning, scoring, *_ = bench.figures()
    assert round(learning.value) == 250_000
    assert learning.target == LEARNING_TARGET
    assert learning.met
    assert round(scoring.value) == 333_333
