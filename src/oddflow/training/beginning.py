"""What a fit begins from, where it is not chance: weights that were learnt elsewhere."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from oddflow.errors import UsageError

ALL = -1
"""So many layers stand still that the last alone learns."""


@dataclass(slots=True)
class Beginning:
    """Weights to begin from, and how much of them may change.

    Source: Yosinski et al. 2014, "How transferable are features in deep neural networks?" (frozen and fine-tuned
    layers); Howard & Ruder 2018, "ULMFiT", section 3.2 (lower layers at lower rates).

    Attributes:
        weights: By torch's names; a network takes those over that it has under the same name in the same shape.
        frozen: How many of the layers that are taken over stand still, from below; `ALL` for all but the network's
            last, which makes the others a feature extractor.
        rate: The learning rate of layers that are taken over and move, as a share of that of the others.
        source: What they were learnt as, in words.
        taken: Names that any network took over so far.
    """

    weights: Mapping[str, Tensor]
    frozen: int = 0
    rate: float = 1.0
    source: str = ""
    taken: set[str] = field(default_factory=set)

    def give(self, network: nn.Module) -> "Given":
        """Puts the weights into a network, in place, and lets lower layers stand still.

        Raises:
            UsageError: Nothing would be left to learn.
        """
        state = network.state_dict()
        fitting = {name: value for name, value in self.weights.items() if _fits(state.get(name), value)}
        network.load_state_dict(fitting, strict=False)
        self.taken.update(fitting)
        layers = list(dict.fromkeys(name.rpartition(".")[0] for name, _ in network.named_parameters()))
        taken = [layer for layer in layers if any(name.rpartition(".")[0] == layer for name in fitting)]
        still = [layer for layer in taken if layer != layers[-1]] if self.frozen == ALL else taken[: self.frozen]
        modules = [network.get_submodule(layer) for layer in still]
        frozen = [one for module in modules for one in module.parameters(recurse=False) if one.requires_grad]
        for parameter in frozen:
            parameter.requires_grad = False
        if not any(parameter.requires_grad for parameter in network.parameters()):
            raise UsageError(f"all {len(layers)} layers would stand still, and nothing learn; let fewer be frozen")
        slow = {parameter for name, parameter in network.named_parameters() if name in fitting}
        return Given(modules, frozen, slow, self.rate)

    def told(self) -> str:
        """How fits began, in words.

        Raises:
            UsageError: No network had a use for any of the weights.
        """
        if not self.taken:
            raise UsageError(
                f"nothing of {self.source} fits the network; give --from a model of the same detector and options"
            )
        still = "all layers but the last still" if self.frozen == ALL else f"{self.frozen} layers still"
        return f"{len(self.taken)} weights of {self.source}, {still}, others at {self.rate:g} of the rate"


@dataclass(frozen=True, slots=True)
class Given:
    """What a network was given: modules that stand still, and their parameters; and parameters that were taken over."""

    still: Sequence[nn.Module] = ()
    frozen: Sequence[nn.Parameter] = ()
    slow: Set[nn.Parameter] = frozenset()
    rate: float = 1.0

    def train(self, network: nn.Module) -> None:
        """As `network.train`, but what stands still keeps its means and variances too."""
        network.train()
        for module in self.still:
            module.eval()

    def slowed(self, optimiser: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """The optimiser with groups of their own, at a lower rate, for parameters that were taken over."""
        if self.rate == 1:
            return optimiser
        for group in list(optimiser.param_groups):
            slow = [parameter for parameter in group["params"] if parameter in self.slow]
            group["params"] = [parameter for parameter in group["params"] if parameter not in self.slow]
            if slow:
                optimiser.add_param_group({**group, "params": slow, "lr": group["lr"] * self.rate})
        return optimiser

    def free(self) -> None:
        """Lets what stood still move again."""
        for parameter in self.frozen:
            parameter.requires_grad_()


def _fits(have: Tensor | None, value: Tensor) -> bool:
    return have is not None and have.shape == value.shape and have.dtype == value.dtype
