"""The deep Boltzmann machine as a detector."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import torch
from torch import Tensor

from oddflow.detectors.drawing import LIMITS, schedule_of
from oddflow.detectors.energy import EnergyDetector
from oddflow.detectors.registry import registered
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.models.rows import Floats
from oddflow.networks.deep_boltzmann import DeepBoltzmannMachine, persistent_contrast
from oddflow.networks.restricted_boltzmann import Visible
from oddflow.training.game import adam, play
from oddflow.training.loop import EpochTold, History, Player


@registered
@final
class DeepBoltzmannDetector(EnergyDetector):
    """Two layers of hidden units that decide together; rows of high variational free energy are odd.

    Source: Salakhutdinov & Hinton 2009, "Deep Boltzmann Machines"; energies as scores, Zhai et al. 2016, "Deep
    Structured Energy Based Models for Anomaly Detection".

    Args:
        features: The columns of a row.
        hidden: Units of the lower and the upper layer.
        sweeps: How often the layers are asked in turn.
        chains: Chains of the machine's own rows that go on from move to move.
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        seed: Of the first weights, the order of rows and the sampling.
        told: Told of each epoch.
    """

    name: ClassVar[str] = "deep-boltzmann-machine"
    summary: ClassVar[str] = "the free energy of a Boltzmann machine with two hidden layers on scaled features"
    good_at: ClassVar[str] = "several kinds of normal flows whose parts depend on each other"
    bad_at: ClassVar[str] = "learning and scoring time; fine differences between numbers; weak reasons"
    paper: ClassVar[str] = "Salakhutdinov & Hinton 2009; Zhai et al. 2016"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LIMITS,
        "hidden": (1, 65_536),
        "sweeps": (1, 50),
        "chains": (1, 65_536),
    }

    history_: History

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        hidden: tuple[int, int] = (64, 32),
        sweeps: int = 5,
        chains: int = 64,
        epochs: int = 60,
        batch_rows: int = 64,
        learning_rate: float = 2e-3,
        patience: int = 30,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.hidden = hidden
        self.sweeps = sweeps
        self.chains = chains
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.seed = seed
        self.told = told

    def _learn(self, scaled: Floats, validation: Floats) -> None:
        if len(self.hidden) != 2:
            raise UsageError(f"hidden of {self.name} must be two widths; {self.hidden} given")
        schedule = schedule_of(self)
        rows, held = torch.from_numpy(scaled), torch.from_numpy(validation)
        generator = torch.Generator().manual_seed(self.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            machine = DeepBoltzmannMachine(rows.shape[1], self.hidden, self.sweeps, visible=Visible.GAUSSIAN)
            visible = torch.randn(self.chains, rows.shape[1], generator=generator)
            chain = (visible, torch.rand(self.chains, self.hidden[1], generator=generator))

            def contrast(batch: Tensor) -> Tensor:
                given = (chain[0].to(batch.device), chain[1].to(batch.device))
                found, after = persistent_contrast(machine, batch, given, generator)
                for own, new in zip(chain, after, strict=True):
                    own.copy_(new)
                return found.mean()

            @torch.no_grad()
            def judged(held: Tensor) -> float:
                below, _ = machine.mean_field(held)
                return float((machine.down(below) - held).square().mean())

            player = Player(list(machine.parameters()), contrast, adam(self.learning_rate, 0.9))
            self.history_ = play(
                machine,
                [player],
                rows,
                schedule,
                judged=judged,
                held=held,
                told=self.told,
                chance=(generator,),
                memory=chain,
            )
        self.network_ = machine
