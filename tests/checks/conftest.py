"""Which of the checks of every detector take longest."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
COSTLY = {
    "cross-modal-network", "deep-boltzmann-machine", "generative-adversarial-network", "gradient-boosting",
    "image-generative-adversarial-network", "packet-segmentation", "sequence-network", "statistics-image-autoencoder",
}  # fmt: skip
"""They learn for seconds; of these, `make test` checks one fitted model only."""
FIT_ANEW = {
    "test_a_constant_baseline_is_learnt", "test_fitting_again_forgets_the_first_time",
    "test_it_finds_two_features_that_part_which_went_together", "test_kinds_of_attack_may_be_told_apart",
    "test_rare_attacks_weigh_as_much_as_normal_rows", "test_the_same_seed_gives_the_same_scores",
}  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make slow` runs what fits a costly detector once more."""
    for item in items:
        if item.path.parent != HERE or not isinstance(item, pytest.Function) or item.originalname not in FIT_ANEW:
            continue
        if item.callspec.params["name"] in COSTLY:
            item.add_marker(pytest.mark.slow)
