"""The contract of every detector, on one page."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from oddflow.detectors.chosen import Chosen
from oddflow.detectors.encoding import Encoding
from oddflow.detectors.labels import check_labels, check_marks
from oddflow.detectors.made import check_made
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.features.representation import Reads
from oddflow.models.rows import Floats, check_rows
from oddflow.models.sketches.shares import Shares, Stretch
from oddflow.training.pace import Pace
from oddflow.training.unlabelled import Unlabelled

if TYPE_CHECKING:
    import onnx

    from oddflow.models.kitnet import KitNet


class Exportable(StrEnum):
    """How a detector is sealed: as one ONNX graph, as arrays that a kernel runs, or not at all."""

    ONNX = "onnx"
    STATE = "state"
    NONE = "none"


class Detector(ABC):
    """Learns what is normal and scores what is not.

    Subclasses are final: they implement `_fit`, `_contributions`, `_score_of`, `weights` and, as they are exportable,
    `_graph` or `_state`, and override nothing else.
    Higher scores are more anomalous, everywhere (PyOD's convention).
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    good_at: ClassVar[str]
    bad_at: ClassVar[str]
    paper: ClassVar[str]
    needs: ClassVar[str] = ""
    """The extra that it needs, "" for none."""
    exportable: ClassVar[Exportable] = Exportable.ONNX
    reads: ClassVar[Reads] = Reads.TABULAR
    """What of a flow it looks at."""
    reads_too: ClassVar[frozenset[Reads]] = frozenset()
    """What it can learn from as well, where it is asked for: a traffic matrix is as large as an image of bytes."""
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """The least and the greatest value of each option that is a number, or some; `fit` checks them."""
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {}
    """What each option that is a word may be; `fit` checks them."""
    stops_early: ClassVar[bool] = True
    """Whether it watches rows that it does not learn from, to know when to stop."""
    order_matters: ClassVar[bool] = True
    """Whether the same rows in another order give another detector."""
    decomposes: ClassVar[bool] = True
    """Whether its score is made of its contributions; else they only share it out, by what stands out in the row."""
    relations: ClassVar[bool] = True
    """Whether it sees that features part which went together; what looks at each by itself does not."""
    watches_last: ClassVar[bool] = False
    """Whether it holds out the last seventh of each kind of labelled rows, to know when to stop (`made.last_seen`)."""
    learns_to_zero: ClassVar[bool] = True
    """Whether what it learns by would be 0 for a network that knew its rows by heart."""
    uses_unlabelled: ClassVar[bool] = False
    """Whether it learns from rows without labels beside those that have one, as the options of `Unlabelled` say."""
    begins_from: ClassVar[bool] = True
    """Whether the weights that it gives are those of the network that it fits, so that it can begin from a model's."""
    supervised: ClassVar[bool] = False
    """Whether it learns from attacks too, and must be told which rows they are."""
    learns_from_shares: ClassVar[bool] = False
    """Whether a few passes over rows that lie on several machines teach it the same: it then has `_fit_shares`."""
    marks_parts: ClassVar[bool] = False
    """Whether it says which parts of a row are an attack: packets of a flow, cells of a matrix. It can be told them."""
    several_classes: ClassVar[bool] = False
    """Whether it learns kinds of attack apart; what does not is told 1 for each of them."""
    encodes: ClassVar[bool] = False
    """Whether it scales rows, so that the options of `Encoding` are its own too; it then does so by `shown_by`."""

    features: Sequence[Feature]
    shown_by: Encoding = Encoding()
    chosen: Chosen | None = None
    """Which columns of a row it looks at, `features`; None where it looks at all of them."""
    paced_by: Pace = Pace()
    helped_by: Unlabelled = Unlabelled()
    width_: int
    unlabelled_: Floats
    """Rows that nobody knows what they are, (u, d); none unless it uses them."""
    made_: NDArray[np.bool_]
    """Which of the rows that `_fit` is given were made and not seen, (n,)."""

    def fit(
        self,
        x: ArrayLike,
        y: NDArray[np.int64] | None = None,
        *,
        validation: ArrayLike | None = None,
        marks: ArrayLike | None = None,
        made: ArrayLike | None = None,
        unlabelled: ArrayLike | None = None,
    ) -> Self:
        """Learns from normal rows.

        Args:
            x: Raw feature rows, shape (n, d), finite; n ≥ 2.
            y: 0 for normal rows, a number above for each kind of attack, shape (n,); ignored by unsupervised detectors.
            marks: 1 for each part of a row that is an attack, else 0, shape (n, p), for detectors that mark parts;
                unless given, only that the rows of attacks hold some.
            made: Which rows of x were made and not seen, shape (n,): they never tell when to stop. None unless given.
            unlabelled: More rows, of which nobody knows what they are, (u, d), for detectors that use such.
            validation: Normal rows to stop by, (v, d); where none are given, the last fifth of x if it stops early.

        Returns:
            Itself, fitted: learned state ends in an underscore.

        Raises:
            UsageError: x is empty, has one row, holds NaN or infinity, or its width is not that of the features; an
                option is out of its limits; or a supervised detector lacks labels of both kinds.
            LearningFailed: It diverged.
        """
        self._check_options()
        rows = self._looked_at(x, at_least=2)
        labels = check_labels(y, len(rows), self.name) if self.supervised else None
        if labels is not None and not self.several_classes:
            labels = np.minimum(labels, 1)
        if self.marks_parts and marks is not None:
            labels = check_marks(marks, len(rows), self.name)
        self.made_ = check_made(made, len(rows), self.name)
        if unlabelled is not None and not self.uses_unlabelled:
            raise UsageError(f"{self.name} has no use for rows without labels; networks that learn from labels have")
        self.unlabelled_ = rows[:0] if unlabelled is None else self._looked_at(unlabelled)
        if validation is not None:
            held = self._looked_at(validation, at_least=1)
        else:
            cut = len(rows) - max(1, len(rows) // 5) if self.stops_early else len(rows)
            if self.made_[cut:].any():
                raise UsageError(f"the last fifth of the rows tells {self.name} when to stop, and some were made")
            rows, held, self.made_ = rows[:cut], rows[cut:], self.made_[:cut]
        self._fit(rows, held, labels)
        self.width_ = rows.shape[1]
        return self

    def fit_shares(self, shares: Shares, fitted: Stretch, known: Stretch) -> Self:
        """Learns from rows that lie in several places, and are never brought together: the same as `fit` of them.

        Args:
            shares: Where they lie.
            fitted: Those to fit, and behind them,
            known: all that are learnt from, in the order of time.

        Raises:
            UsageError: It needs all rows at once, or with such an option does.
        """
        if not self.learns_from_shares or self.chosen:
            raise UsageError(f"{self.name} learns from all rows at once; bring them together")
        self._check_options()
        self._fit_shares(shares, fitted, known)
        self.width_ = len(self.features)
        return self

    def _fit_shares(self, shares: Shares, fitted: Stretch, known: Stretch) -> None:
        """As `_fit`, of checked rows; only what `learns_from_shares` does."""
        raise NotImplementedError(self.name)

    def decision_function(self, x: ArrayLike) -> Floats:
        """Scores rows: shape (n, d) -> (n,), float32, higher is more anomalous."""
        self._check_fitted()
        return self._score_of(self._contributions(self._looked_at(x)))

    def contributions(self, x: ArrayLike) -> Floats:
        """Each feature's part in the score, not negative: shape (n, d) -> (n, d)."""
        self._check_fitted()
        parts = self._contributions(self._looked_at(x))
        return self.chosen.spread(parts) if self.chosen else parts

    def kinds(self) -> tuple[int, ...]:
        """Labels whose probabilities the graph tells beside the score, 0 (normal) first; none unless it tells any."""
        return ()

    def graph(self) -> "onnx.ModelProto":
        """The fitted detector as one ONNX graph from `x` (n, d) to `score` (n,) and `contributions` (n, d)."""
        self._check_fitted()
        return self.chosen.graph(self._graph(), len(self.kinds())) if self.chosen else self._graph()

    def state(self) -> "KitNet":
        """The fitted detector as arrays that a kernel runs."""
        self._check_fitted()
        return self._state()

    def _looked_at(self, x: ArrayLike, at_least: int = 0) -> Floats:
        """Checked rows, and of them the columns that it looks at: (n, d) -> (n, k)."""
        features = self.chosen.features if self.chosen else self.features
        rows = check_rows(x, width=len(features), at_least=at_least, names=[feature.name for feature in features])
        return self.chosen.of_rows(rows) if self.chosen else rows

    def _check_fitted(self) -> None:
        if not hasattr(self, "width_"):
            raise UsageError(f"{self.name} was not fitted; call fit first")

    def _check_options(self) -> None:
        self.shown_by.check(self.name)
        self.paced_by.check(self.name)
        self.helped_by.check(self.name)
        for option, (least, greatest) in self.limits.items():
            given = getattr(self, option)
            numbers = given if isinstance(given, (tuple, list)) and given else [given]
            if not all(isinstance(number, (int, float)) and least <= number <= greatest for number in numbers):
                raise UsageError(f"{option} of {self.name} must be from {least:g} to {greatest:g}; {given!r} given")

        for option, words in self.choices.items():
            given = getattr(self, option)
            if given not in list(words):
                raise UsageError(f"{option} of {self.name} must be one of {', '.join(words)}; {given!r} given")

    def _graph(self) -> "onnx.ModelProto":
        raise UsageError(f"{self.name} is sealed as {self.exportable}, not as a graph")

    def _state(self) -> "KitNet":
        raise UsageError(f"{self.name} is sealed as {self.exportable}, not as state")

    @abstractmethod
    def weights(self) -> dict[str, Floats]:
        """The learnt arrays by name, for further training; the graph holds them too."""

    @abstractmethod
    def _fit(self, x: Floats, validation: Floats, y: NDArray[np.int64] | None) -> None:
        """Learns from checked rows (n, d); y is (n,), or (n, p) where parts of rows are marked."""

    @abstractmethod
    def _contributions(self, x: Floats) -> Floats: ...

    @abstractmethod
    def _score_of(self, contributions: Floats) -> Floats: ...
