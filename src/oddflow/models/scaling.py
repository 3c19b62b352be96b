"""Raw feature columns to columns that a model can learn from, in NumPy and as ONNX nodes.

Numbers (LOG and LINEAR columns) are scaled in one of the ways of `models/numbers.py`, by the row's service unless
another is asked for; CATEGORY columns are shown in one of the ways of `models/categories.py`, as one column of 0 and 1
for each frequent value unless another is. A row's *group* is the value of its first CATEGORY column, a flow's service:
its numbers are judged among those of its group, however they are scaled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.features.feature import Feature, Scale
from oddflow.models.categories import MOST_CATEGORIES, Categories, OneHot, Shown, Table, most_frequent, shown
from oddflow.models.graph import GraphBuilder
from oddflow.models.numbers import (
    BOUND,
    FARTHEST,
    LOG_FLOOR,
    STEPS,
    Affine,
    ByService,
    Measured,
    Numbers,
    Quantiles,
    Scaling,
)
from oddflow.models.rows import Floats

__all__ = ["BOUND", "FIT_ROWS", "LOG_FLOOR", "MOST_CATEGORIES", "STEPS", "Scaler", "groups_of"]

FIT_ROWS = 200_000
"""Of more rows so many are looked at, evenly."""
_LOGARITHMS = frozenset({Scaling.BY_SERVICE, Scaling.LOG, Scaling.QUANTILE})
"""Scalings that measure LOG columns by their logarithm."""


@dataclass(frozen=True, slots=True, eq=False)
class Scaler:
    """Fitted scaling of d raw columns to m scaled ones: numbers, LOG before LINEAR, then categories.

    Attributes:
        measured: Which columns are numbers.
        scaled: How they are scaled.
        categories: How categories are shown.
        services: Place of the raw column whose value is a row's group, and the known values (g,); None without one.
        middles, units: (m,) where the middle of each scaled column lies and how far usual values spread; 0 and 1 for
            numbers that are scaled by service and for categories.
    """

    measured: Measured
    scaled: Numbers
    categories: tuple[Shown, ...]
    services: tuple[int, Floats] | None
    middles: Floats
    units: Floats

    @classmethod
    def fit(
        cls,
        x: Floats,
        features: Sequence[Feature],
        scaling: Scaling = Scaling.BY_SERVICE,
        categories: Categories = Categories.ONE_HOT,
        *,
        buckets: int = 16,
        tables: Sequence[Table] = (),
    ) -> Self:
        """Learns what is usual: x (n, d), one feature a column.

        Args:
            x: Raw rows.
            features: Their columns.
            scaling: How numbers are scaled.
            categories: How categories are shown that have no table.
            buckets: Of a hashed category.
            tables: Vectors of categories.
        """
        if len(x) > FIT_ROWS:
            x = x[np.linspace(0, len(x) - 1, FIT_ROWS).astype(np.int64)]
        measured = Measured.of(features, logarithms=scaling in _LOGARITHMS)
        x = np.clip(x, -FARTHEST, FARTHEST)
        places = [place for place, feature in enumerate(features) if feature.scale is Scale.CATEGORY]
        parts = shown(x, places, categories, buckets=buckets, tables=tables)
        services = (places[0], most_frequent(x[:, places[0]])) if places else None
        groups, group_count = groups_of(x, services)
        measures, floors = measured.transform(x), measured.floors(x, features)
        numbers: Numbers
        if scaling is Scaling.BY_SERVICE:
            numbers = ByService.fit(measures, floors, groups, group_count)
        elif scaling is Scaling.QUANTILE:
            numbers = Quantiles.fit(measures, floors)
        else:
            numbers = Affine.fit(scaling, measures, floors)
        extent = len(floors) + sum(len(part.owners) for part in parts)
        middles, units = np.zeros(extent, np.float32), np.ones(extent, np.float32)
        if scaling is not Scaling.BY_SERVICE:
            values = numbers.transform(measures, groups)
            middles[: len(floors)] = np.median(values, axis=0)
            # what varies less than its floor is measured by that
            least = np.minimum(1, floors / np.maximum(np.ptp(measures.astype(np.float64), axis=0), floors))
            units[: len(floors)] = np.maximum(values.astype(np.float64).std(axis=0), least)
        return cls(measured, numbers, parts, services, middles, units)

    def groups(self, x: Floats) -> NDArray[np.int64]:
        """The group of each row, (n,), in 0 … group_count: the last for a value that was never seen."""
        return groups_of(x, self.services)[0]

    @property
    def width(self) -> int:
        """Raw columns d."""
        return self.measured.width

    @property
    def group_count(self) -> int:
        """How many groups there are, beside that of all rows."""
        return len(self.services[1]) if self.services else 0

    @property
    def owners(self) -> NDArray[np.int64]:
        """(m,) place of the raw column that each scaled column stands for."""
        return np.concatenate([self.measured.places, *(part.owners for part in self.categories)])

    @property
    def known(self) -> NDArray[np.bool_]:
        """(m,) whether a scaled column says nothing by itself, as that a category has one of its known values."""
        numbers = np.zeros(len(self.measured.places), bool)
        return np.concatenate([numbers, *(part.silent for part in self.categories)])

    def transform(self, x: Floats) -> Floats:
        """Scales rows: (n, d) -> (n, m)."""
        with np.errstate(over="ignore"):  # what overflows is cut, as ONNX Runtime does
            numbers = self.scaled.transform(self.measured.transform(x), self.groups(x))
        shown_parts = [columns for part in self.categories for columns in part.transform(x)]
        return np.concatenate([numbers, *shown_parts], axis=1, dtype=np.float32)

    def inverse(self, scaled: Floats) -> Floats:
        """Raw rows of scaled ones, as samples need it: (n, m) -> (n, d).

        A category becomes the known value whose column is greatest; what no known value had is not made.

        Raises:
            UsageError: Categories are not shown one-hot: what is hashed, or a vector, names no value.
        """
        x = np.zeros((len(scaled), self.width), np.float32)
        before = len(self.measured.places)
        for part in self.categories:
            if not isinstance(part, OneHot):
                raise UsageError("raw rows are made only where categories are one-hot; learn with categories=one-hot")
            for place, values in part.known:
                x[:, place] = values[scaled[:, before : before + len(values)].argmax(axis=1)]
                before += len(values)
        measures = self.scaled.inverse(scaled[:, : len(self.measured.places)], self.groups(x))
        x[:, self.measured.places] = self.measured.inverse(measures)
        return x

    def write(self, builder: GraphBuilder) -> tuple[str, str]:
        """Adds the same as nodes, from the graph's x; the names of scaled columns (n, m) and groups (n,)."""
        groups = self._write_groups(builder)
        parts = []
        if len(self.measured.places):
            parts.append(self.scaled.write(builder, self.measured.write(builder), groups))
        for part in self.categories:
            parts += part.write(builder)
        return builder.joined(parts), groups

    def _write_groups(self, builder: GraphBuilder) -> str:
        if not self.services:
            return ""  # tables have one row, which is looked up for nobody
        place, values = self.services
        raw = builder.columns(builder.x, np.array([place], np.int64), width=self.width)
        hits = builder.add("Cast", builder.add("Equal", raw, builder.constant(values)), to=1)
        number = builder.constant(np.arange(len(values), dtype=np.float32)[:, None] - len(values))
        # a known value gives its number less the count, an unknown one zero; the count is added back
        shifted = builder.add("MatMul", hits, number)
        groups = builder.add("Add", shifted, builder.constant(float(len(values))))
        return builder.add("Squeeze", builder.add("Cast", groups, to=7), builder.constant(np.array([1], np.int64)))


def groups_of(x: Floats, services: tuple[int, Floats] | None) -> tuple[NDArray[np.int64], int]:
    """The group of each row and the number of groups; the values of a category ascend."""
    if not services:
        return np.zeros(len(x), np.int64), 0
    place, values = services
    found = np.minimum(np.searchsorted(values, x[:, place]), len(values) - 1)
    return np.where(values[found] == x[:, place], found, len(values)), len(values)
