"""No kernel ever forms a negative index: shown by running all of them uncompiled over arrays that refuse one.

That the compiled kernels do the same is shown by their giving the same flows.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz.guard import NegativeIndex, guarded
from tests.fuzz.mutate import Mutator
from tests.fuzz.road import capture_of, check
from tests.fuzz.seeds import bad_input, packet_lists

ROOT = Path(__file__).parents[2]
MUTATED_CAPTURES, PACKETS = 20, 150


def interpreted(paths):
    """The digest, or the traceback, of each capture."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.interpreted", *map(str, paths)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_same(paths):
    told = interpreted(paths)
    wrong = {path.name: told[str(path)] for path in paths if told[str(path)] != check(path.read_bytes())}
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in wrong.items())


@pytest.mark.slow
@pytest.mark.skipif(not bad_input(), reason="the malformed captures beside the repository are absent")
def test_bad_input_is_metered_without_a_negative_index():
    """A third of it in the tests, all where new examples are looked for."""
    step = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else 3
    assert_same([path.resolve() for path in bad_input()[::step]])


@pytest.mark.slow
def test_mutated_packets_are_metered_without_a_negative_index(tmp_path):
    mutator = Mutator(packet_lists(), seed=2)
    paths = [tmp_path / f"{number}.pcapng" for number in range(MUTATED_CAPTURES)]
    for path in paths:
        path.write_bytes(capture_of(mutator.run(PACKETS)))
    assert_same(paths)


@pytest.mark.parametrize(
    "index", [-1, np.int64(-1), slice(-2, None), slice(0, -1), slice(None, None, -1), (0, -1), (slice(0, 1), -1)]
)
def test_a_guarded_array_refuses_what_counts_from_the_end(index):
    array = guarded(np.zeros((3, 3)))
    with pytest.raises(NegativeIndex):
        array[index]
    with pytest.raises(NegativeIndex):
        array[index] = 1


def test_a_guarded_array_is_the_array_it_guards():
    plain = np.zeros(3, np.uint8)
    array = guarded(plain)
    array[1] = np.int64(257)
    array[1:2][0] += 1
    assert plain.tolist() == [0, 2, 0]
    assert array[1] + np.int64(255) == 257
    with pytest.raises(NegativeIndex):
        array[1:][np.int64(-1)]
    with pytest.raises(IndexError):
        array[3]


def test_records_are_guarded_too():
    plain = np.zeros(2, [("loss", np.uint8), ("start", np.int32)])
    array = guarded(plain)
    array[1].loss = 255
    assert plain["loss"].tolist() == [0, 255]
    assert array[1].loss + 1 == 256
    with pytest.raises(NegativeIndex):
        array[-1]
