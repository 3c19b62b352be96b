import numpy as np
import pytest

from oddflow.errors import LearningFailed
from tests.checks.problem import FEATURES, PAIR, normal_rows, pair_rows

torch = pytest.importorskip("torch")

from oddflow.detectors.autoencoder import AutoencoderDetector  # noqa: E402

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


@pytest.mark.parametrize(("features", "rows", "middle"), [(FEATURES, ROWS, 6), (PAIR, pair_rows(100, 0), 1)])
def test_the_middle_is_at_most_half_as_wide_as_a_scaled_row(features, rows, middle):
    network = AutoencoderDetector(features, epochs=1).fit(rows).network_
    assert network.encoder[-1].out_features == middle


def test_the_middle_that_was_asked_for_is_kept_where_it_is_narrow():
    detector = AutoencoderDetector(FEATURES, hidden=(8, 3), epochs=1).fit(ROWS)
    assert [layer.out_features for layer in detector.network_.encoder if isinstance(layer, torch.nn.Linear)] == [8, 3]


def test_the_number_of_threads_changes_no_score():
    scores = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        scores.append(AutoencoderDetector(FEATURES, epochs=3).fit(ROWS).decision_function(ROWS))
    torch.set_num_threads(before)
    np.testing.assert_array_equal(*scores)
