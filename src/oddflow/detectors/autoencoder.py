"""The autoencoder as a detector."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from oddflow.detectors.drawing import LIMITS, DrawingDetector, narrow, schedule_of
from oddflow.detectors.registry import registered
from oddflow.features.feature import Feature
from oddflow.models.rows import Floats
from oddflow.networks.autoencoder import Autoencoder, noised, sparsity
from oddflow.networks.drawing_losses import DrawingLoss
from oddflow.training.loop import EpochTold, History, Loss, fit_network
from oddflow.training.redrawing import Redrawing


@registered
@final
class AutoencoderDetector(DrawingDetector):
    """Learns to draw normal rows through a narrow middle; odd rows come out wrong.

    Source: Hinton & Salakhutdinov 2006; as a detector, Sakurada & Yairi 2014, "Anomaly Detection Using Autoencoders
    with Nonlinear Dimensionality Reduction".

    Args:
        features: The columns of a row.
        hidden: Widths from the input to the middle. The middle is at most half as wide as a scaled row: a wider one
            would pass all rows through, odd ones too.
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        noise: Standard deviation of the noise that it learns to take away (denoising: Vincent et al. 2008), in scaled
            units.
        dropout: Share of the units that are left out of each step (Srivastava et al. 2014).
        sparse: Weight of the penalty that keeps most units of the middle quiet (sparse: Ng 2011); 0 for none.
        loss: What a miss costs: huber, mse or mae; one far-out row bends the network towards it the most by mse.
        seed: Of the first weights, the order of rows and the noise.
        told: Told of each epoch.
    """

    name: ClassVar[str] = "autoencoder"
    summary: ClassVar[str] = "a dense autoencoder on scaled features, marginals by service"
    good_at: ClassVar[str] = "features that belong together in curved ways; many flows; fast to score"
    bad_at: ClassVar[str] = "a few hundred flows; a baseline that holds attacks"
    paper: ClassVar[str] = "Hinton & Salakhutdinov 2006; Sakurada & Yairi 2014"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LIMITS,
        "hidden": (1, 65_536),
        "noise": (0, 100),
        "dropout": (0, 0.9),
        "sparse": (0, 1_000),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {"loss": DrawingLoss}

    network_: Autoencoder
    history_: History

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        hidden: tuple[int, ...] = (64, 16),
        epochs: int = 80,
        batch_rows: int = 128,
        learning_rate: float = 2e-3,
        patience: int = 10,
        noise: float = 0.1,
        dropout: float = 0.0,
        sparse: float = 0.0,
        loss: str = DrawingLoss.HUBER,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.hidden = hidden
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.noise = noise
        self.dropout = dropout
        self.sparse = sparse
        self.loss = loss
        self.seed = seed
        self.told = told

    def _learn(self, scaled: Floats, validation: Floats) -> None:
        schedule = schedule_of(self)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            width = scaled.shape[1]
            self.network_ = Autoencoder(width, narrow(self.hidden, width), dropout=self.dropout)
            rows, held = torch.from_numpy(scaled), torch.from_numpy(validation)
            chance = torch.Generator().manual_seed(self.seed)
            self.history_ = fit_network(
                self.network_, self._loss(chance), rows, held, schedule, self.told, chance=(chance,)
            )

    def _loss(self, chance: torch.Generator) -> Loss:
        drawing = DrawingLoss(self.loss)
        if not self.sparse:
            return Redrawing(drawing, noise=self.noise, chance=chance)

        def loss(network: nn.Module, rows: Tensor) -> Tensor:
            given = noised(rows, self.noise, chance) if network.training and self.noise else rows
            code = self.network_.encoder(given)  # (b, m) -> (b, middle)
            lost = drawing.of(self.network_.decoder(code), rows)
            # the penalty is of the batch, and each row bears it
            return lost + self.sparse * sparsity(code)

        return loss
