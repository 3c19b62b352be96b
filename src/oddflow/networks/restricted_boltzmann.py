"""The restricted Boltzmann machine."""

from enum import StrEnum

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from oddflow.networks.chance import flips, normal


class Visible(StrEnum):
    """What a row's columns are: numbers from 0 to 1 (BINARY), or any with a deviation near 1 (GAUSSIAN)."""

    BINARY = "binary"
    GAUSSIAN = "gaussian"


class RestrictedBoltzmannMachine(nn.Module):
    """Two layers of random units, linked across and never within: rows that it was shown have low energy.

    Source: Smolensky 1986; Hinton 2012, "A Practical Guide to Training Restricted Boltzmann Machines"; notes 000,
    part 7.
    """

    def __init__(self, width: int, hidden: int = 32, *, visible: Visible = Visible.BINARY) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.01 * torch.randn(hidden, width))  # Hinton 2012, section 8
        self.visible_bias = nn.Parameter(torch.zeros(width))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))
        self.visible = visible

    def forward(self, v: Tensor) -> Tensor:
        """Free energy, −log Σ_h exp(−E(v, h)): (n, width) -> (n,). High where rows are unlike those it was shown.

        Source: Hinton 2012, eq. 17 and section 13.2 (Gaussian, deviation 1).
        """
        hidden = functional.softplus(functional.linear(v, self.weight, self.hidden_bias)).sum(dim=1)
        if self.visible is Visible.GAUSSIAN:
            return (v - self.visible_bias).square().sum(dim=1) / 2 - hidden
        return -(v * self.visible_bias).sum(dim=1) - hidden

    def energy(self, v: Tensor, h: Tensor) -> Tensor:
        """E(v, h) = −a·v − b·h − h·W v, or with |v − a|² / 2 for −a·v: (n, width), (n, hidden) -> (n,)."""
        if self.visible is Visible.GAUSSIAN:
            own = (v - self.visible_bias).square().sum(dim=1) / 2
        else:
            own = -(v * self.visible_bias).sum(dim=1)
        return own - (h * functional.linear(v, self.weight, self.hidden_bias)).sum(dim=1)

    def up(self, v: Tensor) -> Tensor:
        """How likely each hidden unit is on: (n, width) -> (n, hidden)."""
        return functional.linear(v, self.weight, self.hidden_bias).sigmoid()

    def down(self, h: Tensor) -> Tensor:
        """How likely each column is 1, or its mean if Gaussian: (n, hidden) -> (n, width)."""
        drive = functional.linear(h, self.weight.t(), self.visible_bias)
        return drive if self.visible is Visible.GAUSSIAN else drive.sigmoid()

    @torch.no_grad()
    def gibbs(self, v: Tensor, steps: int, generator: Generator | None = None) -> Tensor:
        """Rows after some steps up and down by chance: (n, width) -> (n, width)."""
        for _ in range(steps):
            h = flips(self.up(v), generator)
            v = self.down(h)
            if self.visible is Visible.GAUSSIAN:
                v = v + normal(v, v.shape[1], generator=generator)
            else:
                v = flips(v, generator)
        return v


def contrastive_divergence(
    machine: RestrictedBoltzmannMachine, v: Tensor, steps: int = 1, generator: Generator | None = None
) -> Tensor:
    """CD-k as a loss: the free energy of rows less that of the machine's own: (n, width) -> (n,).

    Its gradient is ⟨v h⟩ of the rows less ⟨v h⟩ after k steps, with the opposite sign.

    Source: Hinton 2002, "Training Products of Experts by Minimizing Contrastive Divergence", eq. 5.
    """
    own = machine.gibbs(v, steps, generator)
    energies: Tensor = machine(v) - machine(own)
    return energies
