"""What detectors share that look up how surprising each column's bin is, alone or beside another column's bin."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors.base import Detector
from oddflow.models.bins import Bins
from oddflow.models.bins_shares import bins_of
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.sketches.shares import Shares, Stretch

if TYPE_CHECKING:
    import onnx

_FIT_ROWS = 100_000


class BinnedDetector(Detector):
    """Puts each column into bins; a feature's part in the score stands in a table, and the score is their sum.

    Subclasses are final: they implement `_tables` and have an option `bins`.
    """

    stops_early: ClassVar[bool] = False
    order_matters: ClassVar[bool] = False
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"bins": (1, 256)}

    bins: int
    bins_: Bins
    parents_: NDArray[np.int64]
    table_: Floats

    @abstractmethod
    def _tables(self, codes: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
        """What is learnt from the bins of rows.

        Args:
            codes: (n, d), in 0 … count - 1.
            count: Bins B of a column.

        Returns:
            The column beside which each is looked at, (d,), which may be itself; and the part of each bin in the score
            by that column's bin, not negative, (d, B, B).
        """

    def _fit(self, x: Floats, validation: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        rows = np.concatenate([x, validation])
        self.bins_ = Bins.fit(rows, self.features, self.bins)
        if len(rows) > _FIT_ROWS:
            rows = rows[np.linspace(0, len(rows) - 1, _FIT_ROWS).astype(np.int64)]
        self.parents_, table = self._tables(self.bins_.codes(rows), self.bins_.count)
        self.table_ = table.astype(np.float32)

    def _fit_shares(self, shares: Shares, fitted: Stretch, known: Stretch) -> None:  # noqa: ARG002
        self.bins_, counts = bins_of(shares, known, self.features, self.bins, most=_FIT_ROWS)
        self.parents_, table = self._tables_alone(counts)
        self.table_ = table.astype(np.float32)

    def _tables_alone(self, counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
        """As `_tables`, from how often each bin is met, (d, B); only of what `learns_from_shares`."""
        raise NotImplementedError(self.name)

    def _contributions(self, x: Floats) -> Floats:
        codes = self.bins_.codes(x)
        out = np.empty(x.shape, np.float32)
        out[:, self.bins_.order] = self.table_[np.arange(x.shape[1]), codes[:, self.parents_], codes]
        return out

    def _score_of(self, contributions: Floats) -> Floats:
        return np.asarray(contributions.sum(axis=1, dtype=np.float64), np.float32)

    def weights(self) -> dict[str, Floats]:
        """The table of parts (d, B, B), the column beside which each is looked at, and the edges of bins."""
        return {"table": self.table_, "parents": self.parents_.astype(np.float32), "edges": self.bins_.edges}

    def _graph(self) -> "onnx.ModelProto":
        builder = GraphBuilder(self.width_)
        codes = self.bins_.write(builder)
        beside = builder.columns(codes, self.parents_, width=self.width_)
        count = self.bins_.count
        first = builder.constant((np.arange(self.width_) * count**2).astype(np.float32))
        place = builder.add("Add", builder.add("Mul", beside, builder.constant(float(count))), codes)
        place = builder.add("Cast", builder.add("Add", place, first), to=7)
        parts = builder.add("Gather", builder.constant(self.table_.ravel()), place, axis=0)
        contributions = builder.columns(parts, np.argsort(self.bins_.order), width=self.width_)
        return builder.finish(score=builder.row_sum(contributions), contributions=contributions)


def shares(codes: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """How often each bin of each column is met: (n, d) -> (d, B); a bin that was never met counts as half a row."""
    return shares_of(np.stack([np.bincount(column, minlength=count) for column in codes.T]))


def shares_of(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The same by how often each is met, (d, B)."""
    more = counts + 0.5
    return np.asarray(more / more.sum(axis=1, keepdims=True))


def shares_beside(
    codes: NDArray[np.int64], parents: NDArray[np.int64], count: int, prior: float
) -> NDArray[np.float64]:
    """How often each bin is met beside each bin of another column: (n, d), (d,) -> (d, B of the other, B).

    All rows together count as much as `prior` rows of each bin of the other column.
    """
    alone = shares(codes, count)
    found = np.empty((codes.shape[1], count, count))
    for column, parent in enumerate(parents):
        pairs = np.bincount(codes[:, parent] * count + codes[:, column], minlength=count**2).reshape(count, count)
        found[column] = (pairs + prior * alone[column]) / (pairs.sum(axis=1, keepdims=True) + prior)
    return found
