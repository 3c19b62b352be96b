"""The training loop: one for every family, explicit and short.

Players move in turn, each to lower a loss of its own. One player is plain learning (`fit_network`); several are a game
(`training.game.play`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from math import isfinite

import torch
from torch import Tensor, nn

from oddflow.errors import LearningFailed, UsageError
from oddflow.training.beginning import Beginning, Given
from oddflow.training.checkpoint import Checkpoint
from oddflow.training.machine import Machine, machine_for
from oddflow.training.optimiser import Optimiser
from oddflow.training.pace import Course, Pace, Pacer
from oddflow.training.progress import Epoch, EpochTold, History, Progress
from oddflow.training.redrawing import Redrawing
from oddflow.training.run import session

__all__ = [
    "Epoch",
    "EpochTold",
    "History",
    "Loss",
    "Player",
    "Schedule",
    "Sides",
    "batches",
    "fit_network",
    "gradient_norms",
    "mean_loss",
    "take_turns",
    "threads",
]

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
class Player:
    """Who moves to lower a loss of their own.

    Attributes:
        moved: Parameters that a move changes; others stand still.
        loss: Of a batch of rows: (b, …) -> (), or one number for each row, (b,).
        optimiser: What makes a move of the gradients; made anew for each fit.
        moves: Moves in a turn, each with rows of its own.
        after: What is done after each move, as clipping is.
        slope: The mean loss of a batch, which leaves its gradients with the parameters, faster than `loss` and
            autograd do; None where there is no such way.
    """

    moved: Sequence[nn.Parameter]
    loss: Callable[[Tensor], Tensor]
    optimiser: Callable[[Sequence[nn.Parameter]], torch.optim.Optimizer]
    moves: int = 1
    after: Callable[[], None] | None = None
    slope: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True, slots=True)
class Sides:
    """Who learns, and how it is judged.

    Attributes:
        network: What holds all of them.
        players: In the order of their moves.
        judged: How bad the network is on rows that are held back, (v, …); None where that cannot be told, and all
            epochs count.
        chance: Generators that losses draw from.
        memory: Tensors that losses change in place.
        usual: How learning rates go on unless told otherwise.
        beginning: Weights to begin from; those of the session unless given.
    """

    network: nn.Module
    players: Sequence[Player]
    judged: Callable[[Tensor], float] | None = None
    chance: Sequence[torch.Generator] = ()
    memory: Sequence[Tensor] = ()
    usual: Course = Course.CONSTANT
    beginning: Beginning | None = None


def fit_network(
    network: nn.Module,
    loss: Loss,
    train: Tensor,
    validation: Tensor,
    schedule: Schedule,
    told: EpochTold | None = None,
    *,
    chance: Sequence[torch.Generator] = (),
    beginning: Beginning | None = None,
) -> History:
    """Fits a network in place; it ends with the weights that did best on validation.

    Args:
        network: What is fitted; parameters that need no gradient stand still.
        loss: What it does badly, a row.
        train: Rows to learn from, (n, …).
        validation: Rows to stop by, (v, …); never learnt from.
        schedule: How long and how fast.
        told: Told of each epoch: a progress bar, curves.
        chance: Generators that the loss draws from, so that a fit which was broken off can go on.
        beginning: Weights to begin from; those of the session unless given, and else those that the network has.

    Raises:
        LearningFailed: The loss is no finite number any more; the network has the best weights until then.
        UsageError: The run asks for a device that is not there, or its checkpoint is of another fit.
    """
    alone = Player(
        list(network.parameters()),
        lambda rows: loss(network, rows),
        lambda _: schedule.optimiser.of(network, schedule.learning_rate, schedule.decay),
        slope=loss.slope(network) if isinstance(loss, Redrawing) else None,
    )
    return take_turns(
        Sides(
            network,
            [alone],
            lambda held: mean_loss(network, loss, held),
            chance,
            usual=Course.PLATEAU,
            beginning=beginning,
        ),
        train,
        validation,
        schedule,
        told,
    )


def take_turns(sides: Sides, train: Tensor, held: Tensor | None, schedule: Schedule, told: EpochTold | None) -> History:
    """The loop itself; `fit_network` and `training.game.play` are its doors."""
    network, now = sides.network, session()
    name = next(now.names)
    beginning = sides.beginning or now.beginning
    given = beginning.give(network) if beginning else Given()
    shown = train[:0] if held is None else held
    words = (str(network), repr(schedule), given.words())
    checkpoint = Checkpoint.of(now, name, words, (train, shown, *network.state_dict().values()))
    pacer = Pacer(schedule.pace, epochs=schedule.epochs, patience=schedule.patience, usual=sides.usual)
    order = torch.Generator().manual_seed(schedule.seed)
    with machine_for(now.run, joined=now.joined) as machine:
        network.to(machine.device)
        players = [_moving(player) for player in sides.players]
        optimisers = [given.slowed(player.optimiser(player.moved)) for player in players]
        best = deepcopy(network.state_dict())
        progress = Progress(network, optimisers, (order, *sides.chance), sides.memory, best)
        history, tell = progress.history, told if told and machine.is_first else _nothing
        if checkpoint:
            checkpoint.restore(progress, machine)
        machine.begin(progress)
        for passed in history.epochs:
            pacer.see(passed.validation_loss)
            tell(passed)
        train, shown = machine.place(train), machine.place(shown)
        while not history.is_over(schedule):
            number = len(history.epochs)
            share = _set_rates(optimisers, pacer.share(number))
            with threads(schedule.threads):
                given.train(network)
                train_loss = _one_epoch(players, optimisers, train, order, schedule, machine)
                machine.settle(network)
                network.eval()
                judgement = machine.agreed(sides.judged(shown)) if sides.judged else train_loss
            rate = schedule.learning_rate * share
            epoch = Epoch(number, train_loss, judgement, rate, gradient_norms(network), rows=len(train))
            tell(replace(epoch, network=network, looked_at=(shown if len(shown) else train)[:LOOKED_AT]))
            if not (isfinite(train_loss) and isfinite(judgement)):
                raise _diverged(progress, epoch, checkpoint)
            pacer.see(judgement)
            if not sides.judged or history.best < 0 or judgement < history.epochs[history.best].validation_loss:
                history.best, progress.best = number, deepcopy(network.state_dict())
            history.epochs.append(epoch)
            if checkpoint and machine.is_first:
                checkpoint.save(progress, machine, at_once=history.is_over(schedule))
        network.load_state_dict(progress.best)
    given.free()
    network.cpu().eval()
    return history


def _moving(player: Player) -> Player:
    """The player, moving only what does not stand still."""
    moved = [parameter for parameter in player.moved if parameter.requires_grad]
    if not moved:
        raise UsageError("all layers of a network would stand still that learns against others; freeze fewer of them")
    return player if len(moved) == len(player.moved) else replace(player, moved=moved, slope=None)


def _one_epoch(
    players: Sequence[Player],
    optimisers: Sequence[torch.optim.Optimizer],
    train: Tensor,
    order: torch.Generator,
    schedule: Schedule,
    machine: Machine,
) -> float:
    """Turns until all rows were seen by who moves most; the first player's mean loss."""
    most = max(player.moves for player in players)
    shuffled = batches(len(train), schedule.batch_rows, order)
    total, seen = torch.zeros((), device=machine.device), 0
    for start in range(0, len(shuffled), most):
        for player, optimiser in zip(players, optimisers, strict=True):
            for batch in shuffled[start : start + min(most, player.moves)]:
                if player.slope and machine.by_hand:
                    lost = player.slope(train.index_select(0, batch))
                    machine.move(player.moved, optimiser, schedule.pace)
                else:
                    with machine.part(batch) as (own, weight), machine.precision():
                        lost = player.loss(train[own].to(machine.device)).mean()
                    lost = lost if weight == 1 else lost * weight
                    machine.step(lost, player.moved, optimiser, schedule.pace)
                if player.after:
                    player.after()
                if player is players[0]:
                    total += lost.detach() * len(batch)
                    seen += len(batch)
    return machine.total(total) / seen


def _diverged(progress: Progress, epoch: Epoch, checkpoint: Checkpoint | None) -> LearningFailed:
    """What is said when a loss is no number any more; the network goes back to the best weights until then."""
    progress.network.load_state_dict(progress.best)
    said = (
        f"the loss diverged in epoch {epoch.number + 1} at a learning rate of {epoch.learning_rate:g}; "
        "try a lower one, or bound gradients with clip=1"
    )
    if checkpoint and progress.history.best >= 0:
        said += f"; the weights of epoch {progress.history.best + 1}, the best until then, are in "
        said += str(checkpoint.save_best(progress.best))
    return LearningFailed(said)


def _nothing(_: Epoch) -> None:
    """Nobody listens."""


def _set_rates(optimisers: Sequence[torch.optim.Optimizer], share: float) -> float:
    """Sets learning rates to a share of those that optimisers were made with, and gives it."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * share
    return share


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
