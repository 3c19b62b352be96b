"""Packets as tokens, and two ways to say what comes next."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from oddflow.errors import UsageError  # noqa: E402
from oddflow.networks.language_model import (  # noqa: E402
    END,
    PacketLanguageModel,
    PacketSurprise,
    PacketTokens,
    log_perplexity,
)
from oddflow.networks.markov import MarkovChain  # noqa: E402


def test_a_packet_is_its_size_direction_and_gap():
    tokens = PacketTokens((100, 1000), (10,))
    x = torch.tensor([[[60.0, 0], [-60, 0], [100, 0], [1500, 10], [-1500, 99], [0, 0]]])
    assert tokens(x).tolist() == [[1, 3, 5, 10, 12, END]]
    assert tokens.vocabulary == 13


def test_all_tokens_can_be_met_and_no_other():
    tokens = PacketTokens()
    sizes = torch.tensor([1.0, 64, 128, 256, 512, 1024])
    gaps = torch.tensor([0.0, 100, 1e3, 1e4, 1e5, 1e6])
    x = torch.cartesian_prod(torch.cat([sizes, -sizes]), gaps)
    assert tokens(x[None])[0].unique().tolist() == list(range(1, tokens.vocabulary))


def test_what_comes_later_does_not_change_what_was_said_before():
    torch.manual_seed(0)
    model, tokens = PacketLanguageModel(9, hidden=8), torch.randint(1, 9, (2, 6))
    changed = tokens.clone()
    changed[:, 3] = 1 + changed[:, 3] % 8
    torch.testing.assert_close(model(tokens)[:, :4], model(changed)[:, :4])
    assert not torch.allclose(model(tokens)[:, 4], model(changed)[:, 4])


def test_the_perplexity_of_a_guess_is_the_vocabulary():
    tokens = torch.tensor([[3, 4, 5, 6], [3, 4, END, END], [END, END, END, END]])
    given = log_perplexity(torch.zeros(3, 4, 9), tokens)
    torch.testing.assert_close(given.exp(), torch.full((3,), 9.0))


def test_padding_after_the_first_end_costs_nothing():
    logits, tokens = torch.randn(1, 5, 9), torch.tensor([[3, 4, END, END, END]])
    torch.testing.assert_close(log_perplexity(logits, tokens), log_perplexity(logits[:, :3], tokens[:, :3]))


def learnt():
    """A model of flows that go 1 2 3 end or 4 5 end."""
    torch.manual_seed(0)
    tokens = torch.tensor([[1, 2, 3, END, END], [4, 5, END, END, END]])
    model = PacketLanguageModel(7, hidden=16)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(120):
        optimiser.zero_grad()
        log_perplexity(model(tokens), tokens).mean().backward()
        optimiser.step()
    return model


def test_a_model_is_surprised_by_another_order_and_samples_what_it_learnt():
    model = learnt()
    usual = torch.tensor([[1, 2, 3, END, END], [4, 5, END, END, END]])
    odd = torch.tensor([[3, 2, 1, END, END], [1, 5, END, END, END]])
    with torch.no_grad():
        assert log_perplexity(model(usual), usual).max() < 0.4
        assert log_perplexity(model(odd), odd).min() > 1.5
    drawn = model.sample(200, 5, 0.5, torch.Generator().manual_seed(0))
    assert drawn.shape == (200, 5)
    as_usual = sum(row in usual.tolist() for row in drawn.tolist())
    assert as_usual > 190
    assert {row[0] for row in drawn.tolist()} == {1, 4}


def test_a_hot_sample_is_more_diverse():
    model = learnt()
    kinds = [
        len({tuple(row) for row in model.sample(200, 5, heat, torch.Generator().manual_seed(0)).tolist()})
        for heat in (0.3, 1.0, 5.0)
    ]
    assert kinds[0] <= kinds[1] < kinds[2]


def test_surprise_is_that_of_its_model():
    torch.manual_seed(0)
    network, x = PacketSurprise(PacketTokens(), 8), 1000 * torch.randn(4, 6, 2)
    x[:, :, 1].abs_()
    tokens = network.tokens(x)
    torch.testing.assert_close(network(x), log_perplexity(network.model(tokens), tokens))


def test_a_chain_counts_pairs():
    tokens = np.array([[1, 2, 1, 2], [1, 1, END, END]])
    chain = MarkovChain(3, unseen=1e-9).fit(tokens)
    assert chain.chances_[3] == pytest.approx([0, 1, 0], abs=1e-6)  # every flow begins with 1
    assert chain.chances_[1] == pytest.approx([1 / 4, 1 / 4, 2 / 4])
    assert chain.chances_[2] == pytest.approx([0, 1, 0], abs=1e-6)


def test_a_chains_perplexity_is_that_of_its_pairs():
    chain = MarkovChain(3, unseen=1).fit(np.array([[1, 2, END, END]]))
    surprise = -np.log([2 / 4, 2 / 4, 2 / 4]).mean()
    assert chain.log_perplexity(np.array([[1, 2, END, END]])) == pytest.approx(surprise)
    assert chain.log_perplexity(np.array([[2, 2, 2, 2]])) > math.log(3)


def test_a_chain_without_room_for_what_is_new_is_refused():
    with pytest.raises(UsageError, match="unseen must be above 0"):
        MarkovChain(3, unseen=0).fit(np.array([[1, 2]]))


def test_what_was_never_seen_is_unlikely_but_not_impossible():
    chain = MarkovChain(5).fit(np.array([[1, 2, 1, 2]]))
    assert np.isfinite(chain.log_perplexity(np.array([[4, 3, 4, END]]))).all()


def test_a_chains_samples_have_its_chances():
    tokens = np.array([[1, 2, END]] * 3 + [[2, END, END]])
    drawn = MarkovChain(3, unseen=1e-9).fit(tokens).sample(4000, 3, np.random.default_rng(0))
    assert (drawn[:, 0] == 1).mean() == pytest.approx(0.75, abs=0.03)
    assert {tuple(row) for row in drawn} == {(1, 2, END), (2, END, END)}
    cold = MarkovChain(3, unseen=1e-9).fit(tokens).sample(500, 3, np.random.default_rng(0), temperature=0.1)
    assert (cold[:, 0] == 1).all()
