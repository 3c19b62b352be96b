import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.training.rows import BLOCK_ROWS, beside, in_blocks, room
from oddflow.training.run import Run, bytes_of, running

ROWS = np.random.default_rng(0).normal(size=(BLOCK_ROWS + 5, 3)).astype(np.float32)


def test_rows_in_a_file_equal_those_in_memory():
    make = lambda x: np.concatenate([x, np.exp(x)], axis=1)  # noqa: E731
    with running(Run(memory_bytes=1_000)):
        found = in_blocks(make, ROWS, 6)
    assert isinstance(found, np.memmap)
    assert np.array_equal(found, make(ROWS))


@pytest.mark.parametrize(("most", "kept"), [(None, False), (2_400, False), (2_399, True)])
def test_only_what_is_larger_than_allowed_lies_in_a_file(most, kept):
    with running(Run(memory_bytes=most)):
        assert isinstance(room(100, 6), np.memmap) == kept
    assert not isinstance(room(100, 6), np.memmap)


@pytest.mark.parametrize("text", ["", "MiB", "12 apples", "-1", "1MB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UsageError, match="expected a size like 512MiB"):
        bytes_of(text)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"device": "tpu"}, "device must be one of auto, cpu, cuda"),
        ({"precision": "64"}, "precision must be one of 32, bf16, fp16"),
        ({"processes": 0}, "processes must be from 1"),
        ({"processes": 2, "device": "cuda"}, "several processes share batches on CPUs alone"),
        ({"precision": "fp16"}, "fp16 needs a GPU"),
    ],
)
def test_a_run_that_cannot_be_is_refused(wrong, words):
    with pytest.raises(UsageError, match=words):
        Run(**wrong)


def test_chosen_rows_stand_beside_each_other():
    kinds, chosen = np.arange(len(ROWS))[:, None], ROWS[:, 0] > 0
    with running(Run(memory_bytes=1_000)):
        found = beside((ROWS, kinds), chosen)
    assert isinstance(found, np.memmap)
    assert np.array_equal(found, np.concatenate([ROWS, kinds], axis=1, dtype=np.float32)[chosen])
