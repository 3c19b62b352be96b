"""A detector as scikit-learn's estimators are: for its pipelines, searches and cross-validation."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from oddflow.detectors import registry
from oddflow.detectors.base import Detector
from oddflow.errors import UsageError
from oddflow.features.feature import Feature, Scale
from oddflow.features.representation import Reads
from oddflow.models.rows import five_digits


class OddflowEstimator(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Any unsupervised detector of features, learnt from numbers without names.

    As scikit-learn's outlier detectors have it, `score_samples` and `decision_function` are *lower* for odder rows, and
    `predict` gives -1 for them: the `contamination` of the rows that it learnt from that are the oddest.

    Args:
        detector: The name of a detector that reads features and needs no labels.
        contamination: Share of odd rows, more than 0 and at most 0.5.
        seed: Of the detector.
        options: Further options of it.

    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> OddflowEstimator("histograms", contamination=0.01).fit(x).predict([[0.0, 0.0], [50.0, 50.0]]).tolist()
    [1, -1]
    """

    detector_: Detector
    offset_: float
    n_features_in_: int

    def __init__(
        self,
        detector: str = "robust-pca",
        *,
        contamination: float = 0.1,
        seed: int = 0,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.detector = detector
        self.contamination = contamination
        self.seed = seed
        self.options = options

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: N803, ARG002  (scikit-learn's names)
        """Learns rows, shape (n, d), n ≥ 2.

        Raises:
            UsageError: There is no such detector, or it learns from labels or reads no features.
            ValueError: The rows are no finite numbers, or the contamination is out of its limits.
        """
        kind = registry.find(self.detector)
        if kind.supervised or kind.reads is not Reads.TABULAR:
            raise UsageError(f"{self.detector} is no detector of features without labels; robust-pca is one")
        if not 0 < self.contamination <= 0.5:
            raise ValueError(f"contamination must be more than 0 and at most 0.5; {self.contamination!r} given")
        x = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        features = [Feature(f"column_{place}", "", Scale.LINEAR, "{value}") for place in range(x.shape[1])]
        self.detector_ = registry.create(kind, features, seed=self.seed, **(self.options or {})).fit(_narrowed(x))
        self.offset_ = float(np.quantile(self._scored(x), self.contamination))
        return self

    def score_samples(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Lower for odder rows: (n, d) -> (n,)."""
        check_is_fitted(self)
        return self._scored(validate_data(self, X, dtype=np.float64, reset=False))

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Below 0 for rows that are taken for odd: (n, d) -> (n,)."""
        return np.asarray(self.score_samples(X) - self.offset_)

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:  # noqa: N803
        """-1 for odd rows, 1 for others: (n, d) -> (n,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _scored(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        # the last bits of float32 depend on the size of a batch
        return -five_digits(self.detector_.decision_function(_narrowed(x))).astype(np.float64)


def _narrowed(x: NDArray[np.float64]) -> NDArray[np.float32]:
    most = np.finfo(np.float32).max
    return np.clip(x, -most, most).astype(np.float32)
