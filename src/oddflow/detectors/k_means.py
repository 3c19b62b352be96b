"""k-means: how far the nearest of some centres is."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans as Fitted
from threadpoolctl import threadpool_limits

from oddflow.detectors.registry import registered
from oddflow.detectors.whole import WholeScoreDetector
from oddflow.features.feature import Feature
from oddflow.models.distances import NEAREST, squared_distances, write_squared_distances
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

_WIDTH_FLOOR = 0.25
"""No cluster is narrower: a quarter of a spread."""


@registered
@final
class KMeans(WholeScoreDetector):
    """Groups normal rows about centres and scores by the distance to the nearest, in widths of its cluster.

    A cluster's width is the root mean square distance of its rows.

    Source: Lloyd 1982, "Least squares quantization in PCM"; Arthur & Vassilvitskii 2007 for the first centres; on
    traffic, Münz, Li & Carle 2007, "Traffic Anomaly Detection Using K-Means Clustering".

    Args:
        features: The columns of a row.
        clusters: How many; fewer where there are fewer different rows.
        seed: Of the first centres.
    """

    name: ClassVar[str] = "k-means"
    summary: ClassVar[str] = "distance to the nearest of some centres, in widths of its cluster"
    good_at: ClassVar[str] = "a few compact kinds of traffic; fast to learn and to score"
    bad_at: ClassVar[str] = "long or bent clusters; features that vary together"
    paper: ClassVar[str] = "Lloyd 1982; Münz et al. 2007"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"clusters": (1, 4_096), "seed": (0, 2**32 - 1)}
    stops_early: ClassVar[bool] = False

    centres_: Floats
    widths_: Floats

    def __init__(self, features: Sequence[Feature], *, clusters: int = 32, seed: int = 0) -> None:
        self.features = features
        self.clusters = clusters
        self.seed = seed

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        count = min(self.clusters, len(np.unique(scaled, axis=0)))
        with threadpool_limits(1):  # the order of sums is that of threads
            fitted = Fitted(n_clusters=count, n_init=1, random_state=self.seed).fit(scaled)
        self.centres_ = fitted.cluster_centers_.astype(np.float32)
        squared = squared_distances(scaled, self.centres_).min(axis=1)
        members = np.bincount(fitted.labels_, minlength=count)
        mean = np.bincount(fitted.labels_, squared, minlength=count) / np.maximum(members, 1)
        self.widths_ = np.maximum(np.sqrt(mean), _WIDTH_FLOOR).astype(np.float32)

    def _whole(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:  # noqa: ARG002
        squared = squared_distances(scaled, self.centres_) + NEAREST**2
        return np.asarray(np.sqrt((squared / self.widths_**2).min(axis=1)))

    def weights(self) -> dict[str, Floats]:
        """The centres (k, m) and the widths of their clusters (k,)."""
        return {"centres": self.centres_, "widths": self.widths_}

    def _write_whole(self, builder: GraphBuilder, scaled: str) -> str:
        axis = builder.constant(np.array([1], np.int64))
        squared = write_squared_distances(builder, scaled, self.centres_)
        squared = builder.add("Add", squared, builder.constant(float(NEAREST**2)))
        shares = builder.add("Div", squared, builder.constant(self.widths_**2))
        return builder.add("Sqrt", builder.add("ReduceMin", shares, axis, keepdims=0))
