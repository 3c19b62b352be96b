"""Where a fit stands: its passes so far, and all that it needs to go on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from oddflow.training.loop import Schedule

State = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Epoch:
    """How one pass went.

    Attributes:
        number: From 0.
        train_loss, validation_loss: Means of a row; in a game, the first player's loss and what was judged.
        learning_rate: Of its steps.
        gradients: The norm of each parameter's gradient in the last step.
        network: As it stands after the pass, to look at only; none in a history, and none of a pass before a break.
        looked_at: A few validation rows, (at most 256, …), or without such of those that are learnt; as `network`.
        rows: That were learnt from.
    """

    number: int
    train_loss: float
    validation_loss: float
    learning_rate: float
    gradients: Mapping[str, float] = field(default_factory=dict)
    network: nn.Module | None = field(default=None, compare=False, repr=False)
    looked_at: Tensor | None = field(default=None, compare=False, repr=False)
    rows: int = 0


EpochTold = Callable[[Epoch], None]

_KEPT = [one.name for one in fields(Epoch) if one.compare]


@dataclass(slots=True)
class History:
    """All passes, and which was the best."""

    epochs: list[Epoch] = field(default_factory=list)
    best: int = -1

    def is_over(self, schedule: "Schedule") -> bool:
        """Whether all passes were made, or so many brought nothing better that it is time to stop."""
        count = len(self.epochs)
        return count >= schedule.epochs or count - 1 - max(self.best, 0) >= schedule.patience


@dataclass(slots=True)
class Progress:
    """All that a fit is made of.

    Attributes:
        network: What is fitted.
        optimisers: One for each player.
        chance: All generators that it draws from, beside torch's own.
        memory: Tensors that a loss changes in place, as chains of samples are.
        history: Its passes.
        best: The network's state after the best of them.
    """

    network: nn.Module
    optimisers: Sequence[torch.optim.Optimizer]
    chance: Sequence[torch.Generator]
    memory: Sequence[Tensor]
    best: State
    history: History = field(default_factory=History)

    def tensors(self) -> State:
        """All that goes on from pass to pass, by name."""
        kept = {f"best.{name}": value for name, value in self.best.items()}
        kept |= {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for place, optimiser in enumerate(self.optimisers):
            for number, state in optimiser.state_dict()["state"].items():
                held = {name: value for name, value in state.items() if isinstance(value, Tensor)}
                kept |= {f"optimiser.{place}.{number}.{name}": value for name, value in held.items()}
        kept |= {f"chance.{place}": one.get_state() for place, one in enumerate(self.chance)}
        kept |= {f"memory.{place}": one for place, one in enumerate(self.memory)}
        return kept | {"torch": torch.get_rng_state()} | _of_gpu(self.network)

    def words(self) -> dict[str, Any]:
        """Its history, as JSON holds it."""
        epochs = [{name: getattr(epoch, name) for name in _KEPT} for epoch in self.history.epochs]
        return {"best": self.history.best, "epochs": epochs}

    def restore(self, tensors: State, words: Mapping[str, Any]) -> None:
        """Goes back to where it stood."""
        self.best = _under("best.", tensors)
        self.network.load_state_dict(_under("network.", tensors))
        for place, optimiser in enumerate(self.optimisers):
            state: dict[int, dict[str, Tensor]] = {}
            for name, value in _under(f"optimiser.{place}.", tensors).items():
                number, _, own = name.partition(".")
                state.setdefault(int(number), {})[own] = value
            optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
        for place, generator in enumerate(self.chance):
            generator.set_state(tensors[f"chance.{place}"])
        with torch.no_grad():
            for place, value in enumerate(self.memory):
                value.copy_(tensors[f"memory.{place}"])
        torch.set_rng_state(tensors["torch"])
        if "cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["cuda"])
        self.history.epochs = [Epoch(**epoch) for epoch in words["epochs"]]
        self.history.best = words["best"]


def _under(prefix: str, tensors: State) -> State:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _of_gpu(network: nn.Module) -> State:
    on_gpu = any(parameter.is_cuda for parameter in network.parameters())
    return {"cuda": torch.cuda.get_rng_state()} if on_gpu else {}
