"""Ways to scale columns of numbers, in NumPy and as ONNX nodes.

A raw column is LOG or LINEAR. Its *measure* is its logarithm sign(x) log(1 + |x| / step) or the value itself; the step
is one millisecond for seconds and one unit for all else. No column divides by less than its floor, so that a constant
one neither explodes nor raises alarms by jitter:

    logarithm     a quarter: a factor of 1.28. A count that was always 0 and is 300 gives log(301) / 0.25 = 22.8
    value         a twentieth of the greatest usual magnitude; where that is 0, 0.05, or a step for LOG columns
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from oddflow.features.feature import Feature, Scale
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.sketches.moments import Moments

BOUND = 30.0
LOG_FLOOR = 0.25
LINEAR_FLOOR = 0.05
STEPS = {"s": 1e-3}
"""The smallest difference that matters in a LOG column, by unit; 1 for units that are not here."""
FARTHEST = np.float32(1e30)
"""Farther out than any measure of traffic; its square and its share of a step are still finite."""
DRAWN_BY = 10
"""A group of this many rows counts as much as all rows together."""
KNOTS = 16
"""Of a quantile scaling: more run slower, fewer are coarser."""
_CLOSEST = 1e-6
"""Knots that lie closer, as a share of their magnitude, are one."""


class Scaling(StrEnum):
    """How numbers are scaled: by what is usual for a row's service, or in one of the ways that take all rows alike."""

    BY_SERVICE = "by-service"
    LOG = "log"
    Z_SCORE = "z-score"
    MIN_MAX = "min-max"
    MAXIMUM = "maximum"
    QUANTILE = "quantile"


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Which raw columns are numbers, LOG ones first, and which of them are measured by their logarithm.

    Attributes:
        width: Raw columns d.
        logs, linears: Places of the raw columns that are measured by their logarithm, and as they are.
        steps: (logs,).
    """

    width: int
    logs: NDArray[np.int64]
    linears: NDArray[np.int64]
    steps: Floats

    @classmethod
    def of(cls, features: Sequence[Feature], *, logarithms: bool = True) -> Self:
        """Of a row's columns; without logarithms all are measured as they are, in the same order."""
        logs, linears = (
            np.array([place for place, feature in enumerate(features) if feature.scale is scale], np.int64)
            for scale in (Scale.LOG, Scale.LINEAR)
        )
        if not logarithms:
            logs, linears = logs[:0], np.concatenate([logs, linears])
        steps = np.array([STEPS.get(features[place].unit, 1.0) for place in logs], np.float32)
        return cls(len(features), logs, linears, steps)

    @property
    def places(self) -> NDArray[np.int64]:
        """Places of the raw columns, (k,)."""
        return np.concatenate([self.logs, self.linears])

    def transform(self, x: Floats) -> Floats:
        """Raw rows to measures: (n, d) -> (n, k)."""
        return np.concatenate([_logarithm(x[:, self.logs], self.steps), x[:, self.linears]], axis=1)

    def inverse(self, measures: Floats) -> Floats:
        """Measures to raw numbers, in the order of `places`: (n, k) -> (n, k)."""
        logs = measures[:, : len(self.logs)]
        with np.errstate(over="ignore"):
            raw = np.sign(logs) * self.steps * np.expm1(np.abs(logs))
        return np.asarray(np.clip(np.concatenate([raw, measures[:, len(self.logs) :]], axis=1), -FARTHEST, FARTHEST))

    def floors(self, x: Floats, features: Sequence[Feature]) -> NDArray[np.float64]:
        """What no column's divisor is less than, (k,), by raw rows (n, d)."""
        linear = x[:, self.linears]
        usual = np.quantile(np.abs(linear), 0.99, axis=0) if linear.size else np.zeros(len(self.linears))
        return self.floors_of(usual, features)

    def floors_of(self, usual: NDArray[np.floating], features: Sequence[Feature]) -> NDArray[np.float64]:
        """The same by what 99 of 100 magnitudes are below in the columns without logarithm, (linears,)."""
        least = [
            STEPS.get(features[place].unit, 1.0) if features[place].scale is Scale.LOG else LINEAR_FLOOR
            for place in self.linears
        ]
        return np.concatenate([np.full(len(self.logs), LOG_FLOOR), np.where(usual > 0, LINEAR_FLOOR * usual, least)])

    def write(self, builder: GraphBuilder) -> list[str]:
        """Adds the same as nodes, from the graph's x, as parts that stand side by side."""
        parts = []
        if len(self.logs):
            raw = builder.columns(builder.x, self.logs, width=self.width)
            steps = builder.add("Div", builder.add("Abs", raw), builder.constant(self.steps))
            logarithm = builder.add("Log", builder.add("Add", steps, builder.constant(1.0)))
            parts.append(builder.add("Mul", builder.add("Sign", raw), logarithm))
        if len(self.linears):
            parts.append(builder.columns(builder.x, self.linears, width=self.width))
        return parts


