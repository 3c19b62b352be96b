"""A network that folds a tree: packets to bursts, bursts to the flow."""

import torch
from torch import Tensor, nn

from oddflow.networks.inputs import present


class Fold(nn.Module):
    """Joins neighbours of a group two by two, then the pairs two by two, until each group is one node.

    All groups of all rows are joined at once, a level at a time; an odd one out waits for the next level.

    Source: Socher et al. 2011, eq. 2 (joined), 3 (taken apart again) and 4 (the error); the tree is balanced instead of
    searched for.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.join = nn.Linear(2 * width, width)
        self.apart = nn.Linear(width, 2 * width)

    def forward(self, nodes: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Each group's root where the group begins, the sum of errors of joins, and their number.

        (n, t, width), (n, t) int64 -> (n, t, width), (n,), (n,).

        Args:
            nodes: Nodes, a group's one after the other.
            place: Which of its group each node is, from 0; −1 for padding.
        """
        error = torch.zeros_like(nodes[:, 0, 0])
        joins = torch.zeros_like(place[:, 0])
        distance = 1
        while distance < nodes.shape[1]:
            partner = torch.cat([nodes[:, distance:], 0 * nodes[:, :distance]], dim=1)  # (n, t, width)
            same_group = torch.cat([place[:, distance:], 0 * place[:, :distance] - 1], dim=1) == place + distance
            pair = place.to(nodes.dtype) / (2 * distance)
            together = same_group & (pair.long().to(nodes.dtype) == pair)  # (n, t), where a pair is whole
            children = torch.cat([nodes, partner], dim=2)  # (n, t, 2 · width)
            parent = torch.tanh(self.join(children))  # (n, t, width)
            again = torch.tanh(self.apart(parent))  # (n, t, 2 · width)
            error = error + ((again - children).square().mean(dim=2) * together).sum(dim=1)
            joins = joins + together.sum(dim=1)
            nodes = torch.where(together[:, :, None], parent, nodes)
            distance *= 2
        return nodes, error, joins


class RecursiveAutoencoder(nn.Module):
    """Folds packets to bursts and bursts to the flow, each level with weights of its own.

    A burst is a run of packets in one direction. What cannot be taken apart again was joined oddly.

    Source: Socher et al. 2011, "Semi-Supervised Recursive Autoencoders"; notes 000, part 2 (RvNN).
    """

    def __init__(self, features: int = 2, width: int = 16) -> None:
        super().__init__()
        self.leaf = nn.Linear(features, width)
        self.burst = Fold(width)
        self.flow = Fold(width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Sequences to roots and mean errors a join: (n, steps, features) -> (n, width), (n,).

        Args:
            x: Packets; the sign of the first feature is the direction, packets of zeros at the end are padding.
        """
        leaves = torch.tanh(self.leaf(x))  # (n, steps, width)
        burst = bursts_of(x)  # (n, steps)
        bursts, lost_in_bursts, joins_in_bursts = self.burst(leaves, place_in(burst))
        order = torch.arange(x.shape[1], device=x.device)  # (steps,)
        begins = (place_in(burst) == 0)[:, None, :] & (burst[:, None, :] == order[:, None])  # (n, burst, steps)
        in_order = begins.to(x.dtype) @ bursts  # (n, bursts, width), zeros after the last
        place = torch.where(begins.any(dim=2), order, -1)
        flows, lost_in_flow, joins_in_flow = self.flow(in_order, place)
        joins = (joins_in_bursts + joins_in_flow).clamp(min=1)
        return flows[:, 0], (lost_in_bursts + lost_in_flow) / joins


class RecursiveNetwork(nn.Module):
    """What the root of the tree says of the flow.

    Source: Socher et al. 2011, section 2.4.
    """

    def __init__(self, features: int = 2, outputs: int = 10, width: int = 16) -> None:
        super().__init__()
        self.body = RecursiveAutoencoder(features, width)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Sequences to outputs: (n, steps, features) -> (n, outputs)."""
        root, _ = self.body(x)
        logits: Tensor = self.head(root)
        return logits


def bursts_of(x: Tensor) -> Tensor:
    """Which burst each packet is part of, from 0; −1 for padding: (n, steps, features) -> (n, steps) int64."""
    there = present(x)
    onward = (x[:, :, 0] > 0).to(x.dtype)
    before = torch.cat([onward[:, :1], onward[:, :-1]], dim=1)
    turns = there & (onward != before)  # (n, steps)
    order = torch.arange(x.shape[1], device=x.device)  # (steps,)
    return torch.where(there, (turns[:, None, :] & (order <= order[:, None])).sum(dim=2), -1)


def place_in(group: Tensor) -> Tensor:
    """Which of its group each step is, from 0; −1 where the group is −1: (n, steps) int64 -> the same shape."""
    order = torch.arange(group.shape[1], device=group.device)  # (steps,)
    before = (group[:, :, None] == group[:, None, :]) & (order < order[:, None])  # (n, steps, steps)
    return torch.where(group >= 0, before.sum(dim=2), -1)
