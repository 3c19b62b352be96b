import pytest
import torch
from torch import nn

from oddflow.errors import LearningFailed
from oddflow.training.loop import Schedule, fit_network, mean_loss

ROWS = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
TARGETS = ROWS @ torch.tensor([[1.0], [-2.0], [0.5], [3.0]])
TABLE = torch.cat([ROWS, TARGETS], dim=1)


def linear(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Linear(4, 1)


def squared_error(network, rows):
    return (network(rows[:, :4]) - rows[:, 4:]).square().mean(dim=1)


def test_it_learns():
    network = linear()
    before = mean_loss(network, squared_error, TABLE)
    fit_network(
        network, squared_error, TABLE[:150], TABLE[150:], Schedule(epochs=60, batch_rows=16, learning_rate=0.05)
    )
    assert mean_loss(network, squared_error, TABLE) < before / 20


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    weights = []
    for seed in (0, 0, 1):
        network = linear()
        fit_network(network, squared_error, TABLE[:150], TABLE[150:], Schedule(epochs=3, batch_rows=16, seed=seed))
        weights.append(network.weight.detach().clone())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_it_stops_early_and_keeps_the_best_weights():
    # validation rows follow another rule: learning on makes them worse
    other = torch.cat([ROWS[150:], -TARGETS[150:]], dim=1)
    network = linear()
    history = fit_network(network, squared_error, TABLE[:150], other, Schedule(epochs=50, batch_rows=16, patience=4))
    losses = [epoch.validation_loss for epoch in history.epochs]
    assert len(losses) == history.best + 1 + 4 < 50
    assert losses[history.best] == min(losses)
    assert mean_loss(network, squared_error, other) == pytest.approx(min(losses), rel=1e-5)


def test_it_tells_each_epoch_in_order():
    told = []
    history = fit_network(linear(), squared_error, TABLE, TABLE, Schedule(epochs=3), told.append)
    assert told == history.epochs
    assert [epoch.number for epoch in told] == [0, 1, 2]


def test_a_loss_that_is_no_number_stops_it():
    with pytest.raises(LearningFailed, match=r"diverged in epoch 1 .*lower one"):
        fit_network(linear(), lambda n, r: squared_error(n, r) * float("nan"), TABLE, TABLE, Schedule(epochs=3))


def test_the_network_ends_ready_to_score():
    network = nn.Sequential(linear(), nn.Dropout(0.5))
    fit_network(network, squared_error, TABLE, TABLE, Schedule(epochs=1))
    assert not network.training


def test_it_leaves_the_number_of_threads_as_it_was():
    before = torch.get_num_threads()
    used = []
    fit_network(
        linear(), squared_error, TABLE, TABLE, Schedule(epochs=1), lambda _: used.append(torch.get_num_threads())
    )
    assert torch.get_num_threads() == before
    assert used == [before]
