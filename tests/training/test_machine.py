"""Several processes and fewer bits: real ones, over gloo."""

import os

import pytest

from oddflow.errors import LearningFailed, UsageError
from oddflow.training.run import Run, running

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")
nn = torch.nn

from oddflow.networks.autoencoder import noised  # noqa: E402
from oddflow.training.game import adam, play  # noqa: E402
from oddflow.training.loop import Player, Schedule, fit_network  # noqa: E402

ROWS = torch.randn(101, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def fitted(run, *, told=None, spoil=None, kind=torch.float64):
    rows = ROWS.to(kind)
    chance = torch.Generator().manual_seed(1)

    def loss(network, rows):
        if spoil:
            spoil()
        given = noised(rows, 0.1, chance) if network.training else rows
        return (network(given) - rows).square().mean(dim=1)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(6, 3), nn.Tanh(), nn.Linear(3, 6)).to(kind)
    with running(run):
        history = fit_network(network, loss, rows[:81], rows[81:], Schedule(3, 16), told, chance=[chance])
    return network.state_dict(), history


def test_two_processes_give_what_one_gives():
    told = []
    (alone, history), (shared, beside) = fitted(Run()), fitted(Run(processes=2), told=told.append)
    for name, value in alone.items():
        torch.testing.assert_close(shared[name], value, rtol=1e-9, atol=1e-12)
    for one, other in zip(history.epochs, beside.epochs, strict=True):
        assert (other.train_loss, other.validation_loss) == pytest.approx((one.train_loss, one.validation_loss))
    assert told == beside.epochs


def test_players_of_a_game_share_batches_too():
    found = []
    for run in (Run(), Run(processes=2)):
        pair = nn.ParameterList([torch.tensor(4.0), torch.tensor(-4.0)])
        players = [
            Player([pair[0]], lambda rows, p=pair: (p[0] - rows.mean()).square(), adam(0.1), moves=2),
            Player([pair[1]], lambda _, p=pair: (p[1] - p[0]).square(), adam(0.1)),
        ]
        with running(run):
            play(pair, players, ROWS[:40, :1].float(), Schedule(2, 8))
        found.append(torch.stack(list(pair)).detach())
    torch.testing.assert_close(*found)


def test_a_process_that_dies_ends_the_fit():
    first = os.getpid()

    def spoil():
        if os.getpid() != first:
            raise ZeroDivisionError

    with pytest.raises(LearningFailed, match="a process that learnt beside this one ended early"):
        fitted(Run(processes=2), spoil=spoil)


def test_half_the_bits_learn_nearly_the_same():
    (full, history), (half, other) = (fitted(Run(precision=bits), kind=torch.float32) for bits in ("32", "bf16"))
    assert other.epochs[-1].train_loss == pytest.approx(history.epochs[-1].train_loss, rel=0.05)
    assert any(not torch.equal(full[name], half[name]) for name in full)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told():
    with pytest.raises(UsageError, match="torch finds no GPU here"):
        fitted(Run(device="cuda"))
