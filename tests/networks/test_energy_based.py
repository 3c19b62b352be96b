"""RBM, DBN and DBM against sums over all states."""

from itertools import product

import pytest

torch = pytest.importorskip("torch")

from oddflow.networks.deep_belief import DeepBeliefNetwork  # noqa: E402
from oddflow.networks.deep_boltzmann import DeepBoltzmannMachine, entropy, persistent_contrast  # noqa: E402
from oddflow.networks.restricted_boltzmann import (  # noqa: E402
    RestrictedBoltzmannMachine,
    Visible,
    contrastive_divergence,
)


def states(units):
    return torch.tensor(list(product([0.0, 1.0], repeat=units)))


def shaken(machine):
    with torch.no_grad():
        for parameter in machine.parameters():
            parameter.normal_()
    return machine


@pytest.fixture(params=Visible)
def machine(request):
    torch.manual_seed(0)
    return shaken(RestrictedBoltzmannMachine(4, 3, visible=request.param))


def test_free_energy_is_the_sum_over_hidden_states(machine):
    v, h = torch.rand(5, 4), states(3)
    energies = torch.stack([machine.energy(row.expand(8, -1), h) for row in v])
    torch.testing.assert_close(machine(v), -torch.logsumexp(-energies, dim=1))


def test_units_go_up_by_their_chance(machine):
    v, h = torch.rand(5, 4), states(3)
    chances = torch.stack([(-machine.energy(row.expand(8, -1), h)).softmax(0) for row in v])
    torch.testing.assert_close(machine.up(v), chances @ h)


def test_units_go_down_by_their_chance():
    torch.manual_seed(0)
    machine, v, h = shaken(RestrictedBoltzmannMachine(4, 3)), states(4), torch.rand(5, 3).round()
    chances = torch.stack([(-machine.energy(v, row.expand(16, -1))).softmax(0) for row in h])
    torch.testing.assert_close(machine.down(h), chances @ v)


def test_the_gradient_of_contrastive_divergence_is_a_difference_of_products(machine):
    v = torch.rand(6, 4)
    own = machine.gibbs(v, 2, torch.Generator().manual_seed(1))
    contrastive_divergence(machine, v, 2, torch.Generator().manual_seed(1)).mean().backward()
    expected = (machine.up(own).t() @ own - machine.up(v).t() @ v) / 6
    torch.testing.assert_close(machine.weight.grad, expected.detach())


def test_it_learns_where_rows_are_dense():
    torch.manual_seed(0)
    machine = RestrictedBoltzmannMachine(6, 8)
    rows = torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]).repeat(30, 1)
    optimiser = torch.optim.SGD(machine.parameters(), lr=0.3)
    chance = torch.Generator().manual_seed(0)
    for _ in range(300):
        optimiser.zero_grad()
        contrastive_divergence(machine, rows, 1, chance).mean().backward()
        optimiser.step()
    chances = (-machine(states(6))).softmax(0)
    seen = chances[[int("111000", 2), int("000111", 2)]]
    assert seen.sum() > 0.5


def test_a_gibbs_step_of_a_gaussian_machine_has_a_deviation_of_1():
    machine = RestrictedBoltzmannMachine(2, 3, visible=Visible.GAUSSIAN)
    v = machine.gibbs(torch.zeros(20_000, 2), 1, torch.Generator().manual_seed(0))
    assert v.std().item() == pytest.approx(1, abs=0.02)
    assert set(RestrictedBoltzmannMachine(2, 3).gibbs(torch.zeros(9, 2), 1).unique().tolist()) <= {0, 1}


def test_a_belief_networks_machine_is_shown_what_those_below_make_of_rows():
    torch.manual_seed(0)
    network, v = DeepBeliefNetwork(6, 2, (5, 4)), torch.rand(3, 6)
    assert network.below(v, 0) is v
    torch.testing.assert_close(network.below(v, 1), network.machines[0].up(v))
    top = network.machines[1].up(network.machines[0].up(v))
    torch.testing.assert_close(network(v), network.head(top))
    torch.testing.assert_close(network.draw(v), network.machines[0].down(network.machines[1].down(top)))


