"""Nearest neighbours: how far the nearest known rows are, or how much farther than theirs (LOF)."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors as Index

from oddflow.detectors.registry import registered
from oddflow.detectors.whole import WholeScoreDetector
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.models.distances import NEAREST, squared_distances, write_squared_distances
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

MEASURES = ("farthest", "mean", "lof")


@registered
@final
class NearestNeighbours(WholeScoreDetector):
    """Keeps some normal rows and scores by the distance to the nearest of them.

    A squared distance of `NEAREST`² is added to each, so that rows which are there twice have finite density.

    Source: Ramaswamy, Rastogi & Shim 2000, "Efficient Algorithms for Mining Outliers from Large Data Sets" (the k-th
    neighbour); Angiulli & Pizzuti 2002 (their mean); Breunig, Kriegel, Ng & Sander 2000, "LOF: Identifying
    Density-Based Local Outliers", definitions 3 to 7.

    Args:
        features: The columns of a row.
        neighbours: How many.
        references: The most rows that are kept, drawn by chance; no two are the same.
        measure: "farthest" (the k-th neighbour), "mean" (of all k), or "lof" (density beside the neighbours' own).
        seed: Of the rows that are kept.
    """

    name: ClassVar[str] = "nearest-neighbours"
    summary: ClassVar[str] = "distance to the nearest known rows (k-NN), or density beside theirs (LOF)"
    good_at: ClassVar[str] = "normal traffic of many kinds; shapes that no formula has"
    bad_at: ClassVar[str] = "speed: each row is compared with all that are kept; a baseline that holds attacks"
    paper: ClassVar[str] = "Ramaswamy et al. 2000; Breunig et al. 2000"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "neighbours": (1, 1_024), "references": (2, 16_384), "seed": (0, 2**32 - 1),
    }  # fmt: skip
    stops_early: ClassVar[bool] = False

    points_: Floats
    reaches_: Floats
    densities_: Floats
    kept_: int

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        neighbours: int = 5,
        references: int = 1_000,
        measure: str = "mean",
        seed: int = 0,
    ) -> None:
        self.features = features
        self.neighbours = neighbours
        self.references = references
        self.measure = measure
        self.seed = seed

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        if self.measure not in MEASURES:
            raise UsageError(f"measure of {self.name} must be one of {', '.join(MEASURES)}; {self.measure!r} given")
        points = np.unique(scaled, axis=0)
        if len(points) > self.references:
            chosen = np.random.default_rng(self.seed).choice(len(points), self.references, replace=False)
            points = points[np.sort(chosen)]
        self.points_ = points
        self.kept_ = max(1, min(self.neighbours, len(points) - 1))
        # a point is its own nearest, and no neighbour of itself
        index = Index(n_neighbors=min(self.kept_ + 1, len(points))).fit(points)
        distances, places = index.kneighbors(points)
        distances = np.sqrt(distances**2 + NEAREST**2)
        self.reaches_ = distances[:, -1].astype(np.float32)
        others = slice(1, None) if len(points) > 1 else slice(0, 1)
        reached = np.maximum(distances[:, others], self.reaches_[places[:, others]])
        self.densities_ = (1 / reached.mean(axis=1)).astype(np.float32)

    def _whole(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:  # noqa: ARG002
        found = np.empty(len(scaled))
        for start in range(0, len(scaled), 1_024):
            rows = slice(start, start + 1_024)
            found[rows] = self._of(squared_distances(scaled[rows], self.points_))
        return found

    def _of(self, squared: NDArray[np.float64]) -> NDArray[np.float64]:
        places = np.argpartition(squared, self.kept_ - 1, axis=1)[:, : self.kept_]
        distances = np.sqrt(np.take_along_axis(squared, places, axis=1) + NEAREST**2)
        if self.measure == "farthest":
            return np.asarray(distances.max(axis=1))
        if self.measure == "mean":
            return np.asarray(distances.mean(axis=1))
        reached = np.maximum(distances, self.reaches_[places]).mean(axis=1)
        return np.asarray(self.densities_[places].mean(axis=1) * reached)

    def weights(self) -> dict[str, Floats]:
        """The kept rows (p, m), the distance to each one's farthest neighbour and its density, (p,)."""
        return {"points": self.points_, "reaches": self.reaches_, "densities": self.densities_}

    def _write_whole(self, builder: GraphBuilder, scaled: str) -> str:
        axis = builder.constant(np.array([1], np.int64))
        near = builder.add("Neg", write_squared_distances(builder, scaled, self.points_))
        kept = builder.constant(np.array([self.kept_], np.int64))
        nearest = builder.add("TopK", near, kept, unused=1, axis=1)
        squared = builder.add("Sub", builder.constant(float(NEAREST**2)), nearest)
        distances = builder.add("Sqrt", squared)
        if self.measure == "farthest":
            return builder.add("ReduceMax", distances, axis, keepdims=0)
        if self.measure == "mean":
            return builder.add("ReduceMean", distances, axis, keepdims=0)
        places = f"{nearest}_unused_0"
        reaches = builder.add("Gather", builder.constant(self.reaches_), places, axis=0)
        reached = builder.add("ReduceMean", builder.add("Max", distances, reaches), axis, keepdims=0)
        densities = builder.add("Gather", builder.constant(self.densities_), places, axis=0)
        return builder.add("Mul", builder.add("ReduceMean", densities, axis, keepdims=0), reached)
