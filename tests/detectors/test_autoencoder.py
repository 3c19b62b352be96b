import numpy as np
import pytest
import torch

from oddflow.detectors.autoencoder import AutoencoderDetector
from oddflow.errors import LearningFailed
from tests.checks.problem import FEATURES, normal_rows

ROWS = normal_rows(600, 0)


def test_it_tells_of_each_epoch_and_keeps_the_history():
    told = []
    detector = AutoencoderDetector(FEATURES, epochs=4, told=told.append).fit(ROWS)
    assert told == detector.history_.epochs
    assert [epoch.number for epoch in told] == [0, 1, 2, 3]


def test_the_seed_of_torch_is_left_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    AutoencoderDetector(FEATURES, epochs=1).fit(ROWS)
    assert torch.equal(torch.get_rng_state(), before)


def test_another_seed_is_another_network():
    first, second = (
        AutoencoderDetector(FEATURES, epochs=2, seed=seed).fit(ROWS).decision_function(ROWS) for seed in (0, 1)
    )
    assert not np.array_equal(first, second)


def test_a_rate_that_diverges_is_told():
    with pytest.raises(LearningFailed, match="diverged in epoch"):
        AutoencoderDetector(FEATURES, epochs=5, learning_rate=1e20).fit(ROWS)
