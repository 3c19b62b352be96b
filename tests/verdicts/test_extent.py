"""Where in a traffic matrix an alert stands."""

import numpy as np

from oddflow.features.matrix_settings import CELLS, SLOTS, MatrixCounts, MatrixRows, MatrixSettings
from oddflow.features.sequence import Sequence
from oddflow.verdicts.extent import extent

NONE, ONE = np.zeros(CELLS), np.ones(CELLS)


def told(settings, parts):
    row = 3 * np.ones(CELLS, np.float32)
    return extent(settings.features(), row, parts, NONE, ONE)


def drawn(rows, columns, much=1.0):
    parts = np.zeros((CELLS // SLOTS, SLOTS), np.float32)
    parts[rows, columns] = much
    return parts.reshape(-1)


def test_it_tells_the_box_around_strong_cells():
    weak = drawn(slice(20, 21), slice(0, 1), 0.01)
    reason = told(MatrixSettings(), drawn(slice(4, 14), slice(21, 28)) + weak)
    assert reason.text == "210 flows to ports 4–255, from 12 s before it ended, until it ended"
    assert (reason.value, reason.normal_low, reason.normal_high) == (210.0, 0.0, 70.0)
    assert 0.99 < reason.share < 1


def test_an_attack_that_is_over_and_one_that_just_began_are_told():
    peers = MatrixSettings(MatrixRows.PEERS, MatrixCounts.BYTES, slot_s=1)
    assert told(peers, drawn(0, slice(2, 4))).text == (
        "6 B to addresses that end in 0–9, from 25 s before it ended until 24 s before"
    )
    assert told(MatrixSettings(), drawn(13, 27)).text == "3 flows to ports 172–255, when it ended"


def test_other_features_have_no_extent():
    features = Sequence.features
    nothing = np.zeros(len(features))
    assert extent(features, nothing.astype(np.float32), nothing.astype(np.float32), nothing, nothing) is None
