"""What makes a step of gradients."""

import pytest

torch = pytest.importorskip("torch")

from oddflow.networks.penalties import l2  # noqa: E402
from oddflow.training.optimiser import Optimiser, clip  # noqa: E402
from oddflow.training.pace import Pace  # noqa: E402


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4), torch.nn.Linear(4, 1))


def step(made, optimiser, penalty=None):
    lost = made(torch.ones(2, 3)).square().mean()
    (lost + penalty(made) if penalty else lost).backward()
    optimiser.step()
    return list(made.parameters())


@pytest.mark.parametrize("kind", Optimiser)
def test_decay_is_the_penalty_of_squares_and_leaves_biases_and_scales_alone(kind):
    one, other = network(), network()
    decayed = step(one, kind.of(one, 0.01, decay=0.3))
    punished = step(other, kind.of(other, 0.01), lambda made: 0.3 * l2(made))
    for ours, theirs in zip(decayed, punished, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


def test_a_plain_step_goes_down_the_gradient():
    made = torch.nn.Linear(1, 1, bias=False)
    before = made.weight.item()
    made.weight.grad = torch.tensor([[2.0]])
    Optimiser.SGD.of(made, 0.1).step()
    assert made.weight.item() == pytest.approx(before - 0.2)


@pytest.mark.parametrize(("kind", "way"), [(Optimiser.SGD, 2.0), (Optimiser.MOMENTUM, 2.9), (Optimiser.NESTEROV, 4.61)])
def test_momentum_goes_on_and_nesterov_looks_ahead(kind, way):
    made = torch.nn.Linear(1, 1, bias=False)
    before = made.weight.item()
    optimiser = kind.of(made, 1.0)
    for _ in range(2):
        made.weight.grad = torch.ones(1, 1)
        optimiser.step()
    assert before - made.weight.item() == pytest.approx(way, abs=1e-5)


def clipped(how, bound):
    one, other = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1))
    one.grad, other.grad = torch.tensor([3.0, -4.0]), torch.tensor([12.0])
    clip([one, other], Pace(clip=bound, clipping=how))
    return [*one.grad.tolist(), *other.grad.tolist()]


@pytest.mark.parametrize(
    ("how", "bound", "left"),
    [
        ("value", 3.5, [3, -3.5, 3.5]),
        ("layer", 5.0, [3, -4, 5]),
        ("norm", 6.5, [1.5, -2, 6]),
        ("norm", 20.0, [3, -4, 12]),
        ("norm", 0.0, [3, -4, 12]),
    ],
)
def test_gradients_are_held_within_a_bound(how, bound, left):
    assert clipped(how, bound) == pytest.approx(left, rel=1e-5)
