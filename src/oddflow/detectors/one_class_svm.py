"""The one-class support vector machine."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import OneClassSVM as Fitted

from oddflow.detectors.registry import registered
from oddflow.detectors.whole import WholeScoreDetector
from oddflow.features.feature import Feature
from oddflow.models.distances import log_sum_exp, squared_distances, write_log_sum_exp, write_squared_distances
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats


@registered
@final
class OneClassSvm(WholeScoreDetector):
    """Parts normal rows from the origin of a kernel's space; what lies on the origin's side is odd.

    With the kernel k(x, s) = exp(-γ |x - s|²) and weights α of the support vectors s, the score is
    -log(Σ α k(x, s) / Σ α): it grows as the decision function of scikit-learn falls, is never below 0, and still tells
    far rows apart where the sum itself is 0 to the last bit.

    Source: Schölkopf, Platt, Shawe-Taylor, Smola & Williamson 2001, "Estimating the Support of a High-Dimensional
    Distribution".

    Args:
        features: The columns of a row.
        nu: Share of the rows that may lie outside, 0 to 1; at least so many are support vectors.
        width: The kernel's, in units of what scikit-learn calls "scale": 2 is twice as wide.
        rows: The most rows that it learns from, drawn by chance: it takes their square in time.
        seed: Of the rows that are drawn.
    """

    name: ClassVar[str] = "one-class-svm"
    summary: ClassVar[str] = "support vectors about normal rows, by a Gaussian kernel"
    good_at: ClassVar[str] = "small baselines; bent borders"
    bad_at: ClassVar[str] = "many rows; the kernel's width decides, and no label tells it"
    paper: ClassVar[str] = "Schölkopf et al. 2001"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "nu": (1e-3, 0.999), "width": (1e-3, 1e3), "rows": (2, 50_000), "seed": (0, 2**32 - 1),
    }  # fmt: skip
    stops_early: ClassVar[bool] = False

    points_: Floats
    alphas_: Floats
    gamma_: float

    def __init__(
        self, features: Sequence[Feature], *, nu: float = 0.05, width: float = 0.5, rows: int = 5_000, seed: int = 0
    ) -> None:
        self.features = features
        self.nu = nu
        self.width = width
        self.rows = rows
        self.seed = seed

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        if len(scaled) > self.rows:
            chosen = np.random.default_rng(self.seed).choice(len(scaled), self.rows, replace=False)
            scaled = scaled[np.sort(chosen)]
        variance = float(scaled.var(dtype=np.float64))
        self.gamma_ = float(np.float32(1 / (scaled.shape[1] * max(variance, 1e-3) * self.width**2)))
        fitted = Fitted(gamma=self.gamma_, nu=self.nu)
        fitted.random_state = self.seed  # else it draws from NumPy's own chance
        fitted.fit(scaled)
        self.points_ = fitted.support_vectors_.astype(np.float32)
        alphas = fitted.dual_coef_[0]
        self.alphas_ = (alphas / alphas.sum()).astype(np.float32)

    def _whole(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:  # noqa: ARG002
        found = np.empty(len(scaled))
        for start in range(0, len(scaled), 1_024):
            rows = slice(start, start + 1_024)
            exponents = np.log(self.alphas_) - self.gamma_ * squared_distances(scaled[rows], self.points_)
            found[rows] = np.maximum(-log_sum_exp(exponents), 0)
        return found

    def weights(self) -> dict[str, Floats]:
        """The support vectors (s, m) and their weights (s,), which sum to 1."""
        return {"points": self.points_, "alphas": self.alphas_}

    def _write_whole(self, builder: GraphBuilder, scaled: str) -> str:
        distances = write_squared_distances(builder, scaled, self.points_)
        exponents = builder.add(
            "Sub", builder.constant(np.log(self.alphas_)), builder.add("Mul", distances, builder.constant(self.gamma_))
        )
        return builder.add("Relu", builder.add("Neg", write_log_sum_exp(builder, exponents)))
