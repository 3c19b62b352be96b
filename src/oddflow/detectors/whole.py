"""What detectors share whose score is one number for the whole row, and no sum over features.

A person still wants to know where to look. Each feature takes the share of the score that its surprise has in the
surprise of the row: how far out it lies among the flows of its own service, squared, in tails of the baseline
(`models/tails.py`). Shares say what stands out in the row, not what the method itself weighed.
"""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors.base import Detector
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.scaling import Scaler
from oddflow.models.tails import Tails
from oddflow.training.rows import in_blocks

if TYPE_CHECKING:
    import onnx

LEAST_SHARE = 1e-4
"""Of surprise that each feature is given, so that shares of a row without any are even."""


class WholeScoreDetector(Detector):
    """Scores a row as a whole, never below 0, and shares the score out by surprise.

    Subclasses are final: they implement `_learn`, `_whole`, `_write_whole` and `weights`.
    """

    encodes: ClassVar[bool] = True
    decomposes: ClassVar[bool] = False

    scaler_: Scaler
    tails_: Tails

    @abstractmethod
    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:
        """Learns from raw rows (n, d), their scaled columns (n, m) and labels (n,), if it needs any."""

    @abstractmethod
    def _whole(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:
        """Scores, not negative: (n, d), (n, m) -> (n,)."""

    @abstractmethod
    def _write_whole(self, builder: GraphBuilder, scaled: str) -> str:
        """Adds the same as nodes; the name of the scores, (n,)."""

    def _fit(self, x: Floats, validation: Floats, y: NDArray[np.int64] | None) -> None:
        normal = x if y is None else x[y == 0]
        self.scaler_ = self.shown_by.scaler(normal, self.features)
        self._learn(x, in_blocks(self.scaler_.transform, x, len(self.scaler_.owners)), y)
        rows = np.concatenate([normal, validation])
        scaled = self.scaler_.transform(rows)
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

    def _contributions(self, x: Floats) -> Floats:
        scaled = self.scaler_.transform(x)
        surprise = self.tails_.contributions(scaled, scaled, self.scaler_.groups(x)) + np.float32(LEAST_SHARE)
        whole = self._whole(x, scaled).astype(np.float32)
        return np.asarray(surprise / surprise.sum(axis=1, keepdims=True) * whole[:, None], np.float32)

    def _score_of(self, contributions: Floats) -> Floats:
        return np.asarray(contributions.sum(axis=1, dtype=np.float64), np.float32)

    def _graph(self) -> "onnx.ModelProto":
        builder = GraphBuilder(self.width_)
        scaled, groups = self.scaler_.write(builder)
        whole = self._write_whole(builder, scaled)
        _, surprise = self.tails_.write(builder, scaled, scaled, groups)
        surprise = builder.add("Add", surprise, builder.constant(LEAST_SHARE))
        axis = builder.constant(np.array([1], np.int64))
        shares = builder.add("Div", surprise, builder.add("ReduceSum", surprise, axis, keepdims=1))
        contributions = builder.add("Mul", shares, builder.add("Unsqueeze", whole, axis))
        return builder.finish(score=whole, contributions=contributions)
