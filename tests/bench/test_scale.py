"""The measurement of batch work on Ray, on very little."""

import json
import struct

import numpy as np
import pytest
from tests.capture.build import ether, ipv4, pcap, udp

from oddflow.bench.scale import ScaleBench, ScaleSizes, split
from oddflow.bench.simulation.batch import METER_RAW, PIPED, WRITE, JobCosts
from oddflow.bench.traffic import Traffic
from oddflow.capture.reader import packets
from oddflow.errors import UsageError
from oddflow.losses import Ledger


@pytest.fixture
def capture(tmp_path):
    place = tmp_path / "x.pcap"
    place.write_bytes(pcap([(i, 0, ether(ipv4(udp(bytes(i % 50), 1000 + i)))) for i in range(100)]))
    return place


def bench_of(capture, tmp_path, **seconds: list[float]) -> ScaleBench:
    """One that has measured these times."""
    bench = ScaleBench([capture], tmp_path, ScaleSizes(rounds=3))
    for name, several in seconds.items():
        for one in several:
            bench._add(name, one, 2 * one)
        bench._found.flows[name] = 7
    bench._bytes, bench._files = 10**9, 5
    return bench


def figures_of(bench):
    return {figure.what: figure for figure in bench.figures()}


def test_ratios_are_those_of_medians_and_targets_are_the_issues(capture, tmp_path):
    bench = bench_of(
        capture, tmp_path, plain=[9, 10, 50], one=[11, 11, 12], two=[7, 5, 40], small=[3, 3, 3], merged=[2, 2, 2]
    )
    found = figures_of(bench)
    assert found["two workers against one"].value == pytest.approx(11 / 7)
    assert found["two workers against one"].met
    assert found["one worker of Ray over plain, time after start"].value == pytest.approx(1.1)
    assert found["one worker of Ray over plain, time after start"].met
    assert found["1,000 small captures over the merged one"].met is False
    assert found["flows of plain, of one worker, of two that differ in number"].met
    assert len(found["two workers against one"].rounds) == 3


def test_a_run_that_gave_another_number_of_flows_is_seen(capture, tmp_path):
    bench = bench_of(capture, tmp_path, plain=[1.0], one=[1.0], two=[1.0])
    bench._found.flows["two"] = 6
    assert figures_of(bench)["flows of plain, of one worker, of two that differ in number"].met is False


@pytest.mark.parametrize(("took", "met"), [(2.0, True), (2.1, True), (2.3, False), (1.7, False)])
def test_the_prediction_is_held_against_the_time_of_two_workers(capture, tmp_path, took, met):
    bench = bench_of(capture, tmp_path, two=[took])
    bench._bytes = 100 * 10**9
    bench._found.costs = {PIPED: [JobCosts({METER_RAW: 2e-11, WRITE: 1e-11})] * 3}
    assert bench.predicted_s() == pytest.approx(2.0, rel=0.02)
    assert figures_of(bench)["what the prediction misses the measured time by"].met is met


def test_what_failed_is_told_and_meets_nothing(capture, tmp_path):
    bench = bench_of(capture, tmp_path, one=[1.0])
    bench._found.failed |= {"two": "the job ended with 2: no room", "fit": "no trace"}
    found = figures_of(bench)
    assert found["two workers against one"].met is None
    assert "no room" in found["two workers against one"].detail
    assert found["time of two workers, predicted from one"].detail == "no trace"
    assert found["runs with killed nodes that gave the exact result"].met is None
    json.dumps(bench.as_dict(), allow_nan=False)


def test_small_captures_hold_what_the_merged_one_holds(capture, tmp_path):
    merged, folder = tmp_path / "merged.pcap", tmp_path / "small"
    folder.mkdir()
    with merged.open("wb") as file:
        Traffic.of([capture]).write(file, 250)
    split(merged, folder, 40)

    def times(path):
        return np.concatenate([batch.field("time_ns").copy() for batch in packets(str(path), Ledger())])

    pieces = [times(path) for path in sorted(folder.iterdir())]
    assert len(pieces) == 40
    assert {len(piece) for piece in pieces} == {6, 7}
    assert np.concatenate(pieces).tolist() == times(merged).tolist()
    assert struct.unpack("<I", next(folder.iterdir()).read_bytes()[:4])[0] == 0xA1B23C4D


@pytest.mark.parametrize("given", [{"gigabytes": 0}, {"small": 1}, {"rounds": 0}, {"kills": -1}])
def test_sizes_that_tell_nothing_are_refused(given):
    with pytest.raises(UsageError, match="expected"):
        ScaleSizes(**given)
