"""A look into a network while it learns: what its layers answer to rows, its codes, and what it draws."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from oddflow.networks.image_gan import ImagePair
from oddflow.networks.inputs import RowsAsImage, StatisticsAsImage

FEWEST_CODE_COLUMNS = 2


@dataclass(slots=True)
class Look:
    """What was seen.

    Attributes:
        given: What the network takes of the rows, or the noise that a generator draws of, (n, …); None where it takes
            neither.
        drawn: What it made of them, (n, …).
        activations: What each layer answered, by its name, (n, …).
        code: The name of the layer whose answers are its codes; "" where none are.
        kinds: What each row is, (n,), for a network that learns from labels.
        images: Pictures that were looked at and what was drawn of each, (n, channels, side, side) twice, 0 to 1; or,
            where a generator draws of noise, true ones and its own.
    """

    given: Tensor | None = None
    drawn: Tensor | None = None
    activations: dict[str, Tensor] = field(default_factory=dict)
    code: str = ""
    kinds: Tensor | None = None
    images: tuple[Tensor, Tensor] | None = None

    @property
    def codes(self) -> Tensor | None:
        """(n, code), or None."""
        return self.activations[self.code].flatten(1) if self.code else None


@torch.no_grad()
def look(network: nn.Module, rows: Tensor, *, seed: int = 0) -> Look:
    """Runs a network on a few rows, and leaves it as it was.

    A network that learns from labels is told a row's kind behind its columns; it is run without it. The code of a
    network that draws its rows anew is what its narrowest layer answers; of another, what its last layer is given.

    Args:
        network: Any.
        rows: As its loss is given them, (n, …).
        seed: Of the noise that a generator draws of.
    """
    with as_it_was(network):
        if isinstance(network, ImagePair):
            return _look_at_pair(network, rows, seed)
        for given, kinds in _readings(rows):
            seen = _answers(network, given)
            if seen is not None:
                drawn, activations = seen
                code = _code(given, drawn, activations)
                return Look(given, drawn, activations, code, kinds, _images(network, given, drawn))
    return Look()


@contextmanager
def as_it_was(network: nn.Module) -> Iterator[None]:
    """Evaluating within, and after it each part learning or not as before; chance is not touched."""
    learning = [part for part in network.modules() if part.training]
    try:
        with torch.random.fork_rng(devices=[]):
            network.eval()
            yield
    finally:
        for part in learning:
            part.training = True


def _readings(rows: Tensor) -> Iterator[tuple[Tensor, Tensor | None]]:
    """What a network may take of rows; first without a last column that can be a kind, which few could take with it."""
    if rows.ndim == 2 and rows.is_floating_point() and rows.shape[1] > 1:
        last = rows[:, -1]
        if torch.equal(last, last.round().clamp(min=0)):
            yield rows[:, :-1], last.long()
    yield rows, None


def _answers(network: nn.Module, given: Tensor) -> tuple[Tensor, dict[str, Tensor]] | None:
    """What comes out, and what each layer answers; None where the network takes something else."""
    activations: dict[str, Tensor] = {}

    def kept(name: str) -> Any:
        def keep(_: nn.Module, __: object, answer: object) -> None:
            first = answer[0] if isinstance(answer, tuple) else answer
            if isinstance(first, Tensor) and first.is_floating_point() and len(first) == len(given):
                activations[name] = first

        return keep

    layers = [(name, part) for name, part in network.named_modules() if name and not any(part.children())]
    hooks = [part.register_forward_hook(kept(name)) for name, part in layers]
    try:
        answer = network(given)
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError, AssertionError):
        return None  # what it takes is no row: noise, labels beside it, tokens
    finally:
        for hook in hooks:
            hook.remove()
    drawn = answer[0] if isinstance(answer, tuple) else answer
    return (drawn, activations) if isinstance(drawn, Tensor) else None


def _code(given: Tensor, drawn: Tensor, activations: dict[str, Tensor]) -> str:
    widths = {name: answer[0].numel() for name, answer in activations.items()}
    inner = [name for name in widths if widths[name] >= FEWEST_CODE_COLUMNS and activations[name] is not drawn]
    if not inner:
        return ""
    if drawn.shape == given.shape:
        return min(inner, key=lambda name: widths[name])
    return inner[-1]


def _images(network: nn.Module, given: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor] | None:
    """Rows that are pictures, as pictures, and what was drawn of them."""
    if drawn.shape != given.shape:
        return None
    for part in network.modules():
        if isinstance(part, RowsAsImage):
            shape = (len(given), *part.shape)
            return given.reshape(shape).clamp(0, 1), drawn.reshape(shape).clamp(0, 1)
        if isinstance(part, StatisticsAsImage):
            return part(given).clamp(0, 1), part(drawn).clamp(0, 1)
    return None


def _look_at_pair(pair: ImagePair, rows: Tensor, seed: int) -> Look:
    """True images and generated ones, and what the discriminator's layers answer to the true ones."""
    chance = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(rows), pair.latent, generator=chance).to(rows.device)
    made = pair.generator(noise)  # (n, channels, 28, 28), −1 to 1
    seen = _answers(pair.discriminator, rows)
    answers = {f"discriminator.{name}": answer for name, answer in seen[1].items()} if seen else {}
    code = _code(rows, seen[0], answers) if seen else ""
    return Look(noise, None, answers, code, None, ((rows + 1) / 2, (made + 1) / 2))
