"""Divergences and the evidence lower bound."""

import math

import pytest
from hypothesis import given
from hypothesis.strategies import floats, lists

torch = pytest.importorskip("torch")

from oddflow.networks.adversarial_autoencoder import AdversarialAutoencoder  # noqa: E402
from oddflow.networks.variational import (  # noqa: E402
    VariationalAutoencoder,
    bernoulli_log_likelihood,
    evidence_lower_bound,
    gaussian_log_likelihood,
    kl_to_standard_normal,
    reparameterised,
)

F64 = torch.float64
normal = torch.distributions.Normal


def kl(p, q):
    return (p * (p / q).log()).sum()


@given(floats(-3, 3), floats(-3, 3))
def test_kl_to_a_standard_normal_is_the_integral(mean, log_variance):
    """Notes 002, lines 1492 and 1563: −½ (1 + log σ² − μ² − σ²) against ∫ q log(q / p)."""
    mean, log_variance = torch.tensor([[mean]], dtype=F64), torch.tensor([[log_variance]], dtype=F64)
    q, p = normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0)
    points = torch.linspace(-60, 60, 3_001, dtype=F64)
    integral = torch.trapezoid(q.log_prob(points).exp() * (q.log_prob(points) - p.log_prob(points)), points)
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), integral.flatten(), atol=1e-6, rtol=1e-6)


@given(lists(floats(0.01, 1), min_size=3, max_size=3), lists(floats(0.01, 1), min_size=3, max_size=3))
def test_kl_is_never_negative_and_not_symmetric(first, second):
    """Notes 002, lines 1502 and 1763: D_KL ≥ 0; JS is symmetric, at most log 2."""
    p, q = (torch.tensor(values, dtype=F64) / sum(values) for values in (first, second))
    assert kl(p, q) >= -1e-12
    middle = (p + q) / 2
    js = kl(p, middle) / 2 + kl(q, middle) / 2
    assert -1e-12 <= js <= math.log(2)
    torch.testing.assert_close(js, kl(q, middle) / 2 + kl(p, middle) / 2)


def test_kl_differs_by_direction():
    """Notes 002, line 1763."""
    p, q = torch.tensor([0.9, 0.1]), torch.tensor([0.5, 0.5])
    assert kl(p, q) != pytest.approx(kl(q, p).item(), abs=0.05)


def test_the_divergence_to_the_posterior_is_log_p_of_x_less_the_elbo():
    """Notes 002, lines 1495 to 1502, for a z of three values.

    Two steps there are misprinted: line 1497 has p(z) for p(x) in q p(x) / p(x, z), and the second integral of line
    1498, ∫ q log(p(x) / p(x, z)), should be ∫ q log p(x). The last line, −L + log p(x), is right.
    """
    q, prior, likelihood = (torch.tensor(v, dtype=F64) for v in ([0.2, 0.5, 0.3], [0.6, 0.1, 0.3], [0.9, 0.2, 0.4]))
    joint = prior * likelihood
    evidence = joint.sum()
    divergence = kl(q, joint / evidence)
    elbo = (q * (joint / q).log()).sum()
    torch.testing.assert_close(divergence, -elbo + evidence.log())
    torch.testing.assert_close(divergence, (q * (q * evidence / joint).log()).sum())
    assert elbo <= evidence.log()
    misprinted = (q * (q * prior / joint).log()).sum()
    assert misprinted != pytest.approx(divergence.item(), abs=0.1)
    second_line = (q * (q / joint).log()).sum() + (q * (evidence / joint).log()).sum()
    assert second_line != pytest.approx(divergence.item(), abs=0.1)


def test_the_elbo_is_likelihood_less_divergence_to_the_prior():
    """Notes 002, lines 1505 to 1512."""
    q, prior, likelihood = (torch.tensor(v, dtype=F64) for v in ([0.2, 0.5, 0.3], [0.6, 0.1, 0.3], [0.9, 0.2, 0.4]))
    elbo = (q * (prior * likelihood / q).log()).sum()
    torch.testing.assert_close(elbo, (q * likelihood.log()).sum() - kl(q, prior))


