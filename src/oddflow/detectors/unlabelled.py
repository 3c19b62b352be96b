"""What rows without labels are good for, beside a few that have some."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn

from oddflow.errors import UsageError
from oddflow.training.loop import Schedule, fit_network

UNKNOWN = -1
"""The class of a row without a label."""
_MOST_TO_ONE = 4
"""Rows without a label to one with, in a batch: those with are shown again, so that each step sees some."""
_HELD = 10
"""A tenth of the rows tells pre-training when to stop."""


class Use(StrEnum):
    """How a network learns from rows without labels.

    MASKED: It first learns to fill in columns that are hidden from it, and what it learnt there is fine-tuned on the
    labels (Devlin et al. 2019; for tables, Yoon et al. 2020, "VIME").
    PSEUDO_LABELS: Where it is sure of a row's class, that is the row's label (Lee 2013).
    CONSISTENCY: Where it is sure, the same row with columns hidden must have that class too (Sohn et al. 2020,
    "FixMatch").
    """

    MASKED = "masked"
    PSEUDO_LABELS = "pseudo-labels"
    CONSISTENCY = "consistency"


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """What is made of rows without labels, where there are any.

    Attributes:
        use: A word of `Use`.
        hidden_share: Share of the columns that are hidden from the network; each gets its value in another row.
        pretraining: Epochs of filling in, at most.
        confidence: The least probability of a class that a row without a label must have to count.
        unlabelled_weight: What such a row weighs beside one with a label.
    """

    use: str = Use.MASKED
    hidden_share: float = 0.25
    pretraining: int = 20
    confidence: float = 0.95
    unlabelled_weight: float = 1.0

    def check(self, name: str) -> None:
        """Raises UsageError where an option of the detector of that name is not as it must be."""
        if self.use not in list(Use):
            raise UsageError(f"use of {name} must be one of {', '.join(Use)}; {self.use!r} given")
        for option, least, greatest in (
            ("hidden_share", 0.01, 0.99),
            ("pretraining", 1, 1_000_000),
            ("confidence", 0, 1),
            ("unlabelled_weight", 0, 1_000),
        ):
            given = getattr(self, option)
            if not (isinstance(given, (int, float)) and least <= given <= greatest):
                raise UsageError(f"{option} of {name} must be from {least:g} to {greatest:g}; {given!r} given")


def hidden(rows: Tensor, share: float, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rows with columns hidden, each given its value in another row of the batch; and which: (b, m) -> (b, m) twice."""
    mask = torch.rand(rows.shape, generator=chance) < share
    others = torch.randint(len(rows), rows.shape, generator=chance)
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
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def joined(labelled: Tensor, unlabelled: Tensor) -> Tensor:
    """Rows with a class in the last column, and rows without: (n, m + 1), (u, m) -> (k, m + 1)."""
    again = max(1, round(len(unlabelled) / (_MOST_TO_ONE * len(labelled))))
    unknown = torch.full((len(unlabelled), 1), float(UNKNOWN))
    return torch.cat([labelled.repeat(again, 1), torch.cat([unlabelled, unknown], dim=1)])


def guessed_loss(
    network: nn.Module, rows: Tensor, how: Unlabelled, chance: torch.Generator
) -> Tensor:
    """What rows without a label cost: cross entropy to the class that the network is sure of, else 0: (b, m) -> (b,)."""
    with torch.no_grad():
        sure, guess = network(rows).softmax(dim=1).max(dim=1)
    shown = rows if how.use == Use.PSEUDO_LABELS else hidden(rows, how.hidden_share, chance)[0]
    lost = nn.functional.cross_entropy(network(shown), guess, reduction="none")
    return how.unlabelled_weight * lost * (sure >= how.confidence)
