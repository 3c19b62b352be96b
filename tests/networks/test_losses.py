"""Losses and weights of classes are those of their papers, and so are their slopes."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from oddflow.networks.class_losses import (  # noqa: E402
    Weighting,
    bootstrap_loss,
    class_weights,
    cross_entropy,
    effective_numbers,
    focal_loss,
    generalised_cross_entropy,
)
from oddflow.networks.drawing_losses import DrawingLoss  # noqa: E402

QUARTER = torch.tensor([[0.0, math.log(3.0)]], dtype=torch.float64)  # p = 1/4, 3/4
COUNTS = np.array([900, 64, 36])


def slope_of(loss, at):
    at = at.clone().requires_grad_()
    return torch.autograd.grad(loss(at).sum(), at)[0]


def test_the_focal_loss_is_that_of_equation_4():
    """(1 − p)² · −log p: a row that is told well costs a ninth of what it would, one that is not nearly all of it."""
    lost = [focal_loss(QUARTER, torch.tensor([kind]), focus=2.0).item() for kind in (0, 1)]
    assert lost == pytest.approx([(3 / 4) ** 2 * math.log(4), (1 / 4) ** 2 * math.log(4 / 3)])


def test_its_slope_is_that_of_its_appendix():
    """Lin et al., appendix B, in x_t = y x of a logistic unit: d FL / dx = y (1 − p)^γ (γ p log p + p − 1)."""
    p = 0.25
    wanted = (1 - p) ** 2 * (2 * p * math.log(p) + p - 1)
    slope = slope_of(lambda logits: focal_loss(logits, torch.tensor([0]), focus=2.0), QUARTER)
    assert slope[0].tolist() == pytest.approx([wanted, -wanted])


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_without_focus_it_is_cross_entropy(smoothing):
    logits, wanted = torch.randn(20, 4, dtype=torch.float64), torch.arange(20) % 4
    first = focal_loss(logits, wanted, focus=0.0, smoothing=smoothing)
    torch.testing.assert_close(first, cross_entropy(logits, wanted, smoothing))


def test_smoothing_deals_a_share_of_the_label_out():
    """q = (0.9, 0.1) for ε = 0.2 and two classes."""
    lost = cross_entropy(QUARTER, torch.tensor([0]), smoothing=0.2).item()
    assert lost == pytest.approx(0.9 * math.log(4) + 0.1 * math.log(4 / 3))


@pytest.mark.parametrize("focus", [0.0, 0.5, 2.0, 10.0])
def test_a_row_that_is_sure_has_a_finite_slope(focus):
    logits = torch.tensor([[200.0, -200.0]])
    for kind in (0, 1):
        slope = slope_of(lambda at, kind=kind: focal_loss(at, torch.tensor([kind]), focus), logits)
        assert torch.isfinite(slope).all()


@pytest.mark.parametrize(
    ("weighting", "wanted"),
    [
        (Weighting.NONE, [1, 1, 1]),
        (Weighting.SQUARE_ROOT, [500 / 900, 500 * 8 / 14 / 64, 500 * 6 / 14 / 36]),
        (Weighting.BALANCED, [1000 / 3 / 900, 1000 / 3 / 64, 1000 / 3 / 36]),
    ],
)
def test_weights_are_those_of_their_rules(weighting, wanted):
    weights = class_weights(COUNTS, weighting)
    np.testing.assert_allclose(weights, wanted, rtol=1e-6)
    assert (weights * COUNTS).sum() == pytest.approx(1000)


def test_effective_numbers_are_those_of_proposition_1():
    """By β = 1/2: 1, 1 + 1/2, 1 + 1/2 + 1/4, … 2."""
    np.testing.assert_allclose(effective_numbers(np.array([1, 2, 3, 1000]), 0.5), [1, 1.5, 1.75, 2])
    np.testing.assert_array_equal(effective_numbers(COUNTS, 0.0), [1, 1, 1])


def test_effective_weights_lie_between_none_and_balanced():
    """Weights are as 1 / E; for β = 0 all the same, for β near 1 those that are balanced."""
    weights = class_weights(COUNTS, Weighting.EFFECTIVE, 0.99)
    numbers = (1 - 0.99**COUNTS) / 0.01
    np.testing.assert_allclose(weights[1:] / weights[0], numbers[0] / numbers[1:], rtol=1e-6)
    np.testing.assert_allclose(class_weights(COUNTS, Weighting.EFFECTIVE, 0.0), 1)
    near = class_weights(COUNTS, Weighting.EFFECTIVE, 0.999999)
    np.testing.assert_allclose(near, class_weights(COUNTS, Weighting.BALANCED), rtol=1e-3)


@pytest.mark.parametrize(
    ("loss", "wanted", "slopes"),
    [
        (DrawingLoss.MSE, (0.25 + 9) / 2, [0.5, -3.0]),
        (DrawingLoss.MAE, (0.5 + 3) / 2, [0.5, -0.5]),
        (DrawingLoss.HUBER, (0.125 + 2.5) / 2, [0.25, -0.5]),
    ],
)
def test_what_a_miss_costs_is_as_it_was_reckoned_by_hand(loss, wanted, slopes):
    """Misses of 1/2 and −3."""
    drawn, rows = torch.tensor([[1.5, -3.0]]), torch.tensor([[1.0, 0.0]])
    assert loss.of(drawn, rows).item() == pytest.approx(wanted)
    assert slope_of(lambda at: loss.of(at, rows), drawn)[0].tolist() == pytest.approx(slopes)


def test_the_generalised_cross_entropy_is_that_of_equation_6():
    """(1 − p^q) / q for q = 1/2 and p = 1/4, 3/4."""
    lost = [generalised_cross_entropy(QUARTER, torch.tensor([kind]), doubt=0.5).item() for kind in (0, 1)]
    assert lost == pytest.approx([2 * (1 - 0.5), 2 * (1 - math.sqrt(3) / 2)])


def test_its_slope_is_that_of_cross_entropy_times_p_to_the_q():
    slope = slope_of(lambda logits: generalised_cross_entropy(logits, torch.tensor([0]), doubt=0.5), QUARTER)
    assert slope[0].tolist() == pytest.approx([-0.5 * 3 / 4, 0.5 * 3 / 4])


def test_between_cross_entropy_and_the_mean_absolute_error_it_is_both_at_its_ends():
    logits, wanted = torch.randn(20, 4, dtype=torch.float64), torch.arange(20) % 4
    almost = generalised_cross_entropy(logits, wanted, doubt=1e-6)
    torch.testing.assert_close(almost, cross_entropy(logits, wanted), rtol=1e-4, atol=1e-4)
    p = logits.softmax(dim=1).gather(1, wanted[:, None])[:, 0]
    torch.testing.assert_close(generalised_cross_entropy(logits, wanted, doubt=1.0), 1 - p)


def test_the_bootstrap_loss_is_that_of_equation_6():
    """With q = 0.2, p = (1/4, 3/4) and the first class: −Σ ((1 − q) y + q p) log p."""
    lost = bootstrap_loss(QUARTER, torch.tensor([0]), doubt=0.2).item()
    assert lost == pytest.approx(0.8 * math.log(4) + 0.2 * (math.log(4) / 4 + 3 * math.log(4 / 3) / 4))


def test_its_slope_is_that_of_cross_entropy_and_of_entropy():
    """d H / dx_i = −p_i (log p_i + H)."""
    entropy = math.log(4) / 4 + 3 * math.log(4 / 3) / 4
    wanted = 0.8 * (0.25 - 1) + 0.2 * -0.25 * (math.log(0.25) + entropy)
    slope = slope_of(lambda logits: bootstrap_loss(logits, torch.tensor([0]), doubt=0.2), QUARTER)
    assert slope[0].tolist() == pytest.approx([wanted, -wanted])


def test_without_doubt_it_is_cross_entropy():
    logits, wanted = torch.randn(20, 4, dtype=torch.float64), torch.arange(20) % 4
    torch.testing.assert_close(bootstrap_loss(logits, wanted, doubt=0.0), cross_entropy(logits, wanted))
