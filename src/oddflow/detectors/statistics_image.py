"""A convolutional autoencoder of statistics, laid out as a grey image, as a detector."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from oddflow.detectors.drawing import LIMITS, DrawingDetector, schedule_of
from oddflow.detectors.encoding import Encoding
from oddflow.detectors.registry import registered
from oddflow.features.feature import Feature
from oddflow.models.numbers import Scaling
from oddflow.models.rows import Floats
from oddflow.networks.autoencoder import noised
from oddflow.networks.drawing_losses import DrawingLoss
from oddflow.networks.statistics_image import StatisticsAutoencoder
from oddflow.training.loop import EpochTold, History, fit_network


@registered
@final
class StatisticsImageDetector(DrawingDetector):
    """Lays a flow's statistics out as the pixels of a square grey image and learns to draw those of normal flows.

    Numbers are scaled by their least and greatest unless another scaling is asked for (min-max normalisation). The
    paper's network learns from labels what is drawn here without any.

    Source: MMN-CNN (基于离差标准化的卷积神经网络, notes 000, part 5); Masci et al. 2011, "Stacked Convolutional
    Auto-Encoders for Hierarchical Feature Extraction".

    Args:
        features: The columns of a row.
        code: Numbers in the narrow middle.
        width: Channels after the first convolution; twice as many after the second.
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        noise: Standard deviation of the noise that it learns to take away, in shares of a column's range.
        loss: What a miss costs: huber, mse or mae; one far-out row bends the network towards it the most by mse.
        seed: Of the first weights, the order of rows and the noise.
        told: Told of each epoch.
    """

    name: ClassVar[str] = "statistics-image-autoencoder"
    summary: ClassVar[str] = "a convolutional autoencoder on statistics as a grey image"
    good_at: ClassVar[str] = "trying the notes' MMN-CNN on traffic; numbers whose range is known"
    bad_at: ClassVar[str] = "heavy tails, which min-max presses together; columns in no order, as images have one"
    paper: ClassVar[str] = "MMN-CNN (notes 000); Masci et al. 2011"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LIMITS,
        "code": (1, 784),
        "width": (1, 64),
        "noise": (0, 100),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {"loss": DrawingLoss}

    shown_by = Encoding(scaling=Scaling.MIN_MAX)
    history_: History

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        code: int = 16,
        width: int = 8,
        epochs: int = 30,
        batch_rows: int = 64,
        learning_rate: float = 2e-3,
        patience: int = 6,
        noise: float = 0.02,
        loss: str = DrawingLoss.HUBER,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.code = code
        self.width = width
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.noise = noise
        self.loss = loss
        self.seed = seed
        self.told = told

    def _learn(self, scaled: Floats, validation: Floats) -> None:
        schedule = schedule_of(self)
        generator, drawing = torch.Generator().manual_seed(self.seed), DrawingLoss(self.loss)

        def loss(network: nn.Module, rows: Tensor) -> Tensor:
            given = noised(rows, self.noise, generator) if network.training and self.noise else rows
            return drawing.of(network(given), rows)

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.network_ = StatisticsAutoencoder(scaled.shape[1], self.code, self.width)
            rows, held = torch.from_numpy(scaled), torch.from_numpy(validation)
            self.history_ = fit_network(self.network_, loss, rows, held, schedule, self.told, chance=(generator,))
