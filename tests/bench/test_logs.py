"""The measurement of logs, on very little."""

import json

import pytest

from oddflow.bench.logs import KINDS, LogBench
from oddflow.bench.zeek_lines import records


@pytest.mark.slow
def test_all_logs_are_read_and_measured(tmp_path):
    bench = LogBench(tmp_path, records=2000, rounds=1)
    for step in bench.steps():
        step.do()
    figures = {figure.what: figure for figure in bench.figures()}
    for kind in KINDS:
        assert figures[f"{kind.name}, by processor time"].value > 1000
        assert 50 < figures[f"{kind.name}, peak memory"].value < 400
    found = json.loads(json.dumps(bench.as_dict(), allow_nan=False))
    assert found["input"] == {"records": 2000, "rounds": 1}


def test_the_same_seed_makes_the_same_traffic():
    assert list(records(50)) == list(records(50))
    assert list(records(50)) != list(records(50, seed=1))
    times = [record["ts"] for record in records(50)]
    assert times == sorted(times)