@given(floats(-2, 2), floats(-2, 2), floats(-3, 3))
def test_the_elbo_never_exceeds_log_p_of_x(mean, log_variance, x):
    """Notes 002, line 1502, where log p(x) is known: z ~ N(0, 1), x | z ~ N(z, 1), so that x ~ N(0, 2).

    E over q of −½ (x − z)² is −½ ((x − μ)² + σ²). It is exact where q is the posterior, N(x / 2, ½).
    """

    def elbo(mean, log_variance):
        likelihood = gaussian_log_likelihood(mean, given) - 0.5 * log_variance.exp().squeeze(1)
        return evidence_lower_bound(likelihood, mean, log_variance)

    given = torch.tensor([[x]], dtype=F64)
    evidence = normal(0.0, math.sqrt(2)).log_prob(given).squeeze(1)
    guess = torch.tensor([[mean]], dtype=F64), torch.tensor([[log_variance]], dtype=F64)
    assert elbo(*guess) <= evidence + 1e-9
    torch.testing.assert_close(elbo(given / 2, torch.full((1, 1), math.log(0.5), dtype=F64)), evidence)


def test_gradients_pass_through_a_reparameterised_sample():
    """Notes 002, lines 1525 to 1529: z = μ + σ ε; a plain sample passes none."""
    mean, log_variance = torch.tensor([[0.3]], requires_grad=True), torch.tensor([[0.4]], requires_grad=True)
    noise = torch.tensor([[1.5]])
    z = reparameterised(mean, log_variance, noise)
    by_mean, by_log_variance = torch.autograd.grad(z.sum(), [mean, log_variance])
    assert by_mean.item() == 1
    assert by_log_variance.item() == pytest.approx(0.5 * math.exp(0.2) * 1.5)
    assert not normal(mean, log_variance.exp().sqrt()).sample().requires_grad


def test_a_reparameterised_sample_has_the_mean_and_the_variance():
    """Notes 002, line 1529."""
    mean, log_variance = torch.full((200_000, 1), 2.0), torch.full((200_000, 1), math.log(9.0))
    z = reparameterised(mean, log_variance, torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0)))
    assert z.mean().item() == pytest.approx(2, abs=0.03)
    assert z.var().item() == pytest.approx(9, abs=0.15)


def test_the_loss_of_the_notes_is_minus_the_elbo():
    """Notes 002, lines 1556 to 1567: cross-entropy and divergence, both summed over columns, a mean over rows."""
    torch.manual_seed(0)
    x, network = torch.rand(6, 9), VariationalAutoencoder(9, 5, 3)
    drawn, mean, log_variance = network(x, torch.randn(6, 3))
    loss = torch.nn.functional.binary_cross_entropy_with_logits(drawn, x, reduction="sum") / 6
    divergence = (-0.5 * (log_variance + 1 - mean**2 - log_variance.exp())).sum() / 6
    elbo = evidence_lower_bound(bernoulli_log_likelihood(drawn, x), mean, log_variance)
    torch.testing.assert_close(loss + divergence, -elbo.mean())


def test_an_adversarial_autoencoder_judges_codes_with_a_chance_from_0_to_1():
    """Notes 002, lines 1457 to 1463."""
    _, odds = AdversarialAutoencoder(9, (6, 3))(torch.randn(5, 9))
    assert ((odds.sigmoid() > 0) & (odds.sigmoid() < 1)).all()


def test_an_autoencoder_without_bends_is_no_better_than_pca():
    """Notes 002, lines 1406 to 1410: PCA is the best linear one."""
    torch.manual_seed(0)
    x = torch.randn(300, 5, dtype=F64) @ torch.randn(5, 5, dtype=F64)
    x = x - x.mean(dim=0)
    directions = torch.linalg.svd(x, full_matrices=False).Vh[:2]
    best = (x - x @ directions.t() @ directions).square().sum()
    down, up = torch.randn(5, 2, dtype=F64), torch.randn(2, 5, dtype=F64)
    for _ in range(60):  # each half in turn is least squares
        down = torch.linalg.lstsq(up.t(), torch.eye(5, dtype=F64)).solution.t()
        up = torch.linalg.lstsq(x @ down, x).solution
    assert (x - x @ down @ up).square().sum() == pytest.approx(best.item(), rel=1e-6)
