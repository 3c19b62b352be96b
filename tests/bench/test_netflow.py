"""The bench of exporters: its messages are whole, and its figures are taken."""

import pytest

from oddflow.bench import netflow_messages
from oddflow.bench.netflow import KINDS, NetflowBench
from oddflow.logs.netflow.collector import Collector
from oddflow.losses import Ledger


@pytest.mark.parametrize("version", KINDS)
def test_messages_hold_the_records_and_nothing_is_missing(version, tmp_path):
    place = tmp_path / "messages"
    netflow_messages.write(place, netflow_messages.messages(version, 2_500))
    datagrams = list(netflow_messages.read(place))
    assert max(map(len, datagrams)) <= 1_500
    ledger = Ledger()
    collector = Collector(ledger)
    for datagram in datagrams:
        collector.take(datagram, ("192.0.2.1", 1), 0.0)
    assert sum(batch.num_rows for batch in collector.records()) == 2_500
    collector.end()
    assert not ledger.reasons


def test_figures_are_taken(tmp_path):
    bench = NetflowBench(tmp_path, records=2_000, rounds=1)
    for step in bench.steps():
        if "peak memory" not in step.said:
            step.do()
    found = {figure["what"]: figure for figure in bench.as_dict()["figures"]}
    for name in KINDS.values():
        assert found[f"{name}, messages to records"]["value"] > 0
        assert found[f"{name}, UDP to flows"]["value"] > 0
        assert found[f"{name}, lost of them"]["value"] == 0
