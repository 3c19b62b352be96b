"""A policy over the actions of a queue, and the baseline that goes with it."""

from typing import Any

import torch
from torch import Tensor, nn


class ActionPreference(nn.Module):
    """One small network for each action's row: the policy does not care in which order candidates stand.

    A softmax over the preferences of the allowed actions is the policy π_θ(a|s).

    Source: Sutton & Barto 2018, "Reinforcement Learning", section 13.1 (soft-max in action preferences); rows share
    weights as in Zaheer et al. 2017, "Deep Sets".
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, width: int, hidden: int = 32) -> None:
        super().__init__()
        self.body = nn.Linear(width, hidden)
        self.head = nn.Linear(hidden, 1)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))
        nn.init.zeros_(self.head.weight)  # all actions are equally likely at first
        nn.init.zeros_(self.head.bias)

    def standardise(self, rows: Tensor) -> None:
        """Takes the means and spreads of rows (n, width) for those of all rows."""
        self.mean = rows.mean(dim=0)
        self.spread = rows.std(dim=0).clamp_min(0.05)

    def preference(self, rows: Tensor) -> Tensor:
        """Rows to logits: (…, width) -> (…)."""
        z = (rows - self.mean) / self.spread
        logits: Tensor = self.head(torch.tanh(self.body(z))).squeeze(-1)
        return logits

    def forward(self, seen: Tensor) -> Tensor:
        """Observations to logits: (n, actions, 1 + width), "may be taken" first -> (n, actions)."""
        allowed, rows = seen[..., 0] > 0, seen[..., 1:]
        return self.preference(rows).masked_fill(~allowed, -1e9)


class QueueValue(nn.Module):
    """What a state is worth: the mean and the greatest of what its allowed actions show.

    Source: the pooling of Zaheer et al. 2017, "Deep Sets", eq. 4.
    """

    def __init__(self, width: int, hidden: int = 32) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(width, hidden), nn.Tanh())
        self.head = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, seen: Tensor) -> Tensor:
        """Observations to values: (n, actions, 1 + width), "may be taken" first -> (n,)."""
        allowed = seen[..., :1]
        h = self.body(seen[..., 1:]) * allowed  # (n, actions, hidden), 0 for what may not be taken
        mean = h.sum(dim=1) / allowed.sum(dim=1).clamp_min(1)
        worth: Tensor = self.head(torch.cat([mean, h.amax(dim=1)], dim=1)).squeeze(1)
        return worth


def weights_of(network: ActionPreference) -> dict[str, Any]:
    """Arrays by name: `mean`, `spread` (d,), `weight` (h, d), `bias` (h,), `head` (h,), `head_bias` ()."""
    return {
        "mean": network.mean.numpy(),
        "spread": network.spread.numpy(),
        "weight": network.body.weight.detach().numpy(),
        "bias": network.body.bias.detach().numpy(),
        "head": network.head.weight.detach().numpy()[0],
        "head_bias": network.head.bias.detach().numpy()[0],
    }
