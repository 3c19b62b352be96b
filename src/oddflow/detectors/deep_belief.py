"""The deep belief network as a detector."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from oddflow.detectors.drawing import LIMITS, DrawingDetector, narrow, schedule_of
from oddflow.detectors.registry import registered
from oddflow.detectors.restricted_boltzmann import show
from oddflow.features.feature import Feature
from oddflow.models.rows import Floats
from oddflow.networks.deep_belief import DeepBeliefNetwork
from oddflow.networks.drawing_losses import DrawingLoss
from oddflow.networks.restricted_boltzmann import RestrictedBoltzmannMachine, Visible
from oddflow.training.loop import EpochTold, History, Schedule, fit_network


class UpAndDown(nn.Module):
    """Draws rows by going up all machines and down again."""

    def __init__(self, belief: DeepBeliefNetwork) -> None:
        super().__init__()
        self.belief = belief

    def forward(self, v: Tensor) -> Tensor:
        """Rows drawn anew: (n, width) -> (n, width)."""
        return self.belief.draw(v)


@registered
@final
class DeepBeliefDetector(DrawingDetector):
    """Boltzmann machines above each other, each taught by itself, then fine-tuned together to draw normal rows.

    Source: Hinton, Osindero & Teh 2006, "A Fast Learning Algorithm for Deep Belief Nets"; Hinton & Salakhutdinov 2006
    (drawing rows); on network traffic, Gao et al. 2014, "An Intrusion Detection Model Based on Deep Belief Networks".

    Args:
        features: The columns of a row.
        hidden: Units of each machine, the lowest first; of the last at most half as many as scaled columns.
        pretraining: Epochs of each machine by itself.
        epochs, batch_rows, learning_rate, patience: Of fine-tuning; see `training.loop.Schedule`.
        loss: What a miss costs: huber, mse or mae; one far-out row bends the network towards it the most by mse.
        seed: Of the first weights, the order of rows and the sampling.
        told: Told of each epoch of fine-tuning.
    """

    name: ClassVar[str] = "deep-belief-network"
    summary: ClassVar[str] = "stacked Boltzmann machines, pre-trained by layers, that draw rows; marginals by service"
    good_at: ClassVar[str] = "curved relations from few flows, since each layer learns without labels or depth"
    bad_at: ClassVar[str] = "learning time; where plain autoencoders learn well, it is no better"
    paper: ClassVar[str] = "Hinton, Osindero & Teh 2006; Gao et al. 2014"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LIMITS,
        "hidden": (1, 65_536),
        "pretraining": (1, 1_000_000),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {"loss": DrawingLoss}

    history_: History

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        hidden: tuple[int, ...] = (64, 16),
        pretraining: int = 10,
        epochs: int = 80,
        batch_rows: int = 128,
        learning_rate: float = 5e-3,
        patience: int = 10,
        loss: str = DrawingLoss.HUBER,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.hidden = hidden
        self.pretraining = pretraining
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.loss = loss
        self.seed = seed
        self.told = told

    def _learn(self, scaled: Floats, validation: Floats) -> None:
        schedule = schedule_of(self)
        rows, held = torch.from_numpy(scaled), torch.from_numpy(validation)
        width, drawing = rows.shape[1], DrawingLoss(self.loss)

        def loss(network: nn.Module, batch: Tensor) -> Tensor:
            return drawing.of(network(batch), batch)

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            belief = DeepBeliefNetwork(width, 1, narrow(self.hidden, width), visible=Visible.GAUSSIAN)
            pretrain(belief, rows, held, replace(schedule, epochs=self.pretraining))
            self.network_ = UpAndDown(belief)
            self.history_ = fit_network(self.network_, loss, rows, held, schedule, self.told)


def pretrain(belief: DeepBeliefNetwork, rows: Tensor, held: Tensor, schedule: Schedule) -> None:
    """Teaches the machines rows (n, width) without labels, in place: each by itself, from the lowest.

    Args:
        belief: Whose machines.
        rows: To learn from.
        held: To stop by, (v, width).
        schedule: Of each machine.

    Source: Hinton, Osindero & Teh 2006, section 5.
    """
    generator = torch.Generator().manual_seed(schedule.seed)
    for number, machine in enumerate(belief.machines):
        assert isinstance(machine, RestrictedBoltzmannMachine)  # noqa: S101  (for mypy: a list holds modules)
        with torch.no_grad():
            shown, kept = belief.below(rows, number), belief.below(held, number)
        show(machine, shown, kept, schedule, steps=1, generator=generator)
