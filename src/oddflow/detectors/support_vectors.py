"""The support vector machine."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from oddflow.detectors.registry import registered
from oddflow.detectors.supervised import SupervisedDetector
from oddflow.features.feature import Feature
from oddflow.models.distances import squared_distances, write_squared_distances
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats


@registered
@final
class SupportVectors(SupervisedDetector):
    """The widest gap between attacks and normal rows in the space of a Gaussian kernel; log-odds by Platt's line.

    Source: Cortes & Vapnik 1995, "Support-Vector Networks"; Platt 1999, "Probabilistic Outputs for Support Vector
    Machines", here on the rows that were learnt from.

    Args:
        features: The columns of a row.
        cost: Of rows on the wrong side (C).
        width: The kernel's, in units of what scikit-learn calls "scale": 2 is twice as wide.
        rows: The most rows that it learns from, drawn by chance, half of each kind where there are so many: it takes
            their square in time.
        seed: Of the rows that are drawn.
    """

    name: ClassVar[str] = "support-vectors"
    summary: ClassVar[str] = "the widest gap by a Gaussian kernel (SVM); learns from labels"
    good_at: ClassVar[str] = "few labelled rows; bent borders"
    bad_at: ClassVar[str] = "many rows; speed: each row is compared with all support vectors"
    paper: ClassVar[str] = "Cortes & Vapnik 1995; Platt 1999"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "cost": (1e-6, 1e6), "width": (1e-3, 1e3), "rows": (2, 50_000), "seed": (0, 2**32 - 1),
    }  # fmt: skip

    points_: Floats
    alphas_: Floats
    gamma_: float
    base_: float

    def __init__(
        self, features: Sequence[Feature], *, cost: float = 1.0, width: float = 1.0, rows: int = 5_000, seed: int = 0
    ) -> None:
        self.features = features
        self.cost = cost
        self.width = width
        self.rows = rows
        self.seed = seed

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        assert y is not None  # noqa: S101  (fit has checked it)
        chosen = self._drawn(y)
        scaled, y = scaled[chosen].astype(np.float64), y[chosen]
        variance = max(float(scaled.var()), 1e-3)
        self.gamma_ = float(np.float32(1 / (scaled.shape[1] * variance * self.width**2)))
        fitted = SVC(C=self.cost, gamma=self.gamma_, class_weight="balanced", random_state=self.seed).fit(scaled, y)
        margins = fitted.decision_function(scaled)[:, None]
        line = LogisticRegression(class_weight="balanced").fit(margins, y)
        slope = line.coef_.item()
        self.points_ = fitted.support_vectors_.astype(np.float32)
        self.alphas_ = (slope * fitted.dual_coef_[0]).astype(np.float32)
        self.base_ = float(np.float32(slope * fitted.intercept_.item() + line.intercept_.item()))

    def _drawn(self, y: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places of rows to learn from: all, or as many of each kind as there are and fit."""
        if len(y) <= self.rows:
            return np.arange(len(y))
        rng = np.random.default_rng(self.seed)
        kinds = sorted((rng.permutation(np.flatnonzero(y == kind)) for kind in (0, 1)), key=len)
        rarer = kinds[0][: max(1, self.rows // 2)]
        return np.sort(np.concatenate([rarer, kinds[1][: max(1, self.rows - len(rarer))]]))

    def _log_odds(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:  # noqa: ARG002
        found = np.empty(len(scaled))
        for start in range(0, len(scaled), 1_024):
            rows = slice(start, start + 1_024)
            kernel = np.exp(-self.gamma_ * squared_distances(scaled[rows], self.points_))
            found[rows] = kernel @ self.alphas_.astype(np.float64) + self.base_
        return found

    def _write_log_odds(self, builder: GraphBuilder, scaled: str) -> str:
        distances = write_squared_distances(builder, scaled, self.points_)
        kernel = builder.add("Exp", builder.add("Mul", distances, builder.constant(-self.gamma_)))
        total = builder.add("MatMul", kernel, builder.constant(self.alphas_))
        return builder.add("Add", total, builder.constant(self.base_))

    def weights(self) -> dict[str, Floats]:
        """The support vectors (s, m) and their weights (s,)."""
        return {"points": self.points_, "alphas": self.alphas_}