class Numbers(Protocol):
    """A fitted scaling of the columns that are numbers."""

    def transform(self, measures: Floats, groups: NDArray[np.int64]) -> Floats:
        """Scales measures of rows, given the group of each: (n, k), (n,) -> (n, k)."""

    def inverse(self, scaled: Floats, groups: NDArray[np.int64]) -> Floats:
        """Measures that are scaled so, of those within the bounds: (n, k), (n,) -> (n, k)."""

    def write(self, builder: GraphBuilder, measures: Sequence[str], groups: str) -> str:
        """Adds the same as nodes, from measures that stand side by side."""


@dataclass(frozen=True, slots=True, eq=False)
class ByService:
    """Centre and spread are those of the row's *group*, the flow's service, and numbers are cut at ±30.

    What is many for SSH is few for DNS. A group of n rows counts n / (n + 10), all rows the rest; one that was never
    seen is scaled as all rows are. The centre is the mean, the spread the standard deviation.

    Attributes:
        centres, spreads: (groups + 1, k), all rows' in the last row.
    """

    centres: Floats
    spreads: Floats

    @classmethod
    def fit(cls, measures: Floats, floors: NDArray[np.float64], groups: NDArray[np.int64], group_count: int) -> Self:
        """Learns from measures (n, k) and the group of each row, (n,)."""
        moments = Moments(group_count + 1, measures.shape[1])
        moments.update(measures, groups)
        return cls.of(moments, floors)

    @classmethod
    def of(cls, moments: Moments, floors: NDArray[np.float64]) -> Self:
        """Learns from exact moments of measures by group, the last one that of rows without a known group."""
        centres, spreads = _centres_and_spreads(moments)
        return cls(centres.astype(np.float32), np.maximum(spreads, floors).astype(np.float32))

    def transform(self, measures: Floats, groups: NDArray[np.int64]) -> Floats:
        """(n, k), (n,) -> (n, k)."""
        return np.asarray(np.clip((measures - self.centres[groups]) / self.spreads[groups], -BOUND, BOUND))

    def inverse(self, scaled: Floats, groups: NDArray[np.int64]) -> Floats:
        """(n, k), (n,) -> (n, k)."""
        return np.asarray(np.clip(scaled, -BOUND, BOUND) * self.spreads[groups] + self.centres[groups])

    def write(self, builder: GraphBuilder, measures: Sequence[str], groups: str) -> str:
        """Adds the same as nodes."""
        centres, spreads = (builder.look_up(table, groups) for table in (self.centres, self.spreads))
        numbers = builder.add("Div", builder.add("Sub", builder.joined(measures), centres), spreads)
        return builder.add("Clip", numbers, builder.constant(-BOUND), builder.constant(BOUND))


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """(measure - centre) / spread over all rows alike, cut at `least` and `greatest`.

    Attributes:
        centres, spreads: (k,).
    """

    centres: Floats
    spreads: Floats
    least: float
    greatest: float

    @classmethod
    def fit(cls, way: Scaling, measures: Floats, floors: NDArray[np.float64]) -> Self:
        """Learns from measures (n, k).

        MIN_MAX gives 0 to 1 (离差标准化 of the notes: (x - min) / (max - min)) and MAXIMUM -1 to 1 (x / max |x|), for
        what was learnt; both go on for one such range beyond it. Z_SCORE and LOG give deviations from the mean, cut at
        ±30; they differ in what is measured.
        """
        wide = measures.astype(np.float64)
        if way is Scaling.MIN_MAX:
            centres, spreads = wide.min(axis=0), np.ptp(wide, axis=0)
            least, greatest = -1.0, 2.0
        elif way is Scaling.MAXIMUM:
            centres, spreads = np.zeros(wide.shape[1]), np.abs(wide).max(axis=0)
            least, greatest = -2.0, 2.0
        else:
            centres, spreads = wide.mean(axis=0), wide.std(axis=0)
            least, greatest = -BOUND, BOUND
        return cls(centres.astype(np.float32), np.maximum(spreads, floors).astype(np.float32), least, greatest)

    def transform(self, measures: Floats, groups: NDArray[np.int64]) -> Floats:  # noqa: ARG002
        """(n, k) -> (n, k)."""
        return np.asarray(np.clip((measures - self.centres) / self.spreads, self.least, self.greatest))

    def inverse(self, scaled: Floats, groups: NDArray[np.int64]) -> Floats:  # noqa: ARG002
        """(n, k) -> (n, k)."""
        return np.asarray(np.clip(scaled, self.least, self.greatest) * self.spreads + self.centres)

    def write(self, builder: GraphBuilder, measures: Sequence[str], groups: str) -> str:  # noqa: ARG002
        """Adds the same as nodes."""
        off = builder.add("Sub", builder.joined(measures), builder.constant(self.centres))
        scaled = builder.add("Div", off, builder.constant(self.spreads))
        return builder.add("Clip", scaled, builder.constant(self.least), builder.constant(self.greatest))


