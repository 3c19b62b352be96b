"""The autoencoder as a detector."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn

from oddflow.detectors.reconstruction import ReconstructionDetector
from oddflow.features.feature import Feature
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.networks.autoencoder import Autoencoder, noised
from oddflow.training.export import to_onnx
from oddflow.training.loop import EpochTold, History, Schedule, fit_network


@final
class AutoencoderDetector(ReconstructionDetector):
    """Learns to draw normal rows through a narrow middle; odd rows come out wrong.

    Source: Hinton & Salakhutdinov 2006; as a detector, Sakurada & Yairi 2014, "Anomaly Detection Using Autoencoders
    with Nonlinear Dimensionality Reduction".

    Args:
        features: The columns of a row.
        hidden: Widths from the input to the middle. The middle is at most half as wide as a scaled row: a wider one
            would pass all rows through, odd ones too.
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        noise: Standard deviation of the noise that it learns to take away (Vincent et al. 2008), in scaled units.
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
        "hidden": (1, 65_536),
        "epochs": (1, 1_000_000),
        "batch_rows": (1, 2**31),
        "learning_rate": (0, 1e30),
        "patience": (1, 1_000_000),
        "noise": (0, 100),
        "seed": (-(2**63), 2**63 - 1),
    }

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
        self.seed = seed
        self.told = told

    def _learn(self, scaled: Floats, validation: Floats) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            *outer, middle = self.hidden
            width = scaled.shape[1]
            self.network_ = Autoencoder(width, (*outer, max(1, min(middle, width // 2))))
        noise = torch.Generator().manual_seed(self.seed)

        def loss(network: nn.Module, rows: Tensor) -> Tensor:
            given = rows
            if network.training and self.noise:
                given = noised(rows, self.noise, noise)
            # Huber's loss: one far-out row must not bend the network towards it
            return nn.functional.smooth_l1_loss(network(given), rows, reduction="none").mean(dim=1)  # (b, m) -> (b,)

        schedule = Schedule(self.epochs, self.batch_rows, self.learning_rate, self.patience, self.seed)
        self.history_ = fit_network(
            self.network_, loss, torch.from_numpy(scaled), torch.from_numpy(validation), schedule, self.told
        )

    def _reconstruct(self, scaled: Floats) -> Floats:
        with torch.no_grad():
            return np.asarray(self.network_(torch.from_numpy(np.ascontiguousarray(scaled))))

    def weights(self) -> dict[str, Floats]:
        """The network's state by torch's names."""
        return {name: np.asarray(value) for name, value in self.network_.state_dict().items()}

    def _write_body(self, builder: GraphBuilder, scaled: str) -> str:
        return builder.include(to_onnx(self.network_, self.scaler_.owners.shape[0]), scaled)
