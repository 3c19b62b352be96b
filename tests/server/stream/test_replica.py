"""Replicas: how many there are, and which of them die, changes nothing of what they come to."""

import multiprocessing
import random
import time
from pathlib import Path

import pytest

from oddflow.server.stream.checkpoint import Checkpoints
from tests.server.stream.conftest import PARTITIONS, Topic, stored_alerts, stored_flows
from tests.server.stream.replicas import judge, judge_alone, seat_of


@pytest.fixture(scope="module")
def undisturbed(topic: Topic, example_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one replica comes to in one go."""
    state = tmp_path_factory.mktemp("undisturbed")
    replica = judge(topic.settings(state, example_model), range(PARTITIONS))
    assert replica._parts.stored == topic.flows.num_rows
    assert replica._repeated == 20
    return state


def test_all_flows_are_stored_once_and_the_odd_ones_told(undisturbed: Path, topic: Topic):
    columns = topic.flows.select(["start", "src_ip", "src_port", "dst_ip", "dst_port"])
    assert stored_flows(undisturbed) == sorted(tuple(row.values()) for row in columns.to_pylist())
    assert len(stored_alerts(undisturbed)) > 10


@pytest.mark.parametrize("shares", [([0, 1], [2, 3]), ([3], [0, 2], [1])])
def test_any_number_of_replicas_comes_to_the_same(shares, undisturbed: Path, topic: Topic, example_model, tmp_path):
    for share in shares:
        judge(topic.settings(tmp_path, example_model), share)
    assert stored_alerts(tmp_path) == stored_alerts(undisturbed)
    assert stored_flows(tmp_path) == stored_flows(undisturbed)


def test_a_replica_that_is_killed_loses_nothing_and_repeats_nothing(undisturbed, topic, example_model, tmp_path):
    settings = topic.settings(tmp_path, example_model, checkpoint_s=0.05)
    processes, rng = multiprocessing.get_context("forkserver"), random.Random(5)
    processes.set_forkserver_preload(["tests.server.stream.replicas"])
    seat_of(settings)
    reached = []
    for _ in range(2):
        process = processes.Process(target=judge_alone, args=(settings, range(PARTITIONS)))
        process.start()
        checkpoints = Checkpoints(settings.checkpoints_folder, topic.name)
        before = _offsets(checkpoints)
        until = time.monotonic() + 20
        while _offsets(checkpoints) == before and process.is_alive() and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.join()
        reached.append(sum(_offsets(checkpoints).values()))
    assert reached == sorted(set(reached))  # each came further than the one before
    judge(settings, range(PARTITIONS))
    assert stored_alerts(tmp_path) == stored_alerts(undisturbed)
    assert stored_flows(tmp_path) == stored_flows(undisturbed)


def _offsets(checkpoints: Checkpoints) -> dict[int, int]:
    found = {number: checkpoints.read(number) for number in range(PARTITIONS)}
    return {number: one.offset for number, one in found.items() if one is not None}
