"""What each autoencoder adds to the plain one."""

import pytest

torch = pytest.importorskip("torch")

from oddflow.networks.adversarial_autoencoder import AdversarialAutoencoder  # noqa: E402
from oddflow.networks.adversarial_losses import discriminator_loss, generator_loss  # noqa: E402
from oddflow.networks.autoencoder import sparsity  # noqa: E402
from oddflow.networks.variational import VariationalAutoencoder, gaussian_log_likelihood  # noqa: E402


def test_units_that_are_as_active_as_wanted_cost_nothing():
    wanted = torch.full((4, 3), 0.05).logit()
    assert sparsity(wanted).item() == pytest.approx(0, abs=1e-6)
    assert sparsity(torch.zeros(4, 3)).item() == pytest.approx(3 * (0.05 * -2.302585 + 0.95 * 0.641854), rel=1e-4)
    assert torch.isfinite(sparsity(torch.full((4, 3), -1e4)))


def test_a_variational_autoencoder_without_noise_draws_its_means():
    torch.manual_seed(0)
    network, x = VariationalAutoencoder(5, 4, 2), torch.randn(3, 5)
    torch.testing.assert_close(network(x)[0], network(x, torch.zeros(3, 2))[0])
    assert not torch.allclose(network(x)[0], network(x, torch.ones(3, 2))[0])


def test_a_gaussian_likelihood_is_that_of_torch():
    drawn, x = torch.randn(4, 3), torch.randn(4, 3)
    expected = torch.distributions.Normal(drawn, 1.0).log_prob(x).sum(dim=1)
    torch.testing.assert_close(gaussian_log_likelihood(drawn, x), expected)


def test_codes_come_to_lie_where_the_prior_does():
    torch.manual_seed(0)
    network, x = AdversarialAutoencoder(4, (8, 1), (16,)), torch.randn(256, 4)
    encoder, discriminator = network.autoencoder.encoder, network.discriminator
    with torch.no_grad():
        encoder[-1].bias.fill_(6)
    of_e, of_d = (torch.optim.Adam(p.parameters(), lr=5e-3, betas=(0.5, 0.99)) for p in (encoder, discriminator))
    for _ in range(300):
        of_d.zero_grad()
        prior, code = discriminator(torch.randn(256, 1)), discriminator(encoder(x).detach())
        discriminator_loss(prior[:, 0], code[:, 0]).backward()
        of_d.step()
        of_e.zero_grad()
        generator_loss(network(x)[1]).backward()
        of_e.step()
    assert encoder(x).mean().abs() < 1.5
