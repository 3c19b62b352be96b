"""Packets as words: in NumPy and as nodes; only what comes before the end counts."""

import numpy as np
import pytest

from oddflow.models.graph import GraphBuilder
from oddflow.models.sealed import score_graph
from oddflow.models.tokens import END
from tests.models.make import STEPS, TOKENISER, packet_rows


def test_the_graph_writes_the_same_words():
    rows = packet_rows(1, 200)
    builder = GraphBuilder(2 * STEPS)
    tokens = TOKENISER.write(builder)
    both = builder.add("Concat", tokens, tokens, axis=1)
    _, found = score_graph(builder.finish(score=builder.row_sum(tokens), contributions=both).SerializeToString(), rows)
    np.testing.assert_array_equal(found[:, :STEPS], TOKENISER.transform(rows))


def test_vocabulary_has_a_word_for_each_size_direction_and_gap():
    assert TOKENISER.vocabulary == 1 + 6 * 2 * 6
    assert np.bincount(TOKENISER.kind_of).tolist() == [1] + [6] * 12


def test_nothing_after_the_first_end_counts():
    tokens = np.array([[5, END, END, END, END]])
    chances = np.log(np.full((1, STEPS, TOKENISER.vocabulary), 1 / TOKENISER.vocabulary, np.float32))
    parts = TOKENISER.surprises(chances, tokens)[0]
    assert np.flatnonzero(parts > 1e-6).tolist() == [0, 1, STEPS]
    assert parts.sum() == pytest.approx(np.log(TOKENISER.vocabulary), rel=1e-5)
