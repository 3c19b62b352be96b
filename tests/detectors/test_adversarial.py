"""What the options of the GANs do."""

import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.features.image import PIXELS, Image
from oddflow.features.representation import Reads
from oddflow.flows.settings import Payload
from tests.checks.problem import FEATURES, area_under_curve, normal_rows, odd_rows, problem_for

torch = pytest.importorskip("torch")

from oddflow.detectors import registry  # noqa: E402
from oddflow.learning.seal import MOST_DIFFERENCE  # noqa: E402
from oddflow.models.sealed import score_graph  # noqa: E402
from oddflow.networks.biggan import orthogonality  # noqa: E402

TABULAR, IMAGES = "generative-adversarial-network", "image-generative-adversarial-network"
TINY = {"width": 1, "latent": 13, "epochs": 1, "encoding": 1, "descent": 1}


def sealed_alike(detector, rows):
    scores, parts = score_graph(detector.graph().SerializeToString(), rows)
    np.testing.assert_allclose(scores, detector.decision_function(rows), rtol=MOST_DIFFERENCE, atol=1e-4)
    assert parts.shape == rows.shape


def test_the_search_for_noise_detects_and_is_sealed():
    rows, normal, odd = normal_rows(1_000, 0), normal_rows(300, 1), odd_rows(300, 2)
    options = {"score": "inversion", "epochs": 15, "batch_rows": 64, "descent": 3}
    detector = registry.create(TABULAR, FEATURES, **options).fit(rows)
    scores = detector.decision_function
    assert area_under_curve(scores(odd), scores(normal)) > 0.8
    sealed_alike(detector, np.concatenate([normal, odd, 1_000 * normal]))


@pytest.mark.parametrize(
    "options",
    [
        {"network": "info", "score": "inversion"},
        pytest.param({"network": "attention", "game": "hinge"}, marks=pytest.mark.slow),
        {"network": "big", "game": "wgan", "score": "discriminator"},
        {"network": "dcgan", "game": "wgan-gp", "score": "discriminator", "critic_moves": 2},
    ],
    ids=lambda options: options["network"],
)
def test_each_network_of_images_is_sealed(options):
    rows = problem_for(Reads.IMAGE).train[:60]
    detector = registry.create(IMAGES, Image().features, **(TINY | options)).fit(rows)
    sealed_alike(detector, rows)
    images = detector.samples(3, seed=1)
    assert images.shape == (3, PIXELS)
    assert 0 <= images.min() <= images.max() <= 1
    np.testing.assert_array_equal(detector.samples(3, seed=1), images)


def test_the_weights_of_a_big_generator_become_orthogonal_where_that_counts():
    rows = problem_for(Reads.IMAGE).train[:60]
    options = TINY | {"network": "big", "score": "discriminator", "epochs": 4, "batch_rows": 16}
    free, held = (
        float(
            orthogonality(registry.create(IMAGES, Image().features, orthogonal=weight, **options).fit(rows).generator_)
        )
        for weight in (0.0, 1.0)
    )
    assert held < free


def test_images_of_both_directions_have_two_channels():
    rows = np.random.default_rng(0).random((20, 2 * PIXELS), np.float32)
    detector = registry.create(IMAGES, Image(Payload.FLOW).features, **TINY).fit(rows)
    assert detector.samples(2).shape == (2, 2 * PIXELS)
    assert detector.contributions(rows).shape == rows.shape


def test_the_dcgan_of_the_notes_is_two_options_away():
    options = TINY | {"width": 64, "latent": 100, "score": "discriminator"}
    rows = np.random.default_rng(0).random((3, PIXELS), np.float32)
    detector = registry.create(IMAGES, Image().features, **options).fit(rows)
    assert sum(part.numel() for part in detector.generator_.parameters()) == 2_305_472
    discriminator = detector.network_[1].discriminator
    assert sum(part.numel() for part in discriminator.parameters()) == 212_865


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"network": "big", "score": "inversion"}, "dcgan and info alone; with network=big"),
        ({"network": "info", "latent": 12}, "must be 13 or more, 12 for its codes; 12 given"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, words):
    rows = problem_for(Reads.IMAGE).train[:10]
    with pytest.raises(UsageError, match=words):
        registry.create(IMAGES, Image().features, **(TINY | options)).fit(rows)


def test_rows_that_are_no_images_are_refused():
    with pytest.raises(UsageError, match=r"784 pixels a channel; .* columns given"):
        registry.create(IMAGES, FEATURES).fit(normal_rows(50, 0))


def test_samples_of_a_tabular_gan_are_raw_rows():
    rows = normal_rows(600, 0)
    detector = registry.create(TABULAR, FEATURES, epochs=20, batch_rows=64, score="discriminator").fit(rows)
    made = detector.samples(200, seed=4)
    assert made.shape == (200, 10)
    assert set(np.unique(made[:, 0])) <= {22, 53, 443}
    assert 0 < np.median(made[:, 1]) < 100 * np.median(rows[:, 1])
    assert detector.quality_.covered > 0.3
