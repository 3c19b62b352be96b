"""Gradients by hand are those of autograd."""

import pytest
import torch
from torch import nn

from oddflow.networks.autoencoder import Autoencoder
from oddflow.networks.drawing_losses import DrawingLoss
from oddflow.training.loop import Schedule, fit_network
from oddflow.training.redrawing import Redrawing

ROWS = 3 * torch.randn(40, 12, generator=torch.Generator().manual_seed(0))


def network(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Autoencoder(12, (8, 3))


def gradients(net):
    return {name: parameter.grad.clone() for name, parameter in net.named_parameters()}


@pytest.mark.parametrize("cost", list(DrawingLoss))
@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("is_cut", [False, True])
def test_gradients_and_loss_are_those_of_autograd(cost, noise, is_cut):
    net = network()
    net = nn.Sequential(net.encoder, nn.ReLU(), net.decoder) if is_cut else net
    lost = Redrawing(cost, noise=noise, chance=torch.Generator().manual_seed(1))(net, ROWS).mean()
    lost.backward()
    expected = gradients(net)
    net.zero_grad()
    loss = Redrawing(cost, noise=noise, chance=torch.Generator().manual_seed(1))
    slope = loss.slope(net)
    slope(ROWS[:7])  # other rows were there before
    loss.chance.manual_seed(1)
    torch.testing.assert_close(slope(ROWS), lost.detach())
    for name, gradient in gradients(net).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-6)


def test_a_fit_by_hand_ends_where_one_by_autograd_does():
    by_hand, by_autograd = network(), network()
    loss = Redrawing(DrawingLoss.MSE)
    schedule = Schedule(epochs=4, batch_rows=16, seed=2)

    def loss_alone(net, rows):
        return loss(net, rows)

    found = fit_network(by_hand, loss, ROWS, ROWS[:9], schedule)
    expected = fit_network(by_autograd, loss_alone, ROWS, ROWS[:9], schedule)
    assert [epoch.train_loss for epoch in found.epochs] == pytest.approx([e.train_loss for e in expected.epochs], 1e-4)
    for ours, theirs in zip(by_hand.parameters(), by_autograd.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "net",
    [
        Autoencoder(12, (8, 3), dropout=0.5),
        nn.Sequential(nn.Linear(12, 12), nn.Tanh()),
        nn.Sequential(nn.Linear(12, 12, bias=False)),
        nn.Sequential(nn.ReLU(), nn.Linear(12, 12)),
        nn.Linear(12, 12).double(),
        nn.Sequential(*[nn.Linear(12, 12)] * 2),
    ],
)
def test_other_networks_learn_by_autograd(net):
    assert Redrawing().slope(net) is None


def test_what_stands_still_learns_by_autograd():
    net = network()
    net.encoder[0].weight.requires_grad_(False)
    assert Redrawing().slope(net) is None
