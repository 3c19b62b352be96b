from itertools import pairwise

import pytest

from oddflow.errors import LearningFailed

torch = pytest.importorskip("torch")
nn = torch.nn

from oddflow.training.loop import Schedule, fit_network, mean_loss  # noqa: E402
from oddflow.training.optimiser import Optimiser  # noqa: E402
from oddflow.training.pace import Pace  # noqa: E402

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


class Still(nn.Module):
    """Its validation loss is told in advance, epoch by epoch, and its weight counts the epochs."""

    def __init__(self, losses):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("passed", torch.zeros(1))
        self.losses = losses

    def loss(self, network, rows):
        if self.training:
            self.passed += 1
            return self.weight.expand(len(rows)) * 0
        return torch.full((len(rows),), self.losses[int(self.passed) - 1])


def fitted_to(losses, **schedule):
    network = Still(losses)
    history = fit_network(network, network.loss, TABLE[:8], TABLE[:4], Schedule(epochs=len(losses), **schedule))
    return network, history


@pytest.mark.parametrize(
    ("losses", "patience", "best", "passes"),
    [
        ([5.0, 4.0, 3.0, 2.0], 2, 3, 4),
        ([5.0, 1.0, 3.0, 2.0, 0.5], 2, 1, 4),
        ([5.0, 1.0, 3.0, 2.0, 0.5], 3, 4, 5),
        ([1.0, 1.0, 1.0, 1.0], 1, 0, 2),
    ],
)
def test_it_waits_as_long_as_its_patience_and_goes_back_to_the_best_epoch(losses, patience, best, passes):
    network, history = fitted_to(losses, patience=patience)
    assert (history.best, len(history.epochs)) == (best, passes)
    assert int(network.passed) == best + 1
    assert [epoch.validation_loss for epoch in history.epochs] == losses[:passes]


def test_the_rate_is_halved_while_validation_stands_still():
    _, history = fitted_to([1.0] * 9, patience=9, learning_rate=0.1)
    rates = [epoch.learning_rate for epoch in history.epochs]
    assert rates[0] == 0.1
    assert rates[-1] < 0.1
    assert all(after in {before, before / 2} for before, after in pairwise(rates))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_validation_loss_that_is_no_number_stops_it_too(bad):
    with pytest.raises(LearningFailed, match=r"diverged in epoch 2 at a learning rate of 0\.002; try a lower one"):
        fitted_to([1.0, bad])


def test_the_last_batch_may_be_smaller_and_losses_are_means_of_rows():
    network = nn.Linear(4, 1)
    schedule = Schedule(epochs=1, batch_rows=60, learning_rate=0.0)
    epoch = fit_network(network, squared_error, TABLE, TABLE, schedule).epochs[0]
    expected = squared_error(network, TABLE).mean().item()
    assert epoch.train_loss == pytest.approx(expected, rel=1e-5)
    assert epoch.validation_loss == pytest.approx(expected, rel=1e-5)
    assert mean_loss(network, squared_error, TABLE, batch_rows=7) == pytest.approx(expected, rel=1e-5)


def test_as_many_threads_as_there_are_change_nothing():
    weights = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        network = linear()
        fit_network(network, squared_error, TABLE[:150], TABLE[150:], Schedule(epochs=3))
        weights.append(network.weight.detach().clone())
    torch.set_num_threads(before)
    assert torch.equal(*weights)


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


def test_an_epoch_has_the_norms_of_the_last_gradients_and_the_network_to_look_at():
    told, network = [], linear()
    fit_network(network, squared_error, TABLE[:150], TABLE[150:], Schedule(epochs=2, learning_rate=0.0), told.append)
    assert told[0].network is network
    assert torch.equal(told[0].looked_at, TABLE[150:])
    assert set(told[0].gradients) == {"weight", "bias"}
    norms = [parameter.grad.norm().item() for parameter in network.parameters()]
    assert list(told[1].gradients.values()) == pytest.approx(norms)


def test_the_best_weights_are_left_where_it_diverges():
    network = Still([1.0, float("nan")])
    with pytest.raises(LearningFailed):
        fit_network(network, network.loss, TABLE[:8], TABLE[:4], Schedule(epochs=2))
    assert int(network.passed) == 1


@pytest.mark.parametrize(("clipping", "most"), [("value", 0.1), ("norm", 0.1), ("layer", 0.1)])
def test_a_step_is_no_longer_than_its_bound(clipping, most):
    network = linear()
    before = network.weight.detach().clone()
    plan = Schedule(1, 200, 1.0, optimiser=Optimiser.SGD, pace=Pace(clip=0.1, clipping=clipping))
    fit_network(network, squared_error, TABLE, TABLE, plan)
    assert 0 < (network.weight - before).abs().max() <= most + 1e-6


def test_rates_go_as_the_pace_says():
    plan = Schedule(epochs=4, learning_rate=0.1, patience=9, pace=Pace("cosine"))
    history = fit_network(linear(), squared_error, TABLE, TABLE, plan)
    expected = [0.1, 0.0853553, 0.05, 0.0146447]
    assert [epoch.learning_rate for epoch in history.epochs] == pytest.approx(expected, rel=1e-5)


def test_what_needs_no_gradient_stands_still():
    network = nn.Sequential(linear(1), nn.Linear(1, 1))
    network[0].requires_grad_(requires_grad=False)
    before = network[0].weight.clone()
    fit_network(network, squared_error, TABLE, TABLE, Schedule(epochs=2))
    assert torch.equal(network[0].weight, before)
