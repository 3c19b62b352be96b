"""The training loop: one for every family, explicit and short."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from oddflow.errors import LearningFailed
from oddflow.training.optimiser import Optimiser

Loss = Callable[[nn.Module, Tensor], Tensor]
"""What a network does badly: (network, rows (b, …)) -> one number for each row (b,)."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn.

    Attributes:
        epochs: The most passes over the rows.
        batch_rows: Rows a step.
        learning_rate: The optimiser's step size; halved when validation stands still.
        patience: Epochs without a better validation loss before it ends.
        seed: Of the order in which rows are seen.
        threads: Cores that a step may use. Networks of this field are so small that a second core mostly waits
            for the first: on two busy cores, two threads were measured to learn 20 times as slowly as one.
        optimiser: What makes a step of the gradients.
        decay: What the sum of squared weights costs; see `Optimiser.of`.
    """

    epochs: int = 80
    batch_rows: int = 128
    learning_rate: float = 2e-3
    patience: int = 10
    seed: int = 0
    threads: int = 1
    optimiser: Optimiser = Optimiser.ADAM
    decay: float = 0.0


@dataclass(frozen=True, slots=True)
class Epoch:
    """How one pass went: mean losses a row.

    Attributes:
        number: From 0.
        train_loss, validation_loss: Of rows that were learnt from, and of others.
        learning_rate: Of its steps.
        gradients: The norm of each parameter's gradient at the last step, by its name.
        network: As it stands, to look at only.
        looked_at: Some rows of validation, as the loss is given them, (v, …).
        rows: That were learnt from.
    """

    number: int
    train_loss: float
    validation_loss: float
    learning_rate: float
    gradients: Mapping[str, float] = field(default_factory=dict)
    network: nn.Module | None = None
    looked_at: Tensor | None = None
    rows: int = 0


EpochTold = Callable[[Epoch], None]

LOOKED_AT = 256
"""Rows of validation that listeners may look at."""


@dataclass(slots=True)
class History:
    """All passes, and which was the best."""

    epochs: list[Epoch] = field(default_factory=list)
    best: int = -1


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
        network: What is fitted.
        loss: What it does badly, a row.
        train: Rows to learn from, (n, …).
        validation: Rows to stop by, (v, …); never learnt from.
        schedule: How long and how fast.
        told: Told of each epoch: a progress bar, curves.

    Raises:
        LearningFailed: The loss is no finite number any more.
    """
    optimiser = schedule.optimiser.of(network, schedule.learning_rate, schedule.decay)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=schedule.patience // 3)
    order = torch.Generator().manual_seed(schedule.seed)
    history, best_loss = History(), float("inf")
    best_weights = deepcopy(network.state_dict())
    for number in range(schedule.epochs):
        with threads(schedule.threads):
            train_loss = _one_epoch(network, loss, train, optimiser, order, schedule.batch_rows)
            validation_loss = mean_loss(network, loss, validation)
        rate = optimiser.param_groups[0]["lr"]
        history.epochs.append(Epoch(number, train_loss, validation_loss, rate, rows=len(train)))
        if told:
            told(shown(history.epochs[-1], network, validation))
        if not train_loss < float("inf") or not validation_loss < float("inf"):
            raise LearningFailed(
                f"the loss diverged in epoch {number + 1} at a learning rate of {rate:g}; try a lower one"
            )
        plateau.step(validation_loss)
        if validation_loss < best_loss:
            best_loss, history.best = validation_loss, number
            best_weights = deepcopy(network.state_dict())
        elif number - history.best >= schedule.patience:
            break
    network.load_state_dict(best_weights)
    network.eval()
    return history


def shown(epoch: Epoch, network: nn.Module, validation: Tensor) -> Epoch:
    """An epoch as listeners are told of it: with the network, its gradients, and rows to look at it with."""
    norms = {name: float(one.grad.norm()) for name, one in network.named_parameters() if one.grad is not None}
    return replace(epoch, gradients=norms, network=network, looked_at=validation[:LOOKED_AT])


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Lets torch use so many cores, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _one_epoch(
    network: nn.Module,
    loss: Loss,
    train: Tensor,
    optimiser: torch.optim.Optimizer,
    order: torch.Generator,
    batch_rows: int,
) -> float:
    network.train()
    total = torch.zeros(())
    shuffled = torch.randperm(len(train), generator=order)
    batches = [shuffled[start : start + batch_rows] for start in range(0, len(train), batch_rows)]
    if len(batches) > 1 and len(batches[-1]) == 1 < batch_rows:
        # a row by itself has no variance, which batch normalisation needs
        batches[-2:] = [torch.cat(batches[-2:])]
    for batch in batches:
        row_losses = loss(network, train[batch])  # (b,)
        optimiser.zero_grad(set_to_none=True)
        row_losses.mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total += row_losses.detach().sum()
    return float(total) / len(train)


@torch.no_grad()
def mean_loss(network: nn.Module, loss: Loss, rows: Tensor, batch_rows: int = 8_192) -> float:
    """The mean loss a row, without learning."""
    network.eval()
    total = torch.zeros(())
    for start in range(0, len(rows), batch_rows):
        total += loss(network, rows[start : start + batch_rows]).sum()
    return float(total) / len(rows)
