"""Networks that learn against each other, each by an optimiser of its own."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from oddflow.training.loop import EpochTold, History, Player, Schedule, Sides, take_turns


def adam(learning_rate: float, momentum: float = 0.5) -> Callable[[Sequence[nn.Parameter]], torch.optim.Optimizer]:
    """Adam with little momentum, as games need it (Radford et al. 2016)."""
    return lambda parameters: torch.optim.Adam(parameters, lr=learning_rate, betas=(momentum, 0.9))


def rmsprop(learning_rate: float) -> Callable[[Sequence[nn.Parameter]], torch.optim.Optimizer]:
    """RMSProp, which WGAN asks for (Arjovsky et al. 2017)."""
    return lambda parameters: torch.optim.RMSprop(parameters, lr=learning_rate)


def play(
    network: nn.Module,
    players: Sequence[Player],
    train: Tensor,
    schedule: Schedule,
    *,
    judged: Callable[[Tensor], float] | None = None,
    held: Tensor | None = None,
    told: EpochTold | None = None,
    chance: Sequence[torch.Generator] = (),
    memory: Sequence[Tensor] = (),
) -> History:
    """Lets players move in turn, an epoch for each pass over the rows of who moves most.

    Args:
        network: What holds all of them.
        players: In the order of their moves.
        train: Rows to learn from, (n, …).
        schedule: How long; a learning rate is each player's own.
        judged: How bad the network is after an epoch, on the rows `held`; it ends with the weights that did best, and
            after `patience` epochs without better ones. Without it, all epochs are played.
        held: Rows that are not learnt from, (v, …).
        told: Told of each epoch: the first player's loss, and what was judged.
        chance: Generators that losses draw from, so that a game which was broken off can go on.
        memory: Tensors that losses change in place, as chains of samples are; likewise.

    Raises:
        LearningFailed: A loss is no finite number any more; the network has the best weights until then.
    """
    return take_turns(Sides(network, players, judged, chance, memory), train, held, schedule, told)
