"""Ways to show columns of categories (services, outcomes, flags) as numbers, in NumPy and as ONNX nodes.

A category is a whole number without order. Each way gives some columns for it, and says of them whether one is
*silent*: what it holds says nothing by itself, and only surprises where it does not go with the rest of a row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

MOST_CATEGORIES = 24
MOST_BUCKETS = 256
GOLDEN = 0.6180339887498949
_LARGEST = 2.0**24
"""Up to which float32 holds each whole number."""
_FLOAT, _INT64, _DOUBLE = 1, 7, 11


class Categories(StrEnum):
    """How categories are shown."""

    ONE_HOT = "one-hot"
    HASHING = "hashing"
    EMBEDDING = "embedding"


class Shown(Protocol):
    """Some columns of categories, shown as numbers."""

    @property
    def owners(self) -> NDArray[np.int64]:
        """Place of the raw column that each shown column stands for, (m,)."""

    @property
    def silent(self) -> NDArray[np.bool_]:
        """Which of them say nothing by themselves, (m,)."""

    def transform(self, x: Floats) -> list[Floats]:
        """Raw rows (n, d) to parts that stand side by side, (n, m) together."""

    def write(self, builder: GraphBuilder) -> list[str]:
        """Adds the same as nodes, from the graph's x."""


@dataclass(frozen=True, slots=True, eq=False)
class OneHot:
    """One column of 0 and 1 for each of the 24 most frequent values of a category, and one for all others.

    Attributes:
        known: Place of the raw column and its known values (k,), ascending, for each category.
        width: Raw columns d.
    """

    known: tuple[tuple[int, Floats], ...]
    width: int

    @property
    def owners(self) -> NDArray[np.int64]:
        """All known values first, then one for the others of each category, (m,)."""
        known = [place for place, values in self.known for _ in values]
        return np.array(known + [place for place, _ in self.known], np.int64)

    @property
    def silent(self) -> NDArray[np.bool_]:
        """That a value is known says nothing; that it is none of them does."""
        return np.arange(len(self.owners)) < len(self.owners) - len(self.known)

    def transform(self, x: Floats) -> list[Floats]:
        """(n, d) -> (n, m)."""
        known = [x[:, [place]] == values for place, values in self.known]
        others = [~hit.any(axis=1, keepdims=True) for hit in known]
        return [hit.astype(np.float32) for hit in (*known, *others)]

    def write(self, builder: GraphBuilder) -> list[str]:
        """Adds the same as nodes."""
        places = self.owners[: -len(self.known)]
        raw = builder.columns(builder.x, places, width=self.width)
        values = np.concatenate([values for _, values in self.known])
        known = builder.add("Cast", builder.add("Equal", raw, builder.constant(values)), to=_FLOAT)
        member = (places[:, None] == [place for place, _ in self.known]).astype(np.float32)
        hits = builder.add("MatMul", known, builder.constant(member))
        return [known, builder.add("Sub", builder.constant(1.0), hits)]


