"""Characters of names as words: in NumPy and as nodes."""

import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import floats

from oddflow.features.tokens import OTHER, VOCABULARY
from oddflow.models.graph import GraphBuilder
from oddflow.models.name_tokens import Characters
from oddflow.models.sealed import score_graph

CHARACTERS = Characters(5)
ANY = np.array([[0, 1, 46, 47, -1], [2.5, 1e9, -1e9, 3, 0], [46.9, 45.1, 0.5, 0, 7]], np.float32)


def test_what_is_no_token_is_another_character():
    assert CHARACTERS.transform(ANY).tolist() == [
        [0, 1, OTHER, OTHER, OTHER],
        [2, OTHER, OTHER, 3, 0],
        [46, 45, 0, 0, 7],
    ]
    assert VOCABULARY == 47


@given(arrays(np.float32, (4, 5), elements=floats(-100, 100, width=32)))
def test_the_graph_writes_the_same_tokens(rows):
    builder = GraphBuilder(5)
    tokens = CHARACTERS.write(builder)
    _, found = score_graph(
        builder.finish(score=builder.row_sum(tokens), contributions=tokens).SerializeToString(), rows
    )
    np.testing.assert_array_equal(found, CHARACTERS.transform(rows))


def test_surprises_add_up_over_the_root_of_their_number_and_no_name_has_none():
    chances = np.log(np.full((3, 5, VOCABULARY), 1 / VOCABULARY, np.float32))
    tokens = np.array([[4, 2, 0, 0, 0], [0, 0, 0, 0, 0], [1, 2, 3, 4, 5]])
    found = CHARACTERS.surprises(chances, tokens)
    np.testing.assert_allclose(found.sum(axis=1), np.log(VOCABULARY) * np.sqrt([3, 0, 5]), rtol=1e-5)
    assert np.flatnonzero(found[0]).tolist() == [0, 1, 2]
