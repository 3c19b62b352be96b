"""How fits went: the losses of their epochs, and what else was told of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from oddflow.models.manifest import Manifest

SMOOTHING = 0.6
"""How much of a smoothed point comes from those before it, as TensorBoard's slider begins with."""
FEWEST_SMOOTHED = 8
"""Of fewer points nothing is smoothed: a curve through them hides more than it shows."""
_SUFFIXES = ("weight", "bias")


class EpochTold(Protocol):
    """What a listener is told of an epoch: see `oddflow.training.loop.Epoch`."""

    @property
    def number(self) -> int:
        """From 0."""

    @property
    def train_loss(self) -> float:
        """Of rows that were learnt from."""

    @property
    def validation_loss(self) -> float:
        """Of others."""

    @property
    def learning_rate(self) -> float:
        """Of its steps."""

    @property
    def gradients(self) -> Mapping[str, float]:
        """The norm of each parameter's gradient."""

    @property
    def rows(self) -> int:
        """That were learnt from."""


@dataclass(slots=True)
class Fit:
    """One fit, an item for each epoch.

    Attributes:
        train, validation: Mean losses a row.
        rates: Learning rates; empty where nobody noted them.
        gradients: Norms at the last step of each epoch, by layer from the input on; empty where nobody noted them.
        rows: That were learnt from; 0 where nobody noted them.
        most_epochs: That it was allowed; 0 where that is not known.
    """

    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    gradients: dict[str, list[float]] = field(default_factory=dict)
    rows: int = 0
    most_epochs: int = 0

    @classmethod
    def of(cls, manifest: Manifest) -> Self | None:
        """The fit that a model was sealed from; None where it learnt without epochs."""
        training = manifest.training
        if not training.fit_losses or len(training.fit_losses) != len(training.validation_losses):
            return None
        most = manifest.options.get("epochs")
        return cls(
            list(training.fit_losses),
            list(training.validation_losses),
            rows=training.fit_rows,
            most_epochs=most if isinstance(most, int) and not isinstance(most, bool) else 0,
        )

    def add(self, epoch: EpochTold) -> None:
        """An epoch more."""
        self.train.append(epoch.train_loss)
        self.validation.append(epoch.validation_loss)
        self.rates.append(epoch.learning_rate)
        self.rows = epoch.rows
        for layer, norm in by_layer(epoch.gradients).items():
            self.gradients.setdefault(layer, []).append(norm)

    @property
    def judged(self) -> bool:
        """Whether rows that were not learnt from judged it; of games they may not."""
        return self.train != self.validation

    @property
    def best(self) -> int:
        """The epoch whose weights were kept, from 0: the first of the least validation loss; unjudged, the last."""
        if not self.judged:
            return len(self.train) - 1
        finite = [loss if math.isfinite(loss) else math.inf for loss in self.validation]
        return finite.index(min(finite))


class Fits:
    """Listens to epochs; each fit begins with epoch 0."""

    def __init__(self, most_epochs: int = 0) -> None:
        self.all: list[Fit] = []
        self._most_epochs = most_epochs

    def __call__(self, epoch: EpochTold) -> None:
        """Notes an epoch."""
        if epoch.number == 0 or not self.all:
            self.all.append(Fit(most_epochs=self._most_epochs))
        self.all[-1].add(epoch)


def by_layer(gradients: Mapping[str, float]) -> dict[str, float]:
    """Norms of all parameters of a layer together, in their order.

    >>> by_layer({"encoder.0.weight": 3.0, "encoder.0.bias": 4.0, "scale": 1.0})
    {'encoder.0': 5.0, 'scale': 1.0}
    """
    squares: dict[str, float] = {}
    for name, norm in gradients.items():
        layer, _, last = name.rpartition(".")
        of = layer if layer and last.startswith(_SUFFIXES) else name
        squares[of] = squares.get(of, 0.0) + norm * norm
    return {layer: math.sqrt(square) for layer, square in squares.items()}


def smoothed(values: Sequence[float], weight: float = SMOOTHING) -> list[float]:
    """An exponential moving average without the bias of its beginning, as TensorBoard draws: as many values.

    Source: Kingma & Ba 2015, "Adam", section 3 (the correction of the bias).

    >>> smoothed([1.0] * 9)[-1], smoothed([4.0, 2.0])
    (1.0, [4.0, 2.0])
    """
    if len(values) < FEWEST_SMOOTHED:
        return list(values)
    kept, mean = [], 0.0
    for place, value in enumerate(values):
        mean = weight * mean + (1 - weight) * value
        kept.append(mean / (1 - weight ** (place + 1)))
    return [round(value, 12) for value in kept]
