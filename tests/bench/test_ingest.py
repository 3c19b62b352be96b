"""The measurement of metering, on very little."""

import json

import pytest
from tests.capture.build import ether, ipv4, pcap, udp

from oddflow.bench.figures import Figure, Sizes
from oddflow.bench.ingest import IngestBench
from oddflow.errors import UsageError

TINY = Sizes(packets=2000, rounds=1, flood_flows=1000, memory_bytes=(20_000, 200_000))


@pytest.mark.slow
def test_all_steps_run_and_absent_tools_are_named(tmp_path):
    capture, folder = tmp_path / "x.pcap", tmp_path / "work"
    folder.mkdir()
    capture.write_bytes(pcap([(i, 0, ether(ipv4(udp(bytes(i), 1000 + i)))) for i in range(100)]))
    live = tmp_path / "live.py"
    told = {"sent": 9, "metered": 9, "unaccounted": 0, "seconds": 1, "sent_per_s": 400_001}
    live.write_text(f"import json; print(json.dumps({told}))")
    bench = IngestBench([capture], folder, tmp_path / "no-peers", TINY, live=live)
    for step in bench.steps():
        step.do()
    figures = {figure.what: figure for figure in bench.figures()}
    assert figures["oddflow flows, whole process"].value > 0
    assert figures["whole process against NFStream"].detail == "absent; to get it: make peers"
    assert figures["whole process against NFStream"].met is None
    assert figures["peak memory, the larger input over the smaller"].met
    assert 50 < figures["peak memory, 2e-05 GB of input"].value < 400
    assert [figure.met for what, figure in figures.items() if what.startswith("live")] == [True, True, True]
    found = json.loads(json.dumps(bench.as_dict(), allow_nan=False))
    assert found["input"]["packets"] == 2000
    assert len(found["figures"]) == len(figures)


@pytest.mark.parametrize(
    ("value", "at_least", "met"), [(2.0, True, True), (1.9, True, False), (2.0, False, True), (2.1, False, False)]
)
def test_a_target_is_met_or_not(value, at_least, met):
    assert Figure("x", value, "×", 2.0, at_least=at_least).met is met


def test_without_a_figure_nothing_is_said_of_the_target():
    assert Figure("x", None, "×", 2.0).met is None


def test_sizes_that_tell_nothing_are_refused():
    with pytest.raises(UsageError, match="at least 1,000"):
        Sizes(packets=10)
