"""The training loop: one for every family, explicit and short.

Players move in turn, each to lower a loss of its own. One player is plain learning (`fit_network`); several are a game
(`training.game.play`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from math import isfinite

import torch
from torch import Tensor, nn

from oddflow.errors import LearningFailed
from oddflow.training.optimiser import Optimiser, clip
from oddflow.training.pace import Course, Pace, Pacer

Loss = Callable[[nn.Module, Tensor], Tensor]
"""What a network does badly: (network, rows (b, …)) -> one number for each row (b,)."""

LOOKED_AT = 256
"""Validation rows that listeners are shown."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn.

    Attributes:
        epochs: The most passes over the rows.
        batch_rows: Rows a step.
        learning_rate: The optimiser's step size, at its full height.
        patience: Epochs without a better validation loss before it ends.
        seed: Of the order in which rows are seen.
        threads: Cores that a step may use. Networks of this field are so small that a second core mostly waits
            for the first: on two busy cores, two threads were measured to learn 20 times as slowly as one.
        optimiser: What makes a step of the gradients.
        decay: What the sum of squared weights costs; see `Optimiser.of`.
        pace: How the learning rate goes on, and how long a step may be.
    """

    epochs: int = 80
    batch_rows: int = 128
    learning_rate: float = 2e-3
    patience: int = 10
    seed: int = 0
    threads: int = 1
    optimiser: Optimiser = Optimiser.ADAM
    decay: float = 0.0
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True)
class Epoch:
    """How one pass went.

    Attributes:
        number: From 0.
        train_loss, validation_loss: Means of a row; in a game, the first player's loss and what was judged.
        learning_rate: Of its steps.
        gradients: The norm of each parameter's gradient in the last step.
        network: As it stands after the pass, to look at only; none in a history.
        looked_at: A few validation rows, (at most 256, …), or without such of those that are learnt; none in a history.
        rows: That were learnt from.
    """

    number: int
    train_loss: float
    validation_loss: float
    learning_rate: float
    gradients: Mapping[str, float] = field(default_factory=dict)
    network: nn.Module | None = field(default=None, compare=False, repr=False)
    looked_at: Tensor | None = field(default=None, compare=False, repr=False)
    rows: int = 0


EpochTold = Callable[[Epoch], None]


@dataclass(slots=True)
class History:
    """All passes, and which was the best."""

    epochs: list[Epoch] = field(default_factory=list)
    best: int = -1

    def is_over(self, schedule: Schedule) -> bool:
        """Whether all passes were made, or so many brought nothing better that it is time to stop."""
        count = len(self.epochs)
        return count >= schedule.epochs or count - 1 - max(self.best, 0) >= schedule.patience


@dataclass(frozen=True, slots=True)
class Player:
    """Who moves to lower a loss of their own.

    Attributes:
        moved: Parameters that a move changes; others stand still.
        loss: Of a batch of rows: (b, …) -> (), or one number for each row, (b,).
        optimiser: What makes a move of the gradients; made anew for each fit.
        moves: Moves in a turn, each with rows of its own.
        after: What is done after each move, as clipping is.
    """

    moved: Sequence[nn.Parameter]
    loss: Callable[[Tensor], Tensor]
    optimiser: Callable[[Sequence[nn.Parameter]], torch.optim.Optimizer]
    moves: int = 1
    after: Callable[[], None] | None = None


def fit_network(
    network: nn.Module,
    loss: Loss,
    train: Tensor,
    validation: Tensor,
    schedule: Schedule,
    told: EpochTold | None = None,
) -> History:
    """Fits a network in place; it ends with the weights that did best on validation.

    Args:
        network: What is fitted; parameters that need no gradient stand still.
        loss: What it does badly, a row.
        train: Rows to learn from, (n, …).
        validation: Rows to stop by, (v, …); never learnt from.
        schedule: How long and how fast.
        told: Told of each epoch: a progress bar, curves.

    Raises:
        LearningFailed: The loss is no finite number any more; the network has the best weights until then.
    """
    alone = Player(
        [parameter for parameter in network.parameters() if parameter.requires_grad],
        lambda rows: loss(network, rows),
        lambda _: schedule.optimiser.of(network, schedule.learning_rate, schedule.decay),
    )
    judged: Callable[[Tensor], float] = lambda held: mean_loss(network, loss, held)  # noqa: E731
    return take_turns(
        network, [alone], train, schedule, judged=judged, held=validation, told=told, usual=Course.PLATEAU
    )


def take_turns(
    network: nn.Module,
    players: Sequence[Player],
    train: Tensor,
    schedule: Schedule,
    *,
    judged: Callable[[Tensor], float] | None = None,
    held: Tensor | None = None,
    told: EpochTold | None = None,
    usual: Course = Course.CONSTANT,
) -> History:
    """The loop itself; `fit_network` and `play` are its doors."""
    optimisers = [player.optimiser(player.moved) for player in players]
    pacer = Pacer(schedule.pace, epochs=schedule.epochs, patience=schedule.patience, usual=usual)
    order = torch.Generator().manual_seed(schedule.seed)
    shown = train[:0] if held is None else held
    history, best_weights = History(), deepcopy(network.state_dict())
    while not history.is_over(schedule):
        number = len(history.epochs)
        share = pacer.share(number)
        _set_rates(optimisers, share)
        with threads(schedule.threads):
            network.train()
            train_loss = _one_epoch(players, optimisers, train, order, schedule)
            network.eval()
            judgement = judged(shown) if judged else train_loss
        rate, gradients = schedule.learning_rate * share, gradient_norms(network)
        epoch = Epoch(number, train_loss, judgement, rate, gradients, rows=len(train))
        history.epochs.append(epoch)
        pacer.see(judgement)
        if told:
            told(replace(epoch, network=network, looked_at=(shown if len(shown) else train)[:LOOKED_AT]))
        if not (isfinite(train_loss) and isfinite(judgement)):
            network.load_state_dict(best_weights)
            raise LearningFailed(
                f"the loss diverged in epoch {number + 1} at a learning rate of {epoch.learning_rate:g}; "
                "try a lower one"
            )
        if judged is None or history.best < 0 or judgement < history.epochs[history.best].validation_loss:
            history.best, best_weights = number, deepcopy(network.state_dict())
    network.load_state_dict(best_weights)
    network.eval()
    return history


def _one_epoch(
    players: Sequence[Player],
    optimisers: Sequence[torch.optim.Optimizer],
    train: Tensor,
    order: torch.Generator,
    schedule: Schedule,
) -> float:
    """Turns until all rows were seen by who moves most; the first player's mean loss."""
    most = max(player.moves for player in players)
    shuffled = batches(len(train), schedule.batch_rows, order)
    total, seen = torch.zeros((), device=train.device), 0
    for start in range(0, len(shuffled), most):
        for player, optimiser in zip(players, optimisers, strict=True):
            for batch in shuffled[start : start + min(most, player.moves)]:
                lost = player.loss(train[batch]).mean()
                optimiser.zero_grad(set_to_none=True)
                lost.backward(inputs=player.moved)  # type: ignore[no-untyped-call]
                clip(player.moved, schedule.pace)
                optimiser.step()
                if player.after:
                    player.after()
                if player is players[0]:
                    total += lost.detach() * len(batch)
                    seen += len(batch)
    return float(total) / seen


