"""More rows of a rare class: networks that learn it and make others like it."""

from collections.abc import Callable
from enum import StrEnum

import torch
from torch import Tensor, nn

from oddflow.networks.chance import normal
from oddflow.networks.conditional_gan import ConditionalDiscriminator, ConditionalGenerator
from oddflow.networks.generative_adversarial import Discriminator, Generator
from oddflow.networks.variational import VariationalAutoencoder, gaussian_log_likelihood, kl_to_standard_normal
from oddflow.training.adversaries import Game, Rivals, players
from oddflow.training.game import play
from oddflow.training.loop import Schedule, fit_network

LATENT = 16
HIDDEN = (64, 64)
MOST_OF_A_CLASS = 2_048
"""Rows of a class that an epoch shows: of fewer each is shown several times, so that classes count the same."""
EPOCHS = 40
BATCH_ROWS = 128
BETA = 0.05
"""Weight of the divergence from N(0, 1), for columns of deviation 1; see the variational autoencoder's page."""


class Maker(StrEnum):
    """What makes rows.

    CONDITIONAL_GAN: one GAN for all classes, told which (Mirza & Osindero 2014). WGAN_GP: a GAN for each class that is
    wanted (Gulrajani et al. 2017). VAE: a variational autoencoder for each (Kingma & Welling 2014).
    """

    CONDITIONAL_GAN = "conditional-gan"
    WGAN_GP = "wgan-gp"
    VAE = "vae"


class _Classed(nn.Module):
    """A network that is told a class, told it by the last columns of its rows, one for each class."""

    def __init__(self, network: nn.Module, classes: int, *, tells: bool = False) -> None:
        super().__init__()
        self.network = network
        self.classes = classes
        self.tells = tells

    def forward(self, x: Tensor) -> Tensor:
        """(n, width + classes) -> what the network makes of it; with the class beside it, where it tells."""
        rows, classes = x[:, : -self.classes], x[:, -self.classes :]
        made: Tensor = self.network(rows, classes.argmax(dim=1))
        return torch.cat([made, classes], dim=1) if self.tells else made


def more_like(maker: Maker, rows: Tensor, classes: Tensor, wanted: dict[int, int], *, seed: int) -> dict[int, Tensor]:
    """Rows that were made, of each class that is wanted.

    Args:
        maker: What makes them.
        rows: Scaled rows of all classes, (n, m).
        classes: The class of each, from 0 without gaps, (n,) int64.
        wanted: How many rows are made of which classes.
        seed: Of all chance in it.

    Raises:
        LearningFailed: It diverged.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        chance = torch.Generator().manual_seed(seed)
        if maker is Maker.CONDITIONAL_GAN:
            make = _conditional(rows, classes, seed, chance)
            return {kind: make(kind, count) for kind, count in wanted.items()}
        learn = _wasserstein if maker is Maker.WGAN_GP else _variational
        return {
            kind: learn(_shown(rows[classes == kind], chance), seed, chance)(count) for kind, count in wanted.items()
        }


def _shown(rows: Tensor, chance: torch.Generator) -> Tensor:
    """As many rows of each class, each as often as the others but for one: (n, m) -> (2048, m)."""
    rounds = -(-MOST_OF_A_CLASS // len(rows))
    places = torch.cat([torch.randperm(len(rows), generator=chance) for _ in range(rounds)])
    return rows[places[:MOST_OF_A_CLASS]]


def _conditional(rows: Tensor, classes: Tensor, seed: int, chance: torch.Generator) -> Callable[[int, int], Tensor]:
    count = int(classes.max()) + 1
    marks = torch.eye(count)  # (classes, classes)
    shown = torch.cat(
        [
            torch.cat([part := _shown(rows[classes == kind], chance), marks[kind].expand(len(part), -1)], dim=1)
            for kind in range(count)
        ]
    )
    generator = _Classed(ConditionalGenerator(LATENT, rows.shape[1], count, HIDDEN), count, tells=True)
    discriminator = _Classed(ConditionalDiscriminator(rows.shape[1], count, HIDDEN), count)

    def noise(batch: Tensor) -> Tensor:
        return torch.cat([normal(batch, LATENT, generator=chance), batch[:, -count:]], dim=1)

    _play(Rivals(generator, discriminator, noise), Game.GAN, shown, seed, chance, moves=1)

    @torch.no_grad()
    def make(kind: int, wanted: int) -> Tensor:
        made: Tensor = generator(noise(marks[kind].expand(wanted, -1)))
        return made[:, :-count]

    return make


def _wasserstein(shown: Tensor, seed: int, chance: torch.Generator) -> Callable[[int], Tensor]:
    generator, critic = Generator(LATENT, shown.shape[1], HIDDEN), Discriminator(shown.shape[1], HIDDEN)
    rivals = Rivals(generator, critic, lambda batch: normal(batch, LATENT, generator=chance))
    _play(rivals, Game.WGAN_GP, shown, seed, chance, moves=3)

    @torch.no_grad()
    def make(wanted: int) -> Tensor:
        made: Tensor = generator(torch.randn(wanted, LATENT, generator=chance))
        return made

    return make


def _play(rivals: Rivals, game: Game, shown: Tensor, seed: int, chance: torch.Generator, *, moves: int) -> None:
    both = nn.ModuleList([rivals.generator, rivals.discriminator])
    schedule = Schedule(EPOCHS * moves, BATCH_ROWS, 1e-3, seed=seed)
    play(both, players(rivals, game, moves=moves, learning_rate=1e-3, chance=chance), shown, schedule, chance=(chance,))


def _variational(shown: Tensor, seed: int, chance: torch.Generator) -> Callable[[int], Tensor]:
    network = VariationalAutoencoder(shown.shape[1], HIDDEN[0], LATENT)

    def loss(network: nn.Module, rows: Tensor) -> Tensor:
        drawn, mean, log_variance = network(rows, normal(rows, LATENT, generator=chance))
        lost: Tensor = BETA * kl_to_standard_normal(mean, log_variance) - gaussian_log_likelihood(drawn, rows)
        return lost / rows.shape[1]

    schedule = Schedule(EPOCHS, BATCH_ROWS, 2e-3, seed=seed)
    fit_network(network, loss, shown, shown, schedule, chance=(chance,))

    @torch.no_grad()
    def make(wanted: int) -> Tensor:
        # of codes that rows were given, not of N(0, 1): with so light a divergence they do not fill it
        codes = shown[torch.randint(len(shown), (wanted,), generator=chance)]
        noise = torch.randn(wanted, LATENT, generator=chance)
        made: Tensor = network(codes, noise)[0]
        return made

    return make
