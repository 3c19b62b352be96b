"""The deep belief network."""

from itertools import pairwise

from torch import Tensor, nn

from oddflow.networks.restricted_boltzmann import RestrictedBoltzmannMachine, Visible


class DeepBeliefNetwork(nn.Module):
    """Restricted Boltzmann machines above each other, each shown what the one below makes of the rows.

    First each machine learns by itself, from the lowest (see `below` and `contrastive_divergence`); then the whole is
    fine-tuned by back-propagation: to classes with `forward`, to the rows themselves with `draw`.

    Source: Hinton, Osindero & Teh 2006, "A Fast Learning Algorithm for Deep Belief Nets", section 5; Hinton &
    Salakhutdinov 2006 (`draw`); notes 000, parts 2 and 7.
    """

    def __init__(
        self,
        width: int,
        outputs: int = 2,
        hidden: tuple[int, ...] = (64, 32),
        *,
        visible: Visible = Visible.BINARY,
    ) -> None:
        super().__init__()
        self.machines = nn.ModuleList(
            RestrictedBoltzmannMachine(given, wanted, visible=Visible.BINARY if number else visible)
            for number, (given, wanted) in enumerate(pairwise((width, *hidden)))
        )
        self.head = nn.Linear(hidden[-1], outputs)

    def forward(self, v: Tensor) -> Tensor:
        """Rows to outputs: (n, width) -> (n, outputs)."""
        top = self.below(v, len(self.machines))  # (n, hidden[-1])
        logits: Tensor = self.head(top)
        return logits

    def below(self, v: Tensor, number: int) -> Tensor:
        """What machine `number` is shown, counted from 0: (n, width) -> (n, its width)."""
        for machine in self._machines()[:number]:
            v = machine.up(v)
        return v

    def draw(self, v: Tensor) -> Tensor:
        """Rows up to the top and down again, with the same weights: (n, width) -> (n, width)."""
        h = self.below(v, len(self.machines))
        for machine in reversed(self._machines()):
            h = machine.down(h)
        return h

    def _machines(self) -> list[RestrictedBoltzmannMachine]:
        return [machine for machine in self.machines if isinstance(machine, RestrictedBoltzmannMachine)]
