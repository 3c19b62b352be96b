"""Parts that become one, and processes that die while they do it."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from oddflow.logs.parts import Part, in_force, parts_in, tables_in
from oddflow.server.flowstore import compacting
from oddflow.server.flowstore.compacting import MOST_BYTES, TIER_BYTES, merge, runs
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.flowstore.layout import hour_folder
from oddflow.server.flowstore.query import Query
from tests.server.flowstore.made import spread, write

HOUR = 480_000
ROUNDS = 6
KEEP = """
import sys
from pathlib import Path
from oddflow.server.flowstore.flow_store import FlowStore
with FlowStore(Path(sys.argv[1])) as store:
    print("ready", flush=True)
    for line in sys.stdin:
        print(store.compact(float(line)), flush=True)
"""


def found(folder):
    with FlowStore(folder) as store:
        return store.search(Query(), 1_000).rows


@pytest.fixture
def many(flows, tmp_path):
    """240 flows of one hour in 12 parts."""
    kept = spread(flows.slice(0, 240), hours=1, first=HOUR)
    write(tmp_path / "flows", kept, np.arange(240, dtype=np.float32), parts=12)
    return tmp_path / "flows"


def test_an_hour_that_is_over_becomes_one_part_with_the_same_flows(many, now_s):
    before = found(many)
    with FlowStore(many) as store:
        assert store.compact(now_s) == 12
        assert store.compact(now_s) == 0
        assert store.usage().files == 1
    assert len(before) == 240
    assert found(many) == before


def test_who_watches_sees_that_long_work_goes_on(many, now_s, monkeypatch):
    monkeypatch.setattr(compacting, "GROUP_ROWS", 20)
    beats = []
    with FlowStore(many) as store:
        assert store.compact(now_s, beat=lambda: beats.append("merged")) == 12
        assert store.rollup(now_s, beat=lambda: beats.append("summed up")) > 0
    assert beats.count("merged") == 240 // 20
    assert beats.count("summed up") >= 3


def test_small_parts_of_the_running_hour_are_merged_when_there_are_enough(flows, tmp_path):
    this_hour = int(time.time() // 3600) + 1  # so that it is not over before the test is
    kept = spread(flows.slice(0, 170), hours=1, first=this_hour)
    write(tmp_path, kept.slice(0, 70), np.zeros(70, np.float32), parts=7)
    with FlowStore(tmp_path) as store:
        assert store.compact(time.time()) == 0
        write(tmp_path, kept.slice(70), np.zeros(100, np.float32), parts=2)
        assert store.compact(time.time()) == 9
        assert store.usage().flows == 170


@pytest.mark.parametrize(
    ("sizes", "over", "expected"),
    [
        ([1] * 7, False, []),
        ([1] * 8, False, [8]),
        ([TIER_BYTES * 2] + [1] * 9, False, [9]),
        ([TIER_BYTES * 2] * 3 + [1] * 5, False, []),
        ([TIER_BYTES * 2] + [1] * 9, True, [10]),
        ([1], True, []),
        ([MOST_BYTES, MOST_BYTES, 1], True, []),
        ([MOST_BYTES // 2] * 5, True, [2, 2]),
    ],
)
def test_runs_are_of_alike_parts_in_a_row(sizes, over, expected):
    parts = [Part(number, number, str(number), size) for number, size in enumerate(sizes)]
    assert [len(run) for run in runs(parts, over=over)] == expected


def test_a_part_stands_for_all_that_it_was_merged_from():
    parts = [Part(1, 1, "a"), Part(2, 2, "b"), Part(1, 2, "ab"), Part(3, 3, "c"), Part(1, 3, "abc"), Part(4, 4, "d")]
    kept, replaced = in_force(parts)
    assert [part.path for part in kept] == ["abc", "d"]
    assert {part.path for part in replaced} == {"a", "b", "c", "ab"}


@pytest.mark.parametrize("deleted", range(0, 13, 4))
def test_no_instant_of_a_merge_counts_a_flow_twice_or_not_at_all(many, monkeypatch, deleted):
    """As a search sees it when the process ends after the new part has its name, and some of the old are deleted."""
    before, place = found(many), hour_folder(many, "lan", HOUR)
    parts = sorted(parts_in(place))
    monkeypatch.setattr(compacting, "_remove", lambda paths: [Path(path).unlink() for path in paths[:deleted]])
    merge(parts, place)
    assert len(parts_in(place)) == 13 - deleted
    assert len(tables_in(many / "lan")) == 1
    assert found(many) == before


@pytest.mark.slow
def test_killed_at_any_instant_it_loses_nothing_and_counts_nothing_twice(flows, tmp_path, now_s):
    chance, merged = random.Random(8), 0
    kept = spread(flows.slice(0, 240), hours=1, first=HOUR)
    for number in range(ROUNDS):
        write(tmp_path, kept.slice(number * 9, 9), np.full(9, number, np.float32), parts=9)
        with subprocess.Popen(
            [sys.executable, "-c", KEEP, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout.readline() == "ready\n"
            child.stdin.write(f"{now_s}\n")
            child.stdin.flush()
            time.sleep(chance.random() * 0.08)
            child.send_signal(signal.SIGKILL)
        rows = found(tmp_path)
        assert sorted(row["score"] for row in rows) == [float(at) for at in range(number + 1) for _ in range(9)]
        merged += len(tables_in(tmp_path / "lan")) == 1
    with FlowStore(tmp_path) as store:
        store.compact(now_s)
        assert (store.usage().files, store.usage().flows) == (1, ROUNDS * 9)
    assert not list(tmp_path.rglob("*.part"))
    assert merged < ROUNDS  # some were killed before they were done
