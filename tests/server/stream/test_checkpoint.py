"""Checkpoints: they come back whole, one process at a time may write them, and what is none is refused."""

import os

import numpy as np
import pytest

from oddflow.errors import InputError
from oddflow.server.stream.checkpoint import Checkpoint, Checkpoints, Known
from oddflow.verdicts.memory import Memory

MEMORY = Memory(
    {"is": "list", "of": [{"is": "array", "at": 0}]},
    [np.arange(6, dtype=np.uint64).reshape(2, 3), np.float32([np.nan, -0.0]), np.zeros(0, np.int64), np.uint64(7)],
)


@pytest.fixture
def checkpoints(tmp_path):
    """Of a topic, its folder made."""
    found = Checkpoints(tmp_path, "flows")
    os.close(found.lock(0))
    return found


def test_all_comes_back(checkpoints):
    given = Checkpoint(12, 4, "ab", MEMORY, {"s": Known(1, 2, 3, 4, ended=True)}, {"o": 12}, 99)
    checkpoints.write(3, given)
    found = checkpoints.read(3)
    assert (found.offset, found.number, found.model, found.watermark_ns) == (12, 4, "ab", 99)
    assert (found.known, found.owners) == (given.known, {"o": 12})
    assert found.memory.tree == MEMORY.tree
    for one, other in zip(found.memory.arrays, MEMORY.arrays, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()
    assert checkpoints.read(4) is None


def test_only_the_last_owners_are_kept(checkpoints):
    checkpoints.write(0, Checkpoint(owners={str(number): number for number in range(100)}))
    assert list(checkpoints.read(0).owners) == [str(number) for number in range(36, 100)]


def test_one_at_a_time(checkpoints):
    lock = checkpoints.lock(1)
    assert checkpoints.lock(1) is None
    os.close(lock)
    os.close(checkpoints.lock(1))


@pytest.mark.parametrize("cut", [0, 10, 400, -40])
def test_what_is_cut_is_refused(checkpoints, cut):
    checkpoints.write(0, Checkpoint(memory=MEMORY))
    path = checkpoints.folder / "0000.checkpoint"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match="no checkpoint that can be read"):
        checkpoints.read(0)


def test_objects_are_no_memory(checkpoints):
    with pytest.raises(TypeError, match="are no memory"):
        checkpoints.write(0, Checkpoint(memory=Memory(None, [np.array([{}])])))
    assert checkpoints.read(0) is None


def test_what_a_dead_process_of_our_number_left_is_in_nobody_s_way(checkpoints):
    (checkpoints.folder / f".0000.checkpoint.{os.getpid()}.part").write_bytes(b"cut")
    checkpoints.write(0, Checkpoint(5))
    assert checkpoints.read(0).offset == 5
