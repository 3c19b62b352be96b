"""The training loop of networks that learn against each other."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from oddflow.errors import LearningFailed
from oddflow.training.loop import Epoch, EpochTold, History, Schedule, shown, threads


@dataclass(frozen=True, slots=True)
class Player:
    """Who moves to lower a loss of their own.

    Attributes:
        moved: Parameters that a move changes; others stand still.
        loss: Of a batch of rows: (b, …) -> ().
        optimiser: What makes a move of the gradients; made anew for each game.
        moves: Moves in a turn, each with rows of its own.
        after: What is done after each move, as clipping is.
    """

    moved: Sequence[nn.Parameter]
    loss: Callable[[Tensor], Tensor]
    optimiser: Callable[[Sequence[nn.Parameter]], torch.optim.Optimizer]
    moves: int = 1
    after: Callable[[], None] | None = None


def adam(learning_rate: float, momentum: float = 0.5) -> Callable[[Sequence[nn.Parameter]], torch.optim.Optimizer]:
    """Adam with little momentum, as games need it (Radford et al. 2016)."""
    return lambda parameters: torch.optim.Adam(parameters, lr=learning_rate, betas=(momentum, 0.9))


def rmsprop(learning_rate: float) -> Callable[[Sequence[nn.Parameter]], torch.optim.Optimizer]:
    """RMSProp, which WGAN asks for (Arjovsky et al. 2017)."""
    return lambda parameters: torch.optim.RMSprop(parameters, lr=learning_rate)


def play(
    network: nn.Module,
    players: Sequence[Player],
    train: Tensor,
    schedule: Schedule,
    *,
    judged: Callable[[], float] | None = None,
    told: EpochTold | None = None,
) -> History:
    """Lets players move in turn, an epoch for each pass over the rows.

    Args:
        network: What holds all of them.
        players: In the order of their moves.
        train: Rows to learn from, (n, …).
        schedule: How long; a learning rate is each player's own.
        judged: How bad the network is after an epoch, on rows that were not learnt from; it ends with the weights
            that did best, and after `patience` epochs without better ones. Without it, all epochs are played.
        told: Told of each epoch: the first player's loss, and what was judged.

    Raises:
        LearningFailed: A loss is no finite number any more.
    """
    optimisers = [player.optimiser(player.moved) for player in players]
    order = torch.Generator().manual_seed(schedule.seed)
    history, best_loss, best_weights = History(), float("inf"), deepcopy(network.state_dict())
    for number in range(schedule.epochs):
        network.train()
        with threads(schedule.threads):
            loss = _one_epoch(players, optimisers, train, order, schedule.batch_rows)
            network.eval()
            judgement = judged() if judged else loss
        history.epochs.append(Epoch(number, loss, judgement, schedule.learning_rate, rows=len(train)))
        if told:
            told(shown(history.epochs[-1], network, train))
        if not abs(loss) < float("inf") or not abs(judgement) < float("inf"):
            raise LearningFailed(
                f"the game diverged in epoch {number + 1} at a learning rate of {schedule.learning_rate:g}; "
                "try a lower one"
            )
        if judged is None or judgement < best_loss:
            best_loss, history.best = judgement, number
            best_weights = deepcopy(network.state_dict())
        elif number - history.best >= schedule.patience:
            break
    network.load_state_dict(best_weights)
    network.eval()
    return history


def _one_epoch(
    players: Sequence[Player],
    optimisers: Sequence[torch.optim.Optimizer],
    train: Tensor,
    order: torch.Generator,
    batch_rows: int,
) -> float:
    """Turns until all rows were seen by who moves most; the first player's mean loss."""
    most = max(player.moves for player in players)
    shuffled = torch.randperm(len(train), generator=order)
    batches = [shuffled[start : start + batch_rows] for start in range(0, len(train), batch_rows)]
    total, counted = 0.0, 0
    for start in range(0, len(batches), most):
        turn = batches[start : start + most]
        for place, (player, optimiser) in enumerate(zip(players, optimisers, strict=True)):
            for batch in turn[: player.moves]:
                loss = player.loss(train[batch])
                optimiser.zero_grad(set_to_none=True)
                gradients = torch.autograd.grad(loss, list(player.moved), allow_unused=True)
                for parameter, gradient in zip(player.moved, gradients, strict=True):
                    parameter.grad = gradient
                optimiser.step()
                if player.after:
                    player.after()
                if not place:
                    total += float(loss.detach())
                    counted += 1
    return total / counted
