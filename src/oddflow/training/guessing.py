"""Learning from rows without labels: filling in what is hidden, and guesses that are sure."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from oddflow.training.loop import Schedule, fit_network
from oddflow.training.unlabelled import Unlabelled, Use

FEWEST_UNLABELLED = 20
"""Of fewer rows without labels nothing is learnt beforehand."""
UNKNOWN = -1
"""The class of a row without a label."""
_MOST_TO_ONE = 4
"""Rows without a label to one with, in a batch: those with are shown again, so that each step sees some."""
_HELD = 10
"""A tenth of the rows tells pre-training when to stop."""


def hidden(rows: Tensor, share: float, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rows with columns hidden, each given its value in another row of the batch; and which: (b, m) -> (b, m) twice."""
    mask = (torch.rand(rows.shape, generator=chance) < share).to(rows.device)
    others = torch.randint(len(rows), rows.shape, generator=chance).to(rows.device)
    return torch.where(mask, rows.gather(0, others), rows), mask


def pretrained(
    make: Callable[[int], nn.Module], rows: Tensor, how: Unlabelled, schedule: Schedule
) -> dict[str, Tensor]:
    """Weights of a network that learnt to fill in hidden columns.

    What is hidden weighs as much as what is seen, which must come out as it went in.

    Args:
        make: A fresh network of so many outputs.
        rows: As the network is given them, (n, m).
        how: How much is hidden, and for how many epochs.
        schedule: Of the fit; its epochs are `how.pretraining`.
    """
    chance = torch.Generator().manual_seed(schedule.seed)
    network = make(rows.shape[1])

    def loss(network: nn.Module, given: Tensor) -> Tensor:
        seen, mask = hidden(given, how.hidden_share, chance)
        lost = nn.functional.smooth_l1_loss(network(seen), given, reduction="none")
        weights = torch.where(mask, 0.5 / how.hidden_share, 0.5 / (1 - how.hidden_share))
        return (lost * weights).mean(dim=1)

    held = max(1, len(rows) // _HELD)
    order = torch.randperm(len(rows), generator=chance)
    fit_network(network, loss, rows[order[held:]], rows[order[:held]], schedule, chance=(chance,))
    return {name: value.clone() for name, value in network.state_dict().items() if value.is_floating_point()}


def balanced(how: Unlabelled, table: Tensor) -> Unlabelled:
    """The same for rows joined so, (k, m + 1): all without a label weigh `unlabelled_weight` of all with one."""
    known = table[:, -1] != UNKNOWN
    return replace(how, unlabelled_weight=how.unlabelled_weight * float(known.sum() / (~known).sum()))


def joined(labelled: Tensor, unlabelled: Tensor) -> Tensor:
    """Rows with a class in the last column, and rows without: (n, m + 1), (u, m) -> (k, m + 1)."""
    again = max(1, round(len(unlabelled) / (_MOST_TO_ONE * len(labelled))))
    unknown = torch.full((len(unlabelled), 1), float(UNKNOWN))
    return torch.cat([labelled.repeat(again, 1), torch.cat([unlabelled, unknown], dim=1)])


def guessed_loss(network: nn.Module, rows: Tensor, logits: Tensor, how: Unlabelled, chance: torch.Generator) -> Tensor:
    """What rows cost whose label nobody knows: cross entropy to the class it is sure of, or 0.

    Args:
        network: What guesses.
        rows: A whole batch, (b, m): of few of them batch normalisation would take a wrong mean.
        logits: What the network says of them, (b, k); a guess is taken as it stands.
        how: By which of the two ways, and how sure it must be.
        chance: What hides columns.

    Returns:
        (b,), for rows with a label too.
    """
    sure, guess = logits.detach().softmax(dim=1).max(dim=1)
    said = logits if how.use == Use.PSEUDO_LABELS else network(hidden(rows, how.hidden_share, chance)[0])
    lost: Tensor = nn.functional.cross_entropy(said, guess, reduction="none")
    return how.unlabelled_weight * lost * (sure >= how.confidence)