def test_only_its_own_machine_learns_in_a_layers_turn():
    torch.manual_seed(0)
    network = DeepBeliefNetwork(6, 2, (5, 4), visible=Visible.GAUSSIAN)
    with torch.no_grad():
        shown = network.below(torch.randn(3, 6), 1)
    contrastive_divergence(network.machines[1], shown).mean().backward()
    assert network.machines[0].weight.grad is None
    assert network.machines[1].weight.grad is not None
    assert [machine.visible for machine in network.machines] == [Visible.GAUSSIAN, Visible.BINARY]


@pytest.fixture(params=list(Visible))
def deep(request):
    torch.manual_seed(0)
    return shaken(DeepBoltzmannMachine(4, (3, 2), sweeps=30, visible=request.param))


def test_a_gibbs_step_of_a_gaussian_deep_machine_has_a_deviation_of_1():
    chance = torch.Generator().manual_seed(0)
    start = torch.zeros(20_000, 2), torch.zeros(20_000, 2)
    v, _, _ = DeepBoltzmannMachine(2, (3, 2), visible=Visible.GAUSSIAN).gibbs(*start, chance)
    assert v.std().item() == pytest.approx(1, abs=0.02)
    assert set(DeepBoltzmannMachine(2, (3, 2)).gibbs(*start, chance)[0].unique().tolist()) == {0, 1}


def test_the_variational_free_energy_is_never_below_the_true_one(deep):
    v = torch.rand(5, 4).round()
    below, above = states(3).repeat_interleave(4, dim=0), states(2).repeat(8, 1)
    energies = torch.stack([deep.energy(row.expand(32, -1), below, above) for row in v])
    true = -torch.logsumexp(-energies, dim=1)
    assert (deep(v) >= true - 1e-5).all()
    with torch.no_grad():
        deep.upper.zero_()  # each unit is alone then, and the guess is exact
    energies = torch.stack([deep.energy(row.expand(32, -1), below, above) for row in v])
    torch.testing.assert_close(deep(v), -torch.logsumexp(-energies, dim=1), atol=1e-4, rtol=1e-4)


def test_mean_field_ends_where_both_layers_agree(deep):
    v = torch.rand(5, 4)
    below, above = deep.mean_field(v)
    torch.testing.assert_close(
        below, torch.sigmoid(v @ deep.lower.t() + deep.lower_bias + above @ deep.upper), atol=1e-3, rtol=0
    )
    torch.testing.assert_close(above, torch.sigmoid(below @ deep.upper.t() + deep.upper_bias))


def test_a_deep_machine_learns_where_rows_are_dense():
    torch.manual_seed(0)
    machine = DeepBoltzmannMachine(6, (8, 4))
    rows = torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]).repeat(10, 1)
    chain = torch.rand(40, 6).round(), torch.rand(40, 4).round()
    optimiser = torch.optim.SGD(machine.parameters(), lr=0.05)
    chance = torch.Generator().manual_seed(0)
    for _ in range(500):
        optimiser.zero_grad()
        contrast, chain = persistent_contrast(machine, rows, chain, chance)
        contrast.mean().backward()
        optimiser.step()
    energies = machine(states(6))
    seen = energies[[int("111000", 2), int("000111", 2)]]
    assert seen.max() < energies.median()
    assert (energies < seen.max()).sum() <= 6


def test_entropy_is_largest_for_even_chances():
    assert entropy(torch.tensor([[0.5, 0.5]])).item() == pytest.approx(2 * 0.693147, rel=1e-5)
    assert entropy(torch.tensor([[0.0, 1.0]])).item() == pytest.approx(0, abs=1e-5)
