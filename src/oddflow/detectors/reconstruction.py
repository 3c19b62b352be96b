"""What detectors that draw a row anew share: scaling by service before, surprise by tails after."""

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


class ReconstructionDetector(Detector):
    """Scales rows, draws them anew, and scores by how far out and how badly drawn they are (`models/tails.py`).

    Subclasses are final: they implement `_learn`, `_reconstruct`, `_write_body` and `weights`.
    """

    encodes: ClassVar[bool] = True

    scaler_: Scaler
    tails_: Tails

    @abstractmethod
    def _learn(self, scaled: Floats, validation: Floats) -> None:
        """Learns to draw scaled rows: (n, m) and (v, m)."""

    @abstractmethod
    def _reconstruct(self, scaled: Floats) -> Floats:
        """Scaled rows drawn anew: (n, m) -> (n, m)."""

    @abstractmethod
    def _write_body(self, builder: GraphBuilder, scaled: str) -> str:
        """Adds the same as nodes."""

    def _fit(self, x: Floats, validation: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        self.scaler_ = self.shown_by.scaler(x, self.features)
        self._learn(self._scaled(x), self._scaled(validation))
        self._measure_tails(np.concatenate([x, validation]))

    def _scaled(self, x: Floats) -> Floats:
        return in_blocks(self.scaler_.transform, x, len(self.scaler_.owners))

    def _measure_tails(self, x: Floats) -> None:
        scaled = self._scaled(x)
        self.tails_ = Tails.fit(
            scaled,
            self._reconstruct(scaled),
            self.scaler_.groups(x),
            group_count=self.scaler_.group_count,
            owners=self.scaler_.owners,
            silent=self.scaler_.known,
            width=x.shape[1],
            middles=self.scaler_.middles,
            units=self.scaler_.units,
        )

    def _contributions(self, x: Floats) -> Floats:
        scaled = self.scaler_.transform(x)
        return self.tails_.contributions(scaled, self._reconstruct(scaled), self.scaler_.groups(x))

    def _score_of(self, contributions: Floats) -> Floats:
        return self.tails_.score(contributions)

    def _graph(self) -> "onnx.ModelProto":
        builder = GraphBuilder(self.width_)
        scaled, groups = self.scaler_.write(builder)
        reconstructed = self._write_body(builder, scaled)
        score, contributions = self.tails_.write(builder, scaled, reconstructed, groups)
        return builder.finish(score=score, contributions=contributions)
