"""Learning as one watches it: at a terminal, in a file, and with nobody there."""

from io import StringIO

from rich.console import Console

from oddflow.cli.learning_view import LearningView, sparkline


class Told:
    def __init__(self, number, validation, norms=()):
        self.number, self.train_loss, self.validation_loss = number, validation / 2, validation
        self.learning_rate, self.gradients, self.rows = 0.002, dict(norms), 1_000


class Clock:
    def __init__(self, step):
        self.now, self.step = 0.0, step

    def __call__(self):
        self.now += self.step
        return self.now


def watched(losses, *, terminal, step=0.5, norms=()):
    out = StringIO()
    console = Console(file=out, force_terminal=terminal, width=120, color_system=None)
    with LearningView(console, 20, clock=Clock(step)) as view:
        for number, loss in losses:
            view(Told(number, loss, norms))
        if terminal:
            console.print(view.shown())
    return out.getvalue()


def test_at_a_terminal_one_sees_how_far_and_how_well():
    seen = watched([(0, 4.0), (1, 2.0), (2, 3.0)], terminal=True)
    for words in ("fit 1", "epoch 3 of at most 20", "2,000 rows/s", "left", "best 2 in epoch 2", "learning rate 0.002"):
        assert words in seen
    assert "█▁" in seen or "█▃" in seen


def test_at_a_terminal_a_vanishing_gradient_is_warned_of():
    seen = watched([(0, 4.0)], terminal=True, norms={"first.weight": 1e-9, "last.weight": 1.0})
    assert "warning: the gradient of first" in seen


def test_elsewhere_each_fit_is_a_line():
    seen = watched([(0, 4.0), (1, 2.0), (0, 3.0)], terminal=False).splitlines()
    assert seen == [
        "fit 1: 2 epochs in 1 s, loss 1, validation 2; best of epoch 2: 2",
        "fit 2: 1 epochs in 500 ms, loss 1.5, validation 3; best of epoch 1: 3",
    ]


def test_elsewhere_a_long_fit_says_so_now_and_then():
    seen = watched([(number, 4.0 - number) for number in range(3)], terminal=False, step=6.0).splitlines()
    assert "fit 1, epoch 3 of at most 20: loss 1, validation 2; best 2 in epoch 3, learning rate 0.002" in seen


def test_many_values_are_drawn_as_their_means():
    assert sparkline([0, 2, 4, 6], 0, 6, columns=2) == "▂▇"
    assert len(sparkline(list(range(1, 1_000)), 1, 999)) == 48
