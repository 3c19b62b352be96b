"""Generative adversarial networks as detectors."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from oddflow.detectors.drawing import LIMITS
from oddflow.detectors.energy import EnergyDetector
from oddflow.detectors.registry import registered
from oddflow.features.feature import Feature
from oddflow.models.rows import Floats
from oddflow.networks.adversarial_losses import (
    clip_weights,
    critic_generator_loss,
    critic_loss,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
)
from oddflow.networks.encoder_gan import EncoderGan
from oddflow.networks.generative_adversarial import Discriminator, Generator
from oddflow.training.game import Player, adam, play, rmsprop
from oddflow.training.loop import EpochTold, History, Schedule, fit_network


class Game(StrEnum):
    """What the two players lose.

    GAN: Goodfellow et al. 2014. WGAN: a critic within clipped weights, RMSProp (Arjovsky et al. 2017). WGAN_GP: a
    critic whose slope is held at 1 (Gulrajani et al. 2017).
    """

    GAN = "gan"
    WGAN = "wgan"
    WGAN_GP = "wgan-gp"


class Score(StrEnum):
    """What tells odd rows.

    ENCODER: how far a row lies from what the generator makes of its code (f-AnoGAN: Schlegl et al. 2019).
    DISCRIMINATOR: how little the discriminator, or critic, takes it for a true one.
    """

    ENCODER = "encoder"
    DISCRIMINATOR = "discriminator"


class Distance(nn.Module):
    """How far rows lie from those that are generated of their codes."""

    def __init__(self, encoder_gan: EncoderGan) -> None:
        super().__init__()
        self.encoder_gan = encoder_gan

    def forward(self, x: Tensor) -> Tensor:
        """(n, width) -> (n,)."""
        distance: Tensor = self.encoder_gan(x)[1]
        return distance


class Doubt(nn.Module):
    """How little a discriminator takes rows for true ones."""

    def __init__(self, discriminator: Discriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, x: Tensor) -> Tensor:
        """(n, width) -> (n,)."""
        odds: Tensor = self.discriminator(x)
        return -odds


class Pair(nn.Module):
    """The two players."""

    def __init__(self, width: int, latent: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.generator = Generator(latent, width, hidden)
        self.discriminator = Discriminator(width, hidden)


@registered
@final
class GenerativeAdversarialDetector(EnergyDetector):
    """A generator learns to make normal rows until a discriminator cannot tell them; odd rows it cannot make.

    Source: Goodfellow et al. 2014, "Generative Adversarial Nets"; as a detector, Schlegl et al. 2019, "f-AnoGAN";
    Zenati et al. 2018, "Efficient GAN-Based Anomaly Detection" (on KDD99).

    Args:
        features: The columns of a row.
        game: "gan", "wgan" or "wgan-gp"; see `Game`.
        score: "encoder" or "discriminator"; see `Score`. A discriminator is only taught to tell normal rows from those
            that the generator makes: of rows far from both it knows nothing.
        latent: Columns of the noise.
        hidden: Widths of both networks.
        critic_moves: Moves of the critic for each of the generator; for a discriminator, 1 is usual.
        encoding: The most epochs in which the encoder learns.
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`; the game always lasts all epochs, and
            the encoder stops early.
        seed: Of the first weights, the order of rows and the noise.
        told: Told of each epoch of the game.
    """

    name: ClassVar[str] = "generative-adversarial-network"
    summary: ClassVar[str] = "what a GAN, WGAN or WGAN-GP cannot generate, by an encoder or its discriminator"
    good_at: ClassVar[str] = "curved relations; it can also make rows like those that it learnt"
    bad_at: ClassVar[str] = (
        "learning time; fine differences; rare kinds of flows that the generator drops; weak reasons"
    )
    paper: ClassVar[str] = "Goodfellow et al. 2014; Gulrajani et al. 2017; Schlegl et al. 2019"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LIMITS,
        "latent": (1, 65_536),
        "hidden": (1, 65_536),
        "critic_moves": (1, 100),
        "encoding": (1, 1_000_000),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {"game": Game, "score": Score}

    history_: History

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        game: str = Game.WGAN_GP,
        score: str = Score.ENCODER,
        latent: int = 8,
        hidden: tuple[int, ...] = (64, 64),
        critic_moves: int = 3,
        encoding: int = 80,
        epochs: int = 100,
        batch_rows: int = 64,
        learning_rate: float = 1e-3,
        patience: int = 10,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.game = game
        self.score = score
        self.latent = latent
        self.hidden = hidden
        self.critic_moves = critic_moves
        self.encoding = encoding
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.seed = seed
        self.told = told

    def _learn(self, scaled: Floats, validation: Floats) -> None:
        schedule = Schedule(self.epochs, self.batch_rows, self.learning_rate, self.patience, self.seed)
        rows, held = torch.from_numpy(scaled), torch.from_numpy(validation)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            pair = Pair(rows.shape[1], self.latent, self.hidden)
            self.history_ = play(pair, self._players(pair), rows, schedule, told=self.told)
            if self.score == Score.DISCRIMINATOR:
                self.network_ = Doubt(pair.discriminator)
            else:
                self.network_ = self._encoded(pair, rows, held)

    def _players(self, pair: Pair) -> list[Player]:
        noise = torch.Generator().manual_seed(self.seed)
        tell, fool = pair.discriminator, pair.generator
        is_gan, is_clipped = self.game == Game.GAN, self.game == Game.WGAN

        def generated(rows: Tensor) -> Tensor:
            # two at least, for a batch of one has no deviation to be normalised by
            return fool(torch.randn(max(2, len(rows)), self.latent, generator=noise))[: len(rows)]  # type: ignore[no-any-return]

        def told_apart(rows: Tensor) -> Tensor:
            fake = generated(rows).detach()
            if is_gan:
                return discriminator_loss(tell(rows), tell(fake))
            lost = critic_loss(tell(rows), tell(fake))
            if is_clipped:
                return lost
            between = torch.rand(len(rows), generator=noise)
            return lost + 10 * gradient_penalty(tell, rows, fake, between)

        def fooled(rows: Tensor) -> Tensor:
            lost = generator_loss if is_gan else critic_generator_loss
            return lost(tell(generated(rows)))

        move = rmsprop(self.learning_rate) if is_clipped else adam(self.learning_rate)
        clip = (lambda: clip_weights(tell, CLIP)) if is_clipped else None
        return [
            Player(list(tell.parameters()), told_apart, move, moves=self.critic_moves, after=clip),
            Player(list(fool.parameters()), fooled, move),
        ]

    def _encoded(self, pair: Pair, rows: Tensor, held: Tensor) -> Distance:
        pair.requires_grad_(requires_grad=False)
        found = EncoderGan(
            pair.generator, pair.discriminator, width=rows.shape[1], latent=self.latent, hidden=self.hidden
        )

        def loss(network: nn.Module, batch: Tensor) -> Tensor:  # noqa: ARG001
            pair.eval()  # what the game learnt stands still
            distance: Tensor = found(batch)[1]
            return distance

        schedule = Schedule(self.encoding, self.batch_rows, 2e-3, self.patience, self.seed)
        network = Distance(found)
        fit_network(network, loss, rows, held, schedule)
        return network


CLIP = 0.05
"""Of WGAN's weights. Rows of tens of columns in two layers need more than the 0.01 that images were shown with."""
