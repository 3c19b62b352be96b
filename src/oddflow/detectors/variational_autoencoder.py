"""The variational autoencoder as a detector."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from oddflow.detectors.drawing import LIMITS, DrawingDetector, schedule_of
from oddflow.detectors.registry import registered
from oddflow.features.feature import Feature
from oddflow.models.rows import Floats
from oddflow.networks.chance import normal
from oddflow.networks.drawing_losses import DrawingLoss
from oddflow.networks.variational import VariationalAutoencoder, gaussian_log_likelihood, kl_to_standard_normal
from oddflow.training.loop import EpochTold, History, fit_network


class MeanDrawn(nn.Module):
    """Draws a row from the mean of its Gaussian, so that it has one score and not one by chance."""

    def __init__(self, variational: VariationalAutoencoder) -> None:
        super().__init__()
        self.variational = variational

    def forward(self, x: Tensor) -> Tensor:
        """Rows drawn anew: (n, width) -> (n, width)."""
        drawn: Tensor = self.variational(x)[0]
        return drawn


@registered
@final
class VariationalAutoencoderDetector(DrawingDetector):
    """Learns to encode normal rows as Gaussians near N(0, 1) and to draw them from a sample: it maximises the ELBO.

    A row is then drawn from its Gaussian's mean, and surprises where it comes out wrong (`models/tails.py`).

    Source: Kingma & Welling 2014, "Auto-Encoding Variational Bayes"; as a detector, An & Cho 2015, "Variational
    Autoencoder based Anomaly Detection using Reconstruction Probability"; Higgins et al. 2017 (beta).

    Args:
        features: The columns of a row.
        hidden: Units before and after the middle.
        latent: Dimensions of the Gaussians; at most half as many as scaled columns.
        beta: Weight of the divergence from N(0, 1); 1 is the ELBO. Columns are scaled to a deviation of 1, and what
            belongs together deviates far less from what is drawn, so less than 1 draws better.
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        loss: What a miss costs: mse, the negative log-likelihood of a Gaussian about what is drawn; mae, of a Laplace
            distribution; huber, of one that is Gaussian in the middle and Laplace's in its tails.
        seed: Of the first weights, the order of rows and the samples.
        told: Told of each epoch.
    """

    name: ClassVar[str] = "variational-autoencoder"
    summary: ClassVar[str] = "a variational autoencoder on scaled features, marginals by service"
    good_at: ClassVar[str] = "smooth variation among normal flows; few flows; it does not learn rows by heart"
    bad_at: ClassVar[str] = "many separate kinds of flows: its Gaussians run together"
    paper: ClassVar[str] = "Kingma & Welling 2014; An & Cho 2015"
    needs: ClassVar[str] = "train"
    learns_to_zero: ClassVar[bool] = False
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LIMITS,
        "hidden": (1, 65_536),
        "latent": (1, 65_536),
        "beta": (0, 1_000),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {"loss": DrawingLoss}

    history_: History

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        hidden: int = 64,
        latent: int = 16,
        beta: float = 0.05,
        epochs: int = 80,
        batch_rows: int = 128,
        learning_rate: float = 2e-3,
        patience: int = 10,
        loss: str = DrawingLoss.MSE,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.hidden = hidden
        self.latent = latent
        self.beta = beta
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.loss = loss
        self.seed = seed
        self.told = told

    def _learn(self, scaled: Floats, validation: Floats) -> None:
        width = scaled.shape[1]
        latent = max(1, min(self.latent, width // 2))
        schedule = schedule_of(self)
        generator = torch.Generator().manual_seed(self.seed)

        drawing = DrawingLoss(self.loss)

        def surprise(drawn: Tensor, rows: Tensor) -> Tensor:
            if drawing is DrawingLoss.MSE:
                return -gaussian_log_likelihood(drawn, rows)
            return drawing.missed(drawn, rows).sum(dim=1)

        def loss(network: nn.Module, rows: Tensor) -> Tensor:
            noise = normal(rows, latent, generator=generator) if network.training else None
            drawn, mean, log_variance = variational(rows, noise)
            divergence = kl_to_standard_normal(mean, log_variance)
            lost: Tensor = (self.beta * divergence + surprise(drawn, rows)) / width  # (b,)
            return lost

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            variational = VariationalAutoencoder(width, self.hidden, latent)
            self.network_ = MeanDrawn(variational)
            rows, held = torch.from_numpy(scaled), torch.from_numpy(validation)
            self.history_ = fit_network(self.network_, loss, rows, held, schedule, self.told, chance=(generator,))
