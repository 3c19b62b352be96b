"""What detectors share whose network gives one number for a row: its energy, a discriminator's doubt."""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from oddflow.detectors.base import Detector
from oddflow.detectors.drawing import run, state_of
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.scaling import Scaler
from oddflow.models.tails import Tails
from oddflow.training.export import to_onnx
from oddflow.training.rows import in_blocks

if TYPE_CHECKING:
    import onnx

_LEAST_SHARE = np.float32(1e-6)


class EnergyDetector(Detector):
    """Scales rows and scores them by what a network gives: log(1 + eᶻ), with z how far it lies above what is usual.

    Usual is the median of the rows that were learnt from, and the unit half of their interquartile range, as normal
    deviations go. The number does not decompose: a feature's contribution is the score, shared out by how far the
    features lie from their own marginals (`models/tails.py`). So reasons name what is far out, and where no feature by
    itself is, they are weak.

    Subclasses are final: they implement `_learn`, which sets `network_`: scaled rows (n, m) -> (n,), high where odd.
    """

    sees_raw: ClassVar[bool] = False
    """Whether the network is given rows as they are, as pixels of one scale; scaled ones then only give reasons."""
    encodes: ClassVar[bool] = True
    learns_to_zero: ClassVar[bool] = False
    decomposes: ClassVar[bool] = False

    scaler_: Scaler
    tails_: Tails
    network_: nn.Module
    centre_: float
    spread_: float

    @abstractmethod
    def _learn(self, scaled: Floats, validation: Floats) -> None:
        """Learns rows, scaled unless it sees raw ones: (n, m) and (v, m)."""

    def _fit(self, x: Floats, validation: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        self.scaler_ = self.shown_by.scaler(x, self.features)
        self._learn(self._seen(x), self._seen(validation))
        rows = np.concatenate([x, validation])
        scaled = in_blocks(self.scaler_.transform, rows, len(self.scaler_.owners))
        self.tails_ = Tails.fit(
            scaled,
            scaled,
            self.scaler_.groups(rows),
            group_count=self.scaler_.group_count,
            owners=self.scaler_.owners,
            silent=self.scaler_.known,
            width=x.shape[1],
            middles=self.scaler_.middles,
            units=self.scaler_.units,
        )
        low, median, high = np.quantile(run(self.network_, self._seen(rows)), [0.25, 0.5, 0.75])
        self.centre_ = float(median)
        # where all rows are alike, a thousandth of the number itself is still told from its rounding
        self.spread_ = float(max((high - low) / 1.349, 1e-3 * abs(median), 1e-3))

    def _seen(self, x: Floats) -> Floats:
        """What the network is given of raw rows: (n, d) -> (n, m)."""
        # a copy, for torch takes no rows that must not be written to
        return x.copy() if self.sees_raw else in_blocks(self.scaler_.transform, x, len(self.scaler_.owners))

    def _contributions(self, x: Floats) -> Floats:
        scaled = self.scaler_.transform(x)
        z = (run(self.network_, self._seen(x)) - np.float32(self.centre_)) / np.float32(self.spread_)
        score = np.logaddexp(np.float32(0), z)
        far = self.tails_.contributions(scaled, scaled, self.scaler_.groups(x)) + _LEAST_SHARE
        return np.asarray(score[:, None] * (far / far.sum(axis=1, keepdims=True)), np.float32)

    def _score_of(self, contributions: Floats) -> Floats:
        return np.asarray(contributions.sum(axis=1), np.float32)

    def weights(self) -> dict[str, Floats]:
        """The network's state by torch's names."""
        return state_of(self.network_)

    def _graph(self) -> "onnx.ModelProto":
        builder = GraphBuilder(self.width_)
        scaled, groups = self.scaler_.write(builder)
        width, seen = (self.width_, builder.x) if self.sees_raw else (len(self.scaler_.owners), scaled)
        (energy,) = builder.include(to_onnx(self.network_, width), seen)
        above = builder.add("Sub", energy, builder.constant(self.centre_))
        score = builder.add("Softplus", builder.add("Div", above, builder.constant(self.spread_)))
        _, parts = self.tails_.write(builder, scaled, scaled, groups)
        far = builder.add("Add", parts, builder.constant(float(_LEAST_SHARE)))
        column = builder.constant(np.array([1], np.int64))
        share = builder.add("Div", far, builder.add("ReduceSum", far, column, keepdims=1))
        contributions = builder.add("Mul", builder.add("Unsqueeze", score, column), share)
        return builder.finish(score=builder.row_sum(contributions), contributions=contributions)
