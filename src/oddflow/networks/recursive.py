"""A network that folds a tree: packets to bursts, bursts to the flow."""

import torch
from torch import Tensor, nn

from oddflow.networks.inputs import present


class Fold(nn.Module):
    """Joins children one after the other to a node, and tells how badly each join can be undone.

    All rows go step by step together; what a step does to a row's node, that row's tree says.

    Source: Socher et al. 2011, eq. 2 (joined), 3 (taken apart again) and 4 (the error).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.left = nn.Linear(width, width, bias=False)
        self.right = nn.Linear(width, width)
        self.apart = nn.Linear(width, 2 * width)

    def forward(self, children: Tensor, starts: Tensor, joins: Tensor) -> tuple[Tensor, Tensor]:
        """Nodes after each step and errors of joins: (n, t, width), (n, t) bool twice -> (n, t, width), (n, t).

        A child starts a new node, is joined to the node, or is left out.
        """
        rights: Tensor = self.right(children)  # (n, t, width)
        node = torch.zeros_like(rights[:, 0])
        lefts, nodes = [], []
        steps = (children.unbind(1), rights.unbind(1), starts[:, :, None].unbind(1), joins[:, :, None].unbind(1))
        for child, right, start, join in zip(*steps, strict=True):
            lefts.append(node)
            joined = torch.tanh(self.left(node) + right)
            node = torch.where(join, joined, torch.where(start, child, node))
            nodes.append(node)
        parents = torch.stack(nodes, dim=1)
        again = torch.tanh(self.apart(parents))  # (n, t, 2 · width)
        lost = again - torch.cat([torch.stack(lefts, dim=1), children], dim=2)
        return parents, lost.square().mean(dim=2) * joins


class RecursiveAutoencoder(nn.Module):
    """Joins packets to bursts and bursts to the flow, each level with weights of its own.

    A burst is a run of packets in one direction.

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
        there, begins, ends = bursts_of(x)  # (n, steps) each
        bursts, lost_in_bursts = self.burst(leaves, begins, there & ~begins)
        first = ends & (ends.cumsum(dim=1) == 1)
        flows, lost_in_flow = self.flow(bursts, first, ends & ~first)
        joins = (there & ~begins).sum(dim=1) + (ends & ~first).sum(dim=1)  # (n,)
        return flows[:, -1], (lost_in_bursts + lost_in_flow).sum(dim=1) / joins.clamp(min=1)


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


def bursts_of(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which steps are packets, begin a burst, end one: (n, steps, features) -> (n, steps) bool, three times."""
    there = present(x)
    onward = x[:, :, 0] > 0
    none = torch.zeros_like(there[:, :1])
    turns = there[:, 1:] & (onward[:, 1:] != onward[:, :-1])
    begins = torch.cat([there[:, :1], turns], dim=1)
    last = there & ~torch.cat([there[:, 1:], none], dim=1)
    return there, begins, last | torch.cat([turns, none], dim=1)
