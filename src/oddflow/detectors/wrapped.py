"""The door for any scikit-learn estimator and any PyOD detector."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier

from oddflow.detectors.base import Exportable
from oddflow.detectors.whole import WholeScoreDetector
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

if TYPE_CHECKING:
    import onnx


class ForeignDetector(WholeScoreDetector):
    """Somebody else's estimator on scaled columns, to be compared with; it has no graph and cannot be sealed.

    Subclasses are final: they implement `_fresh`, `_teach` and `_raw`. The score is log(1 + exp((s - median) / spread))
    of the number s that it says, median and spread (half the distance of its quartiles) over the rows that were learnt
    from: the same order, and never below 0.
    """

    good_at: ClassVar[str] = "trying what there is"
    bad_at: ClassVar[str] = "it cannot be sealed"
    paper: ClassVar[str] = "Pedregosa et al. 2011; Zhao et al. 2019"
    needs: ClassVar[str] = "train"
    exportable: ClassVar[Exportable] = Exportable.NONE
    stops_early: ClassVar[bool] = False

    estimator_: Any
    median_: float
    spread_: float

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        self.estimator_ = self._fresh()
        self._teach(scaled, y)
        found = self._raw(scaled)
        low, self.median_, high = (float(value) for value in np.quantile(found, [0.25, 0.5, 0.75]))
        self.spread_ = max((high - low) / 2, 1e-6)

    @abstractmethod
    def _fresh(self) -> Any:
        """An estimator that is not fitted."""

    @abstractmethod
    def _teach(self, scaled: Floats, y: NDArray[np.int64] | None) -> None:
        """Fits `estimator_`: (n, m) and labels (n,), if it needs any."""

    @abstractmethod
    def _raw(self, scaled: Floats) -> NDArray[np.float64]:
        """What the estimator says, higher for odder rows: (n, m) -> (n,)."""

    def _whole(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:  # noqa: ARG002
        if not len(scaled):
            return np.zeros(0)
        return np.asarray(np.logaddexp(0, (self._raw(scaled) - self.median_) / self.spread_))

    def _graph(self) -> "onnx.ModelProto":
        self._refuse()

    def _write_whole(self, builder: GraphBuilder, scaled: str) -> str:  # noqa: ARG002
        self._refuse()

    def weights(self) -> dict[str, Floats]:
        """None: what it learnt is its own."""
        return {}

    def _refuse(self) -> NoReturn:
        raise UsageError(
            f"{self.name} has no graph: it is for evaluation; `oddflow detectors` lists what can be sealed"
        )


@final
class Wrapped(ForeignDetector):
    """An outlier detector of scikit-learn or PyOD.

    PyOD's `decision_function` is higher for odder rows; scikit-learn's outlier detectors give them a lower
    `score_samples`, or `decision_function` where they have no such method.

    Source: Pedregosa et al. 2011, "Scikit-learn"; Zhao, Nasrullah & Li 2019, "PyOD".

    Args:
        features: The columns of a row.
        estimator: Not fitted; a copy of it is.
    """

    name: ClassVar[str] = "wrapped"
    summary: ClassVar[str] = "any outlier detector of scikit-learn or PyOD, for comparison"

    def __init__(self, features: Sequence[Feature], estimator: Any) -> None:
        self.features = features
        self.estimator = estimator

    def _fresh(self) -> Any:
        return clone(self.estimator)

    def _teach(self, scaled: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        self.estimator_.fit(scaled)

    def _raw(self, scaled: Floats) -> NDArray[np.float64]:
        if _is_pyod(self.estimator_):
            return np.asarray(self.estimator_.decision_function(scaled), np.float64)
        name = "score_samples" if hasattr(self.estimator_, "score_samples") else "decision_function"
        return -np.asarray(getattr(self.estimator_, name)(scaled), np.float64)


@final
class WrappedClassifier(ForeignDetector):
    """A classifier of scikit-learn, which learns from labels; what it says is the probability of an attack.

    Source: Pedregosa et al. 2011, "Scikit-learn: Machine Learning in Python".

    Args:
        features: The columns of a row.
        estimator: Not fitted; a copy of it is.
    """

    name: ClassVar[str] = "wrapped-classifier"
    summary: ClassVar[str] = "any classifier of scikit-learn, for comparison; learns from labels"
    supervised: ClassVar[bool] = True

    def __init__(self, features: Sequence[Feature], estimator: Any) -> None:
        self.features = features
        self.estimator = estimator

    def _fresh(self) -> Any:
        return clone(self.estimator)

    def _teach(self, scaled: Floats, y: NDArray[np.int64] | None) -> None:
        self.estimator_.fit(scaled, y)

    def _raw(self, scaled: Floats) -> NDArray[np.float64]:
        return np.asarray(self.estimator_.predict_proba(scaled)[:, 1], np.float64)


def wrap(estimator: Any, features: Sequence[Feature]) -> Wrapped | WrappedClassifier:
    """Makes a detector of an estimator of scikit-learn or PyOD, for evaluation.

    Args:
        estimator: One with `fit`, and `decision_function`, `score_samples` or `predict_proba`.
        features: The columns of a row.

    Raises:
        UsageError: It is none.

    >>> from sklearn.neighbors import LocalOutlierFactor
    >>> from oddflow.features.feature import Feature, Scale
    >>> x = np.random.default_rng(0).normal(size=(100, 1))
    >>> detector = wrap(LocalOutlierFactor(novelty=True), [Feature("balance", "", Scale.LINEAR, "{value}")]).fit(x)
    >>> near, far = detector.decision_function([[0.0], [9.0]])
    >>> bool(far > near)
    True
    """
    scores = ("decision_function", "score_samples", "predict_proba")
    if isinstance(estimator, type) or not hasattr(estimator, "fit") or not any(hasattr(estimator, s) for s in scores):
        raise UsageError(f"expected an estimator with fit and one of {', '.join(scores)}; {estimator!r} given")
    is_labelled = is_classifier(estimator) and not _is_pyod(estimator)
    return WrappedClassifier(features, estimator) if is_labelled else Wrapped(features, estimator)


def _is_pyod(estimator: Any) -> bool:
    return any(kind.__module__.startswith("pyod.") for kind in type(estimator).__mro__)
