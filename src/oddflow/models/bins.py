"""Raw columns to a few bins each, in NumPy and as ONNX nodes.

A LOG or LINEAR column has inner bins of equal width between its least and its greatest value (of a LOG column, of equal
ratio), one below them and one above. A CATEGORY column has a bin for each of its most frequent values and one for all
others. Rows are compared with raw float32 edges, so the twins agree on each bin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from oddflow.features.feature import Feature, Scale
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.scaling import MOST_CATEGORIES, STEPS

_NEVER = np.float32(3e38)
"""An edge or a value that fills up a table."""
_FARTHEST = 1e30


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Fitted bins of d columns.

    Attributes:
        numbers: Places of LOG and LINEAR columns.
        edges: (numbers, e) ascending; a row is in the bin of how many it passes.
        categories: Places of CATEGORY columns.
        values: (categories, v) known values; the k-th has bin k + 1, others have 0.
    """

    numbers: NDArray[np.int64]
    edges: Floats
    categories: NDArray[np.int64]
    values: Floats

    @classmethod
    def fit(cls, x: Floats, features: Sequence[Feature], inner: int) -> Self:
        """Learns bins from rows (n, d), `inner` of them between the least and the greatest value."""
        ends = x.min(axis=0), x.max(axis=0)
        values = {}
        for place in _categories(features):
            known, counts = np.unique(x[:, place], return_counts=True)
            values[place] = known[np.lexsort((known, -counts))][:MOST_CATEGORIES]
        return cls.of(*ends, values, features, inner)

    @classmethod
    def of(
        cls, least: Floats, greatest: Floats, known: Mapping[int, Floats], features: Sequence[Feature], inner: int
    ) -> Self:
        """By the ends of each column, (d,) each, and the most frequent values of each category, most frequent first."""
        categories = np.array(_categories(features), np.int64)
        numbers = np.setdiff1d(np.arange(len(features)), categories)
        edges = np.full((len(numbers), inner + 1), _NEVER, np.float32)
        for row, place in enumerate(numbers):
            found = _edges(least[place], greatest[place], features[int(place)], inner)
            edges[row, : len(found)] = found
        values = np.full((len(categories), MOST_CATEGORIES), _NEVER, np.float32)
        for row, place in enumerate(categories):
            values[row, : len(known[int(place)])] = known[int(place)]
        return cls(numbers, edges, categories, values)

    @property
    def order(self) -> NDArray[np.int64]:
        """The raw column of each column of codes, (d,)."""
        return np.concatenate([self.numbers, self.categories])

    @property
    def count(self) -> int:
        """Bins of the column that has most."""
        return (
            max(self.edges.shape[1] if len(self.numbers) else 0, self.values.shape[1] if len(self.categories) else 0)
            + 1
        )

    def codes(self, x: Floats) -> NDArray[np.int64]:
        """The bin of each column, numbers before categories: (n, d) -> (n, d)."""
        out = np.empty(x.shape, np.int64)
        for row, place in enumerate(self.numbers):
            out[:, row] = np.searchsorted(self.edges[row], x[:, place], side="left")
        for row, place in enumerate(self.categories, len(self.numbers)):
            values = self.values[row - len(self.numbers)]
            hits = x[:, [place]] == values
            out[:, row] = np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, 0)
        return out

    def write(self, builder: GraphBuilder) -> str:
        """Adds the same as nodes, as float32: (n, d)."""
        width, last = len(self.order), builder.constant(np.array([2], np.int64))
        parts = []
        if len(self.numbers):
            raw = builder.add("Unsqueeze", builder.columns(builder.x, self.numbers, width=width), last)
            passed = builder.add("Cast", builder.add("Greater", raw, builder.constant(self.edges)), to=1)
            parts.append(builder.add("ReduceSum", passed, last, keepdims=0))
        if len(self.categories):
            raw = builder.add("Unsqueeze", builder.columns(builder.x, self.categories, width=width), last)
            hits = builder.add("Cast", builder.add("Equal", raw, builder.constant(self.values)), to=1)
            number = builder.constant(np.arange(1, self.values.shape[1] + 1, dtype=np.float32))
            parts.append(builder.add("ReduceSum", builder.add("Mul", hits, number), last, keepdims=0))
        return builder.add("Concat", *parts, axis=1)


def _categories(features: Sequence[Feature]) -> list[int]:
    return [place for place, feature in enumerate(features) if feature.scale is Scale.CATEGORY]


def _edges(least: np.float32, greatest: np.float32, feature: Feature, inner: int) -> Floats:
    """Edges of the inner bins; the first is just below the least value, the last is the greatest."""
    low, high = np.clip([least, greatest], -_FARTHEST, _FARTHEST)
    if feature.scale is Scale.LOG:
        step = STEPS.get(feature.unit, 1.0)
        first, last = (float(np.sign(end) * np.log1p(np.abs(end) / step)) for end in (low, high))
        spread = np.linspace(first, last, inner + 1)
        found = np.sign(spread) * np.expm1(np.abs(spread)) * step
    else:
        found = np.linspace(low, high, inner + 1)
    found = found.astype(np.float32)
    found[0], found[-1] = np.nextafter(np.float32(low), np.float32(-np.inf)), np.float32(high)
    return np.unique(np.clip(found, found[0], found[-1]))
