"""Raw feature columns to columns that a model can learn from, in NumPy and as ONNX nodes.

A column of scale

    LINEAR      becomes (x - centre) / spread
    LOG         becomes (l - centre) / spread with l = sign(x) log(1 + |x| / step); the step is one
                millisecond for seconds and one unit for all else
    CATEGORY    becomes one column of 0 and 1 for each of its 24 most frequent values, and one for all others

Centre and spread are those of the row's *group*: the value of the first CATEGORY column, a flow's service.
What is many for SSH is few for DNS. A group of n rows counts n / (n + 10), all rows the rest; one that was
never seen is scaled as all rows are. The centre is the mean, the spread the standard deviation (of the LOG,
where it is one), never below a floor, so that a constant column neither explodes nor raises alarms by jitter:

    LOG         a quarter: a factor of 1.28. A count that was always 0 and is 300 gives log(301) / 0.25 = 22.8
    LINEAR      a twentieth of the greatest usual magnitude, or 0.05 where the column was always 0

Numbers are cut at ±30.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from oddflow.features.feature import Feature, Scale
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

MOST_CATEGORIES = 24
BOUND = 30.0
LOG_FLOOR = 0.25
LINEAR_FLOOR = 0.05
STEPS = {"s": 1e-3}
"""The smallest difference that matters in a LOG column, by unit; 1 for units that are not here."""

_FIT_ROWS = 200_000
_FARTHEST = np.float32(1e30)
"""Farther out than any measure of traffic; its square and its share of a step are still finite."""
DRAWN_BY = 10
"""A group of this many rows counts as much as all rows together."""


@dataclass(frozen=True, slots=True, eq=False)
class Scaler:
    """Fitted scaling of d raw columns to m scaled ones: LOG, LINEAR, then categories, then others.

    Attributes:
        logs, linears: Places of the raw columns of these scales.
        steps: (logs,); centres and spreads: (groups + 1, logs + linears), all rows' in the last row.
        categories: Place of the raw column and its known values (k,), for each CATEGORY column.
        owners: (m,) place of the raw column that each scaled column stands for.
    """

    width: int
    logs: NDArray[np.int64]
    linears: NDArray[np.int64]
    steps: Floats
    centres: Floats
    spreads: Floats
    categories: tuple[tuple[int, Floats], ...]

    @classmethod
    def fit(cls, x: Floats, features: Sequence[Feature]) -> Self:
        """Learns centres, spreads and known values: x (n, d), one feature a column."""
        if len(x) > _FIT_ROWS:
            x = x[np.linspace(0, len(x) - 1, _FIT_ROWS).astype(np.int64)]
        logs, linears, categorical = (
            np.array([place for place, feature in enumerate(features) if feature.scale is scale], np.int64)
            for scale in (Scale.LOG, Scale.LINEAR, Scale.CATEGORY)
        )
        steps = np.array([STEPS.get(features[place].unit, 1.0) for place in logs], np.float32)
        x = np.clip(x, -_FARTHEST, _FARTHEST)
        linear = x[:, linears]
        usual = np.quantile(np.abs(linear), 0.99, axis=0) if linear.size else np.zeros(len(linears))
        floors = np.concatenate([np.full(len(logs), LOG_FLOOR), LINEAR_FLOOR * np.where(usual > 0, usual, 1)])
        values = np.concatenate([_logarithm(x[:, logs], steps), linear], axis=1)
        categories = tuple((int(place), _most_frequent(x[:, place])) for place in categorical)
        centres, spreads = _centres_and_spreads(values, *_groups_of(x, categories))
        return cls(
            width=x.shape[1],
            logs=logs,
            linears=linears,
            steps=steps,
            centres=centres.astype(np.float32),
            spreads=np.maximum(spreads, floors).astype(np.float32),
            categories=categories,
        )

    def groups(self, x: Floats) -> NDArray[np.int64]:
        """The group of each row, (n,), in 0 … group_count: the last for a value that was never seen."""
        return _groups_of(x, self.categories)[0]

    @property
    def group_count(self) -> int:
        """How many groups there are, beside that of all rows."""
        return len(self.categories[0][1]) if self.categories else 0

    @property
    def numbers(self) -> int:
        """How many scaled columns are numbers; those of the categories follow."""
        return len(self.logs) + len(self.linears)

    @property
    def owners(self) -> NDArray[np.int64]:
        """(m,) place of the raw column that each scaled column stands for."""
        known = [place for place, values in self.categories for _ in values]
        others = [place for place, _ in self.categories]
        return np.concatenate([self.logs, self.linears, np.array(known + others, np.int64)])

    @property
    def known(self) -> NDArray[np.bool_]:
        """(m,) whether a scaled column says that a category has one of its known values."""
        place = np.arange(len(self.owners))
        return (place >= self.numbers) & (place < len(place) - len(self.categories))

    def transform(self, x: Floats) -> Floats:
        """Scales rows: (n, d) -> (n, m)."""
        groups = self.groups(x)
        with np.errstate(over="ignore"):  # what overflows is cut, as ONNX Runtime does
            numbers = np.concatenate([_logarithm(x[:, self.logs], self.steps), x[:, self.linears]], axis=1)
            numbers = np.clip((numbers - self.centres[groups]) / self.spreads[groups], -BOUND, BOUND)
        known = [x[:, [place]] == values for place, values in self.categories]
        others = [~hit.any(axis=1, keepdims=True) for hit in known]
        return np.concatenate([numbers, *known, *others], axis=1, dtype=np.float32)

    def inverse(self, scaled: Floats) -> Floats:
        """Raw rows of scaled ones, as samples need it: (n, m) -> (n, d).

        A category becomes the known value whose column is greatest; what no known value had is not made.
        """
        x = np.zeros((len(scaled), self.width), np.float32)
        before = self.numbers
        for place, values in self.categories:
            x[:, place] = values[scaled[:, before : before + len(values)].argmax(axis=1)]
            before += len(values)
        groups = self.groups(x)
        numbers = np.clip(scaled[:, : self.numbers], -BOUND, BOUND) * self.spreads[groups] + self.centres[groups]
        logs = numbers[:, : len(self.logs)]
        with np.errstate(over="ignore"):
            raw = np.sign(logs) * self.steps * np.expm1(np.abs(logs))
        x[:, self.logs] = np.clip(raw, -_FARTHEST, _FARTHEST)
        x[:, self.linears] = numbers[:, len(self.logs) :]
        return x

    def write(self, builder: GraphBuilder) -> tuple[str, str]:
        """Adds the same as nodes, from the graph's x; the names of scaled columns (n, m) and groups (n,)."""
        groups = self._write_groups(builder)
        parts = []
        if len(self.logs):
            raw = builder.columns(builder.x, self.logs, width=self.width)
            steps = builder.add("Div", builder.add("Abs", raw), builder.constant(self.steps))
            logarithm = builder.add("Log", builder.add("Add", steps, builder.constant(1.0)))
            parts.append(builder.add("Mul", builder.add("Sign", raw), logarithm))
        if len(self.linears):
            parts.append(builder.columns(builder.x, self.linears, width=self.width))
        if parts:
            centres, spreads = (
                builder.add("Gather", builder.constant(table), groups, axis=0) for table in (self.centres, self.spreads)
            )
            numbers = builder.add("Div", builder.add("Sub", builder.add("Concat", *parts, axis=1), centres), spreads)
            parts = [builder.add("Clip", numbers, builder.constant(-BOUND), builder.constant(BOUND))]
        if self.categories:
            parts += self._write_categories(builder)
        return builder.add("Concat", *parts, axis=1), groups

    def _write_groups(self, builder: GraphBuilder) -> str:
        if not self.categories:
            first = builder.columns(builder.x, np.array([0], np.int64), width=self.width)
            zero = builder.add("Cast", builder.add("Mul", first, builder.constant(0.0)), to=7)
            return builder.add("Squeeze", zero, builder.constant(np.array([1], np.int64)))
        place, values = self.categories[0]
        raw = builder.columns(builder.x, np.array([place], np.int64), width=self.width)
        hits = builder.add("Cast", builder.add("Equal", raw, builder.constant(values)), to=1)
        number = builder.constant(np.arange(len(values), dtype=np.float32)[:, None] - len(values))
        # a known value gives its number less the count, an unknown one zero; the count is added back
        shifted = builder.add("MatMul", hits, number)
        groups = builder.add("Add", shifted, builder.constant(float(len(values))))
        return builder.add("Squeeze", builder.add("Cast", groups, to=7), builder.constant(np.array([1], np.int64)))

    def _write_categories(self, builder: GraphBuilder) -> list[str]:
        places = self.owners[self.numbers : -len(self.categories)]
        raw = builder.columns(builder.x, places, width=self.width)
        values = np.concatenate([values for _, values in self.categories])
        known = builder.add("Cast", builder.add("Equal", raw, builder.constant(values)), to=1)
        member = (places[:, None] == [place for place, _ in self.categories]).astype(np.float32)
        hits = builder.add("MatMul", known, builder.constant(member))
        return [known, builder.add("Sub", builder.constant(1.0), hits)]


