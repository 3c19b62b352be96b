"""The adversarial autoencoder as a detector."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, final

import torch
from torch import Tensor

from oddflow.detectors.drawing import LIMITS, DrawingDetector, narrow, schedule_of
from oddflow.detectors.registry import registered
from oddflow.features.feature import Feature
from oddflow.models.rows import Floats
from oddflow.networks.adversarial_autoencoder import AdversarialAutoencoder
from oddflow.networks.adversarial_losses import discriminator_loss, generator_loss
from oddflow.networks.chance import normal
from oddflow.networks.drawing_losses import DrawingLoss
from oddflow.training.game import adam, play
from oddflow.training.loop import EpochTold, History, Player


@registered
@final
class AdversarialAutoencoderDetector(DrawingDetector):
    """An autoencoder whose codes are bent until a discriminator takes them for samples of N(0, 1).

    So no part of the middle is left empty, where odd rows would find a place of their own and come out well.

    Source: Makhzani et al. 2015, "Adversarial Autoencoders", section 2.

    Args:
        features: The columns of a row.
        hidden: Widths from the input to the middle, which is at most half as wide as a scaled row.
        critic: Widths of the discriminator of codes.
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        loss: What a miss costs: huber, mse or mae; one far-out row bends the network towards it the most by mse.
        seed: Of the first weights, the order of rows and the samples.
        told: Told of each epoch.
    """

    name: ClassVar[str] = "adversarial-autoencoder"
    summary: ClassVar[str] = "an autoencoder with normally distributed codes, marginals by service"
    good_at: ClassVar[str] = "curved relations; codes without gaps in which odd rows could hide"
    bad_at: ClassVar[str] = "learning time; a few hundred flows; its game can fail"
    paper: ClassVar[str] = "Makhzani et al. 2015"
    needs: ClassVar[str] = "train"
    begins_from: ClassVar[bool] = False
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LIMITS,
        "hidden": (1, 65_536),
        "critic": (1, 65_536),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {"loss": DrawingLoss}

    history_: History

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        hidden: tuple[int, ...] = (64, 16),
        critic: tuple[int, ...] = (32,),
        epochs: int = 60,
        batch_rows: int = 128,
        learning_rate: float = 2e-3,
        patience: int = 10,
        loss: str = DrawingLoss.HUBER,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.hidden = hidden
        self.critic = critic
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.loss = loss
        self.seed = seed
        self.told = told

    def _learn(self, scaled: Floats, validation: Floats) -> None:
        width, drawing = scaled.shape[1], DrawingLoss(self.loss)
        schedule = schedule_of(self)
        held = torch.from_numpy(validation)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            whole = AdversarialAutoencoder(width, narrow(self.hidden, width), self.critic)
            drawer = whole.autoencoder

            @torch.no_grad()
            def judged(held: Tensor) -> float:
                return float(drawing.of(drawer(held), held).mean())

            train = torch.from_numpy(scaled)
            chance = torch.Generator().manual_seed(self.seed)
            moving = self._players(whole, chance)
            self.history_ = play(
                whole, moving, train, schedule, judged=judged, held=held, told=self.told, chance=(chance,)
            )
        self.network_ = drawer

    def _players(self, whole: AdversarialAutoencoder, chance: torch.Generator) -> list[Player]:
        drawing = DrawingLoss(self.loss)
        encoder, discriminator = whole.autoencoder.encoder, whole.discriminator

        def draw(rows: Tensor) -> Tensor:
            return drawing.of(whole.autoencoder(rows), rows).mean()

        def tell(rows: Tensor) -> Tensor:
            codes = encoder(rows).detach()  # (b, middle)
            samples = normal(codes, codes.shape[1], generator=chance)
            return discriminator_loss(discriminator(samples), discriminator(codes))

        def bend(rows: Tensor) -> Tensor:
            return generator_loss(discriminator(encoder(rows)))

        steady, slow = adam(self.learning_rate, 0.9), adam(self.learning_rate / 4)
        return [
            Player(list(whole.autoencoder.parameters()), draw, steady),
            Player(list(discriminator.parameters()), tell, slow),
            Player(list(encoder.parameters()), bend, slow),
        ]
