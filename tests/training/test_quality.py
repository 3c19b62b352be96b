"""Generated rows are held against true ones: cover, spread, distance; a collapsed game is caught."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from oddflow.networks.generative_adversarial import Discriminator, Generator  # noqa: E402
from oddflow.training.adversaries import Game, Rivals, players  # noqa: E402
from oddflow.training.game import play  # noqa: E402
from oddflow.training.loop import Schedule  # noqa: E402
from oddflow.training.quality import measure  # noqa: E402

MODES = 8


def ring(count, seed, modes=MODES):
    """Eight heaps on a circle, the usual problem of mode collapse (Metz et al. 2017), or the first of them."""
    chance = np.random.default_rng(seed)
    angle = 2 * np.pi * chance.integers(0, modes, count) / MODES
    heaps = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (heaps + chance.normal(0, 0.1, (count, 2))).astype(np.float32)


def test_rows_like_the_true_ones_are_found_so():
    quality = measure(ring(2_000, 0), ring(2_000, 1))
    assert quality.covered == 1
    assert quality.spread == pytest.approx(1, abs=0.05)
    assert quality.frechet < 0.01
    assert quality.frechet_floor < 0.01


def test_heaps_that_are_left_out_are_missed():
    quality = measure(ring(2_000, 0), ring(2_000, 1, modes=2))
    assert quality.covered == pytest.approx(2 / 8, abs=0.1)
    assert quality.spread < 0.5
    assert quality.frechet > 0.5


def test_rows_between_the_heaps_cover_none():
    quality = measure(ring(2_000, 0), np.random.default_rng(0).normal(0, 0.1, (500, 2)).astype(np.float32))
    assert quality.covered == 0


def test_rows_that_are_all_alike_can_be_measured():
    same = np.ones((50, 3), np.float32)
    quality = measure(same, same)
    assert (quality.covered, quality.frechet) == (1, 0)
    assert measure(same[:1], same[:1]).frechet == measure(same[:3], same[:1]).frechet == 0


def played(*, learning_rate, epochs):
    torch.manual_seed(0)
    chance = torch.Generator().manual_seed(0)
    generator, discriminator = Generator(2, 2, (32, 32)), Discriminator(2, (32, 32))
    rivals = Rivals(generator, discriminator, lambda batch: torch.randn(len(batch), 2, generator=chance))
    rows = torch.from_numpy(ring(1_024, 0))
    moving = players(rivals, Game.GAN, moves=1, learning_rate=learning_rate, chance=chance)
    play(torch.nn.ModuleList([generator, discriminator]), moving, rows, Schedule(epochs, 128))
    with torch.no_grad():
        return measure(rows.numpy(), generator(torch.randn(1_024, 2, generator=chance)).numpy())


def test_a_game_that_collapses_is_caught_and_one_that_does_not_is_let_be():
    """The same game, but for a learning rate a hundred times as high."""
    sound, collapsed = played(learning_rate=3e-3, epochs=60), played(learning_rate=0.3, epochs=20)
    assert collapsed.covered < 0.5
    assert collapsed.spread < 0.5
    assert sound.covered > 0.8
    assert collapsed.frechet > 100 * sound.frechet