def _logarithm(x: Floats, steps: Floats) -> Floats:
    # not log1p: ONNX has no such operator, and the twins must agree
    return np.asarray(np.sign(x) * np.log(np.float32(1) + np.abs(x) / steps))


def _groups_of(x: Floats, categories: Sequence[tuple[int, Floats]]) -> tuple[NDArray[np.int64], int]:
    """The group of each row and the number of groups; the values of a category ascend."""
    if not categories:
        return np.zeros(len(x), np.int64), 0
    place, values = categories[0]
    found = np.minimum(np.searchsorted(values, x[:, place]), len(values) - 1)
    return np.where(values[found] == x[:, place], found, len(values)), len(values)


def _centres_and_spreads(
    values: Floats, groups: NDArray[np.int64], group_count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means and standard deviations of each group; a small group's are drawn towards those of all rows."""
    values = values.astype(np.float64)
    mean, variance = values.mean(axis=0), values.var(axis=0)
    centres, variances = np.tile(mean, (group_count + 1, 1)), np.tile(variance, (group_count + 1, 1))
    for group in range(group_count):
        members = values[groups == group]
        weight = len(members) / (len(members) + DRAWN_BY)
        if len(members):
            centres[group] = weight * members.mean(axis=0) + (1 - weight) * mean
            variances[group] = weight * members.var(axis=0) + (1 - weight) * variance
    return centres, np.sqrt(variances)


def _most_frequent(column: Floats) -> Floats:
    values, counts = np.unique(column, return_counts=True)
    order = np.lexsort((values, -counts))[:MOST_CATEGORIES]
    return np.sort(values[order])