@dataclass(frozen=True, slots=True, eq=False)
class Hashed:
    """One column of 0 and 1 for each of some buckets; values share buckets, and one never seen has one too.

    Nothing is learnt, so that no table grows with the values that there are. A value's bucket is where the fraction of
    its product with the golden ratio falls (Fibonacci hashing: Knuth 1973, "The Art of Computer Programming" 3,
    section 6.4), in double precision, in which it is the same everywhere.

    Source: Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning".

    Attributes:
        places: Raw columns.
        buckets: Of each.
        width: Raw columns d.
    """

    places: tuple[int, ...]
    buckets: int
    width: int

    @property
    def owners(self) -> NDArray[np.int64]:
        """The buckets of one category after those of the other, (m,)."""
        return np.repeat(np.array(self.places, np.int64), self.buckets)

    @property
    def silent(self) -> NDArray[np.bool_]:
        """All: a bucket says nothing by itself."""
        return np.ones(len(self.owners), bool)

    def transform(self, x: Floats) -> list[Floats]:
        """(n, d) -> (n, m)."""
        product = np.clip(x[:, list(self.places)], -_LARGEST, _LARGEST).astype(np.float64) * GOLDEN
        bucket = (np.abs(product - np.trunc(product)) * self.buckets).astype(np.int64)
        return [(bucket[:, [place]] == np.arange(self.buckets)).astype(np.float32) for place in range(len(self.places))]

    def write(self, builder: GraphBuilder) -> list[str]:
        """Adds the same as nodes."""
        raw = builder.columns(builder.x, self.owners, width=self.width)
        cut = builder.add("Clip", raw, builder.constant(-_LARGEST), builder.constant(_LARGEST))
        golden, count = (builder.constant(np.array(value, np.float64)) for value in (GOLDEN, float(self.buckets)))
        product = builder.add("Mul", builder.add("Cast", cut, to=_DOUBLE), golden)
        whole = builder.add("Cast", builder.add("Cast", product, to=_INT64), to=_DOUBLE)
        fraction = builder.add("Abs", builder.add("Sub", product, whole))
        bucket = builder.add("Cast", builder.add("Mul", fraction, count), to=_INT64)
        wanted = np.tile(np.arange(self.buckets), len(self.places))
        return [builder.add("Cast", builder.add("Equal", bucket, builder.constant(wanted)), to=_FLOAT)]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A vector for each known value of one category.

    Attributes:
        place: The raw column.
        values: Known values, ascending, (k,).
        vectors: (k, e).
    """

    place: int
    values: Floats
    vectors: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """A vector for each known value of a category, and a column of 0 and 1 for all others, whose vector is zeros.

    Source: Guo & Berkhahn 2016, "Entity Embeddings of Categorical Variables".

    Attributes:
        tables: One for each category.
        width: Raw columns d.
    """

    tables: tuple[Table, ...]
    width: int

    @property
    def owners(self) -> NDArray[np.int64]:
        """The vector of each category and its column for others, (m,)."""
        return np.concatenate([np.full(table.vectors.shape[1] + 1, table.place, np.int64) for table in self.tables])

    @property
    def silent(self) -> NDArray[np.bool_]:
        """The vectors say nothing by themselves."""
        return np.concatenate([np.arange(table.vectors.shape[1] + 1) < table.vectors.shape[1] for table in self.tables])

    def transform(self, x: Floats) -> list[Floats]:
        """(n, d) -> (n, m)."""
        parts = []
        for table in self.tables:
            found = np.minimum(np.searchsorted(table.values, x[:, table.place]), len(table.values) - 1)
            is_known = (table.values[found] == x[:, table.place])[:, None]
            parts += [np.where(is_known, table.vectors[found], np.float32(0)), (~is_known).astype(np.float32)]
        return parts

    def write(self, builder: GraphBuilder) -> list[str]:
        """Adds the same as nodes."""
        parts = []
        for table in self.tables:
            raw = builder.columns(builder.x, np.array([table.place], np.int64), width=self.width)
            hits = builder.add("Cast", builder.add("Equal", raw, builder.constant(table.values)), to=_FLOAT)
            beside = np.concatenate([table.vectors, np.full((len(table.values), 1), -1, np.float32)], axis=1)
            none = np.zeros(beside.shape[1], np.float32)
            none[-1] = 1  # less the one of a known value
            vectors = builder.add("MatMul", hits, builder.constant(beside))
            parts.append(builder.add("Add", vectors, builder.constant(none)))
        return parts


def most_frequent(column: Floats, most: int = MOST_CATEGORIES) -> Floats:
    """The most frequent values of a column, (n,), ascending; the lesser of two as frequent comes first."""
    values, counts = np.unique(column, return_counts=True)
    order = np.lexsort((values, -counts))[:most]
    return np.sort(values[order])


def shown(
    x: Floats, places: Sequence[int], way: Categories, *, buckets: int = 16, tables: Sequence[Table] = ()
) -> tuple[Shown, ...]:
    """Ways to show the columns at `places` of rows (n, d): by tables where there are any, and else as asked for."""
    taken = {table.place for table in tables}
    known = {place: most_frequent(x[:, place]) for place in places if place not in taken}
    found: tuple[Shown, ...] = (Embedded(tuple(tables), x.shape[1]),) if tables else ()
    return found + shown_as(known, x.shape[1], way, buckets=buckets)


def shown_as(known: Mapping[int, Floats], width: int, way: Categories, *, buckets: int = 16) -> tuple[Shown, ...]:
    """Ways to show columns of rows with `width` columns, of whose values these are known, ascending: not by tables."""
    if not known:
        return ()
    if way is Categories.HASHING:
        return (Hashed(tuple(known), buckets, width),)
    return (OneHot(tuple(known.items()), width),)
