"""The deep Boltzmann machine."""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from oddflow.networks.chance import flips, normal
from oddflow.networks.restricted_boltzmann import Visible


class DeepBoltzmannMachine(nn.Module):
    """Two layers of hidden units, linked both ways: what is above helps to decide what is below.

    Source: Salakhutdinov & Hinton 2009, "Deep Boltzmann Machines", eq. 9 to 12; Srivastava & Salakhutdinov 2012,
    "Multimodal Learning with Deep Boltzmann Machines", eq. 4 (Gaussian columns, deviation 1); notes 000, part 2 (DBM).

    Args:
        width: Columns of a row.
        hidden: Units of the lower and the upper layer.
        sweeps: How often each layer is asked in turn before the guess is taken.
        visible: What a row's columns are.
    """

    def __init__(
        self,
        width: int,
        hidden: tuple[int, int] = (64, 32),
        sweeps: int = 10,
        *,
        visible: Visible = Visible.BINARY,
    ) -> None:
        super().__init__()
        self.lower = nn.Parameter(0.01 * torch.randn(hidden[0], width))
        self.upper = nn.Parameter(0.01 * torch.randn(hidden[1], hidden[0]))
        self.visible_bias = nn.Parameter(torch.zeros(width))
        self.lower_bias = nn.Parameter(torch.zeros(hidden[0]))
        self.upper_bias = nn.Parameter(torch.zeros(hidden[1]))
        self.sweeps = sweeps
        self.visible = visible

    def forward(self, v: Tensor) -> Tensor:
        """Variational free energy, never below −log Σ exp(−E): (n, width) -> (n,).

        High where rows are unlike those it was shown. Source: Salakhutdinov & Hinton 2009, eq. 5.
        """
        below, above = self.mean_field(v)
        return self.energy(v, below, above) - entropy(below) - entropy(above)

    def energy(self, v: Tensor, below: Tensor, above: Tensor) -> Tensor:
        """E(v, h¹, h²), eq. 9 with biases: (n, width), (n, hidden[0]), (n, hidden[1]) -> (n,)."""
        first = (below * functional.linear(v, self.lower, self.lower_bias)).sum(dim=1)
        second = (above * functional.linear(below, self.upper, self.upper_bias)).sum(dim=1)
        if self.visible is Visible.GAUSSIAN:
            return (v - self.visible_bias).square().sum(dim=1) / 2 - first - second
        return -(v * self.visible_bias).sum(dim=1) - first - second

    def down(self, below: Tensor) -> Tensor:
        """How likely each column is 1, or its mean if Gaussian: (n, hidden[0]) -> (n, width)."""
        drive = below @ self.lower + self.visible_bias
        return drive if self.visible is Visible.GAUSSIAN else drive.sigmoid()

    def mean_field(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """How likely units are on, as if each were alone: (n, width) -> (n, hidden[0]), (n, hidden[1])."""
        drive = functional.linear(v, self.lower, self.lower_bias)
        below = torch.sigmoid(drive)
        above = functional.linear(below, self.upper, self.upper_bias).sigmoid()
        for _ in range(self.sweeps):
            below = torch.sigmoid(drive + above @ self.upper)
            above = functional.linear(below, self.upper, self.upper_bias).sigmoid()
        return below, above

    @torch.no_grad()
    def gibbs(self, v: Tensor, above: Tensor, generator: Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """One step of a chain: (m, width), (m, hidden[1]) -> (m, width), (m, hidden[0]), (m, hidden[1])."""
        drive = functional.linear(v, self.lower, self.lower_bias) + above @ self.upper
        below = flips(drive.sigmoid(), generator)
        above = functional.linear(below, self.upper, self.upper_bias).sigmoid()
        drawn = self.down(below)
        if self.visible is Visible.GAUSSIAN:
            v = drawn + normal(drawn, drawn.shape[1], generator=generator)
        else:
            v = flips(drawn, generator)
        return v, below, flips(above, generator)


def persistent_contrast(
    machine: DeepBoltzmannMachine, v: Tensor, chain: tuple[Tensor, Tensor], generator: Generator | None = None
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """What to descend to learn rows, and where the chain stands then.

    The energy of the rows (hidden units as mean field guesses them) less the mean energy of chains that go on from
    step to step: (n, width), chains of (m, width) and (m, hidden[1]) -> (n,), the chains one step on.

    Source: Salakhutdinov & Hinton 2009, algorithm 1; Tieleman 2008 (chains that go on).
    """
    with torch.no_grad():
        below, above = machine.mean_field(v)
    own, own_below, own_above = machine.gibbs(*chain, generator)
    contrast = machine.energy(v, below, above) - machine.energy(own, own_below, own_above).mean()
    return contrast, (own, own_above)


def entropy(probability: Tensor) -> Tensor:
    """Entropy of units that are on with a probability, in nats: (n, units) -> (n,)."""
    p = probability.clamp(1e-7, 1 - 1e-7)
    return -(p * p.log() + (1 - p) * (1 - p).log()).sum(dim=1)
