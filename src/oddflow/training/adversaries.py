"""The games of GANs: who loses what, and how each moves."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn

from oddflow.networks.adversarial_losses import (
    clip_weights,
    critic_generator_loss,
    critic_loss,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    hinge_discriminator_loss,
)
from oddflow.training.game import adam, rmsprop
from oddflow.training.loop import Player

CLIP = 0.05
"""Of WGAN's weights. Rows of tens of columns in two layers need more than the 0.01 that images were shown with."""
PENALTY = 10.0
"""Weight of WGAN-GP's gradient penalty (Gulrajani et al. 2017, algorithm 1)."""


class Game(StrEnum):
    """What the two players lose.

    GAN: Goodfellow et al. 2014. WGAN: a critic within clipped weights, RMSProp (Arjovsky et al. 2017). WGAN_GP: a
    critic whose slope is held at 1 (Gulrajani et al. 2017). HINGE: a discriminator that leaves alone what it tells
    clearly (Lim & Ye 2017), as self-attention GANs and BigGAN play.
    """

    GAN = "gan"
    WGAN = "wgan"
    WGAN_GP = "wgan-gp"
    HINGE = "hinge"


@dataclass(frozen=True, slots=True)
class Rivals:
    """A generator, its discriminator, and what they are told.

    Attributes:
        generator: Noise (b, latent) to rows (b, …).
        discriminator: Rows to log-odds or heights: (b, …) -> (b,).
        noise: Noise for as many rows as a batch has: (b, …) -> (b, latent). A conditional GAN looks at their classes.
        shared: What both lose besides, of noise and what was made of it: InfoGAN's codes.
        own: What the generator loses besides: BigGAN's weights that are not orthogonal.
    """

    generator: nn.Module
    discriminator: nn.Module
    noise: Callable[[Tensor], Tensor]
    shared: Callable[[Tensor, Tensor], Tensor] | None = None
    own: Callable[[], Tensor] | None = None


def players(rivals: Rivals, game: Game, *, moves: int, learning_rate: float, chance: torch.Generator) -> list[Player]:
    """The two as `training.game.play` lets them move.

    Args:
        rivals: Who plays.
        game: What they lose.
        moves: Of the discriminator, or critic, for each of the generator.
        learning_rate: Of both.
        chance: Where between true and generated rows a critic's slope is measured.
    """
    tell, fool = rivals.discriminator, rivals.generator

    def told_apart(rows: Tensor) -> Tensor:
        z = rivals.noise(_two_at_least(rows))
        with torch.no_grad():
            made = fool(z)
        fake = made[: len(rows)]
        real_odds, fake_odds = tell(rows), tell(fake)
        match game:
            case Game.GAN:
                lost = discriminator_loss(real_odds, fake_odds)
            case Game.HINGE:
                lost = hinge_discriminator_loss(real_odds, fake_odds)
            case Game.WGAN:
                lost = critic_loss(real_odds, fake_odds)
            case Game.WGAN_GP:
                between = torch.rand(len(rows), generator=chance).to(rows.device)
                lost = critic_loss(real_odds, fake_odds) + PENALTY * gradient_penalty(tell, rows, fake, between)
        return lost + rivals.shared(z, made) if rivals.shared else lost

    def fooled(rows: Tensor) -> Tensor:
        z = rivals.noise(_two_at_least(rows))
        made = fool(z)
        lost = (generator_loss if game is Game.GAN else critic_generator_loss)(tell(made))
        if rivals.shared:
            lost = lost + rivals.shared(z, made)
        return lost + rivals.own() if rivals.own else lost

    move = rmsprop(learning_rate) if game is Game.WGAN else adam(learning_rate)
    clip = (lambda: clip_weights(tell, CLIP)) if game is Game.WGAN else None
    return [
        Player(list(tell.parameters()), told_apart, move, moves=moves, after=clip),
        Player(list(fool.parameters()), fooled, move),
    ]


def _two_at_least(rows: Tensor) -> Tensor:
    """A batch of one has no deviation that a generator could be normalised by."""
    return rows if len(rows) > 1 else rows.repeat(2, *[1] * (rows.ndim - 1))
