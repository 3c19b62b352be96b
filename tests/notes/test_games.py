"""The game of generator and discriminator: its best moves, its equilibrium, what goes wrong, and Wasserstein's way."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import floats, lists

torch = pytest.importorskip("torch")
nn = torch.nn

from oddflow.networks.adversarial_losses import (  # noqa: E402
    clip_weights,
    critic_generator_loss,
    critic_loss,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    minimax_generator_loss,
)
from oddflow.networks.generative_adversarial import Discriminator  # noqa: E402

LOG_2 = math.log(2)
shares = lists(floats(0.01, 1), min_size=5, max_size=5)


def distributions(first, second):
    return (torch.tensor(values, dtype=torch.float64) / sum(values) for values in (first, second))


def game(d, real, fake):
    """L(D, G) = E log D + E log(1 − D)."""
    return (real * d.log() + fake * (1 - d).log()).sum()


def jensen_shannon(p, q):
    middle = (p + q) / 2
    parts = [part[part > 0] * (part[part > 0] / middle[part > 0]).log() for part in (p, q)]  # 0 · log 0 is 0
    return 0.5 * torch.cat(parts).sum()


@given(floats(0.01, 5), floats(0.01, 5))
def test_a_log_x_plus_b_log_1_minus_x_is_largest_at_a_share(a, b):
    """Notes 002, lines 1739 to 1754."""
    x = torch.linspace(0.0005, 0.9995, 2000, dtype=torch.float64)
    best = x[(a * x.log() + b * (1 - x).log()).argmax()]
    assert best.item() == pytest.approx(a / (a + b), abs=1e-3)


@given(shares, shares)
def test_the_best_discriminator_is_the_share_of_the_real(first, second):
    """Notes 002, line 1754: D* = p_r / (p_r + p_g); moving any part of it loses."""
    real, fake = distributions(first, second)
    best = real / (real + fake)
    for place in range(5):
        for step in (-1e-3, 1e-3):
            moved = best.clone()
            moved[place] += step
            assert game(moved, real, fake) < game(best, real, fake)


@given(shares, shares)
def test_at_the_best_discriminator_the_game_is_twice_jensen_shannon_less_2_log_2(first, second):
    """Notes 002, lines 1764 to 1779."""
    real, fake = distributions(first, second)
    value = game(real / (real + fake), real, fake)
    torch.testing.assert_close(value, 2 * jensen_shannon(real, fake) - 2 * LOG_2)
    expanded = LOG_2 + 0.5 * value
    torch.testing.assert_close(jensen_shannon(real, fake), expanded)
    assert value >= -2 * LOG_2 - 1e-12


def test_in_equilibrium_nobody_can_tell_and_the_game_is_minus_2_log_2():
    """Notes 002, lines 1781 to 1792: p_r = p_g, D* = 0.5, L = −2 log 2."""
    real = torch.tensor([0.1, 0.2, 0.7])
    best = real / (real + real)
    assert torch.equal(best, torch.full((3,), 0.5))
    assert game(best, real, real).item() == pytest.approx(-2 * LOG_2)


def test_a_learnt_game_of_three_values_ends_there():
    """Notes 002, lines 1786 to 1792: found by descent of both players in turn, on true expectations."""
    real = torch.tensor([0.1, 0.2, 0.7])
    d, g = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    of_d, of_g = torch.optim.Adam([d], lr=0.05), torch.optim.Adam([g], lr=0.01)
    for _ in range(1500):
        of_d.zero_grad()
        (-game(d.sigmoid(), real, g.softmax(0).detach())).backward()
        of_d.step()
        of_g.zero_grad()
        game(d.sigmoid().detach(), real, g.softmax(0)).backward()
        of_g.step()
    torch.testing.assert_close(g.softmax(0).detach(), real, atol=0.03, rtol=0)
    torch.testing.assert_close(d.sigmoid().detach(), torch.full((3,), 0.5), atol=0.05, rtol=0)


def test_the_discriminators_loss_is_cross_entropy_with_labels_1_and_0():
    """Notes 002, lines 1609 to 1633; 000, lines 685 to 692, and 199 to 203 (labels)."""
    torch.manual_seed(0)
    real, fake = torch.randn(7), torch.randn(7)
    bce = nn.functional.binary_cross_entropy_with_logits
    expected = bce(real, torch.ones(7)) + bce(fake, torch.zeros(7))
    torch.testing.assert_close(discriminator_loss(real, fake), expected)
    torch.testing.assert_close(generator_loss(fake), bce(fake, torch.ones(7)))
    by_definition = -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
    torch.testing.assert_close(discriminator_loss(real, fake), by_definition)


def test_the_game_is_zero_sum():
    """Notes 000, lines 219 to 225: J_G = −J_D, both halves of the game; at the equilibrium J_D is log 2.

    Lines 217 and 218 leave out the sign of the two losses, and line 218 the generator: −log D(x), −log(1 − D(G(z))).
    """
    half = torch.full((4,), 0.5)
    j_d = -0.5 * half.log().mean() - 0.5 * (1 - half).log().mean()
    j_g = 0.5 * half.log().mean() + 0.5 * (1 - half).log().mean()
    assert j_g == -j_d
    assert j_d.item() == pytest.approx(LOG_2)
    assert discriminator_loss(torch.zeros(4), torch.zeros(4)).item() == pytest.approx(2 * LOG_2)


def test_the_two_losses_of_the_generator_agree_in_where_to_go_but_not_in_how_fast():
    """Notes 002, lines 1644 to 1648 write arg max log D(G(z)) and arg min log(1 − D(G(z))) as one.

    Both fall as D rises, but where D is sure of a fake the second is nearly flat (Goodfellow et al. 2014, section 3).
    """
    odds = torch.tensor([-8.0], requires_grad=True)  # D(G(z)) = 0.0003
    (steep,) = torch.autograd.grad(generator_loss(odds), odds)
    (flat,) = torch.autograd.grad(minimax_generator_loss(odds), odds)
    assert steep.item() == pytest.approx(-1, abs=1e-3)
    assert flat.item() == pytest.approx(-0.0003, abs=1e-4)


def earth_mover(p, q):
    """The earth-mover distance on 0, 1, 2, …: the sum of what passes each border."""
    return (torch.cumsum(p - q, dim=0)).abs().sum()


def beside(distance, width=20):
    """A heap at 0 and one at `distance`."""
    p, q = torch.zeros(width, dtype=torch.float64), torch.zeros(width, dtype=torch.float64)
    p[0], q[distance] = 1, 1
    return p, q


def test_jensen_shannon_is_log_2_wherever_two_heaps_do_not_overlap():
    """Notes 002, lines 1812 to 1814: it says nothing of how far they are apart; the earth-mover distance does."""
    for distance in range(1, 15):
        assert jensen_shannon(*beside(distance)).item() == pytest.approx(LOG_2)
        assert earth_mover(*beside(distance)).item() == distance
    assert jensen_shannon(*beside(0)).item() == 0


def test_jensen_shannon_has_no_gradient_there_and_the_earth_mover_distance_has():
    """Notes 002, line 1812: by the place of a heap of width 1, beside another, far away."""

    def heap(centre):
        return nn.functional.relu(1 - (torch.arange(0, 20, dtype=torch.float64) - centre).abs())

    for place in (5.3, 9.7, 12.4):
        centre = torch.tensor(place, dtype=torch.float64, requires_grad=True)
        moved, still = heap(centre), heap(torch.tensor(2.0))
        (by_js,) = torch.autograd.grad(jensen_shannon(moved, still), centre, retain_graph=True)
        (by_em,) = torch.autograd.grad(earth_mover(moved, still), centre)
        assert by_js.item() == pytest.approx(0, abs=1e-9)
        assert by_em.item() == pytest.approx(1)


@given(shares, shares)
def test_the_earth_mover_distance_is_the_cheapest_plan_and_the_steepest_critic(first, second):
    """Notes 002, lines 1818 to 1834: W is an infimum over plans, and by duality a supremum over 1-Lipschitz critics.

    Line 1822 calls inf the supremum (上确界); it is the infimum (下确界). K is a constant, not an order (阶).
    """
    p, q = (values.numpy() for values in distributions(first, second))
    distance = earth_mover(torch.from_numpy(p), torch.from_numpy(q)).item()
    plan, left, right = np.zeros((5, 5)), p.copy(), q.copy()
    i = j = 0
    while i < 5 and j < 5:  # the monotone plan is the cheapest on a line
        plan[i, j] = min(left[i], right[j])
        left[i], right[j] = left[i] - plan[i, j], right[j] - plan[i, j]
        i, j = (i + 1, j) if left[i] <= right[j] else (i, j + 1)
    costs = np.abs(np.arange(5)[:, None] - np.arange(5))
    assert (plan * costs).sum() == pytest.approx(distance, abs=1e-9)
    assert (np.outer(p, q) * costs).sum() >= distance - 1e-9
    critic = np.concatenate([[0], np.cumsum(-np.sign(np.cumsum(p - q))[:-1])])
    assert np.abs(np.diff(critic)).max() <= 1
    assert abs((p - q) @ critic) == pytest.approx(distance, abs=1e-9)


def test_a_k_lipschitz_critic_overstates_the_distance_k_times():
    """Notes 002, line 1826: W = 1/K · sup over K-Lipschitz f."""
    p, q = beside(7)
    height = -torch.arange(20, dtype=torch.float64)
    assert float((p - q) @ height) == 7
    assert float((p - q) @ (3 * height)) / 3 == 7


def test_the_penalty_is_0_for_a_critic_whose_slope_is_1():
    """Notes 002, line 1840: E (‖∇D‖ − 1)²; 1 for a flat critic, 4 for a slope of 3."""
    torch.manual_seed(0)
    real, fake, between = torch.randn(6, 3), torch.randn(6, 3), torch.rand(6)
    direction = torch.tensor([0.6, 0.0, 0.8])
    for slope, penalty in ((1.0, 0.0), (0.0, 1.0), (3.0, 4.0)):
        given = gradient_penalty(lambda x, slope=slope: slope * (x @ direction), real, fake, between)
        assert given.item() == pytest.approx(penalty, abs=1e-5)


def test_the_penalty_is_taken_between_real_and_fake():
    """Notes 002, line 1848: x̂ = t x_r + (1 − t) x_f; a row has one t for all its columns."""
    seen = []
    real, fake = torch.ones(2, 1, 3, 3), torch.full((2, 1, 3, 3), 5.0)

    def critic(x):
        seen.append(x.detach())
        return x.flatten(1).sum(dim=1)

    gradient_penalty(critic, real, fake, torch.tensor([0.25, 1.0]))
    assert seen[0][0].unique().tolist() == [0.25 * 1 + 0.75 * 5]
    assert seen[0][1].unique().tolist() == [1]


def test_the_penalty_holds_the_critics_slope_near_1():
    """Notes 002, lines 1838 to 1850. Not at 1: a slope of s gains s · W and pays λ (s − 1)², so that s is 1 + W / 2λ.

    RMSProp is without momentum, as line 1860 advises.
    """
    torch.manual_seed(0)
    critic = Discriminator(2, (16,))
    optimiser = torch.optim.RMSprop(critic.parameters(), lr=0.005)
    fake = torch.randn(64, 2)
    real = fake + 3  # so that the distance is √18
    for _ in range(300):
        optimiser.zero_grad()
        penalty = gradient_penalty(critic, real, fake, torch.rand(64))
        (critic_loss(critic(real), critic(fake)) + 10 * penalty).backward()
        optimiser.step()
    distance = math.sqrt(18)
    slope = 1 + distance / (2 * 10)
    assert penalty.item() == pytest.approx((slope - 1) ** 2, abs=0.02)
    assert -critic_loss(critic(real), critic(fake)).item() == pytest.approx(slope * distance, rel=0.05)


def test_the_critics_losses_have_no_logarithm():
    """Notes 002, lines 1844 to 1860: E D(x_r) − E D(x_f). Line 1860 says that WGAN has logarithms as well; it has none.

    Heights scaled by two cost twice as much, which no logarithm does; and no sigmoid bounds them.
    """
    real, fake = torch.tensor([3.0, 5.0]), torch.tensor([-1.0, 2.0])
    assert critic_loss(real, fake).item() == pytest.approx(0.5 - 4)
    assert critic_loss(2 * real, 2 * fake) == 2 * critic_loss(real, fake)
    assert critic_generator_loss(fake) == -0.5
    torch.manual_seed(0)
    assert Discriminator(2)(1e3 * torch.randn(50, 2)).abs().max() > 1


def test_the_generators_part_of_the_critics_loss_is_all_that_moves_it():
    """Notes 002, lines 1852 to 1858: E D(x_r) does not depend on the generator."""
    fake = torch.randn(5, requires_grad=True)
    real = torch.randn(5)
    (whole,) = torch.autograd.grad(real.mean() - fake.mean(), fake)
    (part,) = torch.autograd.grad(critic_generator_loss(fake), fake)
    torch.testing.assert_close(whole, part)


def test_clipped_weights_are_within_the_limit():
    """Arjovsky et al. 2017, algorithm 1, what WGAN did before the penalty (notes 002, line 1715)."""
    critic = Discriminator(4)
    clip_weights(critic, 0.02)
    assert all(parameter.abs().max() <= 0.02 for parameter in critic.parameters())
    assert any((parameter.abs() == 0.02).any() for parameter in critic.parameters())


def test_two_tapes_update_one_player_each():
    """Notes 000, lines 701 to 720: both losses are of one step; each optimiser moves its own network only."""
    torch.manual_seed(0)
    generator, discriminator = nn.Linear(2, 3), Discriminator(3, (4,))
    of_generator = torch.autograd.grad(
        generator_loss(discriminator(generator(torch.randn(5, 2)))), list(generator.parameters())
    )
    fake = generator(torch.randn(5, 2)).detach()
    loss = discriminator_loss(discriminator(torch.randn(5, 3)), discriminator(fake))
    loss.backward()
    assert all(slope.abs().sum() > 0 for slope in of_generator)
    assert all(parameter.grad is None for parameter in generator.parameters())
    assert all(parameter.grad is not None for parameter in discriminator.parameters())
