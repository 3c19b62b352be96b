"""A mixture of Gaussians: how unlikely a row is."""

import warnings
from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Fitted

from oddflow.detectors.registry import registered
from oddflow.detectors.whole import WholeScoreDetector
from oddflow.features.feature import Feature
from oddflow.models.distances import log_sum_exp, write_log_sum_exp
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats


@registered
@final
class GaussianMixture(WholeScoreDetector):
    """Describes normal rows by a few Gaussians; the score is how much less likely a row is than any could be.

    With p the density of the mixture and b the sum of its Gaussians' greatest densities, each by its weight, the score
    is log b - log p(x), which is never below 0.

    Source: Dempster, Laird & Rubin 1977, "Maximum Likelihood from Incomplete Data via the EM Algorithm"; two
    distributions, one of the majority and one of the rest, after Eskin 2000, "Anomaly Detection over Noisy Data using
    Learned Probability Distributions".

    Args:
        features: The columns of a row.
        components: How many Gaussians; fewer where there are fewer rows.
        floor: Least variance of a direction, in squared spreads.
        seed: Of the first centres.
    """

    name: ClassVar[str] = "gaussian-mixture"
    summary: ClassVar[str] = "a few Gaussians with all covariances; unlikely rows are odd"
    good_at: ClassVar[str] = "features that vary together in straight lines, differently in each kind of traffic"
    bad_at: ClassVar[str] = "many features with few rows; heavy tails"
    paper: ClassVar[str] = "Dempster et al. 1977; Eskin 2000"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "components": (1, 64), "floor": (1e-4, 1e3), "seed": (0, 2**32 - 1),
    }  # fmt: skip
    stops_early: ClassVar[bool] = False

    means_: Floats
    factors_: Floats
    logarithms_: Floats

    def __init__(self, features: Sequence[Feature], *, components: int = 2, floor: float = 1e-2, seed: int = 0) -> None:
        self.features = features
        self.components = components
        self.floor = floor
        self.seed = seed

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        count = min(self.components, len(np.unique(scaled, axis=0)))
        fitted = Fitted(count, reg_covar=self.floor, max_iter=200, random_state=self.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the last step is as good as can be had
            fitted.fit(scaled.astype(np.float64))
        self.means_ = fitted.means_.astype(np.float32)
        self.factors_ = fitted.precisions_cholesky_.astype(np.float32)
        heights = np.log(fitted.weights_) + np.log(np.diagonal(fitted.precisions_cholesky_, axis1=1, axis2=2)).sum(
            axis=1
        )
        self.logarithms_ = (heights - log_sum_exp(heights[None])[0]).astype(np.float32)

    def _whole(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:  # noqa: ARG002
        logarithms = np.empty((len(scaled), len(self.means_)))
        for place, (mean, factor) in enumerate(zip(self.means_, self.factors_, strict=True)):
            off = (scaled - mean) @ factor  # (n, m)
            logarithms[:, place] = self.logarithms_[place] - 0.5 * (off.astype(np.float64) ** 2).sum(axis=1)
        return np.asarray(np.maximum(-log_sum_exp(logarithms), 0))

    def weights(self) -> dict[str, Floats]:
        """Means (k, m), Cholesky factors of the precisions (k, m, m) and logarithms of the heights (k,)."""
        return {"means": self.means_, "factors": self.factors_, "logarithms": self.logarithms_}

    def _write_whole(self, builder: GraphBuilder, scaled: str) -> str:
        axis = builder.constant(np.array([1], np.int64))
        parts = []
        for mean, factor, logarithm in zip(self.means_, self.factors_, self.logarithms_, strict=True):
            off = builder.add("MatMul", builder.add("Sub", scaled, builder.constant(mean)), builder.constant(factor))
            squared = builder.add("ReduceSum", builder.add("Mul", off, off), axis, keepdims=1)
            half = builder.add("Mul", squared, builder.constant(0.5))
            parts.append(builder.add("Sub", builder.constant(float(logarithm)), half))
        whole = write_log_sum_exp(builder, builder.add("Concat", *parts, axis=1))
        return builder.add("Relu", builder.add("Neg", whole))
