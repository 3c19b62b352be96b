"""More rows of a class are like those of the class."""

import pytest

torch = pytest.importorskip("torch")

from oddflow.training import samples  # noqa: E402
from oddflow.training.samples import Maker, more_like  # noqa: E402


@pytest.fixture(name="few", autouse=True)
def few_steps(monkeypatch):
    for name, value in (("EPOCHS", 15), ("MOST_OF_A_CLASS", 256), ("BATCH_ROWS", 32)):
        monkeypatch.setattr(samples, name, value)


def classes(count):
    """Two classes apart, the second of few rows; (n, 2)."""
    chance = torch.Generator().manual_seed(1)
    first = torch.randn(count, 2, generator=chance)
    second = 3 + torch.randn(count // 10, 2, generator=chance) / 2
    return torch.cat([first, second]), torch.arange(2).repeat_interleave(torch.tensor([count, count // 10]))


@pytest.mark.parametrize("maker", list(Maker))
def test_rows_of_the_class_that_is_wanted_are_made(maker):
    rows, kinds = classes(300)
    made = more_like(maker, rows, kinds, {1: 200}, seed=2)
    assert list(made) == [1]
    assert made[1].shape == (200, 2)
    of_other, of_wanted = (rows[kinds == kind].mean(dim=0) for kind in (0, 1))
    mean = made[1].mean(dim=0)
    assert (mean - of_wanted).norm() < (mean - of_other).norm()
    assert made[1].std(dim=0).min() > 0.1
    again = more_like(maker, rows, kinds, {1: 200}, seed=2)
    assert torch.equal(again[1], made[1])


def test_chance_outside_is_not_touched():
    before = torch.random.get_rng_state()
    more_like(Maker.VAE, *classes(30), {1: 5}, seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)
