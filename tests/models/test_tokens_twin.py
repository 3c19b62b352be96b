"""Packets as words: as the network's own modules have them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import floats, integers

torch = pytest.importorskip("torch")

from oddflow.models.tokens import GAP_EDGES_S, SIZE_EDGES  # noqa: E402
from oddflow.networks.inputs import RowsAsSequence  # noqa: E402
from oddflow.networks.language_model import PacketTokens, log_perplexity  # noqa: E402
from tests.models.make import STEPS, TOKENISER, packet_rows  # noqa: E402


@given(integers(0, 10_000))
def test_words_are_those_of_the_network_module(draw):
    rows = packet_rows(draw, 4)
    twin = torch.nn.Sequential(RowsAsSequence(STEPS), PacketTokens(SIZE_EDGES, GAP_EDGES_S))
    found = TOKENISER.transform(rows)
    np.testing.assert_array_equal(found, twin(torch.from_numpy(rows)).numpy())
    assert found.max() < TOKENISER.vocabulary


@given(arrays(np.float32, (3, STEPS, TOKENISER.vocabulary), elements=floats(-8, 8, width=32)), integers(0, 1_000))
def test_parts_are_not_negative_and_add_up_to_the_log_perplexity(logits, draw):
    tokens = TOKENISER.transform(packet_rows(draw, 3))
    chances = torch.from_numpy(logits).log_softmax(dim=2)
    parts = TOKENISER.surprises(chances.numpy(), tokens)
    assert parts.min() >= 0
    expected = log_perplexity(chances, torch.from_numpy(tokens)).numpy()
    np.testing.assert_allclose(parts.sum(axis=1), expected, rtol=1e-4, atol=1e-5)
