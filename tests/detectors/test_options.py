"""What the options of detectors do."""

import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.features.image import PIXELS, Image
from oddflow.features.representation import Reads
from oddflow.flows.settings import Payload
from tests.checks.problem import FEATURES, area_under_curve, normal_rows, odd_rows, problem_for

torch = pytest.importorskip("torch")

from oddflow.detectors import registry  # noqa: E402
from oddflow.models.sealed import score_graph  # noqa: E402

TRAIN, NORMAL, ODD = normal_rows(1_000, 0), normal_rows(300, 1), odd_rows(300, 2)


def area(name, **options):
    scores = registry.create(name, FEATURES, **options).fit(TRAIN).decision_function
    return area_under_curve(scores(ODD), scores(NORMAL))


@pytest.mark.parametrize("options", [{"noise": 0.0}, {"dropout": 0.1}, {"sparse": 0.01}])
def test_each_kind_of_autoencoder_detects(options):
    assert area("autoencoder", epochs=25, **options) > 0.8


DRAWING = [
    "autoencoder", "variational-autoencoder", "adversarial-autoencoder", "deep-belief-network",
    "statistics-image-autoencoder", "convolutional-autoencoder", "recurrent-autoencoder",
]  # fmt: skip


@pytest.mark.parametrize("name", DRAWING)
def test_what_a_miss_costs_is_a_choice(name):
    problem = problem_for(registry.find(name).reads)
    quick = {"pretraining": 1} if name == "deep-belief-network" else {}
    scores = [
        registry.create(name, problem.features, epochs=1, loss=loss, **quick)
        .fit(problem.train[:60])
        .decision_function(problem.normal[:20])
        for loss in registry.find(name).choices["loss"]
    ]
    assert np.isfinite(scores).all()
    assert len(np.unique(scores, axis=0)) == 3


def codes(sparse):
    detector = registry.create("autoencoder", FEATURES, epochs=15, sparse=sparse).fit(TRAIN)
    scaled = torch.from_numpy(detector.scaler_.transform(NORMAL))
    with torch.no_grad():
        return detector.network_.encoder(scaled).sigmoid().mean().item()


def test_a_sparse_middle_is_quieter():
    assert codes(sparse=1.0) < 0.2 < codes(sparse=0.0)


@pytest.mark.parametrize("game", ["gan", "wgan", "wgan-gp"])
def test_each_game_detects(game):
    name = "generative-adversarial-network"
    assert area(name, game=game, epochs=30, encoding=25, critic_moves=2) > 0.8


def test_the_weights_of_a_wgan_are_clipped():
    name = "generative-adversarial-network"
    detector = registry.create(name, FEATURES, game="wgan", score="discriminator", epochs=2).fit(TRAIN[:200])
    weights = detector.weights()
    assert max(abs(weight).max() for weight in weights.values()) <= 0.05 + 1e-6


def test_a_discriminator_can_be_the_score():
    name = "generative-adversarial-network"
    detector = registry.create(name, FEATURES, game="gan", score="discriminator", epochs=40, critic_moves=1).fit(TRAIN)
    scores = detector.decision_function
    assert area_under_curve(scores(ODD), scores(NORMAL)) > 0.8
    found, _ = score_graph(detector.graph().SerializeToString(), NORMAL)
    np.testing.assert_allclose(found, scores(NORMAL), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["restricted-boltzmann-machine", "deep-boltzmann-machine"])
def test_contributions_of_a_score_that_does_not_decompose_add_up_to_it(name):
    detector = registry.create(name, FEATURES, epochs=2).fit(TRAIN[:300])
    parts, scores = detector.contributions(ODD), detector.decision_function(ODD)
    assert parts.min() >= 0
    np.testing.assert_allclose(parts.sum(axis=1), scores, rtol=1e-5)


def test_images_of_both_directions_have_two_channels():
    features = Image(Payload.FLOW).features
    rows = np.random.default_rng(0).random((40, 2 * PIXELS), np.float32)
    options = {"epochs": 1, "width": 2, "code": 4}
    detector = registry.create("convolutional-autoencoder", features, **options).fit(rows)
    found, parts = score_graph(detector.graph().SerializeToString(), rows)
    assert parts.shape == rows.shape
    np.testing.assert_allclose(found, detector.decision_function(rows), rtol=1e-3)


def test_rows_that_are_no_images_are_refused():
    with pytest.raises(UsageError, match=r"784 pixels a channel; .* columns given"):
        registry.create("convolutional-autoencoder", FEATURES).fit(TRAIN[:50])


def test_rows_that_are_no_sequences_are_refused():
    with pytest.raises(UsageError, match="as many lengths as gaps; 9 columns given"):
        registry.create("packet-markov-chain", FEATURES[:9]).fit(TRAIN[:50, :9])


@pytest.mark.parametrize("name", ["packet-markov-chain", "packet-language-model"])
def test_the_packet_that_does_not_belong_is_named(name):
    problem = problem_for(Reads.SEQUENCE)
    options = {"epochs": 12, "hidden": 16} if name == "packet-language-model" else {}
    detector = registry.create(name, problem.features, **options).fit(problem.train)
    echoes = problem.normal[np.abs(problem.normal[:, 31]) > 60]
    assert len(echoes) > 10
    echoes = echoes[np.abs(echoes[:, :32]).max(axis=1) < 200]
    longer = echoes.copy()
    longer[:, 10] = 1400
    later = echoes.copy()
    later[:, 32 + 20] = 30
    assert np.isin(detector.contributions(longer).argmax(axis=1), [10, 11]).mean() > 0.9
    assert np.isin(detector.contributions(later).argmax(axis=1), [32 + 20]).mean() > 0.9


def test_a_longer_memory_than_one_packet_tells_more():
    """Every second row says A A B, the others C C D: what follows the pair, the chain cannot know from its last."""
    shapes = np.array([[60, 100, 300, 60], [60, 200, 300, -900]], np.float32)
    lengths = np.tile(shapes, (150, 1))
    rows = np.concatenate([lengths, np.full_like(lengths, 1e-3)], axis=1)
    wrong = rows[:40].copy()
    wrong[:, 3] = wrong[::-1, 3]
    features = problem_for(Reads.SEQUENCE).features[:8]
    model = registry.create("packet-language-model", features, epochs=25, hidden=16).fit(rows)
    chain = registry.create("packet-markov-chain", features).fit(rows)
    assert (model.decision_function(wrong) > 2 * model.decision_function(rows[:40])).all()
    assert np.ptp(chain.decision_function(np.concatenate([wrong, rows[:40]]))) < 0.05
