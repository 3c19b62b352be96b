"""Naive Bayes."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn.naive_bayes import GaussianNB

from oddflow.detectors.registry import registered
from oddflow.detectors.supervised import SupervisedDetector
from oddflow.features.feature import Feature
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats


@registered
@final
class NaiveBayes(SupervisedDetector):
    """A Gaussian a column for attacks and for normal rows, as if columns knew nothing of each other.

    Source: Maron 1961, "Automatic Indexing: An Experimental Inquiry"; with Gaussians, John & Langley 1995, "Estimating
    Continuous Distributions in Bayesian Classifiers".

    Args:
        features: The columns of a row.
        smoothing: Share of the greatest variance that is added to all, so that none is 0.
        seed: Unused: there is no chance in it; every detector has one.
    """

    name: ClassVar[str] = "naive-bayes"
    summary: ClassVar[str] = "a Gaussian a column for each kind of row; learns from labels"
    good_at: ClassVar[str] = "few labels; the fastest to learn"
    bad_at: ClassVar[str] = "columns that say the same: they are counted twice; attacks that were not learnt"
    paper: ClassVar[str] = "Maron 1961; John & Langley 1995"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"smoothing": (1e-6, 1)}
    order_matters: ClassVar[bool] = False
    relations: ClassVar[bool] = False

    means_: Floats
    deviations_: Floats
    base_: float

    def __init__(self, features: Sequence[Feature], *, smoothing: float = 1e-3, seed: int = 0) -> None:
        self.features = features
        self.smoothing = smoothing
        self.seed = seed

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        fitted = GaussianNB(priors=[0.5, 0.5], var_smoothing=self.smoothing).fit(scaled.astype(np.float64), y)
        self.means_ = fitted.theta_.astype(np.float32)
        deviations = np.sqrt(np.maximum(fitted.var_, 1e-6))
        self.deviations_ = deviations.astype(np.float32)
        normal, attack = np.log(deviations).sum(axis=1)
        self.base_ = float(np.float32(normal - attack))

    def _log_odds(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:  # noqa: ARG002
        normal, attack = (
            (((scaled - mean) / deviation) ** 2) for mean, deviation in zip(self.means_, self.deviations_, strict=True)
        )
        return np.asarray(0.5 * (normal - attack).sum(axis=1, dtype=np.float64) + self.base_)

    def _write_log_odds(self, builder: GraphBuilder, scaled: str) -> str:
        squares = []
        for mean, deviation in zip(self.means_, self.deviations_, strict=True):
            off = builder.add("Div", builder.add("Sub", scaled, builder.constant(mean)), builder.constant(deviation))
            squares.append(builder.add("Mul", off, off))
        total = builder.row_sum(builder.add("Sub", *squares))
        return builder.add("Add", builder.add("Mul", total, builder.constant(0.5)), builder.constant(self.base_))

    def weights(self) -> dict[str, Floats]:
        """Means and deviations of normal rows and attacks, (2, m)."""
        return {"means": self.means_, "deviations": self.deviations_}
