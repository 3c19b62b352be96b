"""Principal components: how far a row lies out along each, and most along those that hardly vary."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA as Fitted  # noqa: N811

from oddflow.detectors.registry import registered
from oddflow.detectors.whole import WholeScoreDetector
from oddflow.features.feature import Feature
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats


@registered
@final
class PrincipalComponents(WholeScoreDetector):
    """Turns rows to the directions in which normal ones vary and measures each in its own deviation.

    The score is the root mean square over major and minor components together, as PyOD's PCA has it; `robust-pca` is
    for baselines that hold attacks.

    Source: Shyu, Chen, Sarinnapakorn & Chang 2003, "A Novel Anomaly Detection Scheme Based on Principal Component
    Classifier", section 3.

    Args:
        features: The columns of a row.
        floor: Least variance of a component, in squared spreads.
        seed: Unused: there is no chance in it; every detector has one.
    """

    name: ClassVar[str] = "principal-components"
    summary: ClassVar[str] = "deviations along principal components, the minor ones too"
    good_at: ClassVar[str] = "features that vary together in straight lines; fast to learn and to score"
    bad_at: ClassVar[str] = "several kinds of traffic in one baseline; bent relations"
    paper: ClassVar[str] = "Shyu et al. 2003"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"floor": (1e-4, 1e3)}
    stops_early: ClassVar[bool] = False
    order_matters: ClassVar[bool] = False

    mean_: Floats
    directions_: Floats

    def __init__(self, features: Sequence[Feature], *, floor: float = 1e-2, seed: int = 0) -> None:
        self.features = features
        self.floor = floor
        self.seed = seed

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        with np.errstate(invalid="ignore"):  # shares of a variance that is 0
            fitted = Fitted(svd_solver="covariance_eigh").fit(scaled.astype(np.float64))
        self.mean_ = fitted.mean_.astype(np.float32)
        variances = np.maximum(fitted.explained_variance_, self.floor)
        self.directions_ = (fitted.components_.T / np.sqrt(variances)).astype(np.float32)

    def _whole(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:  # noqa: ARG002
        turned = (scaled - self.mean_) @ self.directions_
        return np.asarray(np.sqrt((turned**2).mean(axis=1)))

    def weights(self) -> dict[str, Floats]:
        """The mean (m,) and the directions over their deviations (m, k)."""
        return {"mean": self.mean_, "directions": self.directions_}

    def _write_whole(self, builder: GraphBuilder, scaled: str) -> str:
        off = builder.add("Sub", scaled, builder.constant(self.mean_))
        turned = builder.add("MatMul", off, builder.constant(self.directions_))
        axis = builder.constant(np.array([1], np.int64))
        return builder.add("Sqrt", builder.add("ReduceMean", builder.add("Mul", turned, turned), axis, keepdims=0))
