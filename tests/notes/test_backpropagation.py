"""Gradients as the notes derive them, against autograd; what a tape sees and what it does not."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import floats

torch = pytest.importorskip("torch")
nn = torch.nn
grad = torch.autograd.grad


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture
def network():
    """Three layers of 4, 3 and 2 units with sigmoids, 5 rows, and the cross-entropy of each row's outputs."""
    torch.manual_seed(0)
    x, y = torch.randn(5, 4, dtype=torch.float64), torch.rand(5, 2, dtype=torch.float64).round()
    shapes = [(3, 4), (3, 3), (2, 3)]
    weights = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    biases = [torch.randn(shape[0], dtype=torch.float64, requires_grad=True) for shape in shapes]
    a, activities, drives = x, [x], []
    for weight, bias in zip(weights, biases, strict=True):
        drives.append(a @ weight.t() + bias)
        a = drives[-1].sigmoid()
        activities.append(a)
    cost = -(y * a.log() + (1 - y) * (1 - a).log()).sum()
    return weights, biases, activities, drives, y, cost


def test_the_last_layers_delta_is_a_minus_y(network):
    """Notes 000, lines 379 to 386: with cross-entropy and a sigmoid, δᴸ = a − y."""
    _, _, activities, drives, y, cost = network
    (delta,) = grad(cost, drives[-1])
    torch.testing.assert_close(delta, activities[-1] - y)


def test_the_cost_by_the_output_is_as_derived():
    """Notes 000, line 382: ∂C/∂a = (1 − y) / (1 − a) − y / a, and ∂a/∂z = a (1 − a) on line 384."""
    z = torch.linspace(-3, 3, 13, dtype=torch.float64, requires_grad=True)
    y = torch.linspace(0, 1, 13, dtype=torch.float64)
    a = z.sigmoid()
    cost = -(y * a.log() + (1 - y) * (1 - a).log()).sum()
    torch.testing.assert_close(grad(cost, a, retain_graph=True)[0], (1 - y) / (1 - a) - y / a)
    torch.testing.assert_close(grad(a.sum(), z)[0], a * (1 - a))


def test_deltas_go_back_through_the_weights_that_leave_a_unit(network):
    """Notes 000, lines 373 to 378: δˡ = (δˡ⁺¹ · W) ⊙ σ′(zˡ), W's column of each unit of layer l."""
    weights, _, activities, drives, _, cost = network
    deltas = grad(cost, drives, retain_graph=True)
    for layer in (0, 1):
        own = activities[layer + 1] * (1 - activities[layer + 1])
        torch.testing.assert_close(deltas[layer], (deltas[layer + 1] @ weights[layer + 1]) * own)


def test_a_weights_gradient_is_its_own_layers_delta_times_what_it_was_given(network):
    """Notes 000, lines 390 to 392. They write δᴸ, the last layer's; it is δˡ, the layer's own."""
    weights, biases, activities, drives, _, cost = network
    deltas = grad(cost, drives, retain_graph=True)
    for layer in range(3):
        by_weight, by_bias = grad(cost, [weights[layer], biases[layer]], retain_graph=True)
        torch.testing.assert_close(by_weight, deltas[layer].t() @ activities[layer])
        torch.testing.assert_close(by_bias, deltas[layer].sum(dim=0))
    with pytest.raises(AssertionError):
        torch.testing.assert_close(grad(cost, biases[0], retain_graph=True)[0][:2], deltas[2].sum(dim=0))


@given(floats(-20, 20))
def test_tanh_is_2_sigmoid_of_2x_minus_1(x):
    """Notes 002, lines 575 to 589; its derivative is 1 − tanh²."""
    assert 2 * sigmoid(2 * x) - 1 == pytest.approx(math.tanh(x), abs=1e-12)
    z = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    assert grad(z.tanh(), z)[0].item() == pytest.approx(1 - math.tanh(x) ** 2, abs=1e-12)


@given(floats(-20, 20))
def test_the_sigmoids_derivative_is_sigmoid_times_one_minus_it(x):
    """Notes 002, lines 528 to 540."""
    z = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    assert grad(z.sigmoid(), z)[0].item() == pytest.approx(sigmoid(x) * (1 - sigmoid(x)), abs=1e-12)


@pytest.mark.parametrize(("x", "by_relu", "by_leaky"), [(2.0, 1, 1), (-2.0, 0, 0.2), (0.0, 0, 0.2)])
def test_relu_passes_all_or_nothing_and_leaky_relu_a_little(x, by_relu, by_leaky):
    """Notes 002, lines 542 to 573. At 0 they say 1; there is no derivative there, and torch and TensorFlow take 0."""
    z = torch.tensor(x, requires_grad=True)
    assert grad(z.relu(), z)[0] == by_relu
    assert grad(nn.functional.leaky_relu(z, 0.2), z)[0].item() == pytest.approx(by_leaky)


def test_a_sigmoids_slope_is_small_at_its_ends():
    """Notes 004, line 84: there gradients become small; never above a quarter, so that depth shrinks them."""
    z = torch.linspace(-8, 8, 161, requires_grad=True)
    (slope,) = grad(z.sigmoid().sum(), z)
    assert slope.max().item() == pytest.approx(0.25)
    assert slope[0] < 1e-3
    assert slope[-1] < 1e-3


def test_the_gradient_of_2_x_transposed_x_is_4_x():
    """Notes 001, lines 38 to 46. The formula there reads y = 2 xᵀ; the code has 2 xᵀ x, which is meant."""
    x = torch.arange(4.0).reshape(4, 1).requires_grad_()
    torch.testing.assert_close(grad(2 * x.t() @ x, x)[0], 4 * x.detach())


