"""The convolutional autoencoder as a detector of odd first bytes."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from oddflow.detectors.drawing import LIMITS, DrawingDetector, schedule_of
from oddflow.detectors.registry import registered
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.features.image import PIXELS, SIDE
from oddflow.features.representation import Reads
from oddflow.models.rows import Floats
from oddflow.networks.autoencoder import noised
from oddflow.networks.convolutional_autoencoder import ConvolutionalAutoencoder
from oddflow.networks.drawing_losses import DrawingLoss
from oddflow.networks.inputs import RowsAsImage
from oddflow.training.loop import EpochTold, History, fit_network


@registered
@final
class ConvolutionalAutoencoderDetector(DrawingDetector):
    """Learns to draw the first 784 bytes of normal flows as an image of 28×28; bytes that come out wrong are odd.

    It draws a traffic matrix as well, with `--matrix`: what a host does that it never did is odd then.

    Each byte is scaled by what is usual at its place, and surprises as other features do (`models/tails.py`).

    Source: Masci et al. 2011, "Stacked Convolutional Auto-Encoders for Hierarchical Feature Extraction"; images of
    traffic as in Wang et al. 2017, "Malware Traffic Classification Using Convolutional Neural Network".

    Args:
        features: The pixels: 784 of each channel.
        code: Numbers in the narrow middle.
        width: Channels after the first convolution; twice as many after the second.
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        noise: Standard deviation of the noise that it learns to take away, in scaled units.
        loss: What a miss costs: huber, mse or mae; one far-out row bends the network towards it the most by mse.
        seed: Of the first weights, the order of rows and the noise.
        told: Told of each epoch.
    """

    name: ClassVar[str] = "convolutional-autoencoder"
    summary: ClassVar[str] = "a convolutional autoencoder on the first 784 bytes as an image"
    good_at: ClassVar[str] = "protocols that are not what they look like; malware's own protocols; plain-text attacks"
    bad_at: ClassVar[str] = "encrypted payload, which looks alike; floods and scans without payload"
    paper: ClassVar[str] = "Masci et al. 2011; Wang et al. 2017"
    needs: ClassVar[str] = "train"
    reads: ClassVar[Reads] = Reads.IMAGE
    reads_too: ClassVar[frozenset[Reads]] = frozenset({Reads.MATRIX})
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LIMITS,
        "code": (1, 784),
        "width": (1, 64),
        "noise": (0, 100),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {"loss": DrawingLoss}

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
        noise: float = 0.1,
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
        channels, left = divmod(scaled.shape[1], PIXELS)
        if left or not channels:
            raise UsageError(f"{self.name} draws images of {PIXELS} pixels a channel; {scaled.shape[1]} columns given")
        schedule = schedule_of(self)
        generator, drawing = torch.Generator().manual_seed(self.seed), DrawingLoss(self.loss)

        def loss(network: nn.Module, rows: Tensor) -> Tensor:
            given = noised(rows, self.noise, generator) if network.training and self.noise else rows
            return drawing.of(network(given), rows)

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.network_ = nn.Sequential(
                RowsAsImage(SIDE, channels),  # (n, m) -> (n, channels, 28, 28)
                ConvolutionalAutoencoder(channels, self.code, self.width),
                nn.Flatten(),  # -> (n, m)
            )
            rows, held = torch.from_numpy(scaled), torch.from_numpy(validation)
            self.history_ = fit_network(self.network_, loss, rows, held, schedule, self.told, chance=(generator,))
