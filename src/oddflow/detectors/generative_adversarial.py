"""Generative adversarial networks as detectors."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn

from oddflow.detectors.drawing import LIMITS, schedule_of
from oddflow.detectors.energy import EnergyDetector
from oddflow.detectors.registry import registered
from oddflow.features.feature import Feature
from oddflow.models.rows import Floats
from oddflow.networks.chance import normal
from oddflow.networks.dense import MultilayerPerceptron
from oddflow.networks.encoder_gan import EncoderGan
from oddflow.networks.generative_adversarial import Discriminator, Generator
from oddflow.networks.inversion import Inversion
from oddflow.training.adversaries import Game, Rivals, players
from oddflow.training.game import play
from oddflow.training.loop import EpochTold, History, Schedule, fit_network
from oddflow.training.quality import MOST_ROWS, Quality, few, measure


class Score(StrEnum):
    """What tells odd rows.

    ENCODER: how far a row lies from what the generator makes of its code (f-AnoGAN: Schlegl et al. 2019).
    DISCRIMINATOR: how little the discriminator, or critic, takes it for a true one.
    INVERSION: how far a row lies from the nearest that the generator makes, found by descent in the noise, which is
    part of the sealed graph (AnoGAN: Schlegl et al. 2017).
    """

    ENCODER = "encoder"
    DISCRIMINATOR = "discriminator"
    INVERSION = "inversion"


class Distance(nn.Module):
    """How far rows lie from those that are generated in their place."""

    def __init__(self, drawing: EncoderGan | Inversion) -> None:
        super().__init__()
        self.drawing = drawing

    def forward(self, x: Tensor) -> Tensor:
        """(n, …) -> (n,)."""
        distance: Tensor = self.drawing(x)[1]
        return distance


class Doubt(nn.Module):
    """How little a discriminator takes rows for true ones."""

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, x: Tensor) -> Tensor:
        """(n, …) -> (n,)."""
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
        game: "gan", "wgan", "wgan-gp" or "hinge"; see `Game`.
        score: "encoder", "discriminator" or "inversion"; see `Score`. A discriminator is only taught to tell normal
            rows from those that the generator makes: of rows far from both it knows nothing.
        latent: Columns of the noise.
        hidden: Widths of both networks.
        critic_moves: Moves of the critic for each of the generator; for a discriminator, 1 is usual.
        encoding: The most epochs in which the encoder learns.
        descent: Steps of the inversion.
        most_rows: Of more rows, an even sample is learnt.
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
    begins_from: ClassVar[bool] = False
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LIMITS,
        "latent": (1, 65_536),
        "hidden": (1, 65_536),
        "critic_moves": (1, 100),
        "encoding": (1, 1_000_000),
        "descent": (1, 50),
        "most_rows": (2, 2**31),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {"game": Game, "score": Score}

    history_: History
    generator_: Generator
    quality_: Quality

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
        descent: int = 12,
        most_rows: int = 16_384,
        epochs: int = 80,
        batch_rows: int = 256,
        learning_rate: float = 2e-3,
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
        self.descent = descent
        self.most_rows = most_rows
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.seed = seed
        self.told = told

    def _learn(self, scaled: Floats, validation: Floats) -> None:
        schedule = schedule_of(self)
        rows = torch.from_numpy(few(scaled, self.most_rows))
        held = torch.from_numpy(validation)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            chance = torch.Generator().manual_seed(self.seed)
            pair = Pair(rows.shape[1], self.latent, self.hidden)
            rivals = Rivals(
                pair.generator, pair.discriminator, lambda batch: normal(batch, self.latent, generator=chance)
            )
            moving = players(
                rivals, Game(self.game), moves=self.critic_moves, learning_rate=self.learning_rate, chance=chance
            )
            self.history_ = play(pair, moving, rows, schedule, told=self.told, chance=(chance,))
            pair.requires_grad_(requires_grad=False).eval()
            self.generator_ = pair.generator
            self.quality_ = measure(rows.numpy(), self._generated(MOST_ROWS, chance), seed=self.seed)
            self.network_ = self._scoring(pair, rows, held, chance)

    def samples(self, count: int, *, seed: int = 0) -> Floats:
        """Rows like those that it learnt, as the generator makes them: -> (count, d), raw."""
        self._check_fitted()
        return self.scaler_.inverse(self._generated(count, torch.Generator().manual_seed(seed)))

    def _generated(self, count: int, chance: torch.Generator) -> Floats:
        with torch.no_grad():
            return np.asarray(self.generator_(torch.randn(count, self.latent, generator=chance)))

    def _scoring(self, pair: Pair, rows: Tensor, held: Tensor, chance: torch.Generator) -> nn.Module:
        tell, fool = pair.discriminator, pair.generator
        match Score(self.score):
            case Score.DISCRIMINATOR:
                return Doubt(tell)
            case Score.INVERSION:
                layers = [*fool.body.body, fool.body.head, fool.last]
                candidates = torch.randn(CANDIDATES, self.latent, generator=chance)
                return Distance(Inversion(layers, list(tell.dense.body), candidates, steps=self.descent))
            case Score.ENCODER:
                encoder = MultilayerPerceptron(rows.shape[1], self.latent, self.hidden)
                network = Distance(EncoderGan(fool, tell, encoder))
                schedule = Schedule(self.encoding, self.batch_rows, 2e-3, self.patience, self.seed)
                encode(network, pair, rows, held, schedule)
                return network


def encode(network: Distance, players: nn.Module, rows: Tensor, held: Tensor, schedule: Schedule) -> None:
    """Lets the encoder of a GAN learn, in place; what the game learnt stands still."""

    def loss(network: nn.Module, batch: Tensor) -> Tensor:
        players.eval()
        distance: Tensor = network(batch)
        return distance

    fit_network(network, loss, rows, held, schedule)


CANDIDATES = 256
"""Samples of noise among which an inversion begins."""
