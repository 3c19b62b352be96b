"""What detectors that draw a row anew share: scaling by service before, surprise by tails after."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors.base import Detector
from oddflow.errors import UsageError
from oddflow.models.categories import Categories
from oddflow.models.graph import GraphBuilder
from oddflow.models.numbers import Scaling
from oddflow.models.rows import Floats
from oddflow.models.scaling import Scaler
from oddflow.models.scaling_shares import scaler_of
from oddflow.models.sketches.categories import Counts
from oddflow.models.sketches.shares import Places, Shares, Sketch, Stretch
from oddflow.models.tails import GroupTails, Tails
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

    def _fit_shares(self, shares: Shares, fitted: Stretch, known: Stretch) -> None:
        self._check_shares()
        scaling, categories = Scaling(self.shown_by.scaling), Categories(self.shown_by.categories)
        if scaling is not Scaling.BY_SERVICE or categories is Categories.EMBEDDING or self.shown_by.embedding:
            raise UsageError(
                "rows on several machines are scaled by-service, and categories shown one-hot or hashed; other ways "
                "need all rows at once"
            )
        self.scaler_ = scaler_of(shares, fitted, self.features, categories, buckets=self.shown_by.buckets)
        self._learn_shares(shares, fitted)
        [met] = shares.told(_Groups(self.scaler_), known)
        counts = cast("Counts", met).of(range(self.scaler_.group_count))
        found = shares.told(_Distances(self, counts, known.rows), known)
        far, misses = (cast("GroupTails", one) for one in found)
        self.tails_ = Tails.of_groups(
            far, misses, owners=self.scaler_.owners, silent=self.scaler_.known, width=len(self.features)
        )

    def _learn_shares(self, shares: Shares, fitted: Stretch) -> None:
        """Learns to draw scaled rows that lie in several places; only what `learns_from_shares` does."""
        raise NotImplementedError(self.name)

    def _check_shares(self) -> None:
        """Raises UsageError where an option needs all rows at once."""

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

    def drawn(self, x: Floats) -> tuple[Floats, NDArray[np.int64], Floats]:
        """Rows scaled, their groups, and how they are drawn anew: (n, d) -> (n, m), (n,), (n, m)."""
        scaled = self.scaler_.transform(x)
        return scaled, self.scaler_.groups(x), self._reconstruct(scaled)

    def _contributions(self, x: Floats) -> Floats:
        scaled, groups, drawn = self.drawn(x)
        return self.tails_.contributions(scaled, drawn, groups)

    def _score_of(self, contributions: Floats) -> Floats:
        return self.tails_.score(contributions)

    def _graph(self) -> "onnx.ModelProto":
        builder = GraphBuilder(self.width_)
        scaled, groups = self.scaler_.write(builder)
        reconstructed = self._write_body(builder, scaled)
        score, contributions = self.tails_.write(builder, scaled, reconstructed, groups)
        return builder.finish(score=score, contributions=contributions)


@dataclass(frozen=True, slots=True)
class _Groups:
    """How many rows each group has."""

    scaler: Scaler

    def __call__(self, x: Floats, places: Places) -> Sequence[Sketch]:  # noqa: ARG002
        counts = Counts()
        counts.update(self.scaler.groups(x).astype(np.float32))
        return [counts]


@dataclass(frozen=True, slots=True)
class _Distances:
    """How far out rows lie, and how badly they are drawn, at the far end of each group and of all."""

    detector: ReconstructionDetector
    counts: Sequence[int]
    rows: int

    def __call__(self, x: Floats, places: Places) -> Sequence[Sketch]:  # noqa: ARG002
        scaled, groups, drawn = self.detector.drawn(x)
        far, misses = (GroupTails.for_rows(self.counts, self.rows, scaled.shape[1]) for _ in range(2))
        far.update(np.abs(scaled), groups)
        misses.update(np.abs(scaled - drawn), groups)
        return [far, misses]
