"""From scaled columns and their reconstruction to a score, in NumPy and as ONNX nodes.

A number surprises in two ways: it lies far out among the flows of its own service, or it does not fit the
flow's other numbers (its reconstruction misses it). Each way is measured in units of its *tail*, the distance
that 1 in 1,000 normal flows of that service pass; a column's surprise is the greater of the two, so 1 is rare
and 3 is three times as far out.

    contribution of a raw feature   its greatest squared surprise, over its scaled columns
    score                           root mean square of the six greatest surprises

Six, so that a flow that is extreme in few of fifty features stands out: a mean over all would dilute it, the
greatest alone would follow every single oddity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.sketches.tops import Tops

TAIL = 0.999
FLOOR = 1.0
"""No tail is shorter than one spread: what never varied says little about how far is far."""
MOST_SURPRISE = 20.0
STRONGEST = 6
SILENT = 1e6
"""A tail so long that the column alone never surprises: that a known category is itself says nothing."""
LEAST_GROUP = 50
"""A service with fewer flows is measured by the tails of all."""


@dataclass(frozen=True, slots=True, eq=False)
class Tails:
    """How far out normal flows lie, by group; the last group is all flows, for rare or unknown ones.

    Attributes:
        values: (g + 1, m) tails of the scaled columns themselves, from their middles.
        misses: (g + 1, m) tails of what the reconstruction missed.
        owners: (m,) raw column that each scaled column stands for.
        width: Raw columns d.
        middles: (m,) from which scaled columns lie far out.
    """

    values: Floats
    misses: Floats
    owners: NDArray[np.int64]
    width: int
    middles: Floats

    @classmethod
    def fit(
        cls,
        scaled: Floats,
        reconstructed: Floats,
        groups: NDArray[np.int64],
        *,
        group_count: int,
        owners: NDArray[np.int64],
        silent: NDArray[np.bool_],
        width: int,
        middles: Floats | None = None,
        units: Floats | None = None,
    ) -> Self:
        """Learns tails from normal rows.

        Args:
            scaled, reconstructed: (n, m).
            groups: (n,), in 0 … group_count.
            group_count: Groups beside that of all rows.
            owners: (m,) raw column of each scaled column.
            silent: (m,) columns that surprise only by being missed.
            width: Raw columns d.
            middles: (m,) where the middle of each scaled column lies; 0 unless given.
            units: (m,) its spread: no tail is shorter; 1 unless given.
        """
        middles = np.zeros(scaled.shape[1], np.float32) if middles is None else middles
        least = np.float32(FLOOR) if units is None else units * np.float32(FLOOR)
        far, misses = np.abs(scaled - middles), np.abs(scaled - reconstructed)
        return cls(
            values=np.where(silent, np.float32(SILENT), _tails(far, groups, group_count, least)),
            misses=_tails(misses, groups, group_count, least),
            owners=owners,
            width=width,
            middles=middles,
        )

    @classmethod
    def of_groups(
        cls,
        far: "GroupTails",
        misses: "GroupTails",
        *,
        owners: NDArray[np.int64],
        silent: NDArray[np.bool_],
        width: int,
    ) -> Self:
        """Learns from the distances of rows that lie in several places: what `fit` gives without middles and units."""
        least = np.float32(FLOOR)
        values = np.where(silent, np.float32(SILENT), far.table(least))
        return cls(values, misses.table(least), owners, width, np.zeros(len(owners), np.float32))

    def contributions(self, scaled: Floats, reconstructed: Floats, groups: NDArray[np.int64]) -> Floats:
        """Squared surprise of each raw feature: (n, m), (n, m), (n,) -> (n, d)."""
        far = np.abs(scaled - self.middles) / self.values[groups]
        missed = np.abs(scaled - reconstructed) / self.misses[groups]
        squared = np.minimum(np.maximum(far, missed), np.float32(MOST_SURPRISE)) ** 2
        out = np.zeros((len(scaled), self.width), np.float32)
        for column, owner in enumerate(self.owners):
            np.maximum(out[:, owner], squared[:, column], out=out[:, owner])
        return out

    def score(self, contributions: Floats) -> Floats:
        """(n, d) -> (n,)."""
        return strongest(contributions)

    def write(self, builder: GraphBuilder, scaled: str, reconstructed: str, groups: str) -> tuple[str, str]:
        """Adds the same as nodes; the names of score (n,) and contributions (n, d)."""
        off = builder.add("Sub", scaled, builder.constant(self.middles)) if self.middles.any() else scaled
        missed = builder.add("Sub", scaled, reconstructed)
        squares = [
            _squared(builder, distance, builder.look_up((1 / table).astype(np.float32), groups))
            for distance, table in ((off, self.values), (missed, self.misses))
        ]
        squared = builder.add("Min", builder.add("Max", *squares), builder.constant(MOST_SURPRISE**2))
        contributions = self._write_owners(builder, squared)
        return write_strongest(builder, contributions, self.width), contributions

    def _write_owners(self, builder: GraphBuilder, squared: str) -> str:
        """The greatest of each raw feature's columns: (n, m) -> (n, d)."""
        if np.array_equal(self.owners, np.arange(self.width)):
            return squared
        counts = np.bincount(self.owners, minlength=self.width)
        shared = np.flatnonzero(counts > 1)
        parts = [squared]
        for owner in shared:
            columns = builder.columns(squared, np.flatnonzero(self.owners == owner), width=len(self.owners))
            axis = builder.constant(np.array([1], np.int64))
            parts.append(builder.add("ReduceMax", columns, axis, keepdims=1))
        # a column that is its feature's only one, or the greatest of a feature's columns, goes to its feature
        to_feature = np.concatenate([self.owners, shared])[:, None] == np.arange(self.width)
        to_feature[: len(self.owners), shared] = False
        candidates = builder.add("Concat", *parts, axis=1)
        return builder.add("MatMul", candidates, builder.constant(to_feature.astype(np.float32)))