def _set_rates(optimisers: Sequence[torch.optim.Optimizer], share: float) -> None:
    """Sets learning rates to a share of those that optimisers were made with."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * share


def batches(count: int, batch_rows: int, order: torch.Generator) -> list[Tensor]:
    """Places of rows in another order each time, so many a batch: (b,) each."""
    shuffled = list(torch.split(torch.randperm(count, generator=order), batch_rows))
    if len(shuffled) > 1 and len(shuffled[-1]) == 1 < batch_rows:
        # a row by itself has no variance, which batch normalisation needs
        shuffled[-2:] = [torch.cat(shuffled[-2:])]
    return shuffled


def gradient_norms(network: nn.Module) -> dict[str, float]:
    """The norm of each parameter's gradient as the last step left it, by torch's names."""
    found = [(name, parameter.grad) for name, parameter in network.named_parameters() if parameter.grad is not None]
    norms = torch.stack([gradient.norm() for _, gradient in found]).tolist() if found else []
    return {name: norm for (name, _), norm in zip(found, norms, strict=True)}


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Lets torch use so many cores, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def mean_loss(network: nn.Module, loss: Loss, rows: Tensor, batch_rows: int = 8_192) -> float:
    """The mean loss a row, without learning."""
    network.eval()
    total = torch.zeros((), device=rows.device)
    for start in range(0, len(rows), batch_rows):
        total += loss(network, rows[start : start + batch_rows]).sum()
    return float(total) / len(rows)