def test_a_persistent_tape_gives_108_and_6():
    """Notes 001, lines 48 to 54: z = (x²)² at 3; a tape that is not persistent gives but one of them."""
    x = torch.tensor(3.0, requires_grad=True)
    y = x * x
    z = y * y
    assert grad(z, x, retain_graph=True)[0] == 108
    assert grad(y, x)[0] == 6
    with pytest.raises(RuntimeError, match="second time"):
        grad(z, x)


def test_gradients_pass_through_loops_and_branches():
    """Notes 001, lines 64 to 82: f is piecewise linear, so that its gradient is f(a) / a."""

    def f(a):
        b = a * 2
        while b.norm() < 1000:
            b = b * 2
        return b if b.sum() > 0 else 100 * b

    for start in (0.3, -0.7, 5.0):
        a = torch.tensor([[start]], requires_grad=True)
        c = f(a)
        torch.testing.assert_close(grad(c, a)[0], (c / a).detach())


def test_second_derivatives():
    """Notes 001, line 83; 002, lines 610 to 615; 003, line 146: a tape of a tape. y = x w + b is flat in w."""
    x, w, b = (torch.tensor(value, requires_grad=True) for value in (2.0, 3.0, 1.0))
    by_w, by_b = grad(x * w + b, [w, b], create_graph=True)
    assert (by_w, by_b) == (2, 1)
    assert grad(by_w, w, allow_unused=True)[0] is None
    (by_x,) = grad(x**3, x, create_graph=True)
    assert grad(by_x, x)[0] == 12


def test_a_stopped_gradient_leaves_only_the_direct_path():
    """Notes 001, lines 100 to 116: z = x + g(x), and only z by x where g(x) is taken for a constant: 1."""
    x = torch.tensor(4.0, requires_grad=True)
    assert grad(x + x * x, x)[0] == 9
    assert grad(x + (x * x).detach(), x)[0] == 1
    with torch.no_grad():
        y = x * x
    assert grad(x + y, x)[0] == 1


def test_a_new_node_hides_what_it_was_made_from():
    """Notes 001, lines 118 to 127: x is s by another name, y is made of s, and so z by x is 1."""
    s = torch.tensor(4.0, requires_grad=True)
    x = s.clone()
    z = x + s * s
    assert grad(z, x, retain_graph=True)[0] == 1
    assert grad(z, s)[0] == 9


def test_a_difference_has_a_gradient_of_minus_one():
    """Notes 001, line 96 says that a = a − b gives 1: by b it is −1; by a, and in a = b and a = a + b, it is 1."""
    a, b = torch.tensor(5.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    assert grad(a + b, [a, b]) == (1, 1)
    assert grad(a - b, [a, b]) == (1, -1)


def test_an_assigned_value_has_no_past():
    """Notes 001, line 95: assigning changes a node's value and passes no gradient on."""
    a, b = torch.tensor(5.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    with torch.no_grad():
        a.copy_(3 * b)
    assert a == 6
    assert grad(a * 2, b, allow_unused=True)[0] is None


def test_only_what_follows_a_reset_counts():
    """Notes 001, lines 86 to 92: a tape that is reset forgets the first loss; its value stays in the sum."""
    x = torch.tensor(3.0, requires_grad=True)
    loss = (x**2).detach() + 5 * x
    assert loss == 24
    assert grad(loss, x)[0] == 5


def test_the_square_of_a_sum_of_ones():
    """Notes 003, lines 132 to 142: z = (Σ x)² of four ones, dz/dx = 2 Σ x = 8 for each."""
    x = torch.ones(2, 2, requires_grad=True)
    torch.testing.assert_close(grad(x.sum() * x.sum(), x)[0], torch.full((2, 2), 8.0))


def test_the_gradient_of_w_squared():
    """Notes 004, lines 122 to 128: w · w at 1 has a slope of 2."""
    w = torch.tensor([[1.0]], requires_grad=True)
    assert grad(w * w, w)[0].item() == 2


def test_descent_finds_a_minimum_of_himmelblaus_function():
    """Notes 002, lines 594 to 606: from (4, 0), 200 steps of 0.01, to one of its four zeros."""
    x = torch.tensor([4.0, 0.0])
    for _ in range(200):
        x.requires_grad_()
        y = (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2
        x = x.detach() - 0.01 * grad(y, x)[0]
    torch.testing.assert_close(x, torch.tensor([3.584428, -1.848126]), atol=1e-4, rtol=0)
    assert y < 1e-8


def test_what_forward_stored_may_not_be_changed_before_backward():
    """Notes 001, lines 262 to 264: forward stores what backward needs, and so a changed store is refused."""
    x = torch.ones(3, requires_grad=True)
    y = x.sigmoid()
    z = y.square().sum()
    with torch.no_grad():
        y.add_(1)
    with pytest.raises(RuntimeError, match="inplace"):
        z.backward()


def test_frozen_layers_stay_and_others_learn():
    """Notes 002, line 825; 003, lines 177 and 295; 004, line 149: only the new layers are learnt."""
    torch.manual_seed(0)
    body, head = nn.Linear(4, 4), nn.Linear(4, 2)
    body.requires_grad_(requires_grad=False)
    before = [part.weight.clone() for part in (body, head)]
    optimiser = torch.optim.SGD([p for p in (*body.parameters(), *head.parameters()) if p.requires_grad], lr=0.1)
    head(body(torch.randn(8, 4))).square().mean().backward()
    optimiser.step()
    assert torch.equal(body.weight, before[0])
    assert not torch.equal(head.weight, before[1])