@dataclass(frozen=True, slots=True, eq=False)
class Quantiles:
    """The share of rows that lie below, by straight lines between 16 knots; written as comparisons.

    Of rows that share a value half count as below it. Beyond the least and the greatest value that were learnt it goes
    on by the share of their distance, for one such distance: from -1 to 2.

    Source: scikit-learn's `QuantileTransformer` (Pedregosa et al. 2011), with fewer quantiles.

    Attributes:
        knots: (k, 16) ascending; the last repeats where a column has fewer.
        slopes: (k, 15) one over the distance of knots, 1 where there is none.
        rises: (k, 15) what each adds, 0 where there is none.
        first: (k,) at the least value.
        beyond: (k,) one over the distance from the least to the greatest, which is not below the floor.
    """

    knots: Floats
    slopes: Floats
    rises: Floats
    first: Floats
    beyond: Floats

    @classmethod
    def fit(cls, measures: Floats, floors: NDArray[np.float64]) -> Self:
        """Learns from measures (n, k)."""
        columns = [_knots(column) for column in measures.astype(np.float64).T]
        knots, heights = (np.array([column[place] for column in columns]).reshape(-1, KNOTS) for place in (0, 1))
        rises = np.diff(heights, axis=1)
        slopes = 1 / np.where(np.diff(knots, axis=1) > 0, np.diff(knots, axis=1), 1)
        beyond = 1 / np.maximum(knots[:, -1] - knots[:, 0], floors)
        return cls(*(part.astype(np.float32) for part in (knots, slopes, rises, heights[:, 0], beyond)))

    def transform(self, measures: Floats, groups: NDArray[np.int64]) -> Floats:  # noqa: ARG002
        """(n, k) -> (n, k)."""
        within = np.broadcast_to(self.first, measures.shape)
        for place in range(KNOTS - 1):
            part = (measures - self.knots[:, place]) * self.slopes[:, place]
            within = within + np.clip(part, 0, 1) * self.rises[:, place]
        over = np.clip((measures - self.knots[:, -1]) * self.beyond, 0, 1)
        under = np.clip((measures - self.knots[:, 0]) * self.beyond, -1, 0)
        return np.asarray(within + over + under, np.float32)

    def inverse(self, scaled: Floats, groups: NDArray[np.int64]) -> Floats:  # noqa: ARG002
        """(n, k) -> (n, k): beyond the knots it goes on as the scaling does."""
        heights = np.concatenate([self.first[:, None], self.first[:, None] + np.cumsum(self.rises, axis=1)], axis=1)
        columns = []
        for column, knots, shares, beyond in zip(scaled.T, self.knots, heights, self.beyond, strict=True):
            over = np.clip(column - shares[-1], 0, 1) / beyond
            under = np.clip(column - shares[0], -1, 0) / beyond
            columns.append(np.interp(column, shares, knots) + over + under)
        return np.asarray(np.stack(columns, axis=1) if columns else scaled, np.float32)

    def write(self, builder: GraphBuilder, measures: Sequence[str], groups: str) -> str:  # noqa: ARG002
        """Adds the same as nodes."""
        values, cut = builder.joined(measures), self._cut()
        if not cut:
            return self._write_columns(builder, values)
        pieces = []
        for start, end in ((0, cut), (cut, len(self.first))):
            ends = (builder.constant(np.array([place], np.int64)) for place in (start, end, 1))
            piece = Quantiles(
                *(part[start:end] for part in (self.knots, self.slopes, self.rises, self.first, self.beyond))
            )
            pieces.append(piece._write_columns(builder, builder.add("Slice", values, *ends)))
        return builder.joined(pieces)

    def _cut(self) -> int:
        """Before which column to cut columns in two, so that those with few knots do without others' parts; 0 for not.

        Columns of 0 and 1 have two knots, and stand side by side.
        """
        needed = np.where(self.rises != 0, np.arange(1, KNOTS), 0).max(axis=1, initial=0)  # (k,) parts
        costs = [
            cut * needed[:cut].max(initial=0) + (len(needed) - cut) * needed[cut:].max(initial=0)
            for cut in range(len(needed))
        ]
        return int(np.argmin(costs)) if costs else 0

    def _write_columns(self, builder: GraphBuilder, values: str) -> str:
        within = builder.constant(self.first)
        for place in range(KNOTS - 1):
            if self.rises[:, place].any():
                part = self._write_part(builder, values, place, self.slopes[:, place], (0.0, 1.0))
                within = builder.add("Add", within, builder.add("Mul", part, builder.constant(self.rises[:, place])))
        over = self._write_part(builder, values, KNOTS - 1, self.beyond, (0.0, 1.0))
        under = self._write_part(builder, values, 0, self.beyond, (-1.0, 0.0))
        return builder.add("Add", builder.add("Add", within, over), under)

    def _write_part(
        self, builder: GraphBuilder, values: str, place: int, slopes: Floats, ends: tuple[float, float]
    ) -> str:
        off = builder.add("Sub", values, builder.constant(self.knots[:, place]))
        part = builder.add("Mul", off, builder.constant(slopes))
        return builder.add("Clip", part, builder.constant(ends[0]), builder.constant(ends[1]))


def _knots(column: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and the shares of rows below them, (16,) each; knots that coincide are one, between their shares."""
    shares = np.linspace(0, 1, KNOTS)
    values = np.quantile(column, shares)
    closest = max(_CLOSEST * np.abs(values).max(), 1e-12)
    number = np.concatenate([[0], np.cumsum(np.diff(values) > closest)])
    counts = np.bincount(number)
    kept, heights = np.bincount(number, values) / counts, np.bincount(number, shares) / counts
    left = (0, KNOTS - len(kept))
    return np.pad(kept, left, mode="edge"), np.pad(heights, left, mode="edge")


def _logarithm(x: Floats, steps: Floats) -> Floats:
    # not log1p: ONNX has no such operator, and the twins must agree
    return np.asarray(np.sign(x) * np.log(np.float32(1) + np.abs(x) / steps))


def _centres_and_spreads(moments: Moments) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means and standard deviations of each group; a small group's are drawn towards those of all rows."""
    counts = moments.counts[:, None]
    weights = counts / (counts + DRAWN_BY)
    weights[-1] = 0
    centres = weights * moments.means() + (1 - weights) * moments.mean()
    variances = weights * moments.variances() + (1 - weights) * moments.variance()
    return centres, np.sqrt(variances)