class GroupTails:
    """The far ends of distances by group and of all, as far as tails need them: exact in any partition and order.

    Args:
        own: Of each group.
        all_rows: Of all.
    """

    def __init__(self, own: Tops, all_rows: Tops) -> None:
        self._own = own
        self._all = all_rows

    @classmethod
    def for_rows(cls, counts: Sequence[int], rows: int, width: int) -> Self:
        """Of groups that will have so many rows, and of all; of `width` columns."""
        enough = [count if count >= LEAST_GROUP else 0 for count in counts]
        return cls(Tops.for_share(enough, TAIL, width), Tops.for_share([rows], TAIL, width))

    def update(self, distances: Floats, groups: NDArray[np.int64]) -> None:
        """Takes distances (n, m) and the group of each row, (n,); the last group is that of no service."""
        self._own.update(distances, groups)
        self._all.update(distances)

    def merge(self, other: Self) -> None:
        """Takes in what another saw."""
        self._own.merge(other._own)
        self._all.merge(other._all)

    def table(self, least: np.float32) -> Floats:
        """Tails by group, that of all rows last: (groups + 1, m)."""
        overall = self._all.quantile(0, TAIL)
        own = [self._own.quantile(group, TAIL) if depth else overall for group, depth in enumerate(self._own.depths)]
        return np.maximum(np.stack([*own, overall]), least).astype(np.float32)


def strongest(squared: Floats) -> Floats:
    """The root mean square of the six greatest surprises: squared ones (n, d) -> (n,)."""
    width = squared.shape[1]
    kept = min(STRONGEST, width)
    return np.asarray(np.sqrt(np.partition(squared, width - kept, axis=1)[:, width - kept :].mean(axis=1)), np.float32)


def write_strongest(builder: GraphBuilder, squared: str, width: int) -> str:
    """Adds the same as nodes: (n, width) -> (n,)."""
    kept = builder.constant(np.array([min(STRONGEST, width)], np.int64))
    greatest = builder.add("TopK", squared, kept, unused=1, axis=1, sorted=0)
    return builder.add(
        "Sqrt", builder.add("ReduceMean", greatest, builder.constant(np.array([1], np.int64)), keepdims=0)
    )


def _squared(builder: GraphBuilder, distances: str, units: str) -> str:
    """Squares bear no sign, and cost less than absolute values do."""
    surprise = builder.add("Mul", distances, units)
    return builder.add("Mul", surprise, surprise)


def _tails(
    distances: Floats, groups: NDArray[np.int64], group_count: int, least: NDArray[np.float32] | np.float32
) -> Floats:
    overall = np.quantile(distances, TAIL, axis=0)
    table = np.tile(overall, (group_count + 1, 1))
    for group in range(group_count):
        members = distances[groups == group]
        if len(members) >= LEAST_GROUP:
            table[group] = np.quantile(members, TAIL, axis=0)
    return np.maximum(table, least).astype(np.float32)
