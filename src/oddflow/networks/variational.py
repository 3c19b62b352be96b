"""The variational autoencoder."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

LOG_2PI = math.log(2 * math.pi)


class VariationalAutoencoder(nn.Module):
    """Encodes a row as a Gaussian and decodes a sample of it.

    With 784 columns, 64 hidden units and 20 latent ones it has the notes' five layers.

    Source: Kingma & Welling 2014, "Auto-Encoding Variational Bayes", eq. 10; notes 002, section 10.4.
    """

    def __init__(self, width: int, hidden: int = 64, latent: int = 20) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(width, hidden), nn.ReLU())
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Rows drawn anew, and the Gaussians: (n, width), (n, latent) -> (n, width), (n, latent), (n, latent).

        Args:
            x: Rows.
            noise: Samples of N(0, 1); none draws each Gaussian's mean.
        """
        h = self.encoder(x)  # (n, width) -> (n, hidden)
        mean, log_variance = self.mean(h), self.log_variance(h)  # (n, latent) each
        z = mean if noise is None else reparameterised(mean, log_variance, noise)
        return self.decoder(z), mean, log_variance


def reparameterised(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """A sample of N(mean, variance) through which gradients pass: (n, latent) three times -> (n, latent).

    Source: Kingma & Welling 2014, section 2.4.
    """
    return mean + torch.exp(0.5 * log_variance) * noise


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) per row: (n, latent) -> (n,).

    Source: Kingma & Welling 2014, appendix B.
    """
    return -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(dim=1)


def bernoulli_log_likelihood(drawn: Tensor, x: Tensor) -> Tensor:
    """log p(x | z) of columns from 0 to 1, whose log-odds were drawn: (n, width) twice -> (n,).

    Source: Kingma & Welling 2014, appendix C.1; notes 002, section 10.4.
    """
    return -functional.binary_cross_entropy_with_logits(drawn, x, reduction="none").sum(dim=1)


def gaussian_log_likelihood(drawn: Tensor, x: Tensor) -> Tensor:
    """log p(x | z) of columns with a deviation of 1 about what was drawn: (n, width) twice -> (n,).

    Source: Kingma & Welling 2014, appendix C.2.
    """
    return -0.5 * ((x - drawn).square() + LOG_2PI).sum(dim=1)


def evidence_lower_bound(log_likelihood: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """The ELBO per row, E[log p(x | z)] − KL(q(z | x) || p(z)) ≤ log p(x): (n,), (n, latent) twice -> (n,).

    Source: Kingma & Welling 2014, eq. 3; notes 002, section 10.4.
    """
    return log_likelihood - kl_to_standard_normal(mean, log_variance)
