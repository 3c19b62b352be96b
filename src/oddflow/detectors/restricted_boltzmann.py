"""The restricted Boltzmann machine as a detector."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import torch
from torch import Tensor

from oddflow.detectors.drawing import LIMITS, schedule_of
from oddflow.detectors.energy import EnergyDetector
from oddflow.detectors.registry import registered
from oddflow.features.feature import Feature
from oddflow.models.rows import Floats
from oddflow.networks.restricted_boltzmann import RestrictedBoltzmannMachine, Visible, contrastive_divergence
from oddflow.training.game import adam, play
from oddflow.training.loop import EpochTold, History, Player, Schedule


@registered
@final
class RestrictedBoltzmannDetector(EnergyDetector):
    """Shows normal rows to a machine of random units until they have low free energy; rows of high energy are odd.

    Source: Hinton 2012, "A Practical Guide to Training Restricted Boltzmann Machines", section 16.1 (free energy tells
    how likely a row is); as a detector, Fiore et al. 2013, "Network anomaly detection with the restricted Boltzmann
    machine".

    Args:
        features: The columns of a row.
        hidden: Hidden units.
        steps: Steps of Gibbs sampling for each move (CD-k).
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        seed: Of the first weights, the order of rows and the sampling.
        told: Told of each epoch.
    """

    name: ClassVar[str] = "restricted-boltzmann-machine"
    summary: ClassVar[str] = "the free energy of a restricted Boltzmann machine on scaled features"
    good_at: ClassVar[str] = "several kinds of normal flows, each simple; few options"
    bad_at: ClassVar[str] = "fine differences between numbers; reasons name what is far out and no more"
    paper: ClassVar[str] = "Hinton 2012; Fiore et al. 2013"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {**LIMITS, "hidden": (1, 65_536), "steps": (1, 1_000)}

    history_: History

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        hidden: int = 64,
        steps: int = 1,
        epochs: int = 60,
        batch_rows: int = 64,
        learning_rate: float = 5e-3,
        patience: int = 10,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.hidden = hidden
        self.steps = steps
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.seed = seed
        self.told = told

    def _learn(self, scaled: Floats, validation: Floats) -> None:
        schedule = schedule_of(self)
        rows, held = torch.from_numpy(scaled), torch.from_numpy(validation)
        generator = torch.Generator().manual_seed(self.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            machine = RestrictedBoltzmannMachine(rows.shape[1], self.hidden, visible=Visible.GAUSSIAN)
            self.history_ = show(machine, rows, held, schedule, steps=self.steps, generator=generator, told=self.told)
        self.network_ = machine


def show(
    machine: RestrictedBoltzmannMachine,
    rows: Tensor,
    held: Tensor,
    schedule: Schedule,
    *,
    steps: int,
    generator: torch.Generator,
    told: EpochTold | None = None,
) -> History:
    """Teaches a machine rows (n, m) by contrastive divergence, in place.

    It ends with the weights that draw held-back rows (v, m) best, since free energy cannot be compared between machines
    (Hinton 2012, section 5).
    """

    def contrast(batch: Tensor) -> Tensor:
        return contrastive_divergence(machine, batch, steps, generator).mean()

    @torch.no_grad()
    def judged(held: Tensor) -> float:
        return float((machine.down(machine.up(held)) - held).square().mean())

    player = Player(list(machine.parameters()), contrast, adam(schedule.learning_rate, 0.9))
    return play(machine, [player], rows, schedule, judged=judged, held=held, told=told, chance=(generator,))
