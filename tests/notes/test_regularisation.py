"""What keeps a network from learning its rows by heart."""

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from oddflow.networks.autoencoder import Autoencoder, noised  # noqa: E402
from oddflow.networks.dense import MultilayerPerceptron  # noqa: E402
from oddflow.networks.penalties import l1, l2  # noqa: E402


def test_l1_is_the_sum_of_magnitudes_and_l2_that_of_squares():
    """Notes 002, lines 969 to 980; 001, line 242."""
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[1.0, -2.0], [3.0, 0.0]]))
        network[1].weight.copy_(torch.tensor([[-4.0, 0.5]]))
    assert l1(network).item() == 10.5
    assert l2(network).item() == 1 + 4 + 9 + 16 + 0.25


def test_l1_bends_at_0():
    """Notes 002, line 969 calls L1 differentiable: it is continuous, but at 0 it has no derivative.

    From the right its slope is 1, from the left −1; autograd takes 0, as one that lies between.
    """
    slopes = []
    for value in (1e-30, -1e-30, 0.0):
        w = torch.tensor(value, requires_grad=True)
        slopes.append(torch.autograd.grad(w.abs(), w)[0].item())
    assert slopes == [1, -1, 0]


def test_l0_has_no_slope_at_all():
    """Notes 002, line 968: a count of what is not 0 cannot be descended."""
    w = torch.tensor([0.5, 0.0, -2.0], requires_grad=True)
    assert not (w != 0).sum().requires_grad


@pytest.mark.parametrize(("penalty", "zeros"), [(l1, True), (l2, False)])
def test_l1_makes_weights_0_and_l2_makes_them_small(penalty, zeros):
    """Notes 002, lines 964 to 971; 001, line 249."""
    torch.manual_seed(0)
    x = torch.randn(200, 5)
    y = 2 * x[:, :1] + 0.1 * torch.randn(200, 1)
    unit = nn.Linear(5, 1)
    optimiser = torch.optim.SGD(unit.parameters(), lr=0.01)
    for _ in range(600):
        optimiser.zero_grad()
        ((unit(x) - y).square().mean() + 0.3 * penalty(unit)).backward()
        optimiser.step()
    idle = unit.weight[0, 1:].abs()
    assert (idle.max() < 0.01) == zeros or not zeros
    assert 1 < unit.weight[0, 0] < 1.95


def test_weight_decay_is_l2_for_plain_descent_and_not_for_adam():
    """Notes 001, lines 241 and 256: decay equals the L2 penalty; that holds for SGD (Loshchilov & Hutter 2019)."""

    def after_a_step(make, penalty):
        torch.manual_seed(0)
        unit, x = nn.Linear(3, 1, bias=False), torch.randn(8, 3)
        optimiser = make(unit.parameters())
        (unit(x).square().mean() + penalty * l2(unit)).backward()
        optimiser.step()
        return unit.weight.detach()

    def sgd(decay):
        return lambda parameters: torch.optim.SGD(parameters, lr=0.1, weight_decay=decay)

    def adam(decay):
        return lambda parameters: torch.optim.AdamW(parameters, lr=0.1, weight_decay=decay)

    torch.testing.assert_close(after_a_step(sgd(2 * 0.3), 0), after_a_step(sgd(0), 0.3))
    assert not torch.allclose(after_a_step(adam(2 * 0.3), 0), after_a_step(adam(0), 0.3))


def test_dropout_leaves_units_out_while_learning_and_none_in_use():
    """Notes 002, lines 986 to 996; 004, lines 32 to 33. What stays is enlarged, so that the mean is the same."""
    torch.manual_seed(0)
    layer, x = nn.Dropout(0.3), torch.ones(100_000)
    learning = layer(x)
    assert (learning == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert learning.mean().item() == pytest.approx(1, abs=0.01)
    assert torch.equal(layer.eval()(x), x)


def test_a_dropout_autoencoder_is_one_with_dropout_layers():
    """Notes 002, lines 1453 to 1455."""
    network = Autoencoder(8, (6, 3), dropout=0.5)
    x = torch.ones(4, 8)
    assert not torch.equal(network.train()(x), network(x))
    assert torch.equal(network.eval()(x), network(x))
    assert isinstance(network.encoder[-1], nn.Linear)
    assert isinstance(network.decoder[-1], nn.Linear)


def test_a_denoising_autoencoder_is_given_noise():
    """Notes 002, lines 1447 to 1451: x̃ = x + ε, ε Gaussian."""
    x = torch.ones(20_000, 2)
    noise = noised(x, 0.5, torch.Generator().manual_seed(0)) - x
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert noise.std().item() == pytest.approx(0.5, abs=0.01)


def test_each_row_is_held_out_once_in_k_folds():
    """Notes 001, lines 229 to 230; 003, lines 254 to 255."""
    folds = torch.randperm(103).chunk(5)
    assert sorted(torch.cat(folds).tolist()) == list(range(103))


def test_more_capacity_fits_more_and_generalises_worse():
    """Notes 001, lines 231 to 238; 002, lines 934 to 940: polynomials of degree 1, 3 and 12 on ten cubic points."""
    torch.manual_seed(0)

    def rows(count):
        x = 2 * torch.rand(count, dtype=torch.float64) - 1
        return x, x**3 - x + 0.05 * torch.randn(count, dtype=torch.float64)

    x, y = rows(13)
    new_x, new_y = rows(500)
    errors = {}
    for degree in (1, 3, 12):
        weights = torch.linalg.lstsq(torch.vander(x, degree + 1), y[:, None]).solution
        errors[degree] = [
            (torch.vander(given, degree + 1) @ weights - wanted[:, None]).square().mean().item()
            for given, wanted in ((x, y), (new_x, new_y))
        ]
    assert errors[1][0] > errors[3][0] > errors[12][0]
    assert errors[3][1] < errors[1][1]
    assert errors[3][1] < errors[12][1]


def test_fewer_units_have_less_to_learn_with():
    """Notes 004, lines 22 to 37."""
    small, large = (sum(p.numel() for p in MultilayerPerceptron(10, 2, (n,)).parameters()) for n in (4, 64))
    assert small < large


@pytest.mark.parametrize("name", ["plain", "momentum", "Nesterov", "RMSProp", "Adam"])
def test_each_parameter_can_learn_its_own_way(name):
    """Notes 001, line 258: several optimisers for several parameters; here a rate of 0 for one group."""
    torch.manual_seed(0)
    unit = nn.Linear(3, 1)
    groups = [{"params": [unit.weight], "lr": 0.01}, {"params": [unit.bias], "lr": 0.0}]
    optimiser = {
        "plain": lambda: torch.optim.SGD(groups),
        "momentum": lambda: torch.optim.SGD(groups, momentum=0.9),
        "Nesterov": lambda: torch.optim.SGD(groups, momentum=0.9, nesterov=True),
        "RMSProp": lambda: torch.optim.RMSprop(groups),
        "Adam": lambda: torch.optim.Adam(groups),
    }[name]()
    weight, bias = unit.weight.clone(), unit.bias.clone()
    unit(torch.randn(4, 3)).square().mean().backward()
    optimiser.step()
    assert not torch.equal(unit.weight, weight)
    assert torch.equal(unit.bias, bias)


def test_smoothed_curves_are_moving_averages():
    """Notes 003, line 264: each point is replaced by an exponential average of those before it."""
    points, smooth = [1.0, 0.0, 0.0, 0.0], []
    for point in points:
        smooth.append(point if not smooth else 0.9 * smooth[-1] + 0.1 * point)
    assert smooth == pytest.approx([1, 0.9, 0.81, 0.729])
