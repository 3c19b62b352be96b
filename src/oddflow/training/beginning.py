"""What a fit begins from, where it is not chance: weights that were learnt elsewhere."""

from collections.abc import Iterable, Mapping, Sequence, Set
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
        weights: By torch's names; a network that has the same names takes over each layer whose shapes are the same.
        frozen: How many layers stand still, from below; `ALL` for all but the network's last, which makes the others a
            feature extractor. A layer is what has a matrix of weights, with the normalisation behind it.
        rate: The learning rate of layers that are taken over and move, as a share of that of the others.
        source: What they were learnt as, in words.
        taken: Weights that any network took over so far, by name.
        left: Layers that began by chance, since their shapes are others here.
    """

    weights: Mapping[str, Tensor]
    frozen: int = 0
    rate: float = 1.0
    source: str = ""
    taken: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)

    def give(self, network: nn.Module) -> "Given":
        """Puts the weights into a network, in place, and lets lower layers stand still.

        A network of other names is another one, as those that a detector learns beside its own: it is left alone.

        Raises:
            UsageError: Nothing would be left to learn, or a layer that is to stand still has another shape.
        """
        state = {name: value for name, value in network.state_dict().items() if value.is_floating_point()}
        if state.keys() != self.weights.keys():
            return Given()
        layers = _layers(state)
        fits = {name: _fits(value, self.weights[name]) for name, value in state.items()}
        fitting = {layer: names for layer, names in layers.items() if all(fits[name] for name in names)}
        taken = {name for names in fitting.values() for name in names}
        network.load_state_dict({name: self.weights[name] for name in taken}, strict=False)
        self.taken.update(taken)
        self.left.update(layers.keys() - fitting.keys())
        still = list(layers)[: self.frozen]  # of ALL, -1: but for the last
        self._check_still(still, layers, fitting)
        places = dict.fromkeys(_place(name) for layer in still for name in layers[layer])
        modules = [network.get_submodule(place) for place in places]
        frozen = [one for module in modules for one in module.parameters(recurse=False) if one.requires_grad]
        for parameter in frozen:
            parameter.requires_grad = False
        slow = {parameter for name, parameter in network.named_parameters() if name in taken}
        return Given(modules, frozen, slow, self.rate)

    def _check_still(self, still: Sequence[str], layers: Iterable[str], fitting: Iterable[str]) -> None:
        count = len(list(layers))
        if len(still) == count:
            raise UsageError(f"all {count} layers would stand still, and nothing learn; freeze fewer of them")
        other = [layer for layer in still if layer not in fitting]
        if other:
            raise UsageError(
                f"{', '.join(other)} cannot stand still: of another shape in {self.source}. Other traffic has other "
                "categories, and so other columns: learn both with --option categories=hashing, or freeze none"
            )

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
        told = f"{len(self.taken)} weights of {self.source}, {still}, others at {self.rate:g} of the rate"
        left = f"; of another shape, and begun by chance: {', '.join(sorted(self.left))}"
        return told + left * bool(self.left)


@dataclass(frozen=True, slots=True)
class Given:
    """What a network was given: modules that stand still, and their parameters; and parameters that were taken over."""

    still: Sequence[nn.Module] = ()
    frozen: Sequence[nn.Parameter] = ()
    slow: Set[nn.Parameter] = frozenset()
    rate: float = 1.0

    def words(self) -> str:
        """What tells one fit that began so from another, beside the weights."""
        return f"{len(self.frozen)} still, {len(self.slow)} at {self.rate}"

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


def _layers(state: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Names of tensors by the layer that they are of, from below: one begins where a module has a matrix."""
    wide = {_place(name) for name, value in state.items() if value.ndim > 1}
    layers: dict[str, list[str]] = {}
    for name in state:
        place = _place(name)
        layer = place if place in wide or not layers else next(reversed(layers))
        layers.setdefault(layer, []).append(name)
    return layers


def _place(name: str) -> str:
    """The module that a tensor is of."""
    return name.rpartition(".")[0]


def _fits(have: Tensor, value: Tensor) -> bool:
    return have.shape == value.shape and have.dtype == value.dtype
