"""More rows of a class are like those of the class."""

import pytest

torch = pytest.importorskip("torch")

from oddflow.training import samples  # noqa: E402
from oddflow.training.samples import Maker, more_like  # noqa: E402


@pytest.fixture(name="few", autouse=True)
def few_epochs(monkeypatch):
    monkeypatch.setattr(samples, "EPOCHS", 12)


def classes(count):
    """Two classes far apart, the second of few rows, in each of which the columns go together."""
    torch.manual_seed(1)
    first, second = torch.randn(count, 1), torch.randn(count // 10, 1)
    rows = torch.cat([torch.cat([first, first], 1), torch.cat([3 + second / 2, 3 - second / 2], 1)])
    return rows, torch.arange(2).repeat_interleave(torch.tensor([count, count // 10]))


@pytest.mark.parametrize("maker", list(Maker))
def test_rows_of_the_class_that_is_wanted_are_made(maker):
    rows, kinds = classes(300)
    made = more_like(maker, rows, kinds, {1: 200}, seed=2)
    assert list(made) == [1]
    assert made[1].shape == (200, 2)
    torch.testing.assert_close(made[1].mean(dim=0), rows[300:].mean(dim=0), atol=0.6, rtol=0)
    assert made[1].std(dim=0).min() > 0.1
    again = more_like(maker, rows, kinds, {1: 200}, seed=2)
    assert torch.equal(again[1], made[1])


def test_chance_outside_is_not_touched():
    before = torch.random.get_rng_state()
    more_like(Maker.VAE, *classes(30), {1: 5}, seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)
