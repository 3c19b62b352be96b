"""How badly rows are drawn anew, and the gradients of that by hand.

Networks of flows are so small that autograd's bookkeeping, and memory that is new in each step, cost more than the
products of matrices do. For layers in a row, each a matrix and perhaps a ReLU, gradients are a page of algebra
(Rumelhart, Hinton & Williams 1986), here in memory that is used again: two steps in the time of one.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from oddflow.networks.autoencoder import Autoencoder, noised
from oddflow.networks.drawing_losses import DrawingLoss


class Redrawing:
    """The mean over a row's columns: (network, rows (b, m)) -> (b,).

    Args:
        cost: What each number costs.
        noise: Standard deviation of the noise that a network learns to take away.
        chance: What that is drawn from.
    """

    def __init__(
        self, cost: DrawingLoss = DrawingLoss.HUBER, *, noise: float = 0.0, chance: torch.Generator | None = None
    ) -> None:
        self.cost = cost
        self.noise = noise
        self.chance = chance

    def __call__(self, network: nn.Module, rows: Tensor) -> Tensor:
        """By autograd."""
        return self.cost.of(network(self.given(rows) if network.training else rows), rows)

    def given(self, rows: Tensor) -> Tensor:
        """What a network is given while it learns: (b, m) -> (b, m)."""
        return noised(rows, self.noise, self.chance) if self.noise else rows

    def slope(self, network: nn.Module) -> Callable[[Tensor], Tensor] | None:
        """What gives the mean loss of a batch and leaves gradients; None where a network is no such row of layers."""
        layers = _layers(network)
        return Slope(layers, self) if layers else None

    def turn(self, off: Tensor) -> Tensor:
        """The sum of what numbers cost that are off by so much; makes of each what its cost rises by: (b, m) -> ()."""
        match self.cost:
            case DrawingLoss.MSE:
                total = torch.dot(off.view(-1), off.view(-1))
                off.mul_(2)
            case DrawingLoss.MAE:
                total = off.abs().sum()
                off.sign_()
            case DrawingLoss.HUBER:
                far = off.abs()
                near = far.clamp(max=1)
                total = torch.dot(near.view(-1), far.sub_(near, alpha=0.5).view(-1))
                off.clamp_(-1, 1)
        return total


class Slope:
    """Forth and back through layers in a row.

    Args:
        layers: Matrices (a, b), (b, c), … (…, a), and whether a ReLU follows.
        loss: What is lost.
    """

    def __init__(self, layers: Sequence[tuple[nn.Linear, bool]], loss: Redrawing) -> None:
        self._layers = layers
        self._loss = loss
        self._rooms: dict[int, list[tuple[Tensor, Tensor]]] = {}

    @torch.no_grad()
    def __call__(self, rows: Tensor) -> Tensor:
        """Rows (b, m) to their mean loss (); gradients are left with the parameters."""
        room = self._room(len(rows))
        drawn = given = self._loss.given(rows)
        for (layer, is_cut), (out, _) in zip(self._layers, room, strict=True):
            drawn = torch.addmm(layer.bias, drawn, layer.weight.t(), out=out)  # (b, in) -> (b, out)
            if is_cut:
                drawn.relu_()
        slopes = torch.sub(drawn, rows, out=room[-1][1])  # (b, m)
        lost = self._loss.turn(slopes).div_(rows.numel())
        slopes.mul_(1 / rows.numel())  # half the time of a division
        self._go_back(slopes, [given, *(out for out, _ in room)])
        return lost

    def _go_back(self, slopes: Tensor, values: Sequence[Tensor]) -> None:
        """Leaves gradients, by what the loss rises with the last of the values, each (b, …); it uses them up."""
        ones = slopes.new_ones(len(slopes))
        room = self._rooms[len(slopes)]
        for place in reversed(range(len(self._layers))):
            layer, is_cut = self._layers[place]
            if is_cut:
                slopes.mul_(values[place + 1].sign_())  # what ReLU cut has no part
            torch.mm(slopes.t(), values[place], out=_gradient(layer.weight))  # (out, b), (b, in) -> (out, in)
            torch.mv(slopes.t(), ones, out=_gradient(layer.bias))
            if place:
                slopes = torch.mm(slopes, layer.weight, out=room[place - 1][1])  # (b, out) -> (b, in)

    def _room(self, count: int) -> list[tuple[Tensor, Tensor]]:
        """Of each layer what it gives, and what the loss rises by with that, of so many rows."""
        if count not in self._rooms:
            widths = [layer.out_features for layer, _ in self._layers]
            self._rooms[count] = [(torch.empty(count, width), torch.empty(count, width)) for width in widths]
        return self._rooms[count]


def _leaves(network: nn.Module) -> Iterator[nn.Module]:
    """Modules in the order in which rows go through them; one that goes elsewhere is itself a leaf."""
    if type(network) is nn.Sequential:
        for child in network:
            yield from _leaves(child)
    elif type(network) is Autoencoder:
        yield from _leaves(network.encoder)
        yield from _leaves(network.decoder)
    else:
        yield network


def _gradient(parameter: Tensor) -> Tensor:
    if parameter.grad is None:
        parameter.grad = torch.empty_like(parameter)
    return parameter.grad


def _layers(network: nn.Module) -> list[tuple[nn.Linear, bool]]:
    """Matrices in their order, and whether a ReLU follows; none where a network holds anything else."""
    found: list[tuple[nn.Linear, bool]] = []
    for module in _leaves(network):
        if type(module) is nn.Linear and all(parameter.requires_grad for parameter in module.parameters()):
            found.append((module, False))
        elif type(module) is nn.ReLU and found:
            found[-1] = found[-1][0], True
        else:
            return []
    # a layer without a bias has one parameter
    are_whole = all(len(list(one.parameters())) == 2 and one.weight.dtype == torch.float32 for one, _ in found)
    return found if are_whole and len({id(layer) for layer, _ in found}) == len(found) else []
