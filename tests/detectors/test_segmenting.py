"""Detectors that mark parts of rows: which part, which box, in which network."""

import numpy as np
import pytest

from oddflow.detectors import registry
from oddflow.errors import UsageError
from oddflow.features.matrix_settings import ROWS, SLOTS, MatrixSettings
from oddflow.features.sequence import Sequence
from oddflow.learning.learn import splits
from oddflow.models.boxes import boxes_around
from oddflow.models.marks import LIKELY
from oddflow.models.sealed import score_graph
from tests.checks.problem import matrix_rows, packet_rows
from tests.learning.make import gathered

torch = pytest.importorskip("torch")

from oddflow.networks.localiser import intersection_over_union  # noqa: E402

CELLS = MatrixSettings().features()
HARD = {"epochs": 10, "batch_rows": 16, "learning_rate": 5e-3}


def commands(count, seed):
    """Flows of which every second begins with one packet that is far too long, and where it stands."""
    rng = np.random.default_rng(seed)
    rows, marks = packet_rows(count, seed), np.zeros((count, 32), bool)
    places = rng.integers(0, 2, count)
    odd = np.arange(0, count, 2)
    marks[odd, places[odd]] = True
    rows[:, :32][marks] = 900
    return rows, marks.any(axis=1).astype(np.int64), marks


def attacks(count, seed):
    """Matrices of which every second shows an attack on eight rows, and the cells that it fills."""
    calm, busy = matrix_rows(count, seed), matrix_rows(count, seed, attack=2.0)
    busy[1::2] = calm[1::2]
    marks = busy > calm
    return busy, marks[:, SLOTS - 1 :: SLOTS].any(axis=1).astype(np.int64), marks


def overlap(found, true):
    return float((found & true).sum() / (found | true).sum())


@pytest.mark.parametrize("options", [{"network": "fcn"}, {"upsampling": "interpolated"}, {"upsampling": "unpooled"}])
def test_single_packets_are_marked_and_the_sealed_model_marks_them_too(options):
    x, y, marks = commands(400, 0)
    detector = registry.create("packet-segmentation", Sequence.features, widths=(8, 16), **HARD, **options)
    detector.fit(x, y, marks=marks)
    rows, _, true = commands(100, 1)
    assert overlap(detector.marks(rows) > LIKELY, true) > 0.5  # all packets would give 0.02
    assert (detector.contributions(rows)[true.any(axis=1)].argmax(axis=1) < 2).mean() > 0.9
    _, contributions = score_graph(detector.graph().SerializeToString(), rows)
    np.testing.assert_allclose(detector.marks_.marks(contributions), detector.marks(rows), rtol=1e-2, atol=1e-3)


def test_cells_are_marked():
    x, y, marks = attacks(300, 0)
    detector = registry.create("matrix-segmentation", CELLS, network="fcn", widths=(8, 16), epochs=10)
    detector.fit(x, y, marks=marks)
    rows, _, true = attacks(100, 1)
    assert overlap(detector.marks(rows) > LIKELY, true) > 0.6


def test_a_box_lies_about_where_the_attack_is():
    x, y, marks = attacks(500, 0)
    detector = registry.create("attack-localiser", CELLS, epochs=20).fit(x, y, marks=marks)
    rows, labels, true = attacks(100, 1)
    shown = labels == 1
    found = detector.boxes(rows[shown])
    wanted = boxes_around(true[shown].reshape(-1, ROWS, SLOTS))
    overlaps = intersection_over_union(torch.from_numpy(found), torch.from_numpy(wanted))
    assert overlaps.mean() > 0.5
    cells = detector.contributions(rows[shown]) > 0
    np.testing.assert_array_equal(cells, detector.boxes_.inside(found))


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        (np.ones((20, 31)), "32 parts of a row; marks of 31"),
        (np.ones((19, 32)), r"20 rows of 0 \(normal\) or 1"),
        (np.full((20, 32), 2), r"20 rows of 0 \(normal\) or 1"),
        (np.zeros((20, 32)), "mark some with 1"),
    ],
)
def test_marks_that_nothing_can_be_learnt_from_are_refused(marks, words):
    x, y, _ = commands(20, 0)
    with pytest.raises(UsageError, match=words):
        registry.create("packet-segmentation", Sequence.features, epochs=1).fit(x, y, marks=marks)


def test_rows_that_are_no_sequence_and_no_matrix_are_refused():
    y = np.repeat([0, 1], 10)
    for name, width, words in (
        ("packet-segmentation", 63, "as many lengths as gaps; 63"),
        ("matrix-segmentation", 64, "784 cells; 64"),
        ("attack-localiser", 64, "784 cells; 64"),
    ):
        with pytest.raises(UsageError, match=words):
            registry.create(name, CELLS[:width]).fit(np.ones((20, width)), y)


def test_a_network_that_cannot_be_made_so_says_why():
    x, y, _ = commands(20, 0)
    for options, words in (
        ({"network": "fcn", "upsampling": "unpooled"}, "transposed convolutions, not unpooled"),
        ({"widths": (2,) * 7}, "multiple of 64; 32 given"),
    ):
        with pytest.raises(UsageError, match=words):
            registry.create("packet-segmentation", Sequence.features, epochs=1, **options).fit(x, y)


def test_marks_go_where_their_rows_go():
    x, y, marks = commands(80, 0)
    for split in splits(gathered(x=x, features=Sequence.features, y=y, marks=marks)):
        doubled = np.abs(split.attacks[:, :32]) > 0
        assert split.marks.shape == doubled.shape
        assert len(split.marks) == len(split.attacks) > 0
        wanted = [marks[(x == attack).all(axis=1)][0] for attack in split.attacks]
        np.testing.assert_array_equal(split.marks, wanted)
