"""Generative adversarial networks of images as detectors of odd first bytes."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn

from oddflow.detectors.drawing import LIMITS, run, schedule_of
from oddflow.detectors.energy import EnergyDetector
from oddflow.detectors.generative_adversarial import CANDIDATES, Distance, Doubt, Score, encode
from oddflow.detectors.registry import registered
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.features.image import PIXELS
from oddflow.features.representation import Reads
from oddflow.models.rows import Floats
from oddflow.networks.biggan import orthogonality, truncated_noise
from oddflow.networks.dcgan import DcganDiscriminator
from oddflow.networks.encoder_gan import EncoderGan
from oddflow.networks.image_gan import (
    CATEGORIES,
    CONTINUOUS,
    LEAST_LATENT,
    ImageEncoder,
    ImageNetwork,
    ImagePair,
    Odds,
    Pixels,
    codes_of,
)
from oddflow.networks.information_gan import draw_codes, information_loss, latent
from oddflow.networks.inversion import Inversion
from oddflow.training.adversaries import Game, Rivals, players
from oddflow.training.game import play
from oddflow.training.loop import EpochTold, History, Schedule
from oddflow.training.quality import MOST_ROWS, Quality, few, measure


@registered
@final
class ImageAdversarialDetector(EnergyDetector):
    """A generator learns to draw the first 784 bytes of normal flows as images; flows that it cannot draw are odd.

    Source: Radford et al. 2016, "Unsupervised Representation Learning with Deep Convolutional GANs"; Chen et al. 2016,
    "InfoGAN"; Zhang et al. 2019, "Self-Attention Generative Adversarial Networks"; Brock et al. 2019, "Large Scale GAN
    Training for High Fidelity Natural Image Synthesis"; as a detector, Schlegl et al. 2017 (AnoGAN) and 2019
    (f-AnoGAN).

    Args:
        features: The pixels: 784 of each channel.
        network: "dcgan", "info", "attention" or "big"; see `networks.image_gan.ImageNetwork`.
        game: "gan", "wgan", "wgan-gp" or "hinge"; see `training.adversaries.Game`.
        score: "encoder", "discriminator" or "inversion"; see `generative_adversarial.Score`. Inversion descends through
            dcgan and info alone.
        latent: Columns of the noise; the notes' DCGAN has 100. InfoGAN's codes take the last 12.
        width: Channels of both networks' widest map; the notes' DCGAN has 64, and 27 times as much to compute.
        critic_moves: Moves of the discriminator, or critic, for each of the generator.
        orthogonal: Weight of big's weights that are not orthogonal.
        encoding: The most epochs in which the encoder learns.
        descent: Steps of the inversion.
        most_rows: Of more rows, an even sample is learnt.
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`; the game always lasts all epochs, and
            the encoder stops early.
        seed: Of the first weights, the order of rows and the noise.
        told: Told of each epoch of the game.
    """

    name: ClassVar[str] = "image-generative-adversarial-network"
    summary: ClassVar[str] = "what a DCGAN, InfoGAN, self-attention GAN or BigGAN cannot draw of the first 784 bytes"
    good_at: ClassVar[str] = "payload that is not what a network usually carries; it also draws what it learnt"
    bad_at: ClassVar[str] = "learning time; encrypted payload, which looks alike; floods and scans without payload"
    paper: ClassVar[str] = "Radford et al. 2016; Chen et al. 2016; Zhang et al. 2019; Brock et al. 2019"
    needs: ClassVar[str] = "train"
    reads: ClassVar[Reads] = Reads.IMAGE
    sees_raw: ClassVar[bool] = True
    begins_from: ClassVar[bool] = False
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LIMITS,
        "latent": (3, 784),
        "width": (1, 64),
        "critic_moves": (1, 100),
        "orthogonal": (0, 1_000),
        "encoding": (1, 1_000_000),
        "descent": (1, 50),
        "most_rows": (2, 2**31),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {"network": ImageNetwork, "game": Game, "score": Score}

    history_: History
    generator_: nn.Module
    quality_: Quality

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        network: str = ImageNetwork.DCGAN,
        game: str = Game.GAN,
        score: str = Score.ENCODER,
        latent: int = 32,
        width: int = 8,
        critic_moves: int = 1,
        orthogonal: float = 1e-4,
        encoding: int = 20,
        descent: int = 12,
        most_rows: int = 4_096,
        epochs: int = 20,
        batch_rows: int = 64,
        learning_rate: float = 1e-3,
        patience: int = 4,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.network = network
        self.game = game
        self.score = score
        self.latent = latent
        self.width = width
        self.critic_moves = critic_moves
        self.orthogonal = orthogonal
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
        channels = self._check_fits(scaled.shape[1])
        schedule = schedule_of(self)
        pixels = Pixels(channels)
        rows = torch.from_numpy(few(scaled, self.most_rows))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            chance = torch.Generator().manual_seed(self.seed)
            pair = ImagePair(ImageNetwork(self.network), self.latent, self.width, channels)
            moving = players(
                self._rivals(pair, chance),
                Game(self.game),
                moves=self.critic_moves,
                learning_rate=self.learning_rate,
                chance=chance,
            )
            self.history_ = play(pair, moving, pixels(rows), schedule, told=self.told, chance=(chance,))
            pair.requires_grad_(requires_grad=False).eval()
            self.generator_ = pair.generator
            self.quality_ = measure(rows.numpy(), self._generated(min(len(rows), MOST_ROWS), chance), seed=self.seed)
            scoring = self._scoring(pair, pixels(rows), pixels(torch.from_numpy(validation)), chance)
            self.network_ = nn.Sequential(pixels, scoring)

    def _check_fits(self, columns: int) -> int:
        channels, left = divmod(columns, PIXELS)
        if left or not channels:
            raise UsageError(f"{self.name} draws images of {PIXELS} pixels a channel; {columns} columns given")
        if self.network == ImageNetwork.INFO and self.latent < LEAST_LATENT:
            raise UsageError(f"latent of InfoGAN must be {LEAST_LATENT} or more, 12 for its codes; {self.latent} given")
        if self.score == Score.INVERSION and self.network in {ImageNetwork.ATTENTION, ImageNetwork.BIG}:
            raise UsageError(
                f"score=inversion descends through dcgan and info alone; with network={self.network}, score by encoder "
                "or discriminator"
            )
        return channels

    def _rivals(self, pair: ImagePair, chance: torch.Generator) -> Rivals:
        network = ImageNetwork(self.network)
        noise = self._noise(chance)
        tell = pair.discriminator
        shared: Callable[[Tensor, Tensor], Tensor] | None = None
        own: Callable[[], Tensor] | None = None
        if isinstance(tell, Odds):
            guesses = tell.answer
            shared = lambda z, images: information_loss(guesses(images), codes_of(z)).mean()  # noqa: E731
        if network is ImageNetwork.BIG and self.orthogonal:
            own = lambda: self.orthogonal * orthogonality(pair.generator)  # noqa: E731
        return Rivals(pair.generator, tell, lambda batch: noise(len(batch)).to(batch.device), shared, own)

    def _noise(self, chance: torch.Generator) -> Callable[[int], Tensor]:
        """Noise for so many images: -> (count, latent)."""
        if self.network != ImageNetwork.INFO:
            return lambda count: torch.randn(count, self.latent, generator=chance)
        plain = self.latent - CATEGORIES - CONTINUOUS
        return lambda count: latent(
            torch.randn(count, plain, generator=chance), draw_codes(count, CATEGORIES, CONTINUOUS, chance), CATEGORIES
        )

    def samples(self, count: int, *, seed: int = 0) -> Floats:
        """Images like those that it learnt, as the generator draws them: -> (count, d), from 0 to 1.

        BigGAN's are drawn of truncated noise (Brock et al. 2019, section 3.1).
        """
        self._check_fitted()
        chance = torch.Generator().manual_seed(seed)
        if self.network != ImageNetwork.BIG:
            return self._generated(count, chance)
        return self._drawn(truncated_noise(count, self.latent, generator=chance))

    def _generated(self, count: int, chance: torch.Generator) -> Floats:
        return self._drawn(self._noise(chance)(count))

    def _drawn(self, z: Tensor) -> Floats:
        images = run(self.generator_, z.numpy())
        return np.asarray((images.reshape(len(images), -1) + 1) / 2, np.float32)

    def _scoring(self, pair: ImagePair, images: Tensor, held: Tensor, chance: torch.Generator) -> nn.Module:
        tell, fool = pair.discriminator, pair.generator
        match Score(self.score):
            case Score.DISCRIMINATOR:
                return Doubt(tell)
            case Score.INVERSION:
                seen = tell.guesser.dcgan if isinstance(tell, Odds) else tell
                assert isinstance(seen, DcganDiscriminator)  # noqa: S101  (checked before it learnt)
                candidates = self._noise(chance)(CANDIDATES)
                layers = list(fool.body)  # type: ignore[arg-type]
                return Distance(Inversion(layers, list(seen.body), candidates, steps=self.descent))
            case Score.ENCODER:
                network = Distance(EncoderGan(fool, tell, ImageEncoder(self.latent, self.width, images.shape[1])))
                schedule = Schedule(self.encoding, self.batch_rows, 2e-3, self.patience, self.seed)
                encode(network, pair, images, held, schedule)
                return network
