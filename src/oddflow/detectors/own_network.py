"""The door for a network of your own: torch's, or Keras's on its torch backend."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn

from oddflow.detectors.drawing import LIMITS, DrawingDetector, schedule_of
from oddflow.detectors.energy import EnergyDetector
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.models.rows import Floats
from oddflow.networks.drawing_losses import DrawingLoss
from oddflow.training.loop import EpochTold, History, Loss, fit_network

Make = Callable[[int], nn.Module]
"""A fresh network for rows of so many scaled columns."""


class OfRows(nn.Module):
    """A network behind one plain argument: what Keras builds takes any, and cannot be exported so."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, rows: Tensor) -> Tensor:
        """What the network gives: (n, m) -> (n, …)."""
        given: Tensor = self.network(rows)
        return given


def badly_drawn(network: nn.Module, rows: Tensor) -> Tensor:
    """Huber's loss of rows that come out otherwise than they went in: (b, m) -> (b,)."""
    return DrawingLoss.HUBER.of(network(rows), rows)


def high(network: nn.Module, rows: Tensor) -> Tensor:
    """The score itself: normal rows are to have a low one, (b, m) -> (b,).

    A network that can give all rows the same score learns to: let it end in a distance that it cannot take away.

    Source: Ruff et al. 2018, "Deep One-Class Classification", eq. 4.
    """
    scores: Tensor = network(rows)
    return scores


@final
class DrawingNetwork(DrawingDetector):
    """Your own network that draws rows anew; what comes out wrong is odd.

    It sees scaled columns and learns to give back what it is given, as the autoencoder does. Its weights are sealed
    as any detector's are: who scores with the model needs neither torch nor your code.

    Source: Hinton & Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural Networks".

    Args:
        features: The columns of a row.
        make: Gives a fresh network for rows of so many scaled columns: (n, m) -> (n, m).
        loss: What it does badly, a row: (network, rows (b, m)) -> (b,).
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        seed: Of torch's chance while it is made and learns; Keras draws first weights by seeds of their own.
        told: Told of each epoch.

    >>> from oddflow.features.feature import Feature, Scale
    >>> def make(width):
    ...     return nn.Sequential(nn.Linear(width, 1), nn.Linear(1, width))
    >>> x = np.random.default_rng(0).normal(size=(500, 1)) * [1, 1]
    >>> features = [Feature(name, "", Scale.LINEAR, "{value}") for name in ("sent", "received")]
    >>> detector = DrawingNetwork(features, make=make, epochs=20).fit(x)
    >>> same, other = detector.decision_function([[1.0, 1.0], [1.5, -1.5]])
    >>> bool(other > same)
    True
    """

    name: ClassVar[str] = "drawing-network"
    summary: ClassVar[str] = "a network of your own that draws rows anew"
    good_at: ClassVar[str] = "what you made it for"
    bad_at: ClassVar[str] = "what it can draw though it never saw it: keep its middle narrow"
    paper: ClassVar[str] = "Hinton & Salakhutdinov 2006"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = LIMITS

    history_: History

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        make: Make,
        loss: Loss = badly_drawn,
        epochs: int = 80,
        batch_rows: int = 128,
        learning_rate: float = 2e-3,
        patience: int = 10,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.make = make
        self.loss = loss
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.seed = seed
        self.told = told

    def _learn(self, scaled: Floats, validation: Floats) -> None:
        self.network_, self.history_ = _taught(self, scaled, validation, drawn=True)

    def weights(self) -> dict[str, Floats]:
        """The network's parameters and buffers by torch's names, each once."""
        return held_by(self.network_)


@final
class ScoringNetwork(EnergyDetector):
    """Your own network that gives each row one number, high where it is odd.

    It sees scaled columns. Unless you give a loss, it learns to give normal rows low numbers. The score is
    log(1 + eᶻ), z being how far the number lies above the median of the baseline, in units of its spread.

    Source: Ruff et al. 2018, "Deep One-Class Classification".

    Args:
        features: The columns of a row.
        make: Gives a fresh network for rows of so many scaled columns: (n, m) -> (n,).
        loss: What it does badly, a row: (network, rows (b, m)) -> (b,).
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        seed: Of torch's chance while it is made and learns; Keras draws first weights by seeds of their own.
        told: Told of each epoch.
    """

    name: ClassVar[str] = "scoring-network"
    summary: ClassVar[str] = "a network of your own that scores rows"
    good_at: ClassVar[str] = "what you made it for"
    bad_at: ClassVar[str] = "telling rows apart where it can learn to score all of them alike"
    paper: ClassVar[str] = "Ruff et al. 2018"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = LIMITS

    history_: History

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        make: Make,
        loss: Loss = high,
        epochs: int = 80,
        batch_rows: int = 128,
        learning_rate: float = 2e-3,
        patience: int = 10,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.make = make
        self.loss = loss
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.seed = seed
        self.told = told

    def _learn(self, scaled: Floats, validation: Floats) -> None:
        self.network_, self.history_ = _taught(self, scaled, validation, drawn=False)

    def weights(self) -> dict[str, Floats]:
        """The network's parameters and buffers by torch's names, each once."""
        return held_by(self.network_)


def _taught(
    detector: DrawingNetwork | ScoringNetwork, scaled: Floats, validation: Floats, *, drawn: bool
) -> tuple[OfRows, History]:
    schedule = schedule_of(detector)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(detector.seed)
        network = made(detector.make, scaled.shape[1], drawn=drawn)
        rows, held = torch.from_numpy(scaled), torch.from_numpy(validation)
        return network, fit_network(network, detector.loss, rows, held, schedule, detector.told)


def made(make: Make, width: int, *, drawn: bool) -> OfRows:
    """A network for rows (n, width), checked: it gives as many rows, or as many numbers.

    Raises:
        UsageError: It is none, or gives something else.
    """
    network = make(width)
    if not isinstance(network, nn.Module):
        raise UsageError(
            f"make({width}) must give a torch.nn.Module, or a Keras model on KERAS_BACKEND=torch; "
            f"{type(network).__name__} given"
        )
    wrapped = OfRows(network).eval()
    with torch.no_grad():
        given = wrapped(torch.zeros(3, width))
    wanted = (3, width) if drawn else (3,)
    if not isinstance(given, Tensor) or given.shape != wanted:
        shape = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
        raise UsageError(f"make({width}) must give a network of (3, {width}) -> {wanted}; it gave {shape}")
    return wrapped


def held_by(network: nn.Module) -> dict[str, Floats]:
    """Parameters and buffers as arrays; Keras's networks hold theirs under two names, of which one is taken."""
    held = dict(network.named_parameters()) | dict(network.named_buffers())
    return {name: np.asarray(value.detach()) for name, value in held.items()}
