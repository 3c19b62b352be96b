import numpy as np
import pytest

from oddflow.errors import LearningFailed

torch = pytest.importorskip("torch")

from oddflow.training.game import adam, play, rmsprop  # noqa: E402
from oddflow.training.loop import Player, Schedule  # noqa: E402

ROWS = torch.arange(20.0)[:, None]


class Point(torch.nn.Module):
    """Two numbers that are drawn to and fro."""

    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor(4.0))
        self.b = torch.nn.Parameter(torch.tensor(-4.0))


def sgd(rate):
    return lambda moved: torch.optim.SGD(moved, lr=rate)


def test_players_move_only_what_is_theirs_and_meet():
    point = Point()
    players = [
        Player([point.a], lambda rows: (point.a - 1).square(), sgd(0.2)),
        Player([point.b], lambda rows: (point.b - point.a).square(), sgd(0.2)),
    ]
    play(point, players, ROWS, Schedule(epochs=20, batch_rows=5))
    assert (point.a.item(), point.b.item()) == pytest.approx((1, 1), abs=1e-2)


def test_a_player_of_many_moves_sees_rows_of_its_own_in_each_and_each_row_once():
    point, seen, turns = Point(), [], []

    def critic(rows):
        seen.append(rows.flatten().tolist())
        return point.a.square()

    def other(rows):
        turns.append(len(seen))
        return point.b.square()

    players = [Player([point.a], critic, sgd(0.1), moves=3), Player([point.b], other, sgd(0.1))]
    play(point, players, ROWS, Schedule(epochs=1, batch_rows=4))
    assert sorted(row for rows in seen for row in rows) == ROWS.flatten().tolist()
    assert turns == [3, 5]


def test_what_follows_a_move_is_done_after_each():
    point = Point()
    clip = lambda: point.a.data.clamp_(-0.5, 0.5)  # noqa: E731
    play(point, [Player([point.a], lambda _: -point.a, rmsprop(1.0), after=clip)], ROWS, Schedule(epochs=2))
    assert point.a.item() == pytest.approx(0.5)


def test_it_ends_with_the_weights_that_were_judged_best():
    point = Point()
    judged = lambda _: abs(point.a.item() - 3)  # noqa: E731
    player = Player([point.a], lambda _: point.a, sgd(0.5))
    history = play(point, [player], ROWS, Schedule(epochs=50, batch_rows=20, patience=4), judged=judged)
    assert point.a.item() == pytest.approx(3)
    assert history.best == 1
    assert len(history.epochs) == 6


def test_without_a_judge_all_epochs_are_played_and_told():
    point, told = Point(), []
    player = Player([point.a], lambda _: point.a, sgd(0.5))
    history = play(point, [player], ROWS, Schedule(epochs=7, patience=1), told=told.append)
    assert told == history.epochs
    assert [epoch.number for epoch in told] == list(range(7))


def test_a_game_that_diverges_is_told():
    point = Point()
    player = Player([point.a], lambda _: point.a.pow(4), sgd(1e10))
    with pytest.raises(LearningFailed, match="diverged in epoch"):
        play(point, [player], ROWS, Schedule(epochs=30, batch_rows=5))


def test_adam_and_rmsprop_descend():
    for optimiser in (adam(0.1), rmsprop(0.1)):
        point = Point()
        play(point, [Player([point.a], lambda _, p=point: p.a.square(), optimiser)], ROWS, Schedule(epochs=100))
        assert abs(point.a.item()) < 0.5
        assert np.isclose(point.b.item(), -4)
