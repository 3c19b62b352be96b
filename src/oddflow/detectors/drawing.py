"""What detectors share whose network draws a row anew."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from torch import nn

from oddflow.detectors.reconstruction import ReconstructionDetector
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.training.export import to_onnx
from oddflow.training.loop import Schedule, threads
from oddflow.training.pace import Pace

LIMITS: Mapping[str, tuple[float, float]] = {
    "epochs": (1, 1_000_000),
    "batch_rows": (1, 2**31),
    "learning_rate": (0, 1e30),
    "patience": (1, 1_000_000),
    "seed": (-(2**63), 2**63 - 1),
}
"""Of the options that all networks have; see `training.loop.Schedule`."""

_BATCH_ROWS = 4_096


class Learner(Protocol):
    """Whoever has the options of `LIMITS`."""

    epochs: int
    batch_rows: int
    learning_rate: float
    patience: int
    seed: int
    paced_by: Pace


def schedule_of(learner: Learner) -> Schedule:
    """How long and how fast it was told to learn."""
    told = (learner.epochs, learner.batch_rows, learner.learning_rate, learner.patience, learner.seed)
    return Schedule(*told, pace=learner.paced_by)


class DrawingDetector(ReconstructionDetector):
    """Holds a network that draws scaled rows, (n, m) -> (n, m), and seals it.

    Subclasses are final: they implement `_learn`, which sets `network_`.
    """

    network_: nn.Module

    def _reconstruct(self, scaled: Floats) -> Floats:
        return run(self.network_, scaled)

    def weights(self) -> dict[str, Floats]:
        """The network's state by torch's names."""
        return state_of(self.network_)

    def _write_body(self, builder: GraphBuilder, scaled: str) -> str:
        (drawn,) = builder.include(to_onnx(self.network_, self.scaler_.owners.shape[0]), scaled)
        return drawn


def run(network: nn.Module, rows: Floats) -> Floats:
    """What a network of one output gives, without learning, a block of rows at a time: (n, m) -> (n, …)."""
    network.eval()
    with torch.no_grad(), threads(Schedule().threads):
        starts = range(0, max(1, len(rows)), _BATCH_ROWS)
        given = [network(torch.from_numpy(np.ascontiguousarray(rows[s : s + _BATCH_ROWS]))) for s in starts]
    return np.asarray(torch.cat(given))


def state_of(network: nn.Module) -> dict[str, Floats]:
    """A network's state as arrays, by torch's names; without counts of batches, which score nothing."""
    return {name: np.asarray(value) for name, value in network.state_dict().items() if value.is_floating_point()}


def narrow(hidden: tuple[int, ...], width: int) -> tuple[int, ...]:
    """Widths whose last is at most half as wide as a row: a wider middle would pass all rows through, odd ones too.

    >>> narrow((64, 16), 20)
    (64, 10)
    """
    *outer, middle = hidden
    return (*outer, max(1, min(middle, width // 2)))
