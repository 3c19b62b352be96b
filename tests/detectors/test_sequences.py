"""Detectors of packets and of several views: each variant is learnt and sealed, and padding is no packet."""

import numpy as np
import pytest

pytest.importorskip("torch")

from oddflow.detectors import registry
from oddflow.errors import UsageError
from oddflow.features.representation import Reads
from oddflow.models.sealed import score_graph
from tests.checks.problem import FEATURES, labelled_problem_for, normal_rows, problem_for

PROBLEM, LABELLED = problem_for(Reads.SEQUENCE), labelled_problem_for(Reads.SEQUENCE)
X = np.concatenate([LABELLED.x[:30], LABELLED.x[-20:]])
Y = np.repeat([0, 1], [30, 20])
SMALL = {"hidden": 4, "epochs": 1}


def agrees(detector, rows):
    scores, parts = score_graph(detector.graph().SerializeToString(), rows)
    np.testing.assert_allclose(scores, detector.decision_function(rows), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(parts, detector.contributions(rows), rtol=5e-3, atol=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"network": "rnn", "layers": 2}, marks=pytest.mark.slow),
        {"network": "lstm", "bidirectional": True},
        {"network": "gru", "noise": 0.0},
    ],
    ids=lambda options: options["network"],
)
def test_every_recurrent_autoencoder_is_learnt_and_sealed(options):
    detector = registry.create("recurrent-autoencoder", PROBLEM.features, recurrent_dropout=0.1, **SMALL, **options)
    agrees(detector.fit(PROBLEM.train[:40]), PROBLEM.odd[:20])


@pytest.mark.parametrize(
    "options",
    [
        {"network": "lstm", "bidirectional": True, "layers": 2, "dropout": 0.1, "recurrent_dropout": 0.1},
        {"network": "convolutional", "layers": 2},
        {"network": "transformer", "layers": 2, "dropout": 0.1},
    ],
    ids=lambda options: options["network"],
)
def test_options_of_a_sequence_network_are_learnt_and_sealed(options):
    detector = registry.create("sequence-network", LABELLED.features, **SMALL, **options).fit(X, Y)
    agrees(detector, LABELLED.odd[:20])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"network": "recursive", "bidirectional": True}, "bidirectional and recurrent_dropout are of gru, lstm, rnn"),
        ({"network": "transformer", "recurrent_dropout": 0.1}, "not of transformer"),
        ({"network": "recursive", "layers": 2}, "layers are of .* not of recursive"),
        ({"network": "transformer", "hidden": 6}, "multiple of 4; 6 given"),
    ],
)
def test_options_of_another_network_are_refused(options, words):
    with pytest.raises(UsageError, match=words):
        registry.create("sequence-network", LABELLED.features, **options).fit(X, Y)


@pytest.mark.parametrize("name", ["recurrent-autoencoder", "sequence-network"])
def test_columns_that_are_no_packets_are_refused(name):
    with pytest.raises(UsageError, match="as many lengths as gaps; 9 columns given"):
        registry.create(name, FEATURES[:9]).fit(normal_rows(50, 0)[:, :9], Y)


def test_padding_has_no_part_in_the_score_and_the_odd_packet_has():
    detector = registry.create("recurrent-autoencoder", PROBLEM.features, hidden=8, epochs=8).fit(PROBLEM.train)
    queries = PROBLEM.normal[PROBLEM.normal[:, 2] == 0]
    assert len(queries) > 10
    parts = detector.contributions(queries)
    assert not parts[:, 2:32].any()
    assert not parts[:, 34:].any()
    echoes = PROBLEM.normal[np.abs(PROBLEM.normal[:, :32]).max(axis=1) < 150]
    longer = echoes[echoes[:, 31] != 0].copy()
    longer[:, 10] = 1_400
    assert (detector.contributions(longer).argmax(axis=1) == 10).mean() > 0.9


@pytest.mark.parametrize("pieces", [1, 3, 4096])
def test_a_row_is_read_in_any_number_of_pieces(pieces):
    problem = labelled_problem_for(Reads.TABULAR)
    x = np.concatenate([problem.x[:30], problem.x[-20:]])
    detector = registry.create("rnn-ids", problem.features, pieces=pieces, **SMALL).fit(x, Y)
    agrees(detector, problem.odd[:20])


def test_what_is_like_no_attack_that_was_learnt_scores_by_its_views():
    problem = labelled_problem_for(Reads.SEVERAL)
    detector = registry.create("cross-modal-network", problem.features, width=16, epochs=20, learning_rate=0.01)
    detector.fit(problem.x[:400], problem.y[:400])
    unknown = problem.normal.copy()
    unknown[:, -784:] = np.random.default_rng(0).random((len(unknown), 784))
    scores = detector.decision_function
    assert np.median(scores(unknown)) > np.quantile(scores(problem.normal), 0.9)


def test_rows_of_one_view_are_refused_by_a_network_of_several():
    with pytest.raises(UsageError, match="rows of several views hold length_01 and byte_000"):
        registry.create("cross-modal-network", LABELLED.features).fit(X, Y)
