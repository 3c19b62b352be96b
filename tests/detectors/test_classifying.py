"""Networks that learn from labels: every network of every detector, and the options that all of them have."""

import numpy as np
import pytest

pytest.importorskip("torch")

from oddflow.detectors import registry
from oddflow.errors import UsageError
from oddflow.models.sealed import score_graph
from tests.checks.problem import area_under_curve, labelled_problem_for

NAMES = ("feed-forward-network", "convolutional-network", "rnn-ids", "sequence-network")  # each with networks to choose
QUICK = {"logistic", "perceptron", "mlp", "rnn", "gru", "lstm", "transformer", "lenet", "resnet"}
"""The others take seconds each to be sealed; `make slow` has them."""
NETWORKS = [
    pytest.param(name, network, marks=[] if network in QUICK else pytest.mark.slow)
    for name in NAMES
    for network in map(str, registry.find(name).choices["network"])
]


def problem_of(name):
    return labelled_problem_for(registry.find(name).reads)


def learnt(name, **options):
    """Learnt from 60 rows of three kinds."""
    problem = problem_of(name)
    x = np.concatenate([problem.x[:30], problem.x[-20:], problem.far[:10]])
    y = np.repeat([0, 2, 7], [30, 20, 10])
    return registry.create(name, problem.features, **{"epochs": 1, **options}).fit(x, y)


def agrees(detector):
    """Whether the sealed graph scores rows as the detector does."""
    rows = problem_of(detector.name).normal[:20]
    scores, _ = score_graph(detector.graph().SerializeToString(), rows)
    return np.allclose(scores, detector.decision_function(rows), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("name", "network"), NETWORKS)
def test_every_network_is_learnt_and_sealed(name, network):
    assert agrees(learnt(name, network=network))


def test_bytes_as_vectors_are_learnt_and_sealed():
    detector = learnt("convolutional-network", byte_vectors=2)
    assert agrees(detector)
    assert any(shape == (256, 2) for shape in (value.shape for value in detector.weights().values()))


@pytest.mark.parametrize("network", ["logistic", "perceptron", "mlp"])
def test_every_feed_forward_network_finds_what_is_plain_to_see(network):
    problem = problem_of("feed-forward-network")
    normal = problem.x[problem.y == 0]
    x, y = np.concatenate([normal, problem.far[:30]]), np.repeat([0, 1], [len(normal), 30])
    detector = registry.create("feed-forward-network", problem.features, network=network, learning_rate=0.01).fit(x, y)
    scores = detector.decision_function
    assert area_under_curve(scores(problem.far[30:]), scores(problem.normal)) > 0.95
    assert np.median(scores(problem.far[30:])) > np.log(2) > np.median(scores(problem.normal))


@pytest.mark.parametrize(
    ("option", "word"),
    [
        (option, str(word))
        for option in ("optimiser", "activation", "normalisation", "initialiser")
        for word in registry.find("feed-forward-network").choices[option]
        if word != "instance"
    ],
)
def test_every_choice_is_learnt_with_another_result(option, word):
    rows = problem_of("feed-forward-network").normal
    other = "he-uniform" if option == "initialiser" else "relu"
    first = learnt("feed-forward-network", **{option: word}).decision_function(rows)
    assert np.isfinite(first).all()
    plain = learnt("feed-forward-network").decision_function(rows)
    assert np.array_equal(first, plain) == (word in {other, "adam", "none"})


@pytest.mark.parametrize(("option", "costs"), [("l1", (0.0, 0.5)), ("l2", (0.0, 0.1))])
def test_a_penalty_makes_weights_small(option, costs):
    free, punished = (
        learnt("feed-forward-network", epochs=20, batch_rows=8, **{option: cost}).weights() for cost in costs
    )
    assert sum(np.abs(v).sum() for v in punished.values()) < 0.7 * sum(np.abs(v).sum() for v in free.values())


def test_normalisation_that_makes_no_sense_is_refused():
    with pytest.raises(UsageError, match="instance normalisation needs maps"):
        learnt("feed-forward-network", normalisation="instance")


def test_its_options_are_told_one_by_one():
    assert registry.parsed("feed-forward-network", ["network=logistic", "l2=0.1", "hidden=8,4"]) == {
        "network": "logistic", "l2": 0.1, "hidden": (8, 4),
    }  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [{"weighting": "none"}, {"weighting": "balanced"}, {"weighting": "effective", "overlap": 0.9}, {"loss": "focal"},
     {"loss": "focal", "focus": 0.5}, {"smoothing": 0.1}],
)  # fmt: skip
@pytest.mark.parametrize("name", ["feed-forward-network", "cross-modal-network"])
def test_what_a_row_weighs_and_costs_is_a_choice(name, options):
    small = {"width": 4} if name == "cross-modal-network" else {}
    rows = problem_of(name).normal[:20]
    plain, other = (learnt(name, **small, **more).decision_function(rows) for more in ({}, options))
    assert np.isfinite(other).all()
    assert not np.array_equal(plain, other)


def test_a_perceptron_has_a_loss_of_its_own():
    with pytest.raises(UsageError, match="perceptron has a loss of its own"):
        learnt("feed-forward-network", network="perceptron", loss="focal")
